"""The training loop, and the evaluation on held-out targets."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from mnnfem.autoencoder import Autoencoder
from mnnfem.bridge import Response, Starts
from mnnfem.dealt import dealt
from mnnfem.errors import EquilibriumError, InputError, TrainingStopped
from mnnfem.penalty import CREASE, overlap_penalty
from mnnfem.plant import Renewal
from mnnfem.task import Task
from mnnfem.warmstart import Study

FIRST_OPENING = 0.4  # share of the controls' bounds at the start of a ramp


@dataclass(frozen=True)
class Step:
    """One iteration: mean error of its solved samples (NaN if none), what it cost, and whether it needed a new mesh.

    crossed: samples in which walls have passed through each other
    guessed: samples that a learned guess started;  study: seconds of these that the guess and its own training took
    """

    iteration: int
    loss: float
    solves: int
    failed: int
    uncertified: int
    crossed: int
    factorisations: int
    warm: int
    seconds: float
    renewal: Renewal | None
    guessed: int = 0
    study: float = 0.0


@dataclass(frozen=True)
class Evaluation:
    """Errors (n,) on fixed targets; a sample without an equilibrium counts with its body at rest.

    crossed: states in which walls have passed through each other; deepest_overlap: the most by which any has, mm.
    """

    errors: torch.Tensor
    response: Response
    displacement: torch.Tensor
    failed: int
    uncertified: int
    factorisations: int
    crossed: int
    deepest_overlap: float
    renewal: Renewal | None

    @property
    def mean(self) -> float:
        return float(self.errors.mean())

    @property
    def worst(self) -> float:
        return float(self.errors.max())


@dataclass(frozen=True)
class Schedule:
    """How long, on how many samples a step, and how fast.

    network_rate, ...  Adam's at the start; they decay along a cosine. design_rate 0 freezes the geometry, moduli_rate 0 moduli
    ramp              share of the iterations over which the controls' bounds open from FIRST_OPENING
    overlap_weight    of the mean `overlap_penalty` in what Adam sees;  clearance of that penalty, mm;
    crease            and the share of its length at rest below which it counts a wall as near to creasing
    most_failed       share of a batch without an equilibrium above which training stops
    """

    iterations: int
    batch: int
    network_rate: float
    design_rate: float
    readout_rate: float = 0.0
    moduli_rate: float = 0.0
    ramp: float = 0.0
    overlap_weight: float = 0.0
    clearance: float = 0.0
    crease: float = CREASE
    most_failed: float = 1.0


def train(
    model: Autoencoder,
    task: Task,
    generator: torch.Generator,
    schedule: Schedule,
    starts: Starts | None = None,
    optimiser: torch.optim.Adam | None = None,
    begin: int = 0,
) -> Iterator[Step]:
    """Adam on the mean error of fresh samples, the design clipped to its bounds.

    An `optimiser` of these parameters goes on with its moments, at the schedule's rates. A new one's first steps have the
    length of its rate in every parameter, whatever the slope is: that would undo much of what has been learned.
    Where the design has moved the mesh too far it is made anew before the step; Adam's moments stay, as the design does.
    A sample without an equilibrium is left out of its step. A Step reports the error without the penalty. Raises
    TrainingStopped where more than `most_failed` of a batch has no equilibrium. A training that was interrupted goes on at
    iteration `begin`, all else being as it was then.
    """
    optimiser = optimiser or adam(model)
    _set_rates(optimiser, model, schedule)
    iterations = schedule.iterations
    decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: 0.5 * (1 + math.cos(math.pi * k / iterations)), begin - 1)
    for iteration in range(begin, iterations):
        began = time.perf_counter()
        targets = task.batch(schedule.batch, generator)
        model.controller.opening = opening(iteration, schedule.ramp * iterations)
        renewal = model.renew_(starts)
        response = model(task.features(targets), starts)
        solved = response.solved
        records = [one.record for one in response.outcome if not isinstance(one, EquilibriumError)]
        _stop_if(len(records) < (1 - schedule.most_failed) * schedule.batch, iteration, response)
        loss = torch.tensor(math.nan)
        if records:
            loss = task.errors(response.of(solved), targets[solved]).mean()
            optimiser.zero_grad()
            (loss + _penalty(model, response.of(solved), schedule)).backward()
            optimiser.step()
            model.clip_()
            model.agree_()
        decay.step()
        study = starts.study(model.design.detach().numpy()) if starts else Study()
        yield Step(
            iteration=iteration,
            loss=loss.item(),
            solves=len(records),
            failed=schedule.batch - len(records),
            uncertified=sum(not record.certified for record in records),
            crossed=sum(bool(record.overlaps) for record in records),
            factorisations=sum(record.factorisations for record in records),
            warm=sum(record.warm for record in records),
            seconds=time.perf_counter() - began,
            renewal=renewal,
            guessed=study.guessed,
            study=study.seconds,
        )
    model.controller.opening = 1.0


def adam(model: Autoencoder) -> torch.optim.Adam:
    """An optimiser of network, design and, if the model has them, readout and moduli; `train` sets its rates."""
    more = [part.parameters() if part is not None else [] for part in (model.readout, model.moduli)]
    return torch.optim.Adam([{"params": list(part)} for part in (model.controller.parameters(), [model.design], *more)])


def _set_rates(optimiser: torch.optim.Adam, model: Autoencoder, schedule: Schedule) -> None:
    model.design.requires_grad_(schedule.design_rate > 0)
    if model.moduli is not None:
        model.moduli.requires_grad_(schedule.moduli_rate > 0)
    rates = schedule.network_rate, schedule.design_rate, schedule.readout_rate, schedule.moduli_rate
    for group, rate in zip(optimiser.param_groups, rates, strict=True):
        group["lr"] = group["initial_lr"] = rate


def _penalty(model: Autoencoder, response: Response, schedule: Schedule) -> torch.Tensor:
    if not schedule.overlap_weight:
        return torch.zeros(())
    mesh, clearance, crease = model.geometry.mesh, schedule.clearance, schedule.crease
    curved = () if response.middles is None else (response.middles,)

    def penalty(points: torch.Tensor, moved: torch.Tensor, *middles: torch.Tensor) -> torch.Tensor:
        return overlap_penalty(mesh, points, moved[None], clearance, middles[0][None] if middles else None, crease)[0]

    each = dealt(model.plant.ensemble, penalty, response.points, (response.displacement, *curved))
    return schedule.overlap_weight * each.mean()


def opening(iteration: int, ramped: float) -> float:
    """The share of their bounds that is open to the controls, linear over the first `ramped` iterations."""
    return min(1.0, FIRST_OPENING + (1 - FIRST_OPENING) * iteration / ramped) if ramped else 1.0


def _stop_if(too_many: bool, iteration: int, response: Response) -> None:
    failed = [(k, one) for k, one in enumerate(response.outcome) if isinstance(one, EquilibriumError)]
    if too_many:
        sample, failure = failed[0]
        raise TrainingStopped(
            f"{len(failed)} of {len(response.outcome)} samples of iteration {iteration} have no equilibrium, "
            f"more than allowed. The first is sample {sample}: {failure}"
        )


@torch.no_grad()
def evaluate(model: Autoencoder, task: Task, targets: torch.Tensor) -> Evaluation:
    """Errors on the targets (n, ...), every equilibrium ramped from rest. InputError if there are no targets."""
    if not len(targets):
        raise InputError("The target set is empty: give at least one held-out target.")
    renewal = model.renew_()
    return _evaluation(model(task.features(targets)), task, targets, renewal)


@torch.no_grad()
def follow(model: Autoencoder, task: Task, path: torch.Tensor, starts: Starts) -> Evaluation:
    """The same along a path of targets (k, ...), one after the other, each from the nearest state before: a smooth film."""
    renewal = model.renew_(starts)
    frames = [model(task.features(target[None]), starts) for target in path]
    displacement = torch.cat([frame.displacement for frame in frames])
    outcome = tuple(one for frame in frames for one in frame.outcome)
    return _evaluation(Response(displacement, outcome, frames[0].observables, frames[0].points), task, path, renewal)


def _evaluation(response: Response, task: Task, targets: torch.Tensor, renewal: Renewal | None) -> Evaluation:
    at_rest = torch.zeros_like(response.displacement)
    displacement = torch.where(response.solved[:, None, None], response.displacement, at_rest)
    records = [one.record for one in response.outcome if not isinstance(one, EquilibriumError)]
    return Evaluation(
        errors=task.errors(response.moved_to(displacement), targets),
        response=response,
        displacement=displacement,
        failed=len(targets) - len(records),
        uncertified=sum(not record.certified for record in records),
        factorisations=sum(record.factorisations for record in records),
        crossed=sum(bool(record.overlaps) for record in records),
        deepest_overlap=max((record.overlaps[0].depth for record in records if record.overlaps), default=0.0),
        renewal=renewal,
    )
