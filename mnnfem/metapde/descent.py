"""Nodal values learned from an energy alone: each instance that is drawn shows where one step of Newton's method leads."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from mnnfem.mesh import Floats
from mnnfem.metapde.nodal import LastLayer
from mnnfem.metapde.pores import Family

LAST = 0.05  # of the way that the last targets are drawn
SHARES = (*0.5 ** np.arange(6), 0.0)  # of nodal values that are tried


class Elements(Protocol):
    """A body that can be moved to an instance, and the energy of its displacements; `PoreElements` are such."""

    def place(self, instance: Floats) -> Floats: ...
    def lift(self, nodes: Floats) -> Floats: ...
    def energy(self, u: Floats) -> float: ...
    def newton(self, u: Floats) -> Floats: ...


def share_at(done: float) -> float:
    """How much nearer a target is drawn: all the way until half of the training is done, then less, along a cosine."""
    return LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * max(0.0, 2 * done - 1)))


def guessed(elements: Elements, lift: Floats, values: Floats) -> Floats:
    """lift + values (size,), or as large a share of the values as leaves the energy finite in the instance that is placed."""
    tried = (lift + share * values for share in SHARES)
    return next((one for one in tried if np.isfinite(elements.energy(one))), lift)


def learn(
    elements: Elements,
    family: Family,
    network: LastLayer,
    steps: int,
    rng: np.random.Generator,
    tell: Callable[[int, float], None] = lambda step, saved: None,
) -> None:
    """Learn from so many fresh instances: what is shown of each is its own guess after a step that lowers the energy.

    No instance is ever solved, and none kept. `tell` is called after each step with its number and the share of the energy
    that Newton's method has saved there.
    """
    for step in range(steps):
        instance = family.draw(1, rng, to_learn=True)[0]
        q, lift = family.scaled(instance), elements.lift(elements.place(instance))
        begin = guessed(elements, lift, network(q))
        target = elements.newton(begin)
        network.show(q, target - lift, share_at(step / steps))
        tell(step, 1 - elements.energy(target) / elements.energy(begin))
