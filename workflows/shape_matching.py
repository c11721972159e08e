"""Shape matching: the big pore of a 7x7 cellular panel learns to take on the shape of any of endless random outlines.

The network reads 48 points of the outline and moves twelve faces around the panel; the shapes of the pores, the big one too,
and the places of the cells' corners turn that into the outline, whose place, size, orientation and first point do not matter.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from geometries.big_pore import big_pore
from mnnfem.boundary import Boundary, Drive
from mnnfem.errors import InputError
from mnnfem.experiment import run
from mnnfem.plan import Experiment, PanelSettings
from mnnfem.settings import parse, run_main, setting
from mnnfem.shapes import ShapeMatching

EXAMPLES = """examples:
  ./run python workflows/shape_matching.py                      minutes on 2 cores
  ./run python workflows/shape_matching.py --frozen-geometry    the ablation: network only
  ./run python workflows/shape_matching.py --scale paper --out runs/shape_matching/paper
                                                                600 steps of 8 targets, 30 on a finer mesh
"""
INWARD = {"left": (1.0, 0.0), "right": (-1.0, 0.0), "bottom": (0.0, 1.0), "top": (0.0, -1.0)}
CELL = 50.0  # mm
FRAMES, FILM_SEED = 48, 7


@dataclass(frozen=True)
class ShapeSettings(PanelSettings):
    iterations: int = setting(250, "optimiser steps", low=1)
    batch: int = setting(8, "fresh targets in each step", low=1)
    network_rate: float = setting(0.003, "Adam rate of the network's weights", low=0, high=1)
    design_rate: float = setting(0.02, "Adam rate of the design", low=0, high=1)
    overlap_penalty: float = setting(0.005, "weight of walls that come too near each other: radii per mm^3", low=0)
    bound: float = setting(30.0, "largest displacement of a driven face", unit="mm", low=0.1, high=60)
    cells: int = setting(7, "along the panel's side, odd", low=3, high=15)
    middle: int = setting(3, "cells along the big pore's side, odd", low=1, high=13)
    corners: float = setting(0.2, "how far corners of cells may be moved, as a design; 0: not", unit="cells", low=0, high=0.45)


PRESETS = {"paper": {"iterations": 600, "batch": 8, "fine_iterations": 30, "design_rate": 0.03}}


def experiment(settings: ShapeSettings) -> Experiment:
    """The panel of the paper: corners held, every second cell's face along the sides driven at right angles to it."""
    if settings.moduli == "cells" and settings.corners:
        raise InputError(
            f"Cells whose corners are designed (--corners {settings.corners:g}) have no places that a new mesh could tell them "
            "by: with --moduli cells give --corners 0."
        )
    geometry = big_pore(
        settings.cells, settings.middle, CELL, divisions=settings.divisions, layers=settings.layers, corners=settings.corners
    )
    drives = [
        Drive(f"{side}_{number}", inward, settings.bound)
        for side, inward in INWARD.items()
        for number in range(1, settings.cells // 2 + 1)
    ]
    task = ShapeMatching(tuple(f"big_pore_{k}" for k in range(16 * settings.middle)))
    return Experiment(
        workflow="shape_matching",
        task=task,
        geometry=geometry,
        boundary=Boundary(held=("corners",), drives=drives),
        law=settings.law,
        path=task.tour(FRAMES, torch.Generator().manual_seed(FILM_SEED)),
        hidden=(200, 200),
        parts=settings.parts(settings.cells, settings.cells, CELL),
        softest=settings.softest,
    )


def main(argv: Sequence[str]) -> None:
    began = time.perf_counter()
    settings = parse(ShapeSettings, argv, __doc__, EXAMPLES, PRESETS)
    run(experiment(settings), settings, began)


if __name__ == "__main__":
    run_main(main)
