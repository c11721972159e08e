"""A solid mesh, with its image in a plane of symmetry, as a watertight surface, STL in millimetres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh

from mnnfem.errors import InputError
from mnnfem.fabricate.extrude import printable
from mnnfem.mesh import Floats, Mesh, signed_measures


def mirrored_surface(mesh: Mesh, points: Floats, plane: str = "", axis: int = 2) -> trimesh.Trimesh:
    """The boundary of the body at node coordinates `points` (n, 3) mm, and of its image behind the facet `plane`, if named.

    InputError unless the result is closed, consistently oriented, outward, and has the volume of the elements to 1e-9.
    """
    halves = 2 if plane else 1
    solid = boundary_surface(mesh, points, plane, axis)
    return printable(solid, halves * float(signed_measures(points, mesh.cells).sum()), "body")


def boundary_surface(mesh: Mesh, points: Floats, plane: str = "", axis: int = 2) -> trimesh.Trimesh:
    """The same surface, whatever it is like: for checks that tell all that is wrong.

    The facet lies in a plane across `axis`; its nodes are shared by the two halves. InputError unless it does.
    """
    if mesh.dim != 3:
        raise InputError("A plane body has no surface: write it as a prism, by `extrude.write_stl`.")
    mesh.refuse_blocks("A printable surface")
    faces, vertices = mesh.boundary(), points
    if plane:
        seam = np.unique(mesh.facet(plane))
        level = points[seam, axis]
        if np.ptp(level) > 1e-9 * np.ptp(points):
            raise InputError(f"The facet {plane!r} is not in a plane across axis {axis}: it spans {np.ptp(level):.3g} mm.")
        faces = faces[~np.isin(faces, seam).all(axis=1)]
        image = points.copy()
        image[:, axis] = 2 * level[0] - image[:, axis]
        behind = np.arange(len(points), 2 * len(points))
        behind[seam] = seam
        vertices, faces = np.concatenate([points, image]), np.concatenate([faces, behind[faces[:, ::-1]]])
    solid = trimesh.Trimesh(vertices, faces, process=False)
    solid.remove_unreferenced_vertices()
    return solid


def write_stl(path: Path, mesh: Mesh, points: Floats, plane: str = "", axis: int = 2) -> None:
    """Write the surface as binary STL; STL has no unit, the numbers are millimetres."""
    mirrored_surface(mesh, points, plane, axis).export(path, file_type="stl")
