"""Rotation: a 7x7 cellular panel learns to turn its centre by any angle of a range.

The network reads the angle and presses or pulls opposite sides of the panel; the pore shapes turn that into the wanted
rotation. One control (left and right side) serves 0 to 45 degrees, two (bottom and top too) -30 to 30.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from geometries.star_pores import star_pores
from mnnfem.boundary import Boundary, Drive
from mnnfem.errors import InputError
from mnnfem.experiment import run
from mnnfem.guess.family import Cells
from mnnfem.plan import Experiment, PanelSettings
from mnnfem.settings import parse, run_main, setting
from mnnfem.task import Rotation

EXAMPLES = """examples:
  ./run python workflows/rotation.py                       one control, minutes on 2 cores
  ./run python workflows/rotation.py --controls double     two controls
  ./run python workflows/rotation.py --push tangential     the sides are sheared, not pressed or pulled: harder
  ./run python workflows/rotation.py --frozen-geometry     the ablation: network only
  ./run python workflows/rotation.py --scale paper --out runs/rotation/paper
                                                           400 steps of 8 targets, 80 on a finer mesh
"""
RANGES = {"single": (0.0, 45.0), "double": (-30.0, 30.0)}  # degrees
BOUNDS = {"single": 40.0, "double": 30.0}  # mm
CELL = 50.0  # mm
FRAMES = 48


@dataclass(frozen=True)
class RotationSettings(PanelSettings):
    iterations: int = setting(300, "optimiser steps", low=1)
    network_rate: float = setting(0.005, "Adam rate of the network's weights", low=0, high=1)
    design_rate: float = setting(0.02, "Adam rate of the design", low=0, high=1)
    overlap_penalty: float = setting(0.2, "weight of walls that come too near each other: error per mm^3", low=0)
    ramp: float = setting(0.2, "share of the steps over which the controls' bounds open from 40 %", low=0, high=1)
    controls: str = setting("single", "pairs of sides that move against each other", choices=tuple(RANGES))
    push: str = setting("normal", "how a pair moves: across its sides or along them", choices=("normal", "tangential"))
    bound: float = setting(0.0, "largest displacement of a side; 0 is 40, with two controls 30", unit="mm", low=0, high=80)
    cells: int = setting(7, "along the panel's side, odd", low=3, high=15)
    driven: int = setting(3, "of them are driven, those in the middle", low=1, high=13)
    wall: float = setting(5.0, "least thickness of the walls between pores", unit="mm", low=1, high=24)


PRESETS = {"paper": {"iterations": 400, "batch": 8, "fine_iterations": 80, "overlap_penalty": 0.4}}


def experiment(settings: RotationSettings) -> Experiment:
    """The panel of the paper: corners held, the middle cells of opposite sides driven by -d and d."""
    if settings.cells % 2 == 0:
        raise InputError(f"The panel turns its middle cell: --cells must be odd, got {settings.cells}.")
    middle = settings.cells // 2
    panel = Cells(settings.cells, settings.cells, CELL, ((middle, middle),))
    geometry = star_pores(
        panel.columns,
        panel.rows,
        panel.side,
        panel.solid,
        divisions=settings.divisions,
        layers=settings.layers,
        bounds=(0.1, 1 - settings.wall / CELL),
        middle=settings.driven,
    )
    bound = settings.bound or BOUNDS[settings.controls]
    x, y = (1.0, 0.0), (0.0, 1.0)
    along, across = (y, x) if settings.push == "tangential" else (x, y)
    drives = [Drive("right_middle", along, bound, opposite="left_middle")]
    if settings.controls == "double":
        drives.append(Drive("bottom_middle", across, bound, opposite="top_middle"))
    least, most = RANGES[settings.controls]
    swing = torch.cos(torch.linspace(0, 2 * torch.pi, FRAMES + 1, dtype=torch.float64)[:-1])
    return Experiment(
        workflow="rotation",
        task=Rotation(least, most),
        geometry=geometry,
        boundary=Boundary(held=("corners",), drives=drives),
        law=settings.law,
        path=(0.5 * (least + most) - 0.5 * (most - least) * swing)[:, None],
        cells=panel,
        parts=settings.parts(panel.columns, panel.rows, panel.side),
        softest=settings.softest,
    )


def main(argv: Sequence[str]) -> None:
    began = time.perf_counter()
    settings = parse(RotationSettings, argv, __doc__, EXAMPLES, PRESETS)
    run(experiment(settings), settings, began)


if __name__ == "__main__":
    run_main(main)
