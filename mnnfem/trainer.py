"""The training loop, and the evaluation on held-out targets."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from mnnfem.autoencoder import Autoencoder
from mnnfem.bridge import Response, Starts
from mnnfem.errors import EquilibriumError, InputError, TrainingStopped
from mnnfem.penalty import overlap_penalty
from mnnfem.plant import Renewal
from mnnfem.task import Task

FIRST_OPENING = 0.4  # share of the controls' bounds at the start of a ramp


@dataclass(frozen=True)
class Step:
    """One iteration: mean error of its solved samples (NaN if none), what it cost, and whether it needed a new mesh."""

    iteration: int
    loss: float
    solves: int
    failed: int
    uncertified: int
    factorisations: int
    warm: int
    seconds: float
    renewal: Renewal | None


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


def train(
    model: Autoencoder,
    task: Task,
    generator: torch.Generator,
    iterations: int,
    batch: int,
    network_rate: float,
    design_rate: float,
    starts: Starts | None = None,
    overlap_weight: float = 0.0,
    most_failed: float = 1.0,
    ramp: float = 0.0,
    readout_rate: float = 0.0,
) -> Iterator[Step]:
    """Adam on the mean error of fresh samples, rates decaying along a cosine, the design clipped to its bounds.

    Where the design has moved the mesh too far it is made anew before the step; Adam's moments stay, as the design does.

    design_rate 0 freezes the geometry; readout_rate is that of the model's `readout`, if it has one. A sample without an
    equilibrium is left out of its step. overlap_weight times the mean `overlap_penalty` is added to what Adam sees, not to
    the error that a Step reports. Over the first `ramp` of the iterations the controller's bounds open from FIRST_OPENING to
    the whole. Raises TrainingStopped where more than the share `most_failed` of a batch has no equilibrium.
    """
    model.design.requires_grad_(design_rate > 0)
    groups = [{"params": list(model.controller.parameters()), "lr": network_rate}]
    if design_rate > 0:
        groups.append({"params": [model.design], "lr": design_rate})
    if model.readout is not None:
        groups.append({"params": list(model.readout.parameters()), "lr": readout_rate})
    optimiser = torch.optim.Adam(groups)
    decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: 0.5 * (1 + math.cos(math.pi * k / iterations)))
    for iteration in range(iterations):
        began = time.perf_counter()
        targets = task.sample(batch, generator)
        model.controller.opening = opening(iteration, ramp * iterations)
        renewal = model.renew_(starts)
        response = model(task.features(targets), starts)
        solved = response.solved
        records = [one.record for one in response.outcome if not isinstance(one, EquilibriumError)]
        _stop_if(len(records) < (1 - most_failed) * batch, iteration, response)
        loss = torch.tensor(math.nan)
        if records:
            loss = task.errors(response.of(solved), targets[solved]).mean()
            objective = loss
            if overlap_weight:
                passed = overlap_penalty(model.geometry.mesh, model.points(), response.displacement[solved])
                objective = loss + overlap_weight * passed.mean()
            optimiser.zero_grad()
            objective.backward()
            optimiser.step()
            model.clip_()
            model.agree_()
        decay.step()
        yield Step(
            iteration=iteration,
            loss=loss.item(),
            solves=len(records),
            failed=batch - len(records),
            uncertified=sum(not record.certified for record in records),
            factorisations=sum(record.factorisations for record in records),
            warm=sum(record.warm for record in records),
            seconds=time.perf_counter() - began,
            renewal=renewal,
        )
    model.controller.opening = 1.0


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
