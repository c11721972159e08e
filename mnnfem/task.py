"""What the body should do: inputs, targets, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from mnnfem.bridge import Response


class Task(Protocol):
    """name, unit of the error, number of network inputs; all tensors float64. What is watched has a name: meshes change."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def inputs(self) -> int: ...
    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor: ...
    def features(self, targets: torch.Tensor) -> torch.Tensor: ...
    def errors(self, response: Response, targets: torch.Tensor) -> torch.Tensor: ...


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

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Targets (count, 2) mm."""
        return self.reach * (2 * torch.rand(count, 2, dtype=torch.float64, generator=generator) - 1)

    def features(self, targets: torch.Tensor) -> torch.Tensor:
        """What the network sees, of order one."""
        return targets / self.reach

    def errors(self, response: Response, targets: torch.Tensor) -> torch.Tensor:
        """Error of each sample (b,), mm, against targets (b, 2)."""
        return (response[self.point] - targets).abs().sum(dim=1)
