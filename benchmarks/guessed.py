"""A learned first guess of a 5x5 panel on unseen members, against the best of all other starts.

    panel    384 radii, two faces moved by up to 10 %, Poisson's ratio 0.3
    easy     the same, all radii of a panel equal: nothing is claimed, but that it is hardly slower

Against it: the solver's own cold start (adaptive continuation along the tangent); a linear solve of the body, the middle
design's linear answer, a solve on half as many elements; the nearest solution, kernel ridge regression on orthogonal modes and
the same network trained on solutions, all three made of as many solves as cost half of the label-free training. `the solution
itself` tells how much could be saved at all: what is left are an assembly, a factor, and the checks of the certificate.

Part of `benchmarks.warm_start`; alone: `./run python benchmarks/guessed.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from benchmarks.report import bench_main
from benchmarks.starts import Exact, Table, coarse, linear, middle, solved, taught
from benchmarks.timing import Figures, told
from benchmarks.trials import COLD, UNSEEN, Case, break_even, summary, tried, under
from mnnfem.guess.classical import Guess, nothing
from mnnfem.guess.family import Family, Instances
from mnnfem.guess.gate import Gated
from mnnfem.guess.learning import Regime
from mnnfem.guess.network import Size
from workflows.first_guess import Shipped, shipped

MOST_SOLVES = 3000  # of a table: its kernel is dense
STEPS_ON_SOLVES = 0.6  # of those of the label-free training: about half of its time
LEARNED, TAUGHT, EXACT = "learned", "taught by solves", "the solution itself"
Bars = Sequence[tuple[str, float]]


def cases(family: Family, members: Instances) -> list[Case]:
    """Members as inputs of solves."""
    values = family.law.values
    return [Case(family.points(d), c, values) for d, c in zip(members.designs, members.controls, strict=True)]


def rivals(own: Shipped, unseen: list[Case]) -> tuple[dict[str, Guess], Figures]:
    """Every other guess of a family, and what those cost that are made of solves."""
    reference, family, body, cost = own.reference, own.family, own.body, own.told["cost"]
    began, rng = time.process_time(), np.random.default_rng(1)
    probe = solved(family, body, 10, rng)
    cold = (time.process_time() - began) / len(probe)
    known = solved(family, body, min(MOST_SOLVES, round(0.5 * cost["seconds"] / cold)), rng)
    solves = time.process_time() - began
    table = Table(reference, known)
    tabled = time.process_time() - began
    size = Size(own.told["channels"], own.told["layers"])
    network = taught(reference, known, size, Regime(round(STEPS_ON_SOLVES * cost["steps"]), int(cost["batch"])), seed=0)
    costs = {
        "label-free training, s": cost["seconds"],
        "solves of the table": len(known),
        "the same, s": solves,
        "kernel ridge, s": tabled - solves,
        "training on them, s": time.process_time() - began - tabled,
    }
    guesses: dict[str, Guess] = {
        COLD: nothing,
        "own linear solve": linear(reference),
        "middle's linear answer": middle(reference),
        "coarse mesh": coarse(family, body),
        "nearest": table.nearest,
        "kernel ridge": table.ridge,
        TAUGHT: network,
        EXACT: Exact(body, unseen),
    }
    return guesses, costs


def on_family(title: str, own: Shipped, count: int) -> Figures:
    """The shipped guess of a family against all others, on unseen members."""
    unseen = cases(own.family, own.family.sample(count, np.random.default_rng(UNSEEN)))
    guesses, costs = rivals(own, unseen)
    both = {"learned, no gate": own.guess, LEARNED: Gated(own.guess, own.reference)}
    figures = summary(tried(own.body, {**guesses, **both}, unseen))
    figures["break-even, solves"] = break_even(figures, LEARNED, costs["label-free training, s"])
    for kind, apart in (("classical", {EXACT, TAUGHT}), ("other", {EXACT})):
        best = max(guesses.keys() - apart, key=lambda name: figures[f"{name}: cold / this"])
        print(f"{title}: the best {kind} start is {best}")
        figures[f"the best {kind} start / learned"] = figures[f"{best}: s"] / figures[f"{LEARNED}: s"]
    return told(under(title, costs | figures))


def easy(own: Shipped, count: int) -> Figures:
    """The panel with all radii equal."""
    rng = np.random.default_rng(UNSEEN)
    members = own.family.sample(count, rng)
    alike = Instances(np.tile(members.designs[:, :1], members.designs.shape[1]), members.controls)
    guesses: Mapping[str, Guess] = {COLD: nothing, LEARNED: Gated(own.guess, own.reference)}
    return told(under("easy", summary(tried(own.body, guesses, cases(own.family, alike)))))


def bars_missed(figures: Figures, most: Bars, least: Bars) -> list[str]:
    """Sentences of figures that are above what they may be at most, or below what they must be at least."""
    missed = [f"{name} {figures[name]:.3g}, wanted <= {bar:g}" for name, bar in most if not figures[name] <= bar]
    return missed + [f"{name} {figures[name]:.3g}, wanted >= {bar:g}" for name, bar in least if not figures[name] >= bar]


def measure() -> tuple[Figures, list[str]]:
    """Figures by name, and the bars missed."""
    torch.set_num_threads(1)
    own = shipped("panel")
    figures = on_family("panel", own, 100) | easy(own, 40)
    most = [
        ("panel: learned: L2", 0.015),
        ("panel: learned: H1", 0.08),
        ("panel: learned: energy excess", 0.01),
        ("panel: learned: factorisations", 1),
        ("panel: learned: factorisations, 95th percentile", 2),
        ("panel: learned: slowest against cold", 1.1),
        ("panel: learned: lost", 0),
        ("panel: label-free training, s", 600),
        ("easy: learned: lost", 0),
    ]
    least = [
        ("panel: learned: least det F", 0.5),
        ("panel: learned: cold / this", 2.5),
        ("panel: the best classical start / learned", 1.7),
        ("easy: learned: cold / this", 1 / 1.1),
    ]
    return figures, bars_missed(figures, most, least)


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
