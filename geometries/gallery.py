"""One picture of every family: its start design and a random one. Run it after a change: python geometries/gallery.py"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import shapely
from matplotlib.figure import Figure

from geometries.anti_tetrachiral import anti_tetrachiral
from geometries.big_pore import big_pore
from geometries.display import display
from geometries.extruded import extruded
from geometries.gyroid import gyroid
from geometries.honeycomb_cell import honeycomb_cell
from geometries.kagome_lattice import kagome_lattice
from geometries.overvelde_cell import overvelde_cell
from geometries.overvelde_pores import overvelde_pores
from geometries.pneumatic_finger import pneumatic_finger
from geometries.reentrant_honeycomb import reentrant_honeycomb
from geometries.round_pores import round_pores
from geometries.star_pores import star_pores
from geometries.strut_lattice import strut_lattice
from geometries.tiled import tiled
from geometries.triangular_lattice import triangular_lattice
from mnnfem.geometry import Geometry
from mnnfem.mesh import Mesh
from mnnfem.meshfigure import axes_for, draw_mesh

PICTURE = Path(__file__).parent / "pictures" / "gallery.png"
SEED = 1
ACROSS = 6  # families side by side
CROSS = shapely.union_all([shapely.box(0, 3, 10, 7), shapely.box(3, 0, 7, 10)])

SHOWN: dict[str, Callable[[], Geometry]] = {
    "star_pores": partial(star_pores, 3, 3, solid=((1, 1),), divisions=2),
    "star_pores, corners": partial(star_pores, 3, 3, solid=(), divisions=2, corners=0.2),
    "round_pores": partial(round_pores, 3, 3),
    "round_pores, elliptic": partial(round_pores, 3, 3, elliptic=True, bounds=(0.15, 0.42)),
    "overvelde_pores": partial(overvelde_pores, 3, 3, common=False),
    "big_pore": big_pore,
    "display": display,
    "tiled": partial(tiled, CROSS, 4, 4),
    "anti_tetrachiral": partial(anti_tetrachiral, 3, 3, each=True),
    "reentrant_honeycomb": partial(reentrant_honeycomb, 3, 4, graded=True),
    "overvelde_cell": overvelde_cell,
    "honeycomb_cell": honeycomb_cell,
    "triangular_lattice": partial(triangular_lattice, 4, 4),
    "kagome_lattice": partial(kagome_lattice, 5, 3),
    "extruded": lambda: extruded(round_pores(2, 2, elliptic=True, bounds=(0.15, 0.42)), 6.0, 2),
    "strut_lattice": partial(strut_lattice, 2, 2, 2),
    "gyroid": partial(gyroid, 1, 1, 1),
    "pneumatic_finger": partial(pneumatic_finger, 4),
}


def draw(path: Path) -> None:
    """Pairs of meshes, start design on the left; the random ones are made afresh at theirs."""
    rows = -(-len(SHOWN) // ACROSS)
    figure = Figure(figsize=(4.4 * ACROSS, 2.6 * rows), layout="constrained")
    for number, (name, make) in enumerate(SHOWN.items()):
        geometry = make()
        other = geometry.rebuilt(geometry.parameters.random(np.random.default_rng(SEED)))
        for side, mesh in enumerate((geometry.mesh, other.mesh)):
            _one(figure, mesh, rows, 2 * number + side + 1, "" if side else name)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def _one(figure: Figure, mesh: Mesh, rows: int, number: int, title: str) -> None:
    axes = axes_for(figure, mesh, rows, 2 * ACROSS, number)
    draw_mesh(axes, mesh, lines=0.15)
    axes.set_title(title, fontsize=11, loc="left")


if __name__ == "__main__":
    draw(PICTURE)
