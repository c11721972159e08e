"""An experiment from settings to run folder: train, evaluate on held-out targets, leave what a run leaves."""

from __future__ import annotations

import dataclasses
import datetime
import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from mpi4py import MPI
from tqdm import tqdm

from mnnfem import checkpoint, results
from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.boundary import Boundary
from mnnfem.controller import Controller
from mnnfem.ensemble import Ensemble
from mnnfem.errors import TrainingStopped
from mnnfem.fabricate.extrude import write_stl
from mnnfem.geometry import Geometry
from mnnfem.guard import Guard
from mnnfem.material import NeoHookean
from mnnfem.mesh import Mesh
from mnnfem.plant import Plant, Renewal
from mnnfem.results import Arm
from mnnfem.runfolder import RunFolder
from mnnfem.settings import setting
from mnnfem.task import Task, Watched
from mnnfem.trainer import Step, evaluate, follow, train
from mnnfem.visualise import Scene
from mnnfem.warmstart import CAPACITY, Library

HELD_OUT_SEED = 2023
LEARNED, FROZEN = "learned geometry", "frozen geometry"


@dataclass(frozen=True)
class Settings:
    """What every experiment can be told."""

    out: str = setting("", "folder of the run, made new; without it runs/<task>/<date>-seed<seed>")
    seed: int = setting(0, "of the network's weights and the training targets", low=0, high=2**32 - 1)
    scale: str = setting("small", "defaults for minutes on 2 cores, or of the paper's size", choices=("small", "paper"))
    frozen_geometry: bool = setting(False, "the ablation alone: train the network, leave the design as it starts")
    iterations: int = setting(600, "optimiser steps", low=1)
    batch: int = setting(4, "fresh targets in each step", low=1)
    network_rate: float = setting(0.003, "Adam rate of the network's weights", low=0, high=1)
    design_rate: float = setting(0.03, "Adam rate of the design", low=0, high=1)
    overlap_penalty: float = setting(0.0, "weight of walls that pass through each other: error per mm^3", low=0)
    least_quality: float = setting(Guard.quality, "elements moved below it (mean ratio) are meshed anew", low=0, high=0.5)
    most_failed: float = setting(0.5, "share of a step's samples without an equilibrium that ends the run", low=0, high=1)
    ranks_per_sample: int = setting(1, "under mpirun: ranks over which each sample's mesh is spread", low=1)
    heldout: int = setting(64, "held-out targets", low=1)
    ramp: float = setting(0.0, "share of the steps over which the controls' bounds open from 40 %", low=0, high=1)
    young: float = setting(70.0, "Young's modulus", unit="MPa", low=1e-6)
    poisson: float = setting(0.3, "Poisson's ratio", low=0, high=0.49)
    divisions: int = setting(1, "element edges per pore radius", low=1, high=8)
    layers: int = setting(2, "elements from pore to cell edge", low=1, high=8)
    thickness: float = setting(20.0, "thickness of the body in design.stl", unit="mm", low=0.1, high=1000)

    @property
    def law(self) -> NeoHookean:
        """The material."""
        return NeoHookean(self.young, self.poisson)


@dataclass(frozen=True)
class Experiment:
    """A task for a body: what is learned, what moves it, and what is drawn.

    workflow   the file in workflows/ that makes it from settings
    path       targets (k, ...) that the film follows
    hidden     widths of the network's hidden layers
    """

    workflow: str
    task: Watched
    geometry: Geometry
    boundary: Boundary
    law: NeoHookean
    path: torch.Tensor
    hidden: tuple[int, ...] = (30, 30, 30)

    def held_out(self, count: int) -> torch.Tensor:
        """The targets of every evaluation, the same whatever a run's seed."""
        return self.task.sample(count, torch.Generator().manual_seed(HELD_OUT_SEED))

    def model(self, make: Callable[[Mesh], Body], guard: Guard, ensemble: Ensemble | None = None) -> Autoencoder:
        """An untrained model, its body made by `make`."""
        controller = Controller(self.task.inputs, [drive.bound for drive in self.boundary.drives], self.hidden)
        return Autoencoder(controller, Plant(self.geometry, make, guard, ensemble), self.law)


def run(experiment: Experiment, settings: Settings, began: float) -> RunFolder:
    """Train, evaluate, and write the run folder, which is returned.

    The frozen arm is trained beside the learned one, equally long, for the figure to compare with. Under mpirun the samples
    are dealt to the ranks, or to groups of `ranks_per_sample`; rank 0 writes.
    `began` is the time.perf_counter() at which the program started, for the seconds of the set-up.
    """
    torch.set_num_threads(1)
    task, ensemble = experiment.task, Ensemble.of(MPI.COMM_WORLD, settings.ranks_per_sample)
    heldout = experiment.held_out(settings.heldout)
    folder = RunFolder(Path(ensemble.agree(settings.out or default_folder(task.name, settings))), ensemble.world)
    folder.write_json("settings.json", {"workflow": experiment.workflow, **dataclasses.asdict(settings)})
    make = body_maker(experiment.law, experiment.boundary, ensemble, settings.batch)
    make(experiment.geometry.mesh)
    setup = time.perf_counter() - began

    names = (FROZEN,) if settings.frozen_geometry else (LEARNED, FROZEN)
    arms = {}
    for name in names:
        arms[name] = train_arm(name, experiment, settings, ensemble, make, heldout, folder)
        if name == names[0]:
            state = {"task": task.name, "iteration": settings.iterations, "seed": settings.seed}
            checkpoint.save(folder, arms[name].model, state)
    arm = arms[names[0]]
    result = results.summary(task, settings.seed, heldout, arm, arms[FROZEN], setup)
    folder.write_json("result.json", result)

    mesh, points = arm.model.geometry.mesh, arm.model.points().detach().numpy()
    scene = Scene(mesh, experiment.boundary, points)
    film = follow(arm.model, task, experiment.path, Library())
    if ensemble.root:
        results.draw(folder, scene, task, arms, heldout, film, experiment.path, float(result["do_nothing"]))
        if ensemble.group.size == 1:  # fields are written from one rank
            results.write_fields(folder, make(mesh), arm.after, heldout, film)
        write_stl(folder.file("design.stl"), mesh, points, settings.thickness)
        print(results.sentences(result, folder))
    return folder


def body_maker(law: NeoHookean, boundary: Boundary, ensemble: Ensemble, batch: int) -> Callable[[Mesh], Body]:
    """What makes the body of a mesh, and keeps the last two: arms start on the same mesh, pictures are of the last.

    Each keeps the factors of its remembered solutions until a batch is done: a start is of most use with its factor.
    """

    @lru_cache(maxsize=2)
    def make(mesh: Mesh) -> Body:
        return Body(mesh, law, boundary, comm=ensemble.group, factors=batch + CAPACITY)

    return make


def default_folder(task: str, settings: Settings) -> str:
    """Where a run of the task goes that was not told."""
    return f"runs/{task}/{datetime.datetime.now():%Y-%m-%d-%H%M%S}-seed{settings.seed}"


def train_arm(
    name: str,
    experiment: Experiment,
    settings: Settings,
    ensemble: Ensemble,
    make: Callable[[Mesh], Body],
    heldout: torch.Tensor,
    folder: RunFolder,
) -> Arm:
    """Train one arm from the same seeds, with a line of metrics per step and a progress bar."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    task, rate = experiment.task, 0.0 if name == FROZEN else settings.design_rate
    model = experiment.model(make, Guard(settings.least_quality), ensemble)
    times = [time.perf_counter()]
    before = evaluate(model, task, heldout)
    times.append(time.perf_counter())
    loop = train(
        model,
        task,
        generator,
        settings.iterations,
        settings.batch,
        settings.network_rate,
        rate,
        starts=Library(),
        overlap_weight=settings.overlap_penalty,
        most_failed=settings.most_failed,
        ramp=settings.ramp,
    )
    steps = followed(loop, settings.iterations, name, task, model, settings.seed, folder)
    times.append(time.perf_counter())
    after = evaluate(model, task, heldout)
    _tell(after.renewal, "the trained design", not ensemble.root)
    times.append(time.perf_counter())
    seconds = np.diff(times)
    return Arm(model, steps, before, after, training=float(seconds[1]), evaluation=float(seconds[0] + seconds[2]))


def followed(
    loop: Iterable[Step], total: int, name: str, task: Task, model: Autoencoder, seed: int, folder: RunFolder
) -> list[Step]:
    """The steps of a training loop as it runs: a progress bar, a line of metrics for each, and the weights if it stops."""
    steps: list[Step] = []
    silent = not model.plant.ensemble.root
    with tqdm(loop, total=total, desc=name, file=sys.stderr, mininterval=1.0, disable=silent) as bar:
        try:
            for step in bar:
                steps.append(step)
                loss = None if math.isnan(step.loss) else step.loss
                folder.append_json("metrics.jsonl", {"arm": name, **dataclasses.asdict(step), "loss": loss})
                _tell(step.renewal, f"iteration {step.iteration}", silent)
                bar.set_postfix_str(_progress(steps[-20:], task.unit), refresh=False)
        except TrainingStopped as stop:
            checkpoint.save(folder, model, {"task": task.name, "iteration": len(steps), "seed": seed})
            raise TrainingStopped(f"{stop}\nThe weights before that iteration are in {folder.path}.") from None
    return steps


def _tell(renewal: Renewal | None, when: str, silent: bool) -> None:
    if renewal is not None and not silent:
        tqdm.write(f"{when}: {renewal.sentence}", file=sys.stderr)


def _progress(recent: Sequence[Step], unit: str) -> str:
    speed = sum(step.solves for step in recent) / sum(step.seconds for step in recent)
    losses = [step.loss for step in recent if not math.isnan(step.loss)]
    error = f"error {np.mean(losses):.2f} {unit}" if losses else "no sample solved"
    return f"{error}, {speed:.0f} solves/s"
