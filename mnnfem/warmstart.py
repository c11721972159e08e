"""Remembered equilibria: a solve starts from the one whose controls are nearest."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mnnfem.equilibrium import Known, Near, Start, lender
from mnnfem.mesh import Floats

CAPACITY = 64
FEW = 16  # where a solution's factor is large


@dataclass(frozen=True)
class Study:
    """Of a guess that learns beside a training: samples that it started in a step, seconds that it and its training took."""

    guessed: int = 0
    seconds: float = 0.0


class Library:
    """The last `capacity` solutions; each keeps its displacement only (16 bytes per P2 node).

    A first guess itself: that of the nearest solution with its factor, along whose tangent the solver goes to the new controls.

    Their factors are the body's, as many as it was made for: 64 of them take 0.2 GB on the 5x5 panel (7,154 degrees of
    freedom) and made its training a fifth faster than four did.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._solutions: list[Start] = []

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """Where the solve of a body at points (n, d) mm under controls (c,) mm starts; None: at rest."""
        return self.nearest(controls)

    def nearest(self, controls: Floats) -> Start | None:
        """The solution with the nearest controls, or None where the undeformed state is nearer still."""
        if not self._solutions:
            return None
        distances = [float(np.linalg.norm(one.controls - controls)) for one in self._solutions]
        best = int(np.argmin(distances))
        return self._solutions[best] if distances[best] < np.linalg.norm(controls) else None

    def add(self, solution: Start) -> None:
        """Remember a solution, forgetting the oldest beyond the capacity."""
        self._solutions = [*self._solutions, solution][-self.capacity :]

    def carry(self, carrier: Callable[[Start], Start]) -> None:
        """Turn all that is remembered into starts on another mesh."""
        self._solutions = [carrier(one) for one in self._solutions]

    def study(self, design: Floats) -> Study:
        """Called after each step of a training, with the design (p,) that it ended at. Here nothing is learned."""
        return Study()

    @property
    def controls(self) -> Floats:
        """Those of all that is remembered, (k, c) mm, the oldest first."""
        return np.array([one.controls for one in self._solutions])

    def arrays(self) -> dict[str, Floats]:
        """All that is remembered, a row for each, the oldest first. The last have factors, and so rows that others have not."""
        known = [one for one in self._solutions if isinstance(one, Known)]
        parts = {
            "displacement": [one.displacement for one in self._solutions],
            "controls": [one.controls for one in self._solutions],
            "factored": [one.factored for one in known],
            "points": [one.points for one in known],
            "material": [one.material for one in known],
        }
        return {name: np.stack(rows) for name, rows in parts.items() if rows}

    def recall(self, arrays: Mapping[str, Floats]) -> None:
        """Remember what `arrays` told. A factor is made again where a solve starts, and is the same."""
        starts = [Start(*row) for row in zip(arrays.get("displacement", ()), arrays.get("controls", ()), strict=True)]
        known = list(zip(arrays.get("factored", ()), arrays.get("points", ()), arrays.get("material", ()), strict=True))
        carried = len(starts) - len(known)
        more = [
            Known(start.displacement, start.controls, *row, stamp=uuid.uuid4())
            for start, row in zip(starts[carried:], known, strict=True)
        ]
        self._solutions = [*starts[:carried], *more]


def leaning(start: Start, near: Start | None) -> Start:
    """A start with the factor of a remembered solution that is near, where that has one."""
    known = lender(near)
    return Near(start.displacement, start.controls, known) if known else start
