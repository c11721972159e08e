"""How far solutions by a learned basis are from the truth, and what they cost."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from mnnfem.mesh import Floats
from mnnfem.metapde.basis import Basis


@dataclass(frozen=True, eq=False)
class Guess:
    """A solution after some steps: values (n,), and the seconds until they were there."""

    values: Floats
    seconds: float


def solved(basis: Basis, instance: Floats, places: Floats, steps: int, points: int, seed: int) -> list[Guess]:
    """Solutions of an instance (p,) at places (n, d) after 0, 1, ... steps on `points` random points."""
    device, problem = basis.trunk.shifts.weight.device, basis.problem
    told, at = (torch.from_numpy(one)[None].to(device) for one in (instance, places))
    with torch.no_grad():
        began = time.perf_counter()
        seen = basis.fields(told, at, problem.seen)
        guesses, evaluating = list[Guess](), 0.0
        chosen = problem.points(told, points, torch.Generator(device=device).manual_seed(seed))
        fields = basis.fields(told, chosen, problem.jets)
        for z in basis.path(told, fields, steps):
            reached = time.perf_counter()
            values = basis.values(seen, z)[0].double().cpu().numpy()
            evaluated = time.perf_counter()
            guesses.append(Guess(values, evaluated - began - evaluating))
            evaluating += evaluated - reached
    return guesses


@dataclass(frozen=True)
class Row:
    """A way to solve, over all instances: what is printed of its errors, in shares, and its seconds."""

    name: str
    errors: Floats
    seconds: Floats
    slopes: Floats | None = None  # errors in the H1 seminorm
    excess: Floats | None = None  # of the energy above the true one

    @property
    def median(self) -> float:
        """Of the errors."""
        return float(np.median(self.errors))

    @property
    def figures(self) -> dict[str, float]:
        """By name, for a result."""
        found = {"median": self.median, "p95": float(np.percentile(self.errors, 95)), "worst": float(self.errors.max())}
        found["seconds"] = float(np.median(self.seconds))
        for name, others in (("h1", self.slopes), ("excess", self.excess)):
            if others is not None:
                found |= {f"{name} median": float(np.median(others)), f"{name} p95": float(np.percentile(others, 95))}
        return {f"{self.name}: {name}": value for name, value in found.items()}

    @property
    def sentence(self) -> str:
        """One line."""
        of = self.figures
        said = f"{self.name}: relative L2 error {of[f'{self.name}: median']:.2%}, 95th percentile {of[f'{self.name}: p95']:.2%}"
        if self.slopes is not None:
            said += f", H1 {of[f'{self.name}: h1 median']:.2%} and {of[f'{self.name}: h1 p95']:.2%}"
        if self.excess is not None:
            said += f", energy {of[f'{self.name}: excess median']:.2%} and {of[f'{self.name}: excess p95']:.2%} too high"
        return f"{said}; {1000 * of[f'{self.name}: seconds']:.1f} ms"


class Tally:
    """Ways to solve, instance by instance."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[float, ...]]] = {}

    def add(self, name: str, seconds: float, *errors: float) -> None:
        """One instance: its relative L2 error, that in the H1 seminorm and the energy's excess where they are known."""
        self._found.setdefault(name, []).append((seconds, *errors))

    def row(self, name: str) -> Row:
        """All instances of one way."""
        seconds, errors, *others = np.array(self._found[name]).T
        return Row(name, errors, seconds, *others)

    def rows(self) -> list[Row]:
        """In the order in which they were first added."""
        return [self.row(name) for name in self._found]
