"""What a training will take, from a few of its own steps: seconds, on how many ranks, and memory."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mnnfem.autoencoder import Autoencoder
from mnnfem.ensemble import Ensemble
from mnnfem.guard import Guard
from mnnfem.plan import Experiment, Settings, body_makers
from mnnfem.starting import refuse_unknown, remembered
from mnnfem.task import Watched
from mnnfem.trainer import Schedule, adam, evaluate, train
from mnnfem.verify import on_finer_mesh
from mnnfem.warmstart import CAPACITY, FEW, Library

FIRST = 3  # steps that are not counted: they compile, and have nothing to start from
LEAST, FEWEST, COLD = 8, 3, 6  # least steps that are timed, and on the finer mesh; solves from rest
EFFICIENT = 0.6  # of a core's time must be work of its own


@dataclass(frozen=True)
class Span:
    """Seconds: likely, and if all were like the fastest or the slowest tenth of what was timed."""

    least: float
    likely: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Span:
        """From the seconds of single steps."""
        low, high = np.quantile(seconds, [0.1, 0.9])
        return cls(float(low), float(np.mean(seconds)), float(high))

    def times(self, factor: float) -> Span:
        """So many of them."""
        return Span(self.least * factor, self.likely * factor, self.most * factor)

    def plus(self, other: Span) -> Span:
        """One after the other."""
        return Span(self.least + other.least, self.likely + other.likely, self.most + other.most)


@dataclass(frozen=True)
class Forecast:
    """What was timed, in seconds: a step of the training, one on the finer mesh if there are any, a solve from rest, set-up.

    shared   share of a step that each group does itself, however many there are
    memory   of a rank once all factors that it may keep are there, MB
    """

    settings: Settings
    setup: float
    step: Span
    fine: Span | None
    rest: Span
    shared: float
    memory: float

    def seconds(self, groups: int) -> Span:
        """Of training and evaluation of both arms, on so many groups of ranks."""
        told, arms = self.settings, 1 if self.settings.frozen_geometry else 2
        whole = self.step.times(arms * told.iterations * self._share(told.batch, groups))
        if self.fine is not None:
            whole = whole.plus(self.fine.times(told.fine_iterations * self._share(told.batch, groups)))
        evaluations = self.rest.times(2 * arms * -(-told.heldout // groups))
        return whole.plus(evaluations).plus(Span(self.setup, self.setup, self.setup))

    def groups(self, most: int) -> int:
        """The most groups, up to `most`, that are at work for a good part of the time."""
        batch = self.settings.batch
        able = [g for g in range(1, min(batch, most) + 1) if 1 / (g * self._share(batch, g)) >= EFFICIENT]
        return min(able, key=lambda g: (self._share(batch, g), g))  # of equal speed the fewest

    def _share(self, samples: int, groups: int) -> float:
        """Of the seconds of one group."""
        return self.shared + (1 - self.shared) * -(-samples // groups) / samples


@dataclass(frozen=True)
class Timed:
    """Seconds of each step, and by how much the memory of this rank grew with each solution, MB."""

    seconds: list[float]
    grown: float


def forecast(experiment: Experiment, settings: Settings, budget: float, ensemble: Ensemble) -> Forecast:
    """Take steps of the training for about `budget` seconds, and some solves from rest. The ranks are one group. Collective."""
    refuse_unknown(settings.warm_start, experiment.cells is not None, settings.ranks_per_sample)
    torch.manual_seed(settings.seed)
    generator, task = torch.Generator().manual_seed(settings.seed), experiment.task
    began = time.perf_counter()
    makers = body_makers(experiment.law, experiment.boundary, ensemble, settings.batch, experiment.parts)
    model = experiment.model(makers.first, Guard(settings.least_quality), ensemble)
    setup, schedule = time.perf_counter() - began, settings.schedule(frozen=settings.frozen_geometry)
    step = timed(model, task, generator, schedule, budget, LEAST, experiment.starts(settings, model))
    rest = timed_from_rest(model, task, experiment.held_out(COLD))
    half = max(1, settings.batch // 2)
    shared = 0.0
    if half < settings.batch:
        again = experiment.starts(settings, model)
        smaller = timed(model, task, generator, dataclasses.replace(schedule, batch=half), budget / 3, LEAST, again)
        shared = shared_part(settings.batch, float(np.mean(step.seconds)), half, float(np.mean(smaller.seconds)))
    kept, base = settings.batch + CAPACITY, _resident()
    base -= step.grown * min(settings.batch * (FIRST + len(step.seconds)), kept)
    fine = None
    if settings.fine_iterations:
        finer = on_finer_mesh(model, makers.finer, 1)
        again = remembered(settings.warm_start)
        fine = timed(finer, task, generator, settings.fine_schedule(schedule), budget / 3, FEWEST, again)
    return Forecast(
        settings=settings,
        setup=setup,
        step=Span.of(step.seconds),
        fine=None if fine is None else Span.of(fine.seconds),
        rest=Span.of(rest),
        shared=shared,
        memory=base + step.grown * kept + (fine.grown * (settings.batch + FEW) if fine else 0.0),
    )


def timed(
    model: Autoencoder,
    task: Watched,
    generator: torch.Generator,
    schedule: Schedule,
    budget: float,
    least: int,
    starts: Library,
) -> Timed:
    """Steps of a training, at least so many, until `budget` seconds are over; the first are not counted."""
    seconds, began, before = list[float](), time.perf_counter(), 0.0
    steps = dataclasses.replace(schedule, iterations=max(schedule.iterations, FIRST + least))
    for step in train(model, task, generator, steps, starts, adam(model)):
        if step.iteration < FIRST:
            before = _resident()
            continue
        seconds.append(step.seconds)
        over = len(seconds) >= least and time.perf_counter() - began > budget
        if model.plant.ensemble.agree(over):  # the ranks of a group take the same steps
            break
    solves = min(schedule.batch * len(seconds), CAPACITY)
    return Timed(seconds, max(_resident() - before, 0.0) / solves)


def timed_from_rest(model: Autoencoder, task: Watched, targets: torch.Tensor) -> list[float]:
    """Seconds of each target's solve from rest."""
    seconds = []
    for target in targets:
        began = time.perf_counter()
        evaluate(model, task, target[None])
        seconds.append(time.perf_counter() - began)
    return seconds


def shared_part(batch: int, seconds: float, half: int, fewer: float) -> float:
    """Of a step's seconds, what does not depend on the samples: from steps of two sizes, as a straight line; 0 to 0.5."""
    each = (seconds - fewer) / (batch - half)
    return float(np.clip(1 - each * batch / seconds, 0.0, 0.5))


def _resident() -> float:
    """Memory that this process has, MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
