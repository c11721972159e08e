"""What the body should do: inputs, targets, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from mnnfem.bridge import Response

BEYOND = 0.025  # of the range, on either side: its ends and corners, which are seldom drawn, would be learned last


class Task(Protocol):
    """name, unit of the error, number of network inputs; all tensors float64. What is watched has a name: meshes change.

    `sample` draws independent targets, `batch` those of one step of a training, of the same distribution but spread over it.
    """

    name: str
    unit: str

    @property
    def inputs(self) -> int: ...
    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor: ...
    def batch(self, count: int, generator: torch.Generator) -> torch.Tensor: ...
    def features(self, targets: torch.Tensor) -> torch.Tensor: ...
    def errors(self, response: Response, targets: torch.Tensor) -> torch.Tensor: ...


class Watched(Task, Protocol):
    """A task about some points of the body: where the k watched ones are and should be, (b, k, 2) mm.

    For pictures: whether they go around a loop, and a target in words.
    """

    loop: bool

    def watched(self, response: Response) -> torch.Tensor: ...
    def wanted(self, response: Response, targets: torch.Tensor) -> torch.Tensor: ...
    def title(self, target: torch.Tensor) -> str: ...


def spread(count: int, dims: int, generator: torch.Generator) -> torch.Tensor:
    """A Latin hypercube, (count, dims) in (-BEYOND, 1 + BEYOND): each of `count` equal slices along each axis holds one point.

    Points are uniform, but a mean over them varies less than over independent ones (McKay, Beckman and Conover 1979).
    """
    slices = torch.stack([torch.randperm(count, generator=generator) for _ in range(dims)], dim=1)
    shares = (slices + torch.rand(count, dims, dtype=torch.float64, generator=generator)) / count
    return shares * (1 + 2 * BEYOND) - BEYOND


@dataclass(frozen=True)
class Translation:
    """Move a named vertex by a vector drawn from the square (-reach, reach)^2; error |dx| + |dy|, mm.

    Source: Oktay et al., ICLR 2023: the centre of the panel, reach 15 mm.
    """

    point: str = "centre"
    reach: float = 15.0

    name = "translation"
    unit = "mm"
    inputs = 2
    loop = False

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Targets (count, 2) mm."""
        return self._targets(torch.rand(count, 2, dtype=torch.float64, generator=generator))

    def batch(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """The same by `spread`, and a little BEYOND."""
        return self._targets(spread(count, 2, generator))

    def _targets(self, shares: torch.Tensor) -> torch.Tensor:
        return self.reach * (2 * shares - 1)

    def features(self, targets: torch.Tensor) -> torch.Tensor:
        """What the network sees, of order one."""
        return targets / self.reach

    def errors(self, response: Response, targets: torch.Tensor) -> torch.Tensor:
        """Error of each sample (b,), mm, against targets (b, 2)."""
        return (response[self.point] - targets).abs().sum(dim=1)

    def watched(self, response: Response) -> torch.Tensor:
        """Where the vertex is, (b, 1, 2) mm."""
        return response.now(self.point)[:, None]

    def wanted(self, response: Response, targets: torch.Tensor) -> torch.Tensor:
        """Where it should be, (b, 1, 2) mm."""
        return (response.at_rest(self.point) + targets)[:, None]

    def title(self, target: torch.Tensor) -> str:
        """A target (2,) in words."""
        return f"target ({float(target[0]):+.1f}, {float(target[1]):+.1f}) mm"


@dataclass(frozen=True)
class Rotation:
    """Turn named vertices about their common middle by an angle drawn from (least, most) degrees; error in mm:

        sum_i |x_i - c - R(angle) (X_i - c)|_1,     c = the mean of the places X_i at rest.

    Source: Oktay et al., ICLR 2023: two points 25 mm either side of the panel's centre, 0 to 45 or -30 to 30 degrees.
    """

    least: float
    most: float
    points: tuple[str, ...] = ("left_of_centre", "right_of_centre")

    name = "rotation"
    unit = "mm"
    inputs = 1
    loop = False

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Target angles (count, 1), degrees, counter-clockwise."""
        return self._targets(torch.rand(count, 1, dtype=torch.float64, generator=generator))

    def batch(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """The same by `spread`, and a little BEYOND."""
        return self._targets(spread(count, 1, generator))

    def _targets(self, shares: torch.Tensor) -> torch.Tensor:
        return self.least + (self.most - self.least) * shares

    def features(self, targets: torch.Tensor) -> torch.Tensor:
        """What the network sees: the range as (-1, 1)."""
        return (2 * targets - self.least - self.most) / (self.most - self.least)

    def errors(self, response: Response, targets: torch.Tensor) -> torch.Tensor:
        """Error of each sample (b,), mm, against target angles (b, 1)."""
        return (self.watched(response) - self.wanted(response, targets)).abs().sum(dim=(1, 2))

    def watched(self, response: Response) -> torch.Tensor:
        """Where the vertices are, (b, k, 2) mm."""
        return torch.stack([response.now(name) for name in self.points], dim=1)

    def wanted(self, response: Response, targets: torch.Tensor) -> torch.Tensor:
        """Where they should be, (b, k, 2) mm."""
        rest = torch.stack([response.at_rest(name) for name in self.points])
        middle = rest.mean(dim=0)
        arm, angle = rest - middle, torch.deg2rad(targets)
        aside = torch.stack([-arm[:, 1], arm[:, 0]], dim=1)
        return middle + angle.cos()[:, :, None] * arm + angle.sin()[:, :, None] * aside

    def title(self, target: torch.Tensor) -> str:
        """A target (1,) in words."""
        return f"target {float(target[0]):+.1f} degrees"
