"""How narrow walls and gaps of a body in space are: rays from its surface to the side that faces it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
from vtkmodules.vtkCommonCore import mutable, vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData, vtkStaticCellLocator

from mnnfem.fabricate.crossing import normals_of
from mnnfem.mesh import Floats, Ints

FACING = np.cos(np.radians(30.0))  # two sides face each other where they are nearer to parallel; edges of 30 degrees are sharp
START = 1e-6  # of the body's size: where a ray begins, off its own triangle


@dataclass(frozen=True, eq=False)
class Across:
    """Lengths (k,) mm of rays between two sides that face each other, from places (k, 3) mm."""

    lengths: Floats
    places: Floats

    def below(self, limit: float) -> Across:
        """Those shorter than a limit, the shortest first."""
        order = np.argsort(self.lengths)
        kept = order[self.lengths[order] < limit]
        return Across(self.lengths[kept], self.places[kept])


def walls(surface: trimesh.Trimesh) -> Across:
    """Thickness of the material under the middle of each triangle, where the first side that a ray meets faces it.

    Measured at right angles to the triangle, so a wall whose sides are not parallel seems up to 1 / cos 30 degrees too thick;
    and at middles of triangles only: what is narrower between them is not seen.
    """
    return _across(surface, -1.0)


def voids(surface: trimesh.Trimesh) -> Across:
    """Width of the void above each triangle, in the same way."""
    return _across(surface, 1.0)


def _across(surface: trimesh.Trimesh, side: float) -> Across:
    vertices, faces = np.asarray(surface.vertices, dtype=np.float64), np.asarray(surface.faces, dtype=np.int64)
    corners = vertices[faces]
    normals = normals_of(corners)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    size = float(np.ptp(vertices, axis=0).max())
    start = corners.mean(axis=1) + START * size * side * normals
    hit, length = _first(vertices, faces, start, start + 2 * size * side * normals)
    facing = (hit >= 0) & ((normals[hit] * normals).sum(axis=1) < -FACING)
    return Across(length[facing] + START * size, start[facing] + 0.5 * side * length[facing, None] * normals[facing])


def _first(vertices: Floats, faces: Ints, start: Floats, end: Floats) -> tuple[Ints, Floats]:
    """The triangle (k,) that each segment meets first, -1 for none, and how far from its start, mm."""
    points, cells, body = vtkPoints(), vtkCellArray(), vtkPolyData()
    points.SetData(numpy_to_vtk(vertices, deep=True))
    cells.SetData(3, numpy_to_vtkIdTypeArray(faces.ravel(), deep=True))
    body.SetPoints(points)
    body.SetPolys(cells)
    locator: Any = vtkStaticCellLocator()
    locator.SetDataSet(body)
    locator.BuildLocator()
    hit, length = np.full(len(start), -1), np.zeros(len(start))
    share: Any = mutable(0.0)
    cell: Any = mutable(0)
    part, at, local = mutable(0), [0.0] * 3, [0.0] * 3
    for row, (a, b) in enumerate(zip(start, end, strict=True)):
        if locator.IntersectWithLine(a, b, 0.0, share, at, local, part, cell):
            hit[row], length[row] = int(cell), float(share) * float(np.linalg.norm(b - a))
    return hit, length
