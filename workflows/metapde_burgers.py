"""Burgers' equation solved in space and time at once: a basis is learned from the equation alone, then unseen instances.

u_t + u u_x = nu u_xx at Reynolds number 100, three waves of random height at the start (Qin et al., 2022), whose shocks are a
hundredth of the domain wide. What is sought is the potential of u, a rounded minimum of smooth pieces, one for each interval in
which u first expands: shocks are where pieces cross. Functions for a piece come from a sine network, and few Gauss-Newton steps
on their coefficients solve an instance. No solution is ever shown to it. The held-out instances are drawn before the training
and judged by the exact solution, Hopf's and Cole's integral. Competitors are finite volumes and quadratic elements.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.tri
import numpy as np

from mnnfem.mesh import Floats
from mnnfem.metapde.basis import Basis
from mnnfem.metapde.burgers_exact import exact, volumes
from mnnfem.metapde.burgers_fem import BurgersElements
from mnnfem.metapde.evaluation import Guess, Tally, solved
from mnnfem.metapde.pictures import Shown
from mnnfem.metapde.run import UNLEARNED, LearnedSettings, judge, steps_of, unseen
from mnnfem.settings import parse, run_main, setting

EXAMPLES = """examples:
  ./run python workflows/metapde_burgers.py                          four minutes of training, a hundred unseen instances
  ./run python workflows/metapde_burgers.py --weights w.safetensors  judges a basis that was learned elsewhere
  python -m mnnfem.metapde.train burgers --width 64 --points 1024 --rate 1e-3 --newton 4 --out w.safetensors
                                                                     learns one where there is only torch, such as on a GPU
"""
BAR = 0.03  # relative L2 error over space and time, median of the unseen instances
COARSE = (25, 50, 100, 200)  # cells of finite volumes
ELEMENTS, LONGEST, FEW = (100,), 5e-3, 10  # cells of finite elements, their time step, and how many instances they solve
PICTURES = 4
X: Floats = np.linspace(0, 1, 201, dtype=np.float64)  # where errors are taken
T: Floats = np.linspace(0.02, 1, 50, dtype=np.float64)
PLACES: Floats = np.stack(np.meshgrid(X, T), axis=-1).reshape(-1, 2)


@dataclass(frozen=True)
class BurgersSettings(LearnedSettings):
    minutes: float = setting(4.0, "of the training", unit="minutes", low=0.001, high=1000)
    batch: int = setting(4, "instances of a step", low=1, high=4096)
    points: int = setting(1024, "random points of an instance in a step", low=16, high=65536)
    rate: float = setting(1e-3, "Adam's at the start", low=1e-6, high=1)
    newton: int = setting(4, "Gauss-Newton steps that it is learned for", low=1, high=10)
    judged: int = setting(2048, "random points at which an unseen instance is solved", low=16, high=65536)


def true(instance: Floats) -> Floats:
    """u at PLACES, exactly."""
    return np.concatenate([exact(X, float(now), instance) for now in T])


def by_volumes(cells: int, instance: Floats) -> Guess:
    """u at PLACES from means over cells."""
    began = time.perf_counter()
    means = volumes(cells, T, instance)
    middles = np.concatenate([[0.0], (np.arange(cells) + 0.5) / cells, [1.0]])
    values = np.concatenate([np.interp(X, middles, np.concatenate([[0.0], one, [0.0]])) for one in means])
    return Guess(values, time.perf_counter() - began)


def by_elements(elements: BurgersElements, instance: Floats) -> Guess:
    """u at PLACES from quadratic elements."""
    began = time.perf_counter()
    values = elements.solve(instance, T, X, LONGEST).ravel()
    return Guess(values, time.perf_counter() - began)


def compared(learned: Basis, unlearned: Basis, settings: BurgersSettings) -> tuple[Tally, list[Shown]]:
    """The learned basis after 0, 1, ... steps, one that has learned nothing, volumes and elements; some instances to show."""
    tally, shown, newton = Tally(), list[Shown](), learned.steps
    elements = {cells: BurgersElements(cells) for cells in ELEMENTS}
    triangles = matplotlib.tri.Triangulation(*PLACES.T).triangles
    for number, instance in enumerate(unseen("burgers", settings)):
        truth = true(instance)
        guesses = solved(learned, instance, PLACES, newton, settings.judged, seed=number)
        found = {steps_of(k): guess for k, guess in enumerate(guesses)}
        found[UNLEARNED] = solved(unlearned, instance, PLACES, newton, settings.judged, seed=number)[-1]
        found |= {f"volumes, {cells} cells": by_volumes(cells, instance) for cells in COARSE}
        if number < FEW:
            found |= {f"P2, {cells} cells": by_elements(one, instance) for cells, one in elements.items()}
        for name, guess in found.items():
            tally.add(name, guess.seconds, float(np.linalg.norm(guess.values - truth) / np.linalg.norm(truth)))
        if number < PICTURES:
            shown.append(Shown(PLACES, triangles, truth, guesses[newton].values, f"{newton} steps"))
    return tally, shown


def main(argv: Sequence[str]) -> int:
    return judge("burgers", parse(BurgersSettings, argv, __doc__, EXAMPLES), compared, BAR, "volumes", ("x", "t"))


if __name__ == "__main__":
    run_main(main)
