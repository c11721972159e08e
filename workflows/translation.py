"""Translation: a 5x5 cellular panel learns to carry its centre to any point of a 30 mm square.

The network reads the target and moves the two driven faces; the pore shapes turn those two horizontal
motions into the wanted one. Network and shapes are trained together through the finite-element solver.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from geometries.star_pores import star_pores
from mnnfem.boundary import Boundary, Drive
from mnnfem.experiment import run
from mnnfem.guess.family import Cells
from mnnfem.plan import Experiment, PanelSettings
from mnnfem.settings import parse, run_main, setting
from mnnfem.task import Translation

EXAMPLES = """examples:
  ./run python workflows/translation.py                      minutes on 2 cores
  ./run python workflows/translation.py --frozen-geometry    the ablation: network only
  ./run python workflows/translation.py --moduli cells       each cell's Young's modulus is learned, too
  ./run python workflows/translation.py --scale paper --seed 3 --out runs/translation/paper3
                                                             1200 steps of 8 targets, 60 on a finer mesh
"""


@dataclass(frozen=True)
class TranslationSettings(PanelSettings):
    reach: float = setting(15.0, "targets lie within this of the centre, in x and y", unit="mm", low=0.1, high=30)
    bound: float = setting(40.0, "largest displacement of a driven face", unit="mm", low=0.1, high=80)


PRESETS = {"paper": {"iterations": 1200, "batch": 8, "fine_iterations": 60, "overlap_penalty": 0.1}}


def experiment(settings: TranslationSettings) -> Experiment:
    """The panel of the paper: corners held, the middle three cells of the left and right side driven in x."""
    panel = Cells(5, 5, 50.0, ((2, 2),))
    geometry = star_pores(
        panel.columns, panel.rows, panel.side, panel.solid, divisions=settings.divisions, layers=settings.layers
    )
    drives = [Drive(side, (1.0, 0.0), settings.bound) for side in ("left_middle", "right_middle")]
    angle = torch.linspace(0, 2 * torch.pi, 49, dtype=torch.float64)[:-1]
    circle = 0.7 * settings.reach * torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    return Experiment(
        workflow="translation",
        task=Translation(reach=settings.reach),
        geometry=geometry,
        boundary=Boundary(held=("corners",), drives=drives),
        law=settings.law,
        path=circle,
        cells=panel,
        parts=settings.parts(panel.columns, panel.rows, panel.side),
        softest=settings.softest,
    )


def main(argv: Sequence[str]) -> None:
    began = time.perf_counter()
    settings = parse(TranslationSettings, argv, __doc__, EXAMPLES, PRESETS)
    run(experiment(settings), settings, began)


if __name__ == "__main__":
    run_main(main)
