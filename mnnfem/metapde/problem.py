"""What a family of problems is, as far as a learned basis needs to know it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch

from mnnfem.metapde.jets import Jets


class Frame(NamedTuple):
    """What is known of a solution at points, of each of the m of its pieces that matter there.

    coordinates  jets (b, c, n m, w) that the features see;  told  the numbers (b, p) or (b, n m, p) that shift them
    lift         and envelope: jets (b, c, n m, 1)
    piece        which ones they are, (b, n, m)
    """

    coordinates: torch.Tensor
    told: torch.Tensor
    lift: torch.Tensor
    envelope: torch.Tensor
    piece: torch.Tensor


class Problem(Protocol):
    """Instances of an equation, told by vectors, each of whose solutions is joined from pieces

        u = lift + envelope sum_k z_k h_k(coordinates),

    each with coefficients z of its own.

    name         as it is called
    jets         derivatives that the equation has;  seen  those of which a solution's values are made
    pieces       of a solution at most
    parameters   numbers that the features are told
    coordinates  that the features see, and their waves to a unit of these, `frequency` in radians
    restraint    what a training adds to the mean square of the residual, times the square of the coefficients
    """

    name: str
    jets: Jets
    seen: Jets
    frequency: float
    pieces: int
    parameters: int
    coordinates: int
    restraint: float

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Instances (count, numbers)."""

    def points(self, instances: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
        """Points (b, count, d) in the domain of each instance at which the equation is to hold."""

    def frame(self, jets: Jets, x: torch.Tensor, instances: torch.Tensor) -> Frame:
        """What is known at points, of which the jets x (b, c, n, d) are given."""

    def joined(self, jets: Jets, pieces: torch.Tensor) -> torch.Tensor:
        """The jet (b, c, n) of a solution, of those of its pieces (b, c, n, m)."""

    def residual(self, jet: torch.Tensor, points: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        """What the equation lacks, (b, n), of a field's jet (b, c, n) at points (b, n, d)."""

    def quantity(self, jet: torch.Tensor) -> torch.Tensor:
        """The values of a solution, (b, n), from a field's jet (b, c, n) of what is `seen`."""
