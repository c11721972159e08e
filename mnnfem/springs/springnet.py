"""A network that learns: loads in, displacements out, stiffnesses between bounds."""

from __future__ import annotations

import numpy as np
import torch

from mnnfem.bridge import Bridge, Physics
from mnnfem.ensemble import Ensemble
from mnnfem.errors import InputError
from mnnfem.mesh import Floats
from mnnfem.parameters import Parameters
from mnnfem.springs.network import Network
from mnnfem.springs.physics import Springs
from mnnfem.springs.ports import Ports

YOUNG = 0.55  # MPa, of the printed rubber; Li and Mao 2024
THICKNESS = 2.0  # mm


def strip_bounds(network: Network, narrow: float = 1.5, wide: float = 2.5) -> Parameters:
    """Stiffnesses k = Y t w / L (b,) N/mm of strips of widths from `narrow` to `wide` mm, in the middle at the start.

    Y = 0.55 MPa, t = 2 mm, widths 1.5 to 2.5 mm: 0.103 to 0.172 N/mm. Source: Li and Mao 2024.
    """
    if not 0 < narrow <= wide:
        raise InputError(f"Widths need 0 < narrow <= wide, got {narrow:g} and {wide:g} mm: a stiffness must be above 0.")
    per_width = YOUNG * THICKNESS / network.lengths
    names = tuple(network.name(bond) for bond in range(len(network.bonds)))
    middle = 0.5 * (narrow + wide)
    return Parameters(names, middle * per_width, narrow * per_width, wide * per_width, "stiffness", "N/mm")


class SpringNet(torch.nn.Module):
    """Loads (s, i) N -> readings (s, o) mm; what is learned are shares (b,) of the way from lower to upper stiffness.

    Shares are of order one, so that Adam's rate and epsilon mean the same for every network; they are clipped to 0..1.
    Linear springs are solved for one unit load at each port, and samples are sums of these: as many solves a step as there
    are ports, however many samples. Another `physics` of the same loads and stiffnesses may take their place: geometrically
    exact springs, or a bench, which then are asked for every sample unless they are `linear`.
    """

    def __init__(
        self,
        network: Network,
        ports: Ports,
        stiffness: Parameters,
        physics: Physics | None = None,
        linear: bool = True,
        ensemble: Ensemble | None = None,
    ) -> None:
        super().__init__()
        if len(stiffness) != len(network.bonds):
            raise InputError(f"There are {len(network.bonds)} bonds, got bounds of {len(stiffness)} stiffnesses.")
        if not (stiffness.lower > 0).all():
            raise InputError(f"The least stiffness is {stiffness.lower.min():g} N/mm, which must be above 0.")
        self.network, self.ports, self.bounds, self.linear = network, ports, stiffness, linear
        self.bridge = Bridge(physics or Springs(network, ports.loads(network)), ensemble=ensemble)
        self.share = torch.nn.Parameter(torch.empty(len(stiffness), dtype=torch.float64))
        self.set_stiffness_(stiffness.start)
        read = ports.readings(network)
        self._read = torch.from_numpy(read.indices.astype(np.int64)), torch.from_numpy(read.data)
        self._points = torch.from_numpy(network.nodes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Readings (s, o) mm under loads (s, i) N."""
        loads = self.loads(inputs)
        if self.linear:
            return loads @ self.read(self._displacements(torch.eye(loads.shape[1], dtype=loads.dtype)))
        return self.read(self._displacements(loads))

    def loads(self, inputs: torch.Tensor) -> torch.Tensor:
        """Loads (s, c) N of all ports, the constant one included."""
        if self.ports.bias is None:
            return inputs
        return torch.cat([inputs, torch.full((len(inputs), 1), self.ports.bias_load, dtype=inputs.dtype)], dim=1)

    def read(self, displacements: torch.Tensor) -> torch.Tensor:
        """What is read of displacements (s, n, d) mm, (s, o) mm."""
        at, signs = self._read
        return displacements.flatten(1)[:, at] * signs

    def stiffness(self) -> torch.Tensor:
        """The stiffnesses of now, (b,) N/mm."""
        lower, upper = torch.from_numpy(self.bounds.lower), torch.from_numpy(self.bounds.upper)
        return lower + self.share * (upper - lower)

    def set_stiffness_(self, stiffness: Floats) -> None:
        """Start from these stiffnesses (b,) N/mm, clipped to the bounds."""
        lower, upper = self.bounds.lower, self.bounds.upper
        spread = np.where(upper > lower, upper - lower, 1.0)
        with torch.no_grad():
            self.share.copy_(torch.from_numpy((np.clip(stiffness, lower, upper) - lower) / spread))

    def clip_(self) -> None:
        """Clip the shares to 0..1, as after every step."""
        with torch.no_grad():
            self.share.clamp_(0.0, 1.0)

    def restore_(self) -> None:
        """What a loaded checkpoint may need: shares within bounds."""
        self.clip_()

    def at_bounds(self) -> int:
        """How many bonds have come to one of their bounds."""
        share = self.share.detach()
        return int(((share <= 0) | (share >= 1)).sum())

    def _displacements(self, loads: torch.Tensor) -> torch.Tensor:
        moved: torch.Tensor = self.bridge(self._points, loads, self.stiffness()).displacement
        return moved
