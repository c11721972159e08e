"""The learned first guess of panels that buckle: 384 radii, two faces moved by up to 20 %, Poisson's ratio 0.46.

    bars   no solution lost, at least 95 % on the lowest branch that any start has found; the gain is told

Part of `benchmarks.warm_start`; alone: `./run python benchmarks/buckled.py`.
"""

from __future__ import annotations

import torch

from benchmarks.guessed import bars_missed, on_family
from benchmarks.report import bench_main
from benchmarks.timing import Figures
from workflows.first_guess import shipped


def measure() -> tuple[Figures, list[str]]:
    """Figures by name, and the bars missed."""
    torch.set_num_threads(1)
    figures = on_family("buckling", shipped("buckling"), 100)
    most = [
        ("buckling: learned: lost", 0),
        ("buckling: learned: slowest against cold", 1.1),
        ("buckling: label-free training, s", 600),
    ]
    return figures, bars_missed(figures, most, [("buckling: learned: share on the lowest branch", 0.95)])


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
