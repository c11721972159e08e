"""A training watched: the energy of what is guessed for members that it does not learn from, and the seconds it takes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from mnnfem.guess.family import Instances
from mnnfem.guess.learned import LearnedGuess


@dataclass(frozen=True)
class Look:
    """After how many steps and seconds of processor time the guesses' energy was what share of the linear-elastic one."""

    step: int
    seconds: float
    energy: float

    @property
    def line(self) -> dict[str, float | None]:
        """As JSON; an energy that is not finite is none."""
        return {**dataclasses.asdict(self), "energy": self.energy if np.isfinite(self.energy) else None}


class Watch:
    """Looks every `interval` steps, shows what it sees, and counts the time of the training without its own.

    members   whose energies are looked at: the median of these over the energies of the middle design's linear answers
    """

    def __init__(self, guess: LearnedGuess, members: Instances, interval: int, show: Callable[[Look], None]) -> None:
        self.guess, self.members, self.interval, self.show = guess, members, interval, show
        self.looks: list[Look] = []
        self._began = time.process_time()

    @property
    def seconds(self) -> float:
        """Of processor time, since the beginning, without the looks."""
        return time.process_time() - self._began

    def __call__(self, step: int) -> None:
        """Called after each step."""
        if (step + 1) % self.interval:
            return
        seconds = self.seconds
        self.looks.append(Look(step + 1, seconds, self._energy()))
        self.show(self.looks[-1])
        self._began += self.seconds - seconds

    @torch.no_grad()
    def _energy(self) -> float:
        reference, family = self.guess.reference, self.guess.family
        solid, energies = reference.solid, []
        for design, controls in zip(self.members.designs, self.members.controls, strict=True):
            start = self.guess(family.points(design), controls, family.law.values)
            assert start is not None, "members belong to their family"
            solid.set_inputs(family.points(design), family.law.values, controls)
            energies.append(solid.energy(start.displacement))
        shares = np.nan_to_num(np.array(energies), nan=np.inf, posinf=np.inf) / reference.energy(self.members.controls)
        return float(np.median(shares))
