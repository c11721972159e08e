"""Designs that a run leaves as meshes, RUN/designs/NAME.vtu, where no checkpoint holds them."""

from __future__ import annotations

from pathlib import Path

from mnnfem.formats import write_mesh
from mnnfem.mesh import Floats, Mesh
from mnnfem.runfolder import RunFolder

FOLDER = "designs"


def keep_design(folder: RunFolder, name: str, mesh: Mesh, points: Floats) -> None:
    """Write the body at node coordinates `points` (n, d) mm, with its named facets and vertices."""
    write_mesh(folder.file(f"{FOLDER}/{name}.vtu"), Mesh(points, mesh.cells, mesh.facets, mesh.vertices))


def kept_designs(run: Path) -> list[Path]:
    """The files of a run's designs, by name."""
    return sorted((run / FOLDER).glob("*.vtu"))
