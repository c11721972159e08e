"""What a family of problems is, as far as a learned basis needs to know it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch

from mnnfem.metapde.jets import Jets


class Frame(NamedTuple):
    """What is known of a solution: jets of the features' coordinates (b, c, n, w), the lift, the envelope (b, c, n, 1)."""

    coordinates: torch.Tensor
    lift: torch.Tensor
    envelope: torch.Tensor


class Problem(Protocol):
    """Instances of an equation, told by vectors (b, parameters), each of whose solutions is sought as

        u = lift + envelope sum_k z_k h_k(coordinates).

    name         as it is called
    jets         derivatives that the equation has;  seen  those of which a solution's values are made
    parameters   numbers of an instance
    coordinates  that the features see, and their waves to a unit of these, `frequency` in radians
    """

    name: str
    jets: Jets
    seen: Jets
    frequency: float
    parameters: int
    coordinates: int

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Instances (count, parameters)."""

    def scaled(self, instances: torch.Tensor) -> torch.Tensor:
        """Instances as numbers of about 1 in size."""

    def points(self, instances: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
        """Points (b, count, d) in the domain of each instance at which the equation is to hold."""

    def frame(self, jets: Jets, x: torch.Tensor, instances: torch.Tensor) -> Frame:
        """Coordinates, lift and envelope as jets, of those of points (b, c, n, d)."""

    def residual(self, jet: torch.Tensor, points: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        """What the equation lacks, (b, n), of a field's jet (b, c, n) at points (b, n, d)."""

    def quantity(self, jet: torch.Tensor) -> torch.Tensor:
        """The values of a solution, (b, n), from a field's jet (b, c, n) of what is `seen`."""
