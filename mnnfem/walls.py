"""The boundary of a plane body as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import shapely

from mnnfem.mesh import Floats, Ints, Mask, Mesh

Complexes = npt.NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Walls:
    """All boundary loops of a mesh, one row per boundary vertex; row i is also the edge from it to row after[i].

    vertex  (k,) index into `Mesh.points`;  loop  (k,) index into `Mesh.loops()`
    after   (k,) row of the next vertex, with the body on the left;  before  (k,) of the one before
    length  (k,) mm, half of the two edges that meet at the vertex, undeformed
    """

    mesh: Mesh
    vertex: Ints
    loop: Ints
    after: Ints
    before: Ints

    @cached_property
    def edges(self) -> Ints:
        """Vertices (k, 2) at the two ends of each edge."""
        return np.stack([self.vertex, self.vertex[self.after]], axis=1)

    @cached_property
    def turns(self) -> Mask:
        """Whether each loop goes counter-clockwise."""
        turns: Mask = shapely.is_ccw(shapely.linearrings(self.mesh.points[self.vertex], indices=self.loop))
        return turns

    @cached_property
    def _corners(self) -> tuple[Ints, Ints]:
        """Triangles (c, 3) at the rows, each from its vertex there on, and their rows (c,)."""
        row = np.full(len(self.mesh.points), -1)
        row[self.vertex] = np.arange(len(self.vertex))
        corners = np.concatenate([np.roll(self.mesh.triangles, turn, axis=1) for turn in range(3)])
        corners = corners[row[corners[:, 0]] >= 0]
        return corners, row[corners[:, 0]]

    @cached_property
    def length(self) -> Floats:
        z = self.at(self.mesh.points)
        edges = np.abs(z[self.after] - z)
        half: Floats = 0.5 * (edges + edges[self.before])
        return half

    @cached_property
    def size(self) -> float:
        """Largest side of the body's bounding box, mm."""
        return float(np.ptp(self.mesh.points, axis=0).max())

    @cached_property
    def _material(self) -> shapely.Geometry:
        whole = shapely.coverage_union_all(shapely.polygons(self.mesh.points[self.mesh.cells]))
        within = whole.buffer(-1e-6 * self.size)
        shapely.prepare(within)
        return within

    def at(self, points: Floats) -> Complexes:
        """Positions (k,) of the rows, x + i y mm, from those of the mesh points (n, 2)."""
        x, y = points[self.vertex].T
        return x + 1j * y

    def angles(self, deformed: Floats) -> Floats:
        """Angle (k,) of the material at each vertex, rad: above 2 pi where a notch has closed and its faces changed places."""
        corners, row = self._corners
        x, y = deformed.T
        a, b, c = (x + 1j * y)[corners].T
        turn = np.angle((c - a) * (b - a).conj())
        turn = np.where(turn < -np.pi / 2, turn + 2 * np.pi, turn)  # straightened beyond pi
        angles = np.zeros(len(self.vertex))
        np.add.at(angles, row, turn)
        return angles

    def joined(self, starts: Complexes, ends: Complexes) -> Mask:
        """Whether the undeformed material itself joins two boundary places straight: then they are one wall's two sides.

        Walls that may meet see each other across a void instead. starts, ends (p,) undeformed, mm
        """
        line = starts[:, None] + (ends - starts)[:, None] * np.array([0.01, 0.99])  # its ends lie on the boundary
        joined: Mask = shapely.covers(self._material, shapely.linestrings(line.real, line.imag))
        return joined


@lru_cache(maxsize=8)
def walls_of(mesh: Mesh) -> Walls:
    """The walls of a plane mesh, made once per mesh."""
    loops = mesh.loops()
    ends = np.cumsum([len(loop) for loop in loops])
    rows = np.split(np.arange(ends[-1]), ends[:-1])
    return Walls(
        mesh=mesh,
        vertex=np.concatenate(loops),
        loop=np.repeat(np.arange(len(loops)), [len(loop) for loop in loops]),
        after=np.concatenate([np.roll(row, -1) for row in rows]),
        before=np.concatenate([np.roll(row, 1) for row in rows]),
    )
