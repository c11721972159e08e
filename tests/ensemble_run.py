"""Trains a small panel for a few steps and prints a digest of its weights: what test_ensemble_runs starts under mpirun.

python ensemble_run.py FOLDER [--size RANKS_PER_SAMPLE] [--fail SHARE] [--break RANK]
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
from pathlib import Path

import torch
from mpi4py import MPI

from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.ensemble import Ensemble
from mnnfem.errors import EquilibriumError
from mnnfem.experiment import LEARNED, train_arm
from mnnfem.runfolder import RunFolder
from mnnfem.settings import run_main
from workflows.translation import TranslationSettings, experiment


def main(argv: list[str]) -> None:
    """See above; a share of samples fails by their controls, a broken rank raises in its second sample."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=1)
    parser.add_argument("--fail", type=float, default=0.0)
    parser.add_argument("--break", dest="broken", type=int, default=-1)
    options = parser.parse_args(argv)
    settings = TranslationSettings(iterations=3, batch=5, bound=15.0, reach=5.0, design_rate=0.02)
    plan = dataclasses.replace(experiment(settings), geometry=star_pores(3, 3, cell=30.0, solid=((1, 1),), layers=1))
    ensemble, count, solve = Ensemble.of(MPI.COMM_WORLD, options.size), [0], Body.solve

    def planted(self, points, controls, *others):  # type: ignore[no-untyped-def]
        count[0] += 1
        if count[0] == 2 and ensemble.world.rank == options.broken:
            raise FloatingPointError("planted")
        if options.fail and abs(controls[0] * 1e4) % 1 < options.fail:  # the same samples on any number of ranks
            raise EquilibriumError("planted", 0.5)
        return solve(self, points, controls, *others)

    Body.solve = planted  # type: ignore[method-assign]
    arm = train_arm(
        LEARNED,
        plan,
        settings,
        ensemble,
        lambda mesh: Body(mesh, plan.law, plan.boundary, comm=ensemble.group, factors=16),
        plan.task.sample(2, torch.Generator().manual_seed(7)),
        RunFolder(options.folder, ensemble.world),
    )
    tensors = [tensor.numpy().tobytes() for tensor in arm.model.state_dict().values()]
    digests = ensemble.world.gather(hashlib.sha256(b"".join(tensors)).hexdigest())
    if ensemble.root:
        print(*digests, f"failed {sum(step.failed for step in arm.steps)}", arm.after.mean)


if __name__ == "__main__":
    run_main(main)  # type: ignore[arg-type]
