"""Zero modes and states of self stress: how many there are, and which nodes and bonds they are about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints
from mnnfem.springs.factor import Factor
from mnnfem.springs.network import Network, compatibility

ROUNDING = 1e-10  # singular values of C below it, over the largest, are zero
MOST = 3000  # free components up to which all modes are found


@dataclass(frozen=True)
class Modes:
    """The null spaces of C and C^T of a network, by singular values: m - s = f - b (Maxwell and Calladine).

    zero         (m, n, d) orthonormal displacements that elongate no bond
    self_stress  (s, b) orthonormal tensions that load no node
    """

    network: Network
    zero: Floats
    self_stress: Floats

    @property
    def essential(self) -> Ints:
        """Bonds in no state of self stress: without any of them there is one more zero mode."""
        return np.flatnonzero(np.linalg.norm(self.self_stress, axis=0) < 1e-6)

    @property
    def sentence(self) -> str:
        """The counts, and for each zero mode the nodes that it moves."""
        said = f"{_count(len(self.self_stress), 'state')} of self stress, {_count(len(self.zero), 'zero mode')}"
        moved = [_moved(mode) for mode in _localised(self.zero)]
        return said + (f": {'; '.join(moved)}" if moved else "")


def modes_of(network: Network) -> Modes:
    """All zero modes and states of self stress of up to 3,000 free components. InputError for more."""
    free = network.free
    if len(free) > MOST:
        raise InputError(f"Modes are found for {MOST} free components at most, got {len(free)}: ask refuse_mechanism.")
    matrix = compatibility(network.nodes, network.bonds)[:, free].toarray()
    stresses, values, fields = scipy.linalg.svd(matrix)
    rank = int((values > ROUNDING * values[0]).sum())
    zero = np.zeros((len(free) - rank, network.nodes.size))
    zero[:, free] = fields[rank:]
    return Modes(network, zero.reshape(-1, *network.nodes.shape), stresses[:, rank:].T)


def refuse_mechanism(network: Network) -> None:
    """InputError if some motion of the network elongates no bond: which nodes move, where they are few enough to tell."""
    if len(network.free) <= MOST:
        modes = modes_of(network)
        if len(modes.zero):
            raise InputError(f"The network is a mechanism: {modes.sentence}. Add bonds there, or hold these nodes.")
        return
    matrix = compatibility(network.nodes, network.bonds)[:, network.free]
    if not Factor(matrix.T @ matrix).definite:
        raise InputError("The network is a mechanism: some motion elongates no bond. Add bonds, or hold more nodes.")


def _localised(modes: Floats) -> Floats:
    """Another basis of the same modes (m, n, d), each as far as possible about few components."""
    if not len(modes):
        return modes
    flat = modes.reshape(len(modes), -1)
    pivots = scipy.linalg.qr(flat, mode="r", pivoting=True)[1][: len(flat)]
    localised: Floats = np.reshape(np.linalg.solve(flat[:, pivots], flat), modes.shape)
    return localised


def _moved(mode: Floats, most: int = 4) -> str:
    size = np.linalg.norm(mode, axis=1)
    order = np.argsort(-size)
    nodes = [int(node) for node in order[:most] if size[node] > 1e-6 * size.max()]
    others = int((size > 1e-6 * size.max()).sum()) - len(nodes)
    names = ", ".join(f"{node} ({' '.join(f'{x:+.2f}' for x in mode[node] / size.max())})" for node in nodes)
    return f"node{'s' if len(nodes) > 1 else ''} {names}{f' and {others} more' if others else ''} may move"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
