"""Beam lattices in the plane: a graph and the widths of its bars -> the closed polygons around the thickened graph."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.lattice.faults import crossing_edges, refuse_widths
from mnnfem.lattice.graph import Graph
from mnnfem.lattice.sectors import DISC, FILLET, MITRE, Sectors, angles, ends, sectors_of
from mnnfem.mesh import Floats, Ints, Mask


@dataclass(frozen=True, eq=False)
class Lattice:
    """The polygons around a graph's bars, functions of joints and widths with a fixed number of points k.

    graph      the joints and bars that it was made for;   sectors  how sides are joined around each joint
    of         (k,) half-edge on whose right side, or in whose sector, each point lies
    share      (k,) how far along it, 0 to 1;   aside (k,) whether on its side
    loops      points in order around the body (first, counter-clockwise) and around each void (clockwise)
    """

    graph: Graph
    sectors: Sectors
    of: Ints
    share: Floats
    aside: Mask
    loops: tuple[Ints, ...]

    def points(self, joints: torch.Tensor, widths: torch.Tensor, discs: torch.Tensor | None = None) -> torch.Tensor:
        """The polygons' points (k, 2) mm, differentiable by torch.

        joints (j, 2) mm;   discs (j,) radii mm, 0 where there is none, or None
        widths (b,) mm, or (b, 2): how far the bar reaches left and right of the line from its first joint to its second
        InputError where a bar is wider than the voids beside it can bear, joints lie on each other, or bars cross.
        """
        self._check_order(joints.detach().numpy())
        points, lengths = self._polygons(joints, widths, discs)
        if self._faults(points, lengths).size:
            joints, discs = joints.detach(), None if discs is None else discs.detach()
            refuse_widths(self.graph.bars, widths.detach(), lambda w: self._faults(*self._polygons(joints, w, discs)))
        return points

    def sound(self, joints: torch.Tensor, widths: torch.Tensor, discs: torch.Tensor | None = None) -> bool:
        """Whether `points` would give polygons, found much faster than its sentence if not."""
        try:
            self._check_order(joints.detach().numpy())
        except InputError:
            return False
        return not self._faults(*self._polygons(joints.detach(), widths.detach(), discs)).size

    def _check_order(self, joints: Floats) -> None:
        if np.array_equal(joints, self.graph.joints):
            return
        moved = np.flatnonzero(Graph(joints, self.graph.bars).before() != self.sectors.before)
        if moved.size:
            raise InputError(
                f"Bars have changed their order around joint {self.sectors.tail[moved[0]]} since the lattice was made: "
                "keep the joints nearer to where they were, or make it anew."
            )

    def _faults(self, points: torch.Tensor, lengths: torch.Tensor) -> Ints:
        """Bars whose sides have turned round, or else run into each other; none of a valid lattice."""
        half = int(lengths.argmin())
        if lengths[half] <= 0:
            before = self.sectors.before
            return np.unique(np.array([half, before[half], np.argsort(before)[half ^ 1]]) // 2)
        return np.unique(self.of[crossing_edges(points.detach().numpy()[self.edges])] // 2)

    def _polygons(
        self, joints: torch.Tensor, widths: torch.Tensor, discs: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The points, and the length left of the right side of each half-edge (2 b,): negative where its ends have passed."""
        at, sectors = ends(self.sectors, joints, widths, discs), self.sectors
        stop = at.first[torch.from_numpy(self.following)]
        share, of = torch.from_numpy(self.share)[:, None], torch.from_numpy(self.of)
        side = (1 - share) * at.last[of] + share * stop[of]
        chord = (1 - share) * at.first[of] + share * at.last[of]
        angle = share * at.turn[of, None]
        x, y = (at.first - at.centre)[of].T
        arc = at.centre[of] + torch.cos(angle) * torch.stack([x, y], 1) + torch.sin(angle) * torch.stack([-y, x], 1)
        round_ = torch.from_numpy(np.isin(sectors.kind, (FILLET, DISC)))[of, None]
        points = torch.where(torch.from_numpy(self.aside)[:, None], side, torch.where(round_, arc, chord))
        return points, ((stop - at.last) * at.along).sum(1)

    @cached_property
    def following(self) -> Ints:
        """The half-edge (2 b,) that comes next on the same loop."""
        return np.argsort(self.sectors.before)[np.arange(len(self.sectors.tail)) ^ 1]

    @cached_property
    def edges(self) -> Ints:
        """(k, 2): edge i of the loops runs from point i to the next of its loop."""
        edges = np.empty((len(self.of), 2), dtype=np.int64)
        for loop in self.loops:
            edges[loop] = np.stack([loop, np.roll(loop, -1)], axis=1)
        return edges

    @cached_property
    def bar(self) -> Ints:
        """(k,) the bar that each edge runs along, -1 for those around a joint."""
        along = self.aside | (self.share == 1) | (self.sectors.kind[self.of] == MITRE)
        return np.where(along, self.of // 2, -1)

    def facet(self, joints: Collection[int]) -> Ints:
        """(e, 2) points of the outline's edges along bars between these joints, and around joints between two such bars.

        Around a dangling end it is enough that the joint itself is among them.
        """
        tail, before = self.sectors.tail, self.sectors.before
        named = np.isin(tail, list(joints))
        bar = named & named[np.arange(len(tail)) ^ 1]
        around = np.where(before == np.arange(len(tail)), named, bar & bar[before])
        chosen = np.where(self.bar >= 0, bar[self.of], around[self.of])
        return self.edges[self.loops[0]][chosen[self.loops[0]]]

    @property
    def pores(self) -> Ints:
        """(e, 2) points of the edges of all voids."""
        return self.edges[np.concatenate([*self.loops[1:], np.zeros(0, dtype=np.int64)])]


def lattice_of(
    graph: Graph, widths: Floats, divisions: int | Ints = 4, fillet: float = 0.0, discs: Floats | None = None
) -> Lattice:
    """The lattice of a graph, sides of bars in `divisions` edges, one number or (b,), corners of voids rounded by `fillet` mm.

    widths and discs, as in `Lattice.points`, need only be typical: they settle how many edges the arcs of discs get.
    """
    parts = np.broadcast_to(divisions, len(graph.bars))
    if parts.min() < 1 or fillet < 0:
        raise InputError(f"Sides need at least 1 division, got {parts.min()}, and fillets no less than 0 mm, got {fillet:g}.")
    sectors, theta = sectors_of(graph, widths, fillet, discs), angles(graph)
    of: list[int] = []
    share: list[float] = []
    aside: list[bool] = []
    loops: list[Ints] = []
    for face in graph.faces():
        first = len(of)
        for half in map(int, face):
            arc, side = int(sectors.edges[half]), int(parts[half // 2])
            shares = [*(k / max(arc, 1) for k in range(arc + 1)), *(k / side for k in range(1, side))]
            of += [half] * len(shares)
            share += shares
            aside += [False] * (arc + 1) + [True] * (side - 1)
        loop = np.arange(first, len(of))
        outer = (theta[face] - np.pi).sum() > 0  # the outline's sectors sum to (n + 2) pi, those of a void to (n - 2) pi
        loops.insert(0 if outer else len(loops), loop)
    return Lattice(graph, sectors, np.array(of), np.array(share), np.array(aside), tuple(loops))
