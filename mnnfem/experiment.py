"""An experiment from settings to run folder: train, evaluate on held-out targets, leave results and pictures."""

from __future__ import annotations

import dataclasses
import datetime
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mpi4py import MPI
from tqdm import tqdm

from mnnfem import checkpoint, visualise
from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.boundary import Boundary
from mnnfem.controller import Controller
from mnnfem.errors import EquilibriumError, InputError
from mnnfem.fabricate.extrude import write_stl
from mnnfem.fields import FieldWriter
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from mnnfem.runfolder import RunFolder
from mnnfem.settings import setting
from mnnfem.task import Task
from mnnfem.trainer import Evaluation, Step, evaluate, train
from mnnfem.versions import versions
from mnnfem.warmstart import Library

HELD_OUT_SEED = 2023  # the same held-out targets whatever the run's seed


@dataclass(frozen=True)
class Settings:
    """What every experiment can be told."""

    out: str = setting("", "folder of the run, made new (default runs/<task>/<date>-seed<seed>)")
    seed: int = setting(0, "of the network's weights and the training targets", low=0)
    scale: str = setting("small", "minutes on 2 cores, or the size of the paper", choices=("small", "paper"))
    frozen_geometry: bool = setting(False, "train the network alone, the design at its start")
    iterations: int = setting(600, "optimiser steps", low=1)
    batch: int = setting(4, "fresh targets in each step", low=1)
    network_rate: float = setting(0.004, "Adam rate of the network", low=0)
    design_rate: float = setting(0.02, "Adam rate of the design", low=0)
    heldout: int = setting(64, "held-out targets", low=1)
    thickness: float = setting(20.0, "of the printed body in design.stl", unit="mm", low=0.1)


@dataclass(frozen=True)
class Experiment:
    """A task for a body: what is learned, what moves it, and what is drawn.

    point   the mesh point that the pictures mark
    path    targets (k, ...) that the film follows
    """

    task: Task
    geometry: Geometry
    boundary: Boundary
    law: NeoHookean
    point: int
    path: torch.Tensor


@dataclass(frozen=True)
class Arm:
    """One trained model with its history."""

    model: Autoencoder
    steps: Sequence[Step]
    before: Evaluation
    after: Evaluation
    training: float
    evaluation: float


def refuse_ranks() -> None:
    """InputError where the program was started on several ranks: training runs on one."""
    size = MPI.COMM_WORLD.size
    if size > 1:
        raise InputError(f"This workflow trains on one rank so far, but it was started on {size}: start it without mpirun.")


def run(experiment: Experiment, settings: Settings, began: float) -> dict[str, object]:
    """Train the learned and the frozen arm (the latter alone if so set), write the run folder, return `result.json`.

    `began` is the time.perf_counter() at which the program started, for the seconds of the set-up.
    """
    torch.set_num_threads(1)
    task = experiment.task
    heldout = task.sample(settings.heldout, torch.Generator().manual_seed(HELD_OUT_SEED))
    body = Body(experiment.geometry.mesh, experiment.law, experiment.boundary, factors=settings.batch, comm=MPI.COMM_SELF)
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    folder = RunFolder(Path(settings.out or f"runs/{task.name}/{stamp}-seed{settings.seed}"))
    folder.write_json("settings.json", {"task": task.name, **dataclasses.asdict(settings)})
    setup = time.perf_counter() - began

    arms = {}
    for name in ("frozen geometry",) if settings.frozen_geometry else ("learned geometry", "frozen geometry"):
        arms[name] = _train_arm(name, experiment, settings, body, heldout, folder)
    arm = next(iter(arms.values()))
    checkpoint.save(folder, arm.model, {"task": task.name, "iteration": settings.iterations, "seed": settings.seed})
    idle = float(task.errors(torch.zeros_like(arm.after.displacement), heldout).mean())
    result = _result(settings, task, arms, idle, setup)
    folder.write_json("result.json", result)
    curves = {name: [step.loss for step in one.steps] for name, one in arms.items()}
    visualise.loss_figure(folder.file("loss.png"), curves, idle, task.unit)
    _draw(experiment, arm, body, heldout, folder, settings)
    _report(result, folder)
    return result


def _train_arm(
    name: str, experiment: Experiment, settings: Settings, body: Body, heldout: torch.Tensor, folder: RunFolder
) -> Arm:
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    task = experiment.task
    controller = Controller(task.inputs, [drive.bound for drive in experiment.boundary.drives])
    model = Autoencoder(controller, experiment.geometry, body, experiment.law)
    clock = time.perf_counter()
    before = evaluate(model, task, heldout)
    evaluation = time.perf_counter() - clock
    rate = 0.0 if name == "frozen geometry" else settings.design_rate
    clock, steps = time.perf_counter(), []
    loop = train(
        model, task, generator, settings.iterations, settings.batch, settings.network_rate, rate, Library()
    )  # fmt: skip
    with tqdm(loop, total=settings.iterations, desc=name, file=sys.stderr, mininterval=1.0) as bar:
        for step in bar:
            steps.append(step)
            line = dataclasses.asdict(step)
            folder.append_json("metrics.jsonl", {"arm": name, **line, "loss": None if math.isnan(step.loss) else step.loss})
            recent = steps[-20:]
            seconds = sum(one.seconds for one in recent)
            bar.set_postfix_str(
                f"error {np.nanmean([one.loss for one in recent]):.2f} {task.unit}, "
                f"{sum(one.solves for one in recent) / seconds:.0f} solves/s", refresh=False,
            )  # fmt: skip
    training = time.perf_counter() - clock
    clock = time.perf_counter()
    after = evaluate(model, task, heldout)
    evaluation += time.perf_counter() - clock
    return Arm(model, steps, before, after, training, evaluation)


def _result(settings: Settings, task: Task, arms: dict[str, Arm], idle: float, setup: float) -> dict[str, object]:
    arm, frozen = next(iter(arms.values())), arms["frozen geometry"]
    tests = [one for each in arms.values() for one in (each.before, each.after)]
    steps = [step for each in arms.values() for step in each.steps]
    tested = len(arm.after.errors)
    return {
        "task": task.name,
        "unit": task.unit,
        "seed": settings.seed,
        "heldout": {"before": arm.before.mean, "after": arm.after.mean, "worst": arm.after.worst, "n": tested},
        "do_nothing": idle,
        "frozen_geometry": frozen.after.mean,
        "seconds": {
            "setup": setup,
            "training": sum(each.training for each in arms.values()),
            "evaluation": sum(each.evaluation for each in arms.values()),
        },
        "solver": {
            "solves": sum(step.solves for step in steps) + sum(tested - test.failed for test in tests),
            "failed": sum(step.failed for step in steps) + sum(test.failed for test in tests),
            "failed_heldout": arm.after.failed,
            "uncertified": sum(test.uncertified for test in tests) + sum(step.uncertified for step in steps),
            "factorisations": sum(one.factorisations for one in [*steps, *tests]),
            "warm_starts": sum(step.warm for step in steps),
        },
        "versions": versions(),
    }


def _draw(
    experiment: Experiment, arm: Arm, body: Body, heldout: torch.Tensor, folder: RunFolder, settings: Settings
) -> None:
    """Pictures, film, fields and the printable design; four held-out targets far apart are shown."""
    mesh, points = experiment.geometry.mesh, arm.model.points().detach().numpy()
    scene = visualise.Scene(mesh, experiment.boundary, experiment.point, points)
    margin = max(drive.bound for drive in experiment.boundary.drives)
    solved = arm.after.response.solved.numpy()
    shown = _far_apart(heldout.numpy(), np.flatnonzero(solved))
    moved = arm.after.displacement.numpy()
    visualise.design_figure(folder.file("design.png"), scene)
    visualise.targets_figure(
        folder.file("targets.png"), scene, [moved[k] for k in shown], [heldout[k].numpy() for k in shown], margin
    )
    film = evaluate(arm.model, experiment.task, experiment.path, Library())
    visualise.path_film(folder.file("path.gif"), scene, list(film.displacement.numpy()), experiment.path.numpy(), margin)
    writer = FieldWriter(body.solid)
    for number, k in enumerate(shown, start=1):
        writer.write(folder.file(f"fields/target_{number}.vtu"), arm.after.response.outcome[k])
    followed = [one for one in film.response.outcome if not isinstance(one, EquilibriumError)]
    writer.write_series(folder.file("fields/path.pvd"), followed)
    write_stl(folder.file("design.stl"), mesh, points, settings.thickness)


def _far_apart(targets: np.ndarray, candidates: np.ndarray, count: int = 4) -> list[int]:
    """Indices of `count` targets, each the farthest from those before; the first is the largest."""
    flat = targets.reshape(len(targets), -1)
    chosen = [int(candidates[np.argmax(np.linalg.norm(flat[candidates], axis=1))])]
    while len(chosen) < min(count, len(candidates)):
        gaps = np.linalg.norm(flat[candidates, None] - flat[chosen][None], axis=2).min(axis=1)
        chosen.append(int(candidates[np.argmax(gaps)]))
    return chosen


def _report(result: dict[str, object], folder: RunFolder) -> None:
    heldout, unit = result["heldout"], result["unit"]
    print(
        f"held-out error {heldout['after']:.3f} {unit} (worst {heldout['worst']:.2f}, n = {heldout['n']}), before training "
        f"{heldout['before']:.2f}, do nothing {result['do_nothing']:.2f}, frozen geometry {result['frozen_geometry']:.2f}\n"
        f"seconds {result['seconds']}\nsolver {result['solver']}\n"
        f"everything is in {folder.path}: open targets.png and path.gif, or fields/path.pvd in ParaView"
    )  # type: ignore[index]
