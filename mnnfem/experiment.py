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
from mnnfem.geometry import Geometry
from mnnfem.guard import Guard
from mnnfem.material import NeoHookean
from mnnfem.mesh import Mesh
from mnnfem.plant import Plant, Renewal
from mnnfem.results import Arm
from mnnfem.runfolder import RunFolder
from mnnfem.settings import setting
from mnnfem.task import Task
from mnnfem.trainer import Step, evaluate, train
from mnnfem.visualise import Scene
from mnnfem.warmstart import CAPACITY, Library

HELD_OUT_SEED = 2023  # the same held-out targets whatever the run's seed
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
    heldout: int = setting(64, "held-out targets", low=1)
    thickness: float = setting(20.0, "thickness of the body in design.stl", unit="mm", low=0.1, high=1000)


@dataclass(frozen=True)
class Experiment:
    """A task for a body: what is learned, what moves it, and what is drawn.

    point   name of the vertex that the pictures mark
    path    targets (k, ...) that the film follows
    """

    task: Task
    geometry: Geometry
    boundary: Boundary
    law: NeoHookean
    point: str
    path: torch.Tensor


def refuse_ranks() -> None:
    """One sentence and exit code 2 where the program was started on several ranks: training runs on one."""
    world = MPI.COMM_WORLD
    if world.size > 1:
        if world.rank == 0:
            print(f"This workflow trains on one rank so far, not on {world.size}: start it without mpirun.", file=sys.stderr)
        world.Barrier()  # a rank that leaves early may take the sentence with it
        sys.exit(2)


def run(experiment: Experiment, settings: Settings, began: float) -> RunFolder:
    """Train, evaluate, and write the run folder, which is returned.

    The frozen arm is trained beside the learned one, equally long, for the figure to compare with.
    `began` is the time.perf_counter() at which the program started, for the seconds of the set-up.
    """
    torch.set_num_threads(1)
    task = experiment.task
    heldout = task.sample(settings.heldout, torch.Generator().manual_seed(HELD_OUT_SEED))
    folder = RunFolder(Path(settings.out or default_folder(task.name, settings)))
    folder.write_json("settings.json", {"task": task.name, **dataclasses.asdict(settings)})
    factors = max(settings.batch, CAPACITY)  # a remembered solution is of most use with its factor

    @lru_cache(maxsize=2)  # both arms start on the same mesh, and the pictures are of the last
    def make(mesh: Mesh) -> Body:
        return Body(mesh, experiment.law, experiment.boundary, comm=MPI.COMM_SELF, factors=factors)

    make(experiment.geometry.mesh)
    setup = time.perf_counter() - began

    names = (FROZEN,) if settings.frozen_geometry else (LEARNED, FROZEN)
    arms = {}
    for name in names:
        arms[name] = train_arm(name, experiment, settings, make, heldout, folder)
        if name == names[0]:
            state = {"task": task.name, "iteration": settings.iterations, "seed": settings.seed}
            checkpoint.save(folder, arms[name].model, state)
    arm = arms[names[0]]
    result = results.summary(task, settings.seed, heldout, arm, arms[FROZEN], setup)
    folder.write_json("result.json", result)

    mesh, points = arm.model.geometry.mesh, arm.model.points().detach().numpy()
    scene = Scene(mesh, experiment.boundary, mesh.vertex(experiment.point), points)
    film = evaluate(arm.model, task, experiment.path, Library())
    results.draw(folder, scene, arms, heldout, film, experiment.path, float(result["do_nothing"]), task.unit)
    results.write_bodies(folder, make(mesh), scene, arm.after, heldout, film, settings.thickness)
    print(results.sentences(result, folder))
    return folder


def default_folder(task: str, settings: Settings) -> str:
    """Where a run of the task goes that was not told."""
    return f"runs/{task}/{datetime.datetime.now():%Y-%m-%d-%H%M%S}-seed{settings.seed}"


def train_arm(
    name: str,
    experiment: Experiment,
    settings: Settings,
    make: Callable[[Mesh], Body],
    heldout: torch.Tensor,
    folder: RunFolder,
) -> Arm:
    """Train one arm from the same seeds, with a line of metrics per step and a progress bar."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    task, rate = experiment.task, 0.0 if name == FROZEN else settings.design_rate
    controller = Controller(task.inputs, [drive.bound for drive in experiment.boundary.drives])
    plant = Plant(experiment.geometry, make, Guard(settings.least_quality))
    model = Autoencoder(controller, plant, experiment.law)
    times = [time.perf_counter()]
    before = evaluate(model, task, heldout)
    times.append(time.perf_counter())
    rates = settings.network_rate, rate
    loop = train(model, task, generator, settings.iterations, settings.batch, *rates, Library(), settings.overlap_penalty)
    steps = followed(loop, settings.iterations, name, task.unit, folder)
    times.append(time.perf_counter())
    after = evaluate(model, task, heldout)
    _tell(after.renewal, "the trained design")
    times.append(time.perf_counter())
    seconds = np.diff(times)
    return Arm(model, steps, before, after, training=float(seconds[1]), evaluation=float(seconds[0] + seconds[2]))


def followed(loop: Iterable[Step], total: int, name: str, unit: str, folder: RunFolder) -> list[Step]:
    """The steps of a training loop as it runs, with a line of metrics for each and a progress bar."""
    steps: list[Step] = []
    with tqdm(loop, total=total, desc=name, file=sys.stderr, mininterval=1.0) as bar:
        for step in bar:
            steps.append(step)
            loss = None if math.isnan(step.loss) else step.loss
            folder.append_json("metrics.jsonl", {"arm": name, **dataclasses.asdict(step), "loss": loss})
            _tell(step.renewal, f"iteration {step.iteration}")
            bar.set_postfix_str(_progress(steps[-20:], unit), refresh=False)
    return steps


def _tell(renewal: Renewal | None, when: str) -> None:
    if renewal is not None:
        tqdm.write(f"{when}: {renewal.sentence}", file=sys.stderr)


def _progress(recent: Sequence[Step], unit: str) -> str:
    speed = sum(step.solves for step in recent) / sum(step.seconds for step in recent)
    losses = [step.loss for step in recent if not math.isnan(step.loss)]
    error = f"error {np.mean(losses):.2f} {unit}" if losses else "no sample solved"
    return f"{error}, {speed:.0f} solves/s"
