"""A panel of square cells, one star-shaped pore in each: its radii are the design."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from geometries.star_blocks import SIDES, Block, Panel, sides
from geometries.star_curve import CONTROL_POINTS
from geometries.star_panel import star_panel
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats


def star_pores(
    columns: int = 5,
    rows: int = 5,
    cell: float = 50.0,
    solid: Sequence[tuple[int, int]] = ((2, 2),),
    divisions: int = 1,
    layers: int = 2,
    start: float = 0.5,
    bounds: tuple[float, float] = (0.1, 0.9),
    middle: int | None = None,
    corners: float = 0.0,
    radii: int = CONTROL_POINTS,
    quadrilaterals: bool = False,
    design: Floats | None = None,
) -> Geometry:
    r"""The panel of the neuromechanical autoencoder (Oktay et al., ICLR 2023).

    In a cell with centre c the pore is the closed quadratic B-spline P(t), 0 <= t < 16, whose control
    points are r_k E_k: E_k, k = 0..15 there, divide the cell's perimeter evenly from its lower left corner
    (relative to c), and r_k are the radii. With E(t) the perimeter itself, the node that sits at (t, s)
    follows

        X = c + (1 - s) sum_k b_k(t) r_k E_k + s E(t),      s = 0 on the pore, 1 on the cell's edge,

    linear in the radii. gmsh meshes the panel once, in patches, at the start radii; (t, s) of each node is read off
    that mesh. At another `design` it meshes freely between pores and cell edges, for better angles. A spline
    lies in the hull of its control points, so a radius r leaves at least (1 - r) cell / 2 of material to the cell's
    edge: two pores at 0.9 leave a ligament of 5 mm.

    No radii within the bounds invert an element: on the default mesh the least area of any triangle over the
    whole box is 2.2 mm^2, at the start 18 (see `least_areas`, which proves it). The least angle is 19 degrees
    at the start and was 0.6 at worst, at random corners of the box.

    columns, rows  cells in x and y;   cell  its side, mm;   solid  cells (column, row) without a pore
    divisions      element edges per radius along the pore;   layers  elements from pore to cell edge
    start, bounds  start value and bounds of the radii (fractions of the centre-to-perimeter distance)
    middle         cells that left_middle ... top_middle span, all but the corner cells by default
    corners        how far corners of cells inside may be moved, fractions of a cell: up to 0.45 there; none at 0.
                   Their offsets, as such fractions, are parameters after the radii, see `corner_offsets.with_corners`
    radii          of each pore, a multiple of 8
    quadrilaterals  elements of four sides, in patches; a design cannot be meshed freely then
    design         where the panel is meshed freely; without it at the start radii, in patches

    Facets: left, right, bottom, top; left_middle ... top_middle; corners (the quarter cell either side of each panel
    corner, with 16 radii: as far as the first of them points); pores. Vertices, where no pore is: centre; left_of_centre
    and right_of_centre, half a cell beside it. Radii are ordered cell by cell, row-wise from the lower left, solid cells
    left out.
    """
    if min(columns, rows) < 1:
        raise InputError("A panel needs one column and one row at least.")
    if radii < 8 or radii % 8:
        raise InputError(f"A star pore has a multiple of 8 radii, got {radii}.")
    ticks = radii // 4  # to a cell's side
    across, up = ticks * columns, ticks * rows
    blocks = [
        Block(a, b, a + ticks, b + ticks, "" if (i, j) in set(map(tuple, solid)) else f"pore {i}, {j}", start, bounds)
        for j, b in enumerate(range(0, up, ticks))
        for i, a in enumerate(range(0, across, ticks))
    ]
    middles = {}
    for side, (axis, _) in SIDES.items():
        count = (rows, columns)[axis]
        out = ticks if middle is None else ticks * (count - middle) // 2
        if middle is not None and not 1 <= middle < count:
            raise InputError(f"The {side}_middle facet can span 1 to {count - 1} of {count} cells, got {middle}.")
        middles[f"{side}_middle"] = [(side, out, ticks * count - out)]
    beside = {"left_of_centre": -ticks // 2, "centre": 0, "right_of_centre": ticks // 2}
    centre = {name: (across // 2 + steps, up // 2) for name, steps in beside.items()}
    x, y = (np.arange(count + 1) * cell / ticks for count in (across, up))
    panel = Panel(x, y, blocks, {**sides(across, up), **middles}, centre, divisions, layers, quadrilaterals)
    again = partial(
        star_pores, columns, rows, cell, solid, divisions, layers, start, bounds, middle, corners, radii, quadrilaterals
    )
    return star_panel(panel, design, again, corners, ticks)
