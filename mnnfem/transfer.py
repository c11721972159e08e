"""A displacement carried from one mesh of a body to another mesh of the same body."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree

from mnnfem.equilibrium import Start
from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints
from mnnfem.solid import Solid

CANDIDATES = (
    12,
    200,
)  # elements that are tried for each place, those with the nearest middles; the second where the first fail


@dataclass(frozen=True, eq=False)
class Places:
    """Where places lie in a mesh: element (k,) and barycentric coordinates (k, d + 1), all >= 0."""

    cell: Ints
    weight: Floats


def locate(points: Floats, cells: Ints, at: Floats) -> Places:
    """The element that holds each of the places `at` (k, d), or for one outside the nearest, as near as it comes there."""
    corners = points[cells]
    inverse = np.linalg.inv(np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2))
    tree = cKDTree(corners.mean(axis=1))
    cell, weight = np.zeros(len(at), dtype=np.int64), np.full((len(at), cells.shape[1]), -np.inf)
    lost = np.arange(len(at))
    for count in CANDIDATES:
        tried = tree.query(at[lost], k=np.arange(1, 1 + min(count, len(cells))))[1]
        local = np.einsum("pcij,pcj->pci", inverse[tried], at[lost, None] - corners[tried, 0])
        shares = np.concatenate([1 - local.sum(axis=2, keepdims=True), local], axis=2)
        best, row = shares.min(axis=2).argmax(axis=1), np.arange(len(lost))
        cell[lost], weight[lost] = tried[row, best], shares[row, best]
        lost = lost[weight[lost].min(axis=1) < -1e-9]
    weight = np.maximum(weight, 0.0)
    return Places(cell, weight / weight.sum(axis=1, keepdims=True))


class Transfer:
    """Carries states of one solid to another: `old` with its nodes at `was` (n, d) mm, `new` at `now`, the same body.

    Values are those of the quadratic field, prescribed degrees of freedom those of the state's own controls, so that a
    solve may start there.
    """

    def __init__(self, old: Solid, was: Floats, new: Solid, now: Floats) -> None:
        for solid in (old, new):
            solid.mesh.refuse_blocks("A state carried to another mesh")
            if solid.dofs.ties is not None:
                raise InputError("States of a periodic cell are not carried to another mesh: solve there from rest.")
        self.old, self.new, cells = old, new, old.mesh.cells
        new.set_points(now)
        nodes = new.space.tabulate_dof_coordinates()[: new.dofs.owned, : new.mesh.dim]
        self.places = locate(was, cells, nodes)
        self._pairs = np.array([*combinations(range(cells.shape[1]), 2)])
        edges = np.sort(cells[:, self._pairs], axis=2)
        self._edges, of_cell = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True)
        self._of_cell = of_cell.reshape(len(cells), -1)

    def __call__(self, solution: Start) -> Start:
        """The state as a start for solves of the new solid."""
        u, cell, share = solution.displacement, self.places.cell, self.places.weight
        corners = self.old.dofs.at_points(u)[self.old.mesh.cells[cell]]
        middles = self.old.dofs.at_edges(u, self._edges)[self._of_cell[cell]]
        first, second = share[:, self._pairs[:, 0]], share[:, self._pairs[:, 1]]
        field = np.einsum("ki,kid->kd", share * (2 * share - 1), corners)
        field += np.einsum("ke,ked->kd", 4 * first * second, middles)
        displacement = np.where(self.new.prescribed, self.new.lift(solution.controls), field.ravel())
        return Start(displacement, solution.controls)
