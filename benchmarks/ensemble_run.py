"""Trains the translation's learned arm and leaves digests of its weights: what `benchmarks.ensemble` starts under mpirun.

Options are those of `workflows/translation.py`, --out among them, and what shall go wrong in the training. Nothing does in
its first step. The folder of the run gets `ranks.json` at the start, `ensemble.json` at the end, and `failure.json` from a
rank that is about to break.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import torch
from mpi4py import MPI

from geometries.star_pores import star_pores
from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.ensemble import Ensemble
from mnnfem.equilibrium import Solution, Start
from mnnfem.errors import EquilibriumError
from mnnfem.experiment import LEARNED, train_arm
from mnnfem.guess.family import Cells
from mnnfem.mesh import Floats, Mesh
from mnnfem.plan import Experiment, Makers
from mnnfem.progress import Progress
from mnnfem.runfolder import RunFolder
from mnnfem.settings import parse, run_main
from mnnfem.warmstart import CAPACITY
from workflows.translation import TranslationSettings, experiment

SMALL = (30.0, ((1, 1),))  # side of a cell, mm, and the cells without a pore


class Samples:
    """The samples of a training by number, those of its first step 0 to batch - 1; and what is planted in them.

    Every rank checks all samples of a batch before any is solved, so a number means the same sample on all ranks.

    factorisations    of each training sample that this rank solved
    wall, processor   seconds that its solves took, and those of them for which it had a processor
    """

    def __init__(self, faults: argparse.Namespace, settings: TranslationSettings) -> None:
        self.faults, self.batch, self.total = faults, settings.batch, settings.batch * settings.iterations
        self.asked, self.numbers = -settings.heldout, dict[bytes, int]()  # the evaluation before the training
        self.factorisations, self.wall, self.processor = dict[int, int](), 0.0, 0.0
        self.report = Path(settings.out) / "failure.json"

    def ask(self, controls: Floats) -> None:
        """Number a sample."""
        self.numbers[controls.tobytes()] = self.asked
        self.asked += 1

    def strike(self, controls: Floats) -> None:
        """Let the sample fail, if it is to."""
        number, rank = self.numbers[controls.tobytes()], MPI.COMM_WORLD.rank
        if number < self.batch:
            return
        if rank in (self.faults.broken, self.faults.killed):
            self._break(number, rank)
        share = self.faults.fail
        if number == self.faults.lose or int((number + 1) * share + 1e-9) > int(number * share + 1e-9):
            raise EquilibriumError("planted", 0.5)

    def _break(self, number: int, rank: int) -> NoReturn:
        self.report.write_text(json.dumps({"rank": rank, "sample": number % self.batch, "time": time.time()}))
        if rank == self.faults.killed:
            os.kill(os.getpid(), signal.SIGKILL)
        raise FloatingPointError("planted")

    def note(self, solution: Solution, wall: float, processor: float) -> None:
        """Add up what a solve took."""
        number = self.numbers[solution.controls.tobytes()]
        if 0 <= number < self.total:
            self.factorisations[number] = solution.record.factorisations
            self.wall, self.processor = self.wall + wall, self.processor + processor


class Faulty(Body):
    """A body with planted failures."""

    def __init__(self, mesh: Mesh, plan: Experiment, ensemble: Ensemble, samples: Samples) -> None:
        super().__init__(mesh, plan.law, plan.boundary, comm=ensemble.group, factors=samples.batch + CAPACITY)
        self.samples = samples

    def check(self, points: Floats, controls: Floats, material: Floats) -> None:
        super().check(points, controls, material)
        self.samples.ask(controls)

    def solve(self, points: Floats, controls: Floats, material: Floats, start: Start | None = None) -> Solution:
        self.samples.strike(controls)
        wall, processor = time.perf_counter(), time.process_time()
        solution = super().solve(points, controls, material, start)
        self.samples.note(solution, time.perf_counter() - wall, time.process_time() - processor)
        return solution


def main(argv: Sequence[str]) -> None:
    """Train, with what is asked to go wrong, and leave the digests."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--small", action="store_true")  # a panel of 3x3 cells
    parser.add_argument("--lose", type=int, default=-1, metavar="SAMPLE")  # this sample has no equilibrium
    parser.add_argument("--fail", type=float, default=0.0, metavar="SHARE")  # this share of them, evenly spread
    parser.add_argument("--break", dest="broken", type=int, default=-1, metavar="RANK")  # it raises in a sample
    parser.add_argument("--kill", dest="killed", type=int, default=-1, metavar="RANK")  # it is killed in one
    faults, rest = parser.parse_known_args(argv)
    settings = parse(TranslationSettings, rest, __doc__ or "", "")
    torch.set_num_threads(1)
    plan = experiment(settings)
    if faults.small:
        plan = dataclasses.replace(plan, geometry=star_pores(3, 3, *SMALL, layers=settings.layers), cells=Cells(3, 3, *SMALL))
    ensemble = Ensemble.of(MPI.COMM_WORLD, settings.ranks_per_sample)
    world, samples, replica, heldout = ensemble.world, Samples(faults, settings), replicas(), plan.held_out(settings.heldout)
    folder = RunFolder(Path(settings.out), world)
    folder.write_json("ranks.json", {"processes": world.allgather(os.getpid())})

    def make(mesh: Mesh) -> Body:
        return Faulty(mesh, plan, ensemble, samples)

    progress = Progress(folder, ensemble, settings.checkpoint_minutes)
    arm = train_arm(LEARNED, plan, settings, Makers(make, make), heldout, progress)
    found = {
        "weights": world.allgather(hashlib.sha256(weights(arm.model)).hexdigest()),
        "replicas": world.allgather(replica.hexdigest()),
        "factorisations": [number for one in ensemble.peers.allgather(samples.factorisations) for number in one.values()],
        "processor": min(world.allgather(samples.processor / samples.wall if samples.wall else 1.0)),
        "failed": sum(step.failed for step in arm.steps),
        "error": arm.after.mean,
    }
    folder.write_json("ensemble.json", found)


def weights(model: Autoencoder) -> bytes:
    """All that a checkpoint of it would hold."""
    return b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())


def replicas() -> hashlib._Hash:
    """A digest that grows by this rank's own weights after each step, before rank 0's take their place."""
    digest, agree = hashlib.sha256(), Autoencoder.agree_

    def noted(model: Autoencoder) -> None:
        digest.update(weights(model))
        agree(model)

    Autoencoder.agree_ = noted  # type: ignore[method-assign, assignment]
    return digest


if __name__ == "__main__":
    run_main(main)
