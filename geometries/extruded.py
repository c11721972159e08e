"""Any plane body given a thickness: the same design parameters move whole columns of nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.geometry import Geometry, Motion
from mnnfem.mesh import Floats, Ints, Mesh, right_handed


def extruded(geometry: Geometry, thickness: float, layers: int) -> Geometry:
    r"""A plane geometry drawn out along z, from z = 0 to `thickness` mm, in `layers` layers of tetrahedra, or of hexahedra
    where it has quadrilaterals.

    Each prism above a triangle a < b < c (numbers of the plane vertices) is cut into the three tetrahedra of
    its staircases a0 b0 c0 c1, a0 b0 b1 c1, a0 a1 b1 c1 (0 below, 1 above). The diagonal of a wall then runs from
    its lower number below to its higher one above, whichever prism it is seen from: the mesh conforms. A prism's
    tetrahedra have a third of its volume each, so what a design may not invert in the plane it does not invert here.

    Node k n + i lies in level k above plane node i. Facets: the plane ones, as side walls; back (z = 0) and
    front. Vertices: the plane ones, in the middle level (the lower one of two).
    """
    if not thickness > 0 or layers < 1:
        raise InputError(f"The thickness must be above 0 mm and layers at least 1, got {thickness:g} mm and {layers}.")
    plane, count, levels = geometry.mesh, len(geometry.mesh.points), layers + 1
    if plane.dim != 2:
        raise InputError("Only a plane geometry can be extruded.")
    middle = count * (layers // 2)
    mesh = Mesh(
        _lift(plane.points, thickness, levels),
        _cells(plane, layers),
        {
            **{name: _walls(plane, edges, layers) for name, edges in plane.facets.items()},
            "back": plane.cells[:, ::-1],
            "front": plane.cells + layers * count,
        },
        {name: middle + index for name, index in plane.vertices.items()},
    )
    return Geometry(
        mesh=mesh,
        parameters=geometry.parameters,
        motion=_Lifted(geometry.motion, mesh.points[:, 2:]),
        made_at=geometry.made_at,
        build=lambda design: extruded(geometry.build(design), thickness, layers),
    )


@dataclass(frozen=True, eq=False)
class _Lifted:
    """The plane's motion on every level; heights (levels n, 1) mm stay."""

    plane: Motion
    heights: Floats

    def __call__(self, design: torch.Tensor) -> torch.Tensor:
        points = self.plane(design)
        return torch.cat([points.repeat(len(self.heights) // len(points), 1), torch.from_numpy(self.heights)], dim=1)


def _lift(points: Floats, thickness: float, levels: int) -> Floats:
    """The plane's nodes once per level, (levels n, 3)."""
    heights = np.repeat(np.linspace(0, thickness, levels), len(points))
    return np.column_stack([np.tile(points, (levels, 1)), heights])


def staircases(simplices: Ints, count: int, layers: int) -> Ints:
    """The simplices (k, v) of the plane drawn out: v ways from the lowest vertex below to the highest above, per layer."""
    ordered = np.sort(simplices, axis=1)
    ways = [np.concatenate([ordered[:, : i + 1], ordered[:, i:] + count], axis=1) for i in range(ordered.shape[1])]
    layer: Ints = np.concatenate(ways)
    return np.concatenate([layer + count * k for k in range(layers)])


def _walls(plane: Mesh, edges: Ints, layers: int) -> Ints:
    """What edges (k, 2) of the plane become: triangles (2 k layers, 3), or quadrilaterals (k layers, 4)."""
    count = len(plane.points)
    if plane.kind.simplex:
        return staircases(edges, count, layers)
    return np.concatenate([np.concatenate([edges, edges[:, ::-1] + count], axis=1) + count * k for k in range(layers)])


def _cells(plane: Mesh, layers: int) -> Ints:
    """Right-handed tetrahedra, (3 m layers, 4), or hexahedra, (m layers, 8)."""
    if not plane.kind.simplex:
        columns = np.concatenate([plane.cells, plane.cells + len(plane.points)], axis=1)
        return np.concatenate([columns + len(plane.points) * k for k in range(layers)])
    cells = staircases(plane.cells, len(plane.points), layers)
    return right_handed(_lift(plane.points, 1.0, layers + 1), cells)
