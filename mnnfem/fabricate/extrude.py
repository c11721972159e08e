"""A plane mesh as a watertight prism, STL in millimetres: printed = simulated, edge for edge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely
import trimesh

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Mesh, right_handed, signed_measures


def prism(mesh: Mesh, points: Floats, thickness: float) -> trimesh.Trimesh:
    """The body at node coordinates `points` (n, 2) mm, from z = 0 to `thickness` mm.

    Raises InputError unless the result is closed, consistently oriented, outward, and has the volume
    area x thickness to 1e-9.
    """
    if not thickness > 0:
        raise InputError(f"The thickness must be above 0 mm, got {thickness:g}.")
    solid = drawn_out(mesh, points, thickness)
    return printable(solid, float(signed_measures(points, mesh.cells).sum()) * thickness, "extruded body")


def drawn_out(mesh: Mesh, points: Floats, thickness: float) -> trimesh.Trimesh:
    """The same surface, whatever it is like: for checks that tell all that is wrong."""
    count, low = len(points), points - points.min(axis=0)
    vertices = np.concatenate([np.column_stack([low, np.full(count, z)]) for z in (0.0, thickness)])
    a, b = mesh.boundary().T  # the body lies to their left, so the outside of each wall is to the right
    walls = np.concatenate([np.stack([a, b, b + count], 1), np.stack([a, b + count, a + count], 1)])
    return trimesh.Trimesh(vertices, np.concatenate([mesh.triangles[:, ::-1], mesh.triangles + count, walls]), process=False)


def meshed(polygon: shapely.Polygon) -> Mesh:
    """A polygon as triangles between its corners, without others, so that it can be drawn out as a body can."""
    triangles = shapely.get_coordinates(shapely.constrained_delaunay_triangles(polygon)).reshape(-1, 4, 2)[:, :3]
    found, cells = np.unique(triangles.reshape(-1, 2), axis=0, return_inverse=True)
    return Mesh(found, right_handed(found, cells.reshape(-1, 3)), {})


def printable(solid: trimesh.Trimesh, volume: float, what: str) -> trimesh.Trimesh:
    """The solid; InputError unless it is closed, consistently oriented, outward, and has this volume, mm^3, to 1e-9."""
    if not solid.is_volume or abs(solid.volume - volume) > 1e-9 * volume:
        raise InputError(
            f"The {what} is not a printable solid (watertight: {solid.is_watertight}, oriented: "
            f"{solid.is_winding_consistent}, volume {solid.volume:.6g} against {volume:.6g} mm^3)."
        )
    return solid


def write_stl(path: Path, mesh: Mesh, points: Floats, thickness: float) -> None:
    """Write the prism as binary STL; STL has no unit, the numbers are millimetres."""
    prism(mesh, points, thickness).export(path, file_type="stl")
