"""Potentials of single vertices: forces at points, and cables between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnnfem.mesh import Floats, Ints


@dataclass(frozen=True, eq=False)
class Pull:
    """P = -direction . u at one vertex: `vertices` (1,), direction (d,)."""

    vertices: Ints
    direction: Floats

    def value(self, at_rest: Floats, moved: Floats) -> float:
        """P per unit of the load, of vertices at (k, d) mm that have moved by (k, d) mm."""
        return -float(moved[0] @ self.direction)

    def slope(self, at_rest: Floats, moved: Floats) -> Floats:
        """dP/du, (k, d)."""
        return -self.direction[None]

    def curvature(self, at_rest: Floats, moved: Floats, along: Floats) -> Floats:
        """d2P/du2 along, (k, d)."""
        return np.zeros_like(along)

    turns = False


@dataclass(frozen=True, eq=False)
class Cable:
    """P = length of the polyline through `vertices` (k,) as they lie now, less its length at rest."""

    vertices: Ints

    def value(self, at_rest: Floats, moved: Floats) -> float:
        """P per unit of the load, of vertices at (k, d) mm that have moved by (k, d) mm."""
        return _length(at_rest + moved) - _length(at_rest)

    def slope(self, at_rest: Floats, moved: Floats) -> Floats:
        """dP/du, (k, d)."""
        return _pulls(at_rest + moved)

    def curvature(self, at_rest: Floats, moved: Floats, along: Floats) -> Floats:
        """d2P/du2 along, (k, d): that of each piece is (1 - t t^T) / length."""
        pieces = np.diff(at_rest + moved, axis=0)
        length = np.linalg.norm(pieces, axis=1, keepdims=True)
        tangent, change = pieces / length, np.diff(along, axis=0)
        return _ends((change - tangent * (tangent * change).sum(axis=1, keepdims=True)) / length)

    turns = True


Strand = Pull | Cable


def _length(places: Floats) -> float:
    return float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())


def _pulls(places: Floats) -> Floats:
    pieces = np.diff(places, axis=0)
    return _ends(pieces / np.linalg.norm(pieces, axis=1, keepdims=True))


def _ends(pieces: Floats) -> Floats:
    """What pieces (k - 1, d) give to their ends: minus at the first, plus at the second, (k, d)."""
    ends = np.zeros((len(pieces) + 1, pieces.shape[1]))
    ends[1:] += pieces
    ends[:-1] -= pieces
    return ends
