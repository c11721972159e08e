"""Learning rates: the held-out error after a short training, over a grid of rates of the network and of the design.

    rates.py [--workflow translation] [--iterations 200] [--seeds 2] [--json FILE]

The grid has the workflow's own rates in its middle, and a third and the triple of each. Bar: the own ones are within a half
of the best on the grid. Of a seed all trainings see the same targets and start from the same weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import itertools
import tempfile
from pathlib import Path
from statistics import fmean
from typing import get_type_hints

import torch
from mpi4py import MPI

from benchmarks.report import finish
from mnnfem.ensemble import Ensemble
from mnnfem.experiment import LEARNED, train_arm
from mnnfem.plan import Experiment, Settings, body_makers
from mnnfem.progress import Progress
from mnnfem.runfolder import RunFolder

WORKFLOWS = ("translation", "rotation", "shape_matching")
FACTORS = (1 / 3, 1.0, 3.0)
HELD_OUT = 32
WITHIN = 1.5


def reached(experiment: Experiment, settings: Settings) -> float:
    """Held-out error of the learned arm."""
    ensemble = Ensemble.of(MPI.COMM_WORLD, settings.ranks_per_sample)
    makers = body_makers(experiment.law, experiment.boundary, ensemble, settings.batch, experiment.parts)
    with tempfile.TemporaryDirectory() as root:
        progress = Progress(
            RunFolder(Path(ensemble.agree(root)) / "run", ensemble.world), ensemble, settings.checkpoint_minutes
        )
        arm = train_arm(LEARNED, experiment, settings, makers, experiment.held_out(HELD_OUT), progress)
    return arm.after.mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workflow", default="translation", choices=WORKFLOWS, help="default translation")
    parser.add_argument("--iterations", type=int, default=200, metavar="N", help="optimiser steps (default 200)")
    parser.add_argument("--seeds", type=int, default=2, metavar="N", help="trainings of each pair of rates (default 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as one flat JSON object")
    arguments = parser.parse_args()
    if min(arguments.iterations, arguments.seeds) < 1:
        parser.error("--iterations and --seeds must be at least 1.")
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"--json {arguments.json}: there is no folder {arguments.json.parent}.")
    torch.set_num_threads(1)
    build = importlib.import_module(f"workflows.{arguments.workflow}").experiment
    own: Settings = dataclasses.replace(get_type_hints(build)["settings"](), iterations=arguments.iterations)
    figures: dict[str, float] = {}
    for network, design in itertools.product(FACTORS, FACTORS):
        pair = dataclasses.replace(own, network_rate=network * own.network_rate, design_rate=design * own.design_rate)
        cell = [dataclasses.replace(pair, seed=seed) for seed in range(arguments.seeds)]
        name = f"network {pair.network_rate:.2g}, design {pair.design_rate:.2g}"
        figures[name] = fmean(reached(build(settings), settings) for settings in cell)
        print(f"{name}: {figures[name]:.4g}", flush=True)
    middle, best = list(figures.values())[len(figures) // 2], min(figures.values())
    figures["own / best"] = middle / best
    missed = [f"own / best {middle / best:.3g}, wanted at most {WITHIN:g}"] if middle > WITHIN * best else []
    finish(figures, missed, arguments.json)


if __name__ == "__main__":
    main()
