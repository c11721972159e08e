"""Where a network is loaded and where it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from mnnfem.errors import InputError
from mnnfem.mesh import Ints
from mnnfem.springs.network import Network


@dataclass(frozen=True)
class Port:
    """A component of a node, 0 x, 1 y, 2 z; sign -1 where a positive load or reading goes against the axis."""

    node: int
    axis: int
    sign: float = 1.0


@dataclass(frozen=True)
class Ports:
    """Loads in at `inputs`, one number each; displacements out at `outputs`; a constant load of `bias_load` N at `bias`."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    bias: Port | None = None
    bias_load: float = 0.0

    @property
    def loaded(self) -> tuple[Port, ...]:
        """Where there are loads, the constant one last."""
        return self.inputs if self.bias is None else (*self.inputs, self.bias)

    def loads(self, network: Network) -> sp.csr_matrix:
        """The forces (c, n d) of unit loads. InputError where a port is held or not there."""
        return _selection(network, self.loaded, "loaded")

    def readings(self, network: Network) -> sp.csr_matrix:
        """What is read of displacements (n d,), (o, n d). InputError where a port is held or not there."""
        return _selection(network, self.outputs, "read")


def _selection(network: Network, ports: Sequence[Port], what: str) -> sp.csr_matrix:
    if not ports:
        raise InputError(f"No component of the network is {what}: name one port at least.")
    columns: Ints = np.array([network.dof(port.node, port.axis) for port in ports])
    for port, column in zip(ports, columns, strict=True):
        if network.held.ravel()[column]:
            raise InputError(f"Component {port.axis} of node {port.node} is held and cannot be {what}: choose another node.")
    signs = [port.sign for port in ports]
    return sp.csr_matrix((signs, (np.arange(len(ports)), columns)), shape=(len(ports), network.nodes.size))
