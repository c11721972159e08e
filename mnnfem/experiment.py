"""An experiment from settings to run folder: train, evaluate on held-out targets, leave what a run leaves."""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from collections.abc import Sequence

import numpy as np
import torch
from mpi4py import MPI
from tqdm import tqdm

from mnnfem import checkpoint, results
from mnnfem.body import Body
from mnnfem.ensemble import Ensemble
from mnnfem.errors import TrainingStopped
from mnnfem.fabricate.extrude import write_stl
from mnnfem.fabricate.makeable import Makeable, stop_unmade
from mnnfem.guard import Guard
from mnnfem.moduli import MODULI
from mnnfem.plan import Experiment, Makers, Settings, body_makers
from mnnfem.plant import Renewal
from mnnfem.progress import Progress
from mnnfem.results import Arm
from mnnfem.runfolder import RESULT, RunFolder
from mnnfem.starting import refuse_unknown, remembered
from mnnfem.task import Task
from mnnfem.trainer import Schedule, Step, adam, evaluate, follow, train
from mnnfem.trainingstate import Training
from mnnfem.verify import on_finer_mesh
from mnnfem.warmstart import FEW, Library

LEARNED, FROZEN = "learned geometry", "frozen geometry"


def run(experiment: Experiment, settings: Settings, began: float) -> RunFolder:
    """Train, evaluate, and write the run folder, which is returned.

    The frozen arm is trained beside the learned one, equally long, for the figure to compare with. Under mpirun the samples
    are dealt to the ranks, or to groups of `ranks_per_sample`; rank 0 writes.
    `began` is the time.perf_counter() at which the program started, for the seconds of the set-up.
    """
    torch.set_num_threads(1)
    ensemble = Ensemble.of(MPI.COMM_WORLD, settings.ranks_per_sample)
    known, parted = experiment.cells is not None, experiment.parts is not None
    refuse_unknown(settings.warm_start, known, settings.ranks_per_sample, parted)
    heldout = experiment.held_out(settings.heldout)
    limits = Makeable.of(settings.process, settings.thickness, experiment.geometry)
    with Progress.of(experiment.workflow, settings, ensemble) as progress:
        if not progress.complete:
            _run(experiment, settings, heldout, limits, progress, began)
    return progress.folder


def _run(
    experiment: Experiment,
    settings: Settings,
    heldout: torch.Tensor,
    limits: Makeable | None,
    progress: Progress,
    began: float,
) -> None:
    task, ensemble, folder = experiment.task, progress.ensemble, progress.folder
    makers = body_makers(experiment.law, experiment.boundary, ensemble, settings.batch, experiment.parts)
    makers.first(experiment.geometry.mesh)
    setup = time.perf_counter() - began

    names = (FROZEN,) if settings.frozen_geometry else (LEARNED, FROZEN)
    arms = {}
    for name in names:
        arms[name] = train_arm(name, experiment, settings, makers, heldout, progress, limits)
        if name == names[0]:
            state = {"task": task.name, "iteration": settings.iterations, "seed": settings.seed}
            checkpoint.save(folder, arms[name].model, state)
    arm = arms[names[0]]
    result = results.summary(task, settings.seed, heldout, arm, arms[FROZEN], setup)
    if limits:
        result["made"] = limits.told(arm.model.geometry, arm.model.design)
    folder.write_json(RESULT, result)
    if "moduli" in result:
        folder.write_json(MODULI, result["moduli"])

    scene = results.scene_of(arm.model, experiment.boundary)
    film = follow(arm.model, task, experiment.path, Library())
    if ensemble.root:
        results.draw(folder, scene, task, arms, heldout, film, experiment.path, float(result["do_nothing"]))
        if ensemble.group.size == 1:  # fields are written from one rank
            body = arm.model.plant.physics
            assert isinstance(body, Body)
            results.write_fields(folder, body, arm.after, heldout, film)
        write_stl(folder.file("design.stl"), scene.mesh, scene.points, settings.thickness)
        print(results.sentences(result, folder))
    progress.finish()
    stop_unmade(result)


def train_arm(
    name: str,
    experiment: Experiment,
    settings: Settings,
    makers: Makers,
    heldout: torch.Tensor,
    progress: Progress,
    limits: Makeable | None = None,
) -> Arm:
    """Train one arm from the same seeds, with a line of metrics per step and a progress bar.

    A frozen arm that is there for comparison alone stays on the first mesh: it is many times worse than a mesh is. Of an arm
    that was done with before the run was resumed, the weights are read, and the evaluations made again.
    """
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    task, schedule = experiment.task, settings.schedule(frozen=name == FROZEN)
    limits = limits if schedule.design_rate else None
    model = experiment.model(makers.first, Guard(settings.least_quality), progress.ensemble, limits)
    times = [time.perf_counter()]
    before = evaluate(model, task, heldout)
    times.append(time.perf_counter())
    training = Training(model, adam(model), generator, experiment.starts(settings, model))
    steps = trained(name, training, task, schedule, progress)
    if settings.fine_iterations and (name == LEARNED or settings.frozen_geometry):
        model = on_finer_mesh(model, makers.finer, 1)
        training = dataclasses.replace(training, model=model, starts=remembered(settings.warm_start, FEW))
        steps += trained(f"{name}, finer mesh", training, task, settings.fine_schedule(schedule), progress)
    if progress.passed(name):
        checkpoint.load(progress.folder.path, model)
    times.append(time.perf_counter())
    progress.pause()
    after = evaluate(model, task, heldout)
    _tell(after.renewal, "the trained design", not progress.ensemble.root)
    progress.pause()
    times.append(time.perf_counter())
    seconds = np.diff(times)
    return Arm(model, steps, before, after, float(seconds[1]) + progress.seconds(name), float(seconds[0] + seconds[2]))


def trained(stage: str, training: Training, task: Task, schedule: Schedule, progress: Progress) -> list[Step]:
    """The steps of a stage, from where it was interrupted if it was: a bar, a line of metrics and a safe point for each.

    If it stops by itself the weights are saved, as long as those of an arm that has ended are not there.
    """
    model, silent = training.model, not progress.ensemble.root
    begin = progress.begin(stage, training, schedule.iterations)
    steps = progress.steps(stage)
    loop = train(model, task, training.generator, schedule, training.starts, training.optimiser, begin)
    with tqdm(
        loop, total=schedule.iterations, initial=begin, desc=stage, file=sys.stderr, mininterval=1.0, disable=silent
    ) as bar:
        try:
            for step in bar:
                steps.append(step)
                _tell(step.renewal, f"iteration {step.iteration}", silent)
                bar.set_postfix_str(_progress(steps[-20:], task.unit), refresh=False)
                progress.step(stage, training, step)
        except TrainingStopped as stop:
            folder, seed = progress.folder, training.generator.initial_seed()
            if (folder.path / checkpoint.WEIGHTS).exists():
                raise
            checkpoint.save(folder, model, {"task": task.name, "iteration": len(steps), "seed": seed})
            raise TrainingStopped(f"{stop}\nThe weights before that iteration are in {folder.path}.") from None
    progress.end(stage, training, schedule.iterations)
    return steps


def _tell(renewal: Renewal | None, when: str, silent: bool) -> None:
    if renewal is not None and not silent:
        tqdm.write(f"{when}: {renewal.sentence}", file=sys.stderr)


def _progress(recent: Sequence[Step], unit: str) -> str:
    speed = sum(step.solves for step in recent) / sum(step.seconds for step in recent)
    losses = [step.loss for step in recent if not math.isnan(step.loss)]
    error = f"error {np.mean(losses):.2f} {unit}" if losses else "no sample solved"
    return f"{error}, {speed:.0f} solves/s"
