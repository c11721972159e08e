"""A network of pin-jointed springs in any dimension: nodes, bonds, what is held; its compatibility and equilibrium."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from mnnfem.errors import InputError
from mnnfem.lattice.graph import check_apart, check_connected
from mnnfem.mesh import Floats, Ints, Mask


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes linked by springs; bonds may cross without touching, as they do in a bench of two layers.

    nodes  (n, d) mm;   bonds (b, 2) nodes of each spring;   held (n, d) the components that do not move

    InputError unless all nodes are linked to each other, no two lie on top of each other, no bond is there twice, and
    something is held. A mechanism is found by `modes.refuse_mechanism`.
    """

    nodes: Floats
    bonds: Ints
    held: Mask

    def __post_init__(self) -> None:
        nodes, bonds, held = self.nodes, self.bonds, self.held
        if nodes.ndim != 2 or bonds.ndim != 2 or bonds.shape[1] != 2 or not len(bonds) or held.shape != nodes.shape:
            raise InputError(
                "A network needs nodes (n, d), bonds (b, 2), b > 0, and held components (n, d); "
                f"got {nodes.shape}, {bonds.shape} and {held.shape}."
            )
        if not np.isfinite(nodes).all():
            raise InputError(f"Node {np.flatnonzero(~np.isfinite(nodes).all(axis=1))[0]} has a coordinate that is no number.")
        if bonds.min() < 0 or bonds.max() >= len(nodes):
            raise InputError(f"Bonds may name nodes 0 to {len(nodes) - 1}; got {bonds.min()} to {bonds.max()}.")
        _check_bonds(bonds)
        check_apart(nodes)
        alone = np.setdiff1d(np.arange(len(nodes)), bonds)
        if alone.size:
            raise InputError(f"Node {alone[0]} is disconnected: no bond ends there. Link it, or leave it out.")
        check_connected(bonds, len(nodes))
        if not held.any():
            raise InputError("Nothing holds the network: hold components of some nodes.")

    @property
    def dim(self) -> int:
        """d, the number of coordinates of a node."""
        return self.nodes.shape[1]

    @cached_property
    def free(self) -> Ints:
        """The components that may move, (f,) numbers d node + axis."""
        return np.flatnonzero(~self.held.ravel())

    @property
    def lengths(self) -> Floats:
        """Of the bonds at rest, (b,) mm."""
        return np.linalg.norm(self.nodes[self.bonds[:, 1]] - self.nodes[self.bonds[:, 0]], axis=1)

    def name(self, bond: int) -> str:
        """How messages call a bond."""
        a, b = self.bonds[bond]
        return f"bond {bond} (nodes {a} and {b})"

    def dof(self, node: int, axis: int) -> int:
        """The number of a component of a node. InputError if there is none."""
        if not (0 <= node < len(self.nodes) and 0 <= axis < self.dim):
            raise InputError(
                f"There is no component {axis} of node {node}: nodes are 0 to {len(self.nodes) - 1}, "
                f"components 0 to {self.dim - 1}."
            )
        return node * self.dim + axis

    def without(self, bonds: Sequence[int]) -> Network:
        """The network with these bonds cut out. InputError if one is not there, or if a node hangs in the air then."""
        missing = [bond for bond in bonds if not 0 <= bond < len(self.bonds)]
        if missing:
            raise InputError(f"There is no bond {missing[0]} to cut: bonds are 0 to {len(self.bonds) - 1}.")
        return Network(self.nodes, np.delete(self.bonds, list(bonds), axis=0), self.held)


def compatibility(points: Floats, bonds: Ints) -> sp.csr_matrix:
    """C with e = C u to first order: elongations (b,) mm of displacements (n d,) mm, by the directions of the bonds.

    points (n, d) mm;   C^T, the equilibrium matrix, takes tensions (b,) N to the nodal forces that balance them.
    """
    directions = directions_of(points, bonds)
    count, dim = directions.shape
    columns = (bonds[:, :, None] * dim + np.arange(dim)).reshape(count, -1)
    values = np.concatenate([-directions, directions], axis=1)
    return sp.csr_matrix((values.ravel(), columns.ravel(), np.arange(count + 1) * 2 * dim), shape=(count, points.size))


def directions_of(points: Floats, bonds: Ints) -> Floats:
    """Unit vectors (b, d) along the bonds, from first to second node. InputError where a bond has no length."""
    along = points[bonds[:, 1]] - points[bonds[:, 0]]
    lengths = np.linalg.norm(along, axis=1)
    short = np.flatnonzero(~(lengths > 0))
    if short.size:
        raise InputError(
            f"Bond {short[0]} (nodes {bonds[short[0], 0]} and {bonds[short[0], 1]}) has no length: move its nodes apart."
        )
    return along / lengths[:, None]


def holding(count: int, dim: int, nodes: Sequence[int] | Ints) -> Mask:
    """Components held (n, d) where these nodes do not move at all."""
    held = np.zeros((count, dim), dtype=bool)
    held[list(nodes)] = True
    return held


def _check_bonds(bonds: Ints) -> None:
    closed = np.flatnonzero(bonds[:, 0] == bonds[:, 1])
    if closed.size:
        raise InputError(f"Bond {closed[0]} links node {bonds[closed[0], 0]} to itself: leave it out.")
    _, first, count = np.unique(np.sort(bonds, axis=1), axis=0, return_index=True, return_counts=True)
    if count.max() > 1:
        one = first[count.argmax()]
        raise InputError(f"Nodes {bonds[one, 0]} and {bonds[one, 1]} are linked by {count.max()} bonds: keep one of them.")
