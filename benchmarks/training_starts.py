"""Where the solves of a training start: the same short training of the translation with each option of --warm-start.

    none, previous, predictor, interpolation   at rest, or by solutions that the training has had (64 are remembered)
    metapde          a guess that is learned beside the training, from the energy alone, where a gate prefers it to the nearest
                     solution; one of its own steps after each of the training's
    metapde, four    four of its steps

All begin with the same weights, see the same targets and take the same steps; they take them in turn, so that other work on
the machine slows all alike. Processor seconds of one thread. `steps, s` is all that the training takes, a learned guess's own
share included; `solves, s` are the equilibria alone, without gradients. The bar: no solve is lost.
"""

from __future__ import annotations

import dataclasses
import sys
import time

import numpy as np
import torch
from mpi4py import MPI

from benchmarks.report import bench_main
from benchmarks.timing import Figures
from mnnfem.body import Body
from mnnfem.equilibrium import Solution, Start
from mnnfem.guard import Guard
from mnnfem.mesh import Floats, Mesh
from mnnfem.plan import Experiment
from mnnfem.starting import LEARNED, REMEMBERED
from mnnfem.trainer import Step, adam, train
from mnnfem.warmstart import CAPACITY
from workflows.translation import TranslationSettings, experiment

SETTINGS = TranslationSettings(iterations=50)
LAST = 15  # steps over whose loss is averaged
FIRST = 15  # steps after which the remembered solutions are as many as there may be
BASE = "predictor"
RUNS = {kind: (kind, 1) for kind in (*REMEMBERED, LEARNED)} | {f"{LEARNED}, four": (LEARNED, 4)}


class Timed(Body):
    """A body that adds to a list the processor seconds of each solve."""

    def __init__(self, mesh: Mesh, plan: Experiment, seconds: list[float]) -> None:
        super().__init__(mesh, plan.law, plan.boundary, comm=MPI.COMM_SELF, factors=SETTINGS.batch + CAPACITY)
        self.seconds = seconds

    def solve(self, points: Floats, controls: Floats, material: Floats, start: Start | None = None) -> Solution:
        began = time.process_time()
        try:
            return super().solve(points, controls, material, start)
        finally:
            self.seconds.append(time.process_time() - began)


class Run:
    """One training, a step at a time."""

    def __init__(self, kind: str, guess_steps: int) -> None:
        settings = dataclasses.replace(SETTINGS, warm_start=kind, guess_steps=guess_steps)
        plan, generator = experiment(settings), torch.Generator().manual_seed(settings.seed)
        self.steps, self.took, self.solves = list[Step](), list[float](), list[float]()
        torch.manual_seed(settings.seed)
        model = plan.model(lambda mesh: Timed(mesh, plan, self.solves), Guard(settings.least_quality))
        schedule, starts = settings.schedule(frozen=False), plan.starts(settings, model)
        self._loop = train(model, plan.task, generator, schedule, starts, adam(model))

    def take(self) -> None:
        """One more step."""
        began = time.process_time()
        self.steps.append(next(self._loop))
        self.took.append(time.process_time() - began)

    @property
    def figures(self) -> Figures:
        """What the training took and reached."""
        solves = sum(step.solves for step in self.steps)
        found = {
            "steps, s": sum(self.took),
            "solves, s": sum(self.solves),
            "ms a solve, median": 1e3 * float(np.median(self.solves[FIRST * SETTINGS.batch :])),
            "factorisations a solve": sum(step.factorisations for step in self.steps) / solves,
            "lost": sum(step.failed for step in self.steps),
            "loss, last steps": float(np.mean([step.loss for step in self.steps[-LAST:]])),
        }
        study = sum(step.study for step in self.steps)
        if study:
            found["share of the time for the guess"] = study / sum(step.seconds for step in self.steps)
            found["share of solves that it started"] = sum(step.guessed for step in self.steps) / solves
        return found


def measure() -> tuple[Figures, list[str]]:
    """Figures by name, and the bars missed."""
    torch.set_num_threads(1)
    runs = {name: Run(*told) for name, told in RUNS.items()}
    for step in range(SETTINGS.iterations):
        for run in runs.values():
            run.take()
        if (step + 1) % 10 == 0:
            print(f"... {step + 1} of {SETTINGS.iterations} steps", file=sys.stderr, flush=True)
    found = {name: run.figures for name, run in runs.items()}
    figures = {f"{name}: {what}": value for name, own in found.items() for what, value in own.items()}
    for name, own in found.items():
        for what in ("steps, s", "solves, s", "ms a solve, median"):
            figures[f"{name} / {BASE}: {what}"] = own[what] / found[BASE][what]
    missed = [f"{name}: {own['lost']:g} solves lost" for name, own in found.items() if own["lost"]]
    return figures, missed


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
