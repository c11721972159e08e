"""What a network should answer, as losses of its readings; all of order one, whatever the unit of force."""

from __future__ import annotations

from collections.abc import Callable

import torch

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def log_ratio(readings: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """-log(|u_c| / sum |u|) of readings (s, o) mm and the wanted class (s,), (s,). Source: Li and Mao 2024.

    Signs do not count, and its barrier at 0 stops a reading from changing its sign.
    """
    size = readings.abs()
    return size.sum(dim=1).log() - size.gather(1, classes[:, None])[:, 0].log()


def squared(scale: float) -> Loss:
    """1/2 sum (u - t)^2 of readings and targets (s, o) mm, in units of `scale` mm: (s,)."""

    def loss(readings: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return 0.5 * (((readings - targets) / scale) ** 2).sum(dim=1)

    return loss


def softmax(scale: float) -> Loss:
    """Cross-entropy of the signed readings (s, o) mm, a step of one per `scale` mm, against classes (s,): (s,)."""

    def loss(readings: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(readings / scale, classes, reduction="none")

    return loss


def largest_size(readings: torch.Tensor) -> torch.Tensor:
    """The class (s,) of the largest |reading|."""
    return readings.abs().argmax(dim=1)


def largest(readings: torch.Tensor) -> torch.Tensor:
    """The class (s,) of the largest reading."""
    return readings.argmax(dim=1)
