"""A basis learned within a budget of minutes or steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from mnnfem.metapde.basis import Basis

CLIPPED, SLOW = 10.0, 20  # norm of a gradient; steps until the rate is reached


@dataclass(frozen=True)
class Regime:
    """How a basis is learned: instances and points of a step, Adam's rate at its start, and when it ends."""

    batch: int
    points: int
    rate: float
    minutes: float
    steps: int


@dataclass(frozen=True)
class Step:
    """What a step has shown: its number, seconds since the beginning, the loss."""

    number: int
    seconds: float
    loss: float


def learn(basis: Basis, regime: Regime, generator: torch.Generator, tell: Callable[[Step], None]) -> list[Step]:
    """Adam on fresh instances and points, its rate falling along a cosine over the minutes or steps, whichever end first.

    Instances are drawn on the generator's device, where the basis must be. `tell` is called after each step. Of a budget
    of steps alone the result depends on the seeds only; of minutes also on the machine. A step whose gradient is not
    finite is left out.
    """
    problem, began, told = basis.problem, time.perf_counter(), list[Step]()
    optimiser = torch.optim.Adam(basis.parameters(), lr=regime.rate)
    for number in range(1, regime.steps + 1):
        done = max((number - 1) / regime.steps, (time.perf_counter() - began) / (60 * regime.minutes))
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = regime.rate * 0.5 * (1 + math.cos(math.pi * done)) * min(1.0, number / SLOW)
        instances = problem.draw(regime.batch, generator)
        points = problem.points(instances, regime.points, generator)
        optimiser.zero_grad()
        loss = basis.loss(instances, points)
        loss.backward()
        if torch.nn.utils.clip_grad_norm_(basis.parameters(), CLIPPED).isfinite():
            optimiser.step()
        told.append(Step(number, time.perf_counter() - began, float(loss.detach())))
        tell(told[-1])
    return told
