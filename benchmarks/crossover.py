"""From which size on which first guess saves what: the 5x5 panel of `workflows/first_guess.py` on finer and finer meshes.

The first mesh is the one that the network knows. In each other one every triangle of the one before is cut in four: the same
polygons at every design, so that a state is carried to a finer mesh as it is.

    coarse mesh    the equilibrium on half as many elements to a side (on the first mesh: half as many in all), carried over
    own mesh       that on the first mesh, carried over
    learned        what the network guesses there and its gate lets pass there, carried over

What is found on another mesh is paid for where it starts a solve. Break-even: solves until the training, as the shipped file
tells it, has paid, against cold solves and against the best of the other starts. The bar: no solution is lost.

Part of `benchmarks.warm_start`; alone: `./run python benchmarks/crossover.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mpi4py import MPI

from benchmarks.carried import carried, solution
from benchmarks.guessed import EXACT, LEARNED, bars_missed
from benchmarks.report import bench_main
from benchmarks.starts import Exact, coarse
from benchmarks.timing import Figures, told
from benchmarks.trials import COLD, UNSEEN, Case, break_even, summary, tried, under
from mnnfem.body import Body
from mnnfem.geometry import Geometry, finer
from mnnfem.guess.classical import Guess, nothing
from mnnfem.guess.gate import Gated
from mnnfem.mesh import Floats
from workflows.first_guess import Shipped, shipped

MEMBERS = (5, 5, 4, 3)  # unseen ones on each mesh
COARSE, OWN = "coarse mesh", "own mesh"


@dataclass(frozen=True, eq=False)
class Level:
    """One of the meshes. The nodes of a coarser one are the first of its own."""

    geometry: Geometry
    body: Body

    def points(self, design: Floats) -> Floats:
        """Nodes (n, 2) mm of a design."""
        moved: Floats = self.geometry.motion(torch.from_numpy(design)).numpy()
        return moved

    def finer(self) -> Level:
        """The next one."""
        geometry, solid = finer(self.geometry), self.body.solid
        return Level(geometry, Body(geometry.mesh, solid.law, solid.boundary, comm=MPI.COMM_SELF))


def starts(own: Shipped, levels: Sequence[Level], unseen: Sequence[Case]) -> dict[str, Guess]:
    """All guesses on the last of the meshes."""
    fine, middle = levels[-1], own.family.middle

    def brought(guess: Guess, level: Level) -> Guess:
        if level is fine:
            return guess
        was, now = level.points(middle), fine.points(middle)
        return carried(guess, fine.body.carrier(level.body, was, now), lambda points: points[: len(was)])

    guesses: dict[str, Guess] = {COLD: nothing}
    if len(levels) == 1:
        guesses[COARSE] = coarse(own.family, own.body)
    else:
        guesses[COARSE] = brought(solution(levels[-2].body), levels[-2])
    if len(levels) > 2:
        guesses[OWN] = brought(solution(own.body), levels[0])
    guesses[LEARNED] = brought(Gated(own.guess, own.reference), levels[0])
    return {**guesses, EXACT: Exact(fine.body, unseen)}


def on_mesh(own: Shipped, levels: Sequence[Level], unseen: Sequence[Case]) -> Figures:
    """What the guesses save on the last of the meshes."""
    guesses, fine = starts(own, levels, unseen), levels[-1].body
    trials = tried(fine, guesses, unseen, times=1)
    figures, training = summary(trials), own.told["cost"]["seconds"]
    order = sorted((name for name in guesses if name != EXACT), key=lambda name: figures[f"{name}: s, mean"])
    best = next(name for name in order if name != LEARNED)
    print(f"{fine.solid.size} unknowns, the fastest in the mean first:")
    for name in (*order, EXACT):
        print(f"  {name}: {', '.join(f'{row[name].seconds:.3g}' for row in trials)} s")
    figures["the best other start / learned"] = figures[f"{best}: s, mean"] / figures[f"{LEARNED}: s, mean"]
    for name, other in (("cold", COLD), ("the best other start", best)):
        figures[f"break-even against {name}, solves"] = break_even(figures, LEARNED, training, other)
    return told(under(f"crossover, {fine.solid.size} unknowns", figures))


def measure() -> tuple[Figures, list[str]]:
    """Figures by name, and the bars missed."""
    torch.set_num_threads(1)
    own = shipped("panel")
    members = own.family.sample(max(MEMBERS), np.random.default_rng(UNSEEN))
    levels, figures = [Level(own.family.geometry, own.body)], Figures()
    for number, count in enumerate(MEMBERS):
        if number:
            levels.append(levels[-1].finer())
        unseen = [
            Case(levels[-1].points(design), controls, own.family.law.values)
            for design, controls in zip(members.designs[:count], members.controls[:count], strict=True)
        ]
        figures |= on_mesh(own, levels, unseen)
    return figures, bars_missed(figures, [(name, 0) for name in figures if name.endswith(": lost")], [])


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
