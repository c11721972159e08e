"""A square of pores that differ in one radius: a few solves, interpolated, start all others as well as any network.

The family of Meta-PDE (Qin et al., arXiv 2211.01604) up to where it buckles: 5x5 round pores of radius 0.12 to 0.36 of the
cell, cut at the edges, Poisson's ratio 0.49, compressed by 12 %. Made of eight solves: the nearest one; piecewise linear and
cubic interpolation in the radius; kernel ridge regression; the equilibrium projected on their orthogonal modes (POD). Made of
none: a linear solve of the body itself; a solve on half as many elements; a network that learns from the energy alone, as in
`workflows/metapde_hyperelastic.py`. The same network is taught by as many solves as cost what that training does.

    bars   cubic interpolation starts every solve and needs one factorisation in the median; no guess loses a solution

Part of `benchmarks.warm_start`; alone: `./run python benchmarks/one_radius.py`.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from benchmarks.guessed import EXACT, LEARNED, TAUGHT, bars_missed
from benchmarks.pressed_square import HIGH, LOW, by_modes, by_network, family, from_energy, from_solves, geometry
from benchmarks.report import bench_main
from benchmarks.starts import Exact, Solved, Table, coarse, linear
from benchmarks.timing import Figures, told
from benchmarks.trials import COLD, UNSEEN, Case, break_even, summary, tried, under
from mnnfem.guess.classical import Guess, Interpolation, Previous, nothing
from mnnfem.guess.family import Family
from mnnfem.guess.gate import Gated
from mnnfem.guess.reference import Reference
from mnnfem.metapde.pores import Pores
from mnnfem.metapde.pores_fem import CONTROLS, LAW, PoreElements
from workflows.metapde_hyperelastic import COARSE, HyperelasticSettings

SETTINGS = HyperelasticSettings(steps=400, steepness=1.5)  # smoother waves than where pores buckle
SOLVES = 8
RIDGES = (1e-10, 1e-8, 1e-6, 1e-4)  # displacements are smooth in one number, so that little is enough
CUBIC = "cubic interpolation"


def tables(elements: PoreElements, square: Family, reference: Reference) -> tuple[dict[str, Guess], float]:
    """What is made of a few solves, and the seconds that these took."""
    began, scales, previous = time.process_time(), np.linspace(LOW, HIGH, SOLVES)[:, None], Previous()
    found = [elements.body.solve(square.points(scale), CONTROLS, LAW.values) for scale in scales]
    seconds = time.process_time() - began
    previous.add(found[SOLVES // 2])
    states = np.array([one.displacement for one in found])
    table = Table(reference, Solved(scales, np.tile(CONTROLS, (SOLVES, 1)), states), ridges=RIDGES)
    interpolated = {
        f"{kind} interpolation": Interpolation(lambda points, controls: square.design_of(points), scales, states, kind)
        for kind in ("linear", "cubic")
    }
    others: dict[str, Guess] = {"nearest": table.nearest, "kernel ridge": table.ridge, "POD": by_modes(elements, table)}
    return {"previous": previous, **others, **interpolated}, seconds


def one_radius(count: int = 24) -> Figures:
    """Solves of unseen radii, started from guesses of all kinds."""
    elements = PoreElements(SETTINGS.around, SETTINGS.layers)
    square, body = family(elements), elements.body
    reference = Reference(square, body.solid)
    made, tabled = tables(elements, square, reference)
    began = time.process_time()
    found = from_energy(elements, SETTINGS)
    trained = time.process_time() - began
    labels = round(trained * SOLVES / tabled)
    taught = from_solves(elements, labels, SETTINGS)
    labelled = time.process_time() - began - trained
    scales = np.random.default_rng(UNSEEN).uniform(LOW, HIGH, (count, 1))
    unseen = [Case(square.points(scale), CONTROLS, LAW.values) for scale in scales]
    network = by_network(elements, square, found)
    guesses: dict[str, Guess] = {
        COLD: nothing,
        "own linear solve": linear(reference),
        "coarse mesh": coarse(square, body, geometry(Pores.of(*COARSE[0]))),
        **made,
        TAUGHT: by_network(elements, square, taught),
        "learned, no gate": network,
        LEARNED: Gated(network, reference),
        EXACT: Exact(body, unseen),
    }
    figures = summary(tried(body, guesses, unseen))
    costs = {
        "label-free training, s": trained,
        "solves to teach": labels,
        f"{TAUGHT}, s": labelled,
        f"{SOLVES} solves, s": tabled,
    }
    for name, cost in ((CUBIC, tabled), (LEARNED, trained), (TAUGHT, labelled)):
        figures[f"{name}: break-even, solves"] = break_even(figures, name, cost)
    return told(under("one radius", {"dofs": body.solid.size, **costs, **figures}))


def measure() -> tuple[Figures, list[str]]:
    """Figures by name, and the bars missed."""
    torch.set_num_threads(1)
    figures, cubic = one_radius(), f"one radius: {CUBIC}"
    most = [(f"{cubic}: factorisations", 1), *((name, 0) for name in figures if name.endswith(": lost"))]
    return figures, bars_missed(figures, most, [(f"{cubic}: started, share", 1)])


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
