"""First guesses on trial: every one starts the solves of the same members, and is told what it saved and how near it came."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import ufl
from dolfinx import fem

from benchmarks.timing import Figures
from mnnfem import compiled
from mnnfem.body import Body
from mnnfem.equilibrium import Solution
from mnnfem.errors import EquilibriumError
from mnnfem.guess.classical import Guess
from mnnfem.mesh import Floats

COLD = "cold"
UNSEEN = 2026  # seed of the members on trial, fixed before any training
SAME = 1e-6  # of an energy: higher ones are those of other branches
SLOW = 1.1  # times a cold solve's seconds: what takes longer is counted


@dataclass(frozen=True)
class Case:
    """One member: points (n, d) mm, controls (c,) mm, material (p,)."""

    points: Floats
    controls: Floats
    material: Floats


@dataclass(frozen=True)
class Trial:
    """One solve from a guess: seconds of processor time, the guess's included; None where it was lost."""

    seconds: float
    solution: Solution | None
    l2: float = np.nan
    h1: float = np.nan
    excess: float = np.nan
    det_f: float = np.nan


class Norms:
    """Of displacements, at the points that a solid is set to."""

    def __init__(self, body: Body) -> None:
        self.solid, u, dx = body.solid, body.solid.u, body.solid.dx
        self._forms = [compiled.form(ufl.inner(one, one) * dx) for one in (u, ufl.grad(u))]

    def __call__(self, u: Floats) -> tuple[float, float]:
        """L2 norm, and that of the gradient."""
        self.solid.load(self.solid.u, u)
        square, slope = (float(fem.assemble_scalar(form)) for form in self._forms)
        return square**0.5, slope**0.5


def tried(body: Body, guesses: Mapping[str, Guess], cases: Iterable[Case], times: int = 2) -> list[dict[str, Trial]]:
    """Trials of every guess on every case, in turn; of `times` runs the fastest."""
    norms, found = Norms(body), []
    for case in cases:
        best: dict[str, Trial] = {}
        for _ in range(times):
            for name, guess in guesses.items():
                trial = _timed(body, guess, case)
                if name not in best or trial.seconds < best[name].seconds:
                    best[name] = trial
        found.append({name: _judged(body, norms, guesses[name], case, trial, best) for name, trial in best.items()})
    return found


def _timed(body: Body, guess: Guess, case: Case) -> Trial:
    inputs = case.points, case.controls, case.material
    began = time.process_time()
    try:
        solution: Solution | None = body.solve(*inputs, guess(*inputs))
    except EquilibriumError:
        solution = None
    return Trial(time.process_time() - began, solution)


def _judged(body: Body, norms: Norms, guess: Guess, case: Case, trial: Trial, all_of: Mapping[str, Trial]) -> Trial:
    """With the guess's distance from the state that its solve ended in, or else the lowest that was found."""
    start = guess(case.points, case.controls, case.material)
    ends = [one.solution for one in (trial, *all_of.values()) if one.solution]
    if start is None or not ends or not np.array_equal(start.controls, case.controls):
        return trial
    end, solid, u = ends[0], body.solid, start.displacement
    solid.set_inputs(case.points, case.material, case.controls)
    (l2, h1), (off_l2, off_h1) = norms(end.displacement), norms(u - end.displacement)
    energy = solid.energy(u)
    excess = (energy - end.record.energy) / end.record.energy if np.isfinite(energy) else np.inf
    return Trial(trial.seconds, trial.solution, off_l2 / l2, off_h1 / h1, excess, solid.least_det_f(u)[0])


def summary(trials: list[dict[str, Trial]]) -> Figures:
    """Figures by name: of each guess medians, and what it saved against the cold solve."""
    figures: Figures = {}
    lowest = [min((one.solution.record.energy for one in row.values() if one.solution), default=np.nan) for row in trials]
    for name in trials[0]:
        own = [row[name] for row in trials]
        both = [(row[name], row[COLD]) for row in trials if row[name].solution and row[COLD].solution]
        gains = np.array([cold.seconds / one.seconds for one, cold in both])
        counts = [one.solution.record.factorisations for one in own if one.solution]
        down = [
            one.solution is not None and one.solution.record.energy <= low + SAME * abs(low)
            for one, low in zip(own, lowest, strict=True)
        ]
        figures |= {
            f"{name}: s": float(np.median([one.seconds for one in own])),
            f"{name}: s, mean": float(np.mean([one.seconds for one in own])),
            f"{name}: cold / this": float(np.median(gains)),
            f"{name}: slowest against cold": float(1 / gains.min()),
            f"{name}: slower than {SLOW} x, share": float(np.mean(1 / gains > SLOW)),
            f"{name}: total cold / total": float(sum(c.seconds for _, c in both) / sum(o.seconds for o, _ in both)),
            f"{name}: factorisations": float(np.median(counts)),
            f"{name}: factorisations, 95th percentile": float(np.percentile(counts, 95)),
            f"{name}: lost": float(sum(row[name].solution is None and row[COLD].solution is not None for row in trials)),
            f"{name}: share on the lowest branch": float(np.mean(down)),
        }
        guessed = [one for one in own if not np.isnan(one.l2)]
        if guessed:
            figures |= {
                f"{name}: started, share": len(guessed) / len(own),
                f"{name}: L2": float(np.median([one.l2 for one in guessed])),
                f"{name}: H1": float(np.median([one.h1 for one in guessed])),
                f"{name}: energy excess": float(np.median([one.excess for one in guessed])),
                f"{name}: least det F": min(one.det_f for one in guessed),
            }
    return figures


def break_even(figures: Figures, name: str, seconds: float, other: str = COLD) -> float:
    """Solves after which so many seconds have paid by what a guess saves in the mean against another; never is infinite."""
    saved = figures[f"{other}: s, mean"] - figures[f"{name}: s, mean"]
    return seconds / saved if saved > 0 else np.inf


def under(title: str, figures: Figures) -> Figures:
    """The figures with a title before their names."""
    return {f"{title}: {name}": value for name, value in figures.items()}
