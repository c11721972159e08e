"""Remembered equilibria: a solve starts from the one whose controls are nearest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mnnfem.equilibrium import Solution, Start
from mnnfem.mesh import Floats

CAPACITY = 64
FEW = 16  # where a solution's factor is large


class Library:
    """The last `capacity` solutions; each keeps its displacement only (16 bytes per P2 node).

    Their factors are the body's, as many as it was made for: 64 of them take 0.2 GB on the 5x5 panel (7,154 degrees of
    freedom) and made its training a fifth faster than four did.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._solutions: list[Solution | Start] = []

    def nearest(self, controls: Floats) -> Solution | Start | None:
        """The solution with the nearest controls, or None where the undeformed state is nearer still."""
        if not self._solutions:
            return None
        distances = [float(np.linalg.norm(one.controls - controls)) for one in self._solutions]
        best = int(np.argmin(distances))
        return self._solutions[best] if distances[best] < np.linalg.norm(controls) else None

    def add(self, solution: Solution) -> None:
        """Remember a solution, forgetting the oldest beyond the capacity."""
        self._solutions = [*self._solutions, solution][-self.capacity :]

    def carry(self, carrier: Callable[[Solution | Start], Start]) -> None:
        """Turn all that is remembered into starts on another mesh."""
        self._solutions = [carrier(one) for one in self._solutions]
