"""What a first guess saves, which one is the best for which family, and whether it ever costs a solution.

    one radius   solves interpolated win (see `benchmarks.one_radius`), a network that learns without any among the others
    panel, easy  the learned guess of 384 radii and two controls, moderate displacements (`benchmarks.guessed`)
    buckling     the same where panels buckle (`benchmarks.buckled`)
    crossover    the panel's, carried to meshes of 7k to 400k unknowns, against coarser meshes' solves (`benchmarks.crossover`)

Processor seconds of one thread, what a guess costs included; break-even: solves until the training has paid.
"""

from __future__ import annotations

from benchmarks import buckled, crossover, guessed, one_radius
from benchmarks.report import bench_main
from benchmarks.timing import Figures


def measure() -> tuple[Figures, list[str]]:
    """Figures by name, and the bars missed."""
    figures: Figures = {}
    missed: list[str] = []
    for part in (one_radius, guessed, buckled, crossover):
        found, too_much = part.measure()
        figures |= found
        missed += too_much
    return figures, missed


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
