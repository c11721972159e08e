"""Training of a network of springs on given samples, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from mnnfem.errors import InputError
from mnnfem.springs.losses import Loss
from mnnfem.springs.springnet import SpringNet


@dataclass(frozen=True)
class Samples:
    """Loads (s, i) N, and what is wanted: targets (s, o) mm or classes (s,)."""

    inputs: torch.Tensor
    wanted: torch.Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def of(self, rows: torch.Tensor) -> Samples:
        """Some of them, by number."""
        return Samples(self.inputs[rows], self.wanted[rows])


@dataclass(frozen=True)
class Regime:
    """How long and how fast: Adam's rate, in shares of a stiffness's range, decays along a cosine to `last` of it.

    batch   samples of a step, 0 for all; a short last batch counts by its samples
    """

    epochs: int
    rate: float
    batch: int = 0
    last: float = 0.0


@dataclass(frozen=True)
class Epoch:
    """One pass over the samples: its number, and the mean loss of its steps' samples."""

    number: int
    loss: float


def fit(model: SpringNet, samples: Samples, loss: Loss, regime: Regime, generator: torch.Generator) -> Iterator[Epoch]:
    """Adam on the mean loss of shuffled batches, stiffnesses clipped to their bounds after every step."""
    if not len(samples):
        raise InputError("There are no samples to train on: give at least one.")
    optimiser = torch.optim.Adam(model.parameters(), lr=regime.rate)
    size = regime.batch or len(samples)
    steps = regime.epochs * -(-len(samples) // size)
    decay = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: regime.last + (1 - regime.last) * 0.5 * (1 + math.cos(math.pi * k / steps))
    )
    for number in range(regime.epochs):
        total = 0.0
        for rows in torch.randperm(len(samples), generator=generator).split(size):
            batch = samples.of(rows)
            value = loss(model(batch.inputs), batch.wanted).mean()
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            model.clip_()
            decay.step()
            total += float(value.detach()) * len(rows)
        yield Epoch(number, total / len(samples))


@torch.no_grad()
def readings(model: SpringNet, samples: Samples) -> torch.Tensor:
    """What the network answers, (s, o) mm."""
    answers: torch.Tensor = model(samples.inputs)
    return answers
