"""Panels that differ in one radius: a few solves, interpolated, start all others, and no network could do better.

Round pores, radius 0.12 to 0.36 of the cell, Poisson's ratio 0.49, compressed by 12 %: the family of Meta-PDE (Qin et al.,
arXiv 2211.01604). Eight solves are interpolated in the radius.

    bars   cubic interpolation starts every solve, needs one factorisation in the median, and loses none

Part of `benchmarks.warm_start`; alone: `./run python benchmarks/one_radius.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from mpi4py import MPI

from benchmarks.report import bench_main
from benchmarks.starts import Exact
from benchmarks.timing import Figures, told
from benchmarks.trials import COLD, UNSEEN, Case, summary, tried, under
from geometries.round_pores import round_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.guess.classical import Guess, Interpolation, Previous, nothing
from mnnfem.material import NeoHookean
from mnnfem.mesh import Floats


def reader(first: Floats, last: Floats, low: float, high: float) -> Callable[[Floats, Floats], Floats]:
    """What reads the scale off nodes, from those (n, 2) mm at the lowest and highest: off the one that moves most."""
    ways = last - first
    marker = int(np.argmax((ways**2).sum(axis=1)))
    way = ways[marker]

    def scale_of(at: Floats, controls: Floats) -> Floats:
        return np.array([low + (high - low) * float((at[marker] - first[marker]) @ way / (way @ way))])

    return scale_of


def one_radius(count: int = 24, solves: int = 8) -> Figures:
    """Solves of unseen radii, started from tables of a few solves."""
    low, high = 0.3, 0.9
    geometry = round_pores(5, 5, 10.0, elements=12, common=True, start=0.24, bounds=(0.4 * low, 0.4 * high))
    law, size = NeoHookean(poisson=0.49), float(np.ptp(geometry.mesh.points[:, 1]))
    body = Body(geometry.mesh, law, Boundary(("bottom",), [Drive("top", (0.0, 1.0), 0.2 * size)]), comm=MPI.COMM_SELF)
    controls = np.array([-0.12 * size])

    def points(scale: float) -> Floats:
        return geometry.motion(torch.tensor([0.4 * scale], dtype=torch.float64)).numpy()

    began, scales, previous = time.process_time(), np.linspace(low, high, solves), Previous()
    found = [body.solve(points(scale), controls, law.values) for scale in scales]
    offline = time.process_time() - began
    previous.add(found[solves // 2])
    states = np.array([one.displacement for one in found])
    scale_of = reader(points(low), points(high), low, high)
    unseen = [Case(points(s), controls, law.values) for s in np.random.default_rng(UNSEEN).uniform(low, high, count)]
    guesses: dict[str, Guess] = {
        COLD: nothing,
        "previous": previous,
        "linear interpolation": Interpolation(scale_of, scales[:, None], states, "linear"),
        "cubic interpolation": Interpolation(scale_of, scales[:, None], states, "cubic"),
        "the solution itself": Exact(body, unseen),
    }
    figures = summary(tried(body, guesses, unseen))
    return told(under("one radius", {"dofs": body.solid.size, f"{solves} solves, s": offline, **figures}))


def measure() -> tuple[Figures, list[str]]:
    """Figures by name, and the bars missed."""
    figures, cubic, missed = one_radius(), "one radius: cubic interpolation", list[str]()
    for name, bar in (("lost", 0), ("factorisations", 1)):
        if figures[f"{cubic}: {name}"] > bar:
            missed.append(f"{cubic}: {name} {figures[f'{cubic}: {name}']:g}, wanted {bar}")
    if figures[f"{cubic}: started, share"] < 1:
        missed.append(f"{cubic} started {figures[f'{cubic}: started, share']:.0%} of the solves, wanted all")
    return figures, missed


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
