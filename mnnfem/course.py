"""The course of a deformed boundary: quadratic edges as chords, and a test of them that every returned state can afford."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely

from mnnfem.mesh import Floats, Ints, Mask
from mnnfem.walls import Complexes, Walls

FINE, COARSE = 2e-6, 2e-5  # of the body's size: the farthest that a chord may be from its curve


@dataclass(frozen=True, eq=False)
class Course:
    """Points along all boundary loops, at every vertex and between; row i is also the chord from it to row after[i].

    edge      (k,) row of `Walls` of the edge that the point lies on;  share (k,) how far along, 0 at its vertex
    z         (k,) x + i y mm, deformed
    deformed  (n, 2) mm, the mesh points
    """

    walls: Walls
    edge: Ints
    share: Floats
    z: Complexes
    deformed: Floats

    @cached_property
    def loop(self) -> Ints:
        """Index (k,) into `Mesh.loops()`."""
        return self.walls.loop[self.edge]

    @cached_property
    def after(self) -> Ints:
        """Row (k,) of the next point, with the body on the left."""
        last = np.flatnonzero(np.diff(self.loop, append=-1))
        after = np.arange(1, len(self.z) + 1)
        after[last] = np.append(0, last[:-1] + 1)
        return after

    @cached_property
    def before(self) -> Ints:
        """Row (k,) of the point before."""
        return np.argsort(self.after)

    @cached_property
    def vertex(self) -> Ints:
        """Boundary vertex (k,) nearest along the boundary, index into `Mesh.points`."""
        start, end = self.walls.edges[self.edge].T
        return np.where(self.share <= 0.5, start, end)

    @cached_property
    def angles(self) -> Floats:
        """Angle (k,) of the material at each point, rad: above 2 pi where a notch has closed and its faces changed places."""
        ahead, behind = self.z[self.after] - self.z, self.z[self.before] - self.z
        angles = np.pi + np.angle(-behind * ahead.conj())  # on a smooth curve, where chords turn by less than pi
        # At vertices triangles tell a closed notch from an open one; they have straight edges, from which the chords turn off.
        z, at = self.walls.at(self.deformed), self.share == 0
        along = z[self.walls.after] - z
        turned = np.angle(-behind[at] * along[self.walls.before].conj()) - np.angle(ahead[at] * along.conj())
        angles[at] = self.walls.angles(self.deformed) + turned
        return angles

    @cached_property
    def lines(self) -> Any:
        """The chords (k,) as shapely's lines."""
        z, after = self.z, self.after
        return shapely.linestrings(np.stack([z.real, z[after].real], 1), np.stack([z.imag, z[after].imag], 1))

    @cached_property
    def crossed(self) -> bool:
        """Whether any walls meet, or a loop is turned inside out. Walls that touch meet, too.

        No loop has turned over and no two walls have passed through each other where this is False.
        """
        rings = shapely.linearrings(self.z.view(np.float64).reshape(-1, 2), indices=self.loop)
        apart = shapely.is_simple(shapely.multilinestrings(rings))
        return not (apart and np.array_equal(shapely.is_ccw(rings), self.walls.turns))

    def joined(self, rows: Ints, chords: Ints) -> Mask:
        """Whether the undeformed material joins point and chord: then they are one wall's two sides. rows (p,), chords (p,)"""
        start = self.walls.at(self.walls.mesh.points)
        z = start[self.edge] + self.share * (start[self.walls.after] - start)[self.edge]
        return self.walls.joined(z[rows], 0.5 * (z[chords] + z[self.after[chords]]))


def course_of(walls: Walls, deformed: Floats, middles: Floats | None = None, chord: float = FINE, least: int = 1) -> Course:
    """The course at mesh points `deformed` (n, 2) mm, row for row that of `walls` where edges are straight.

    middles (k, 2) mm, deformed, of `walls.edges` makes these parabolas. Of n chords over equal shares, none is
    farther from a parabola than 1 / n^2 of its bulge, the distance of its middle from that of its ends. As many
    are taken as bring that below `chord` of the body's size, and not fewer than `least`.
    """
    z = walls.at(deformed)
    if middles is None:
        return Course(walls, np.arange(len(z)), np.zeros(len(z)), z, deformed)
    x, y = middles.T
    along = z[walls.after] - z
    bulge = x + 1j * y - z - 0.5 * along
    count = np.maximum(np.ceil(np.sqrt(np.abs(bulge) / (chord * walls.size))), least).astype(np.int64)
    edge = np.repeat(np.arange(len(z)), count)
    share = (np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)) / count[edge]
    return Course(walls, edge, share, z[edge] + share * (along[edge] + 4 * (1 - share) * bulge[edge]), deformed)
