"""Wavy discs meshed in rings of quadratic triangles, the outermost edges curved: one topology for all shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mnnfem.mesh import Floats, Ints, Mask

Radius = Callable[[Floats], Floats]  # of the boundary, at angles


@dataclass(frozen=True, eq=False)
class Rings:
    """`count` rings about the middle, the k-th of 6 k vertices, which is a hexagon's regular triangulation drawn round.

    cells     (m, 6) nodes: vertices, then the middles of the edges opposite to them
    angle     (n,) of each node;  share (n,) of the radius there
    ends      (e, 2) vertices of the edges whose middles are the last e nodes;  rim (n,) is a node on the boundary
    """

    cells: Ints
    angle: Floats
    share: Floats
    ends: Ints
    rim: Mask

    @classmethod
    def of(cls, count: int) -> Rings:
        """The mesh of so many rings."""
        first = np.array([0, *(1 + 3 * k * (k - 1) for k in range(1, count + 2))])
        ring = np.repeat(np.arange(count + 1), [1, *(6 * k for k in range(1, count + 1))])
        angle = 2 * np.pi * (np.arange(len(ring)) - first[ring]) / np.maximum(6 * ring, 1)
        corners = np.array([one for k in range(1, count + 1) for one in _ring(k, first)])
        edges = np.sort(corners[:, [[1, 2], [0, 2], [0, 1]]], axis=2)
        ends, of_cell = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True)
        outer = (ring[ends] == count).all(axis=1)
        turn = np.exp(1j * angle)[ends].sum(axis=1)
        cells = np.concatenate([corners, len(ring) + of_cell.reshape(-1, 3)], axis=1)
        return cls(
            cells,
            np.concatenate([angle, np.angle(turn)]),
            np.concatenate([ring / count, np.where(outer, 1.0, np.nan)]),
            ends,
            np.concatenate([ring == count, outer]),
        )

    def nodes(self, radius: Radius) -> Floats:
        """Nodes (n, 2) in the disc whose boundary has that radius; edges are straight but for those on the boundary."""
        wave = radius(self.angle) - 1
        far = self.share * (1 + self.share * wave)
        places: Floats = np.column_stack([far * np.cos(self.angle), far * np.sin(self.angle)])
        inside = np.isnan(far)
        places[inside] = places[self.ends[inside[-len(self.ends) :]]].mean(axis=1)
        return places


def _ring(k: int, first: Ints) -> list[tuple[int, int, int]]:
    """Triangles between ring k - 1 and ring k, counter-clockwise."""
    found = []

    def inner(j: int) -> int:
        return int(first[k - 1] + j % max(6 * (k - 1), 1))

    def outer(j: int) -> int:
        return int(first[k] + j % (6 * k))

    for side in range(6):
        for j in range(k):
            a, b = side * k + j, side * (k - 1) + j
            found.append((inner(b), outer(a), outer(a + 1)))
            if j < k - 1:
                found.append((inner(b), outer(a + 1), inner(b + 1)))
    return found
