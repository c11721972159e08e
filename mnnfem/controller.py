"""Task input -> bounded controls."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch


class Bounded(torch.nn.Module):
    """What gives controls: (b, inputs) -> (b, controls) mm, float64, within `bounds` (controls,) mm.

    opening   the share of the bounds that is open to it, 1 unless training ramps it
    """

    bounds: torch.Tensor

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__()
        self.opening = 1.0
        self.register_buffer("bounds", torch.tensor(list(bounds), dtype=torch.float64))


class Controller(Bounded):
    """A ReLU network whose last layer is tanh times each control's bound."""

    def __init__(self, inputs: int, bounds: Sequence[float], hidden: Sequence[int] = (30, 30, 30)) -> None:
        super().__init__(bounds)
        widths = [inputs, *hidden, len(bounds)]
        layers: list[torch.nn.Module] = []
        for a, b in itertools.pairwise(widths):
            layers += [torch.nn.Linear(a, b, dtype=torch.float64), torch.nn.ReLU()]
        self.layers = torch.nn.Sequential(*layers[:-1])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        controls: torch.Tensor = self.opening * self.bounds * torch.tanh(self.layers(features))
        return controls
