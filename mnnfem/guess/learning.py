"""How a network learns equilibria from the energy alone: fresh members of the family in each step, no solve, no label."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch

from mnnfem.guess.family import Family, Instances
from mnnfem.guess.muon import Muon
from mnnfem.mesh import Floats

Gradient = Callable[[Instances, Floats], Floats]
HALVINGS = 6  # of a displacement that turns elements over, until its forces are told
LARGEST = 1.0  # of the gradient's norm in all weights; longer ones are shortened


class Potential(Protocol):
    """An energy of displacements (size,), and the forces that are its gradient; a `Solid` is one."""

    def set_inputs(self, points: Floats, material: Floats, controls: Floats) -> None: ...
    def residual(self, u: Floats) -> Floats: ...
    def on_free(self, vector: Floats) -> Floats: ...


@dataclass(frozen=True)
class Regime:
    """Steps, members in each, their rate at the start of a cosine, and the share of the steps over which it warms up.

    ramp   share of the steps over which the controls' range opens, from a half
    """

    steps: int = 5500
    batch: int = 16
    rate: float = 5e-3
    warm_up: float = 0.01
    ramp: float = 0.0

    def rate_at(self, step: int) -> float:
        """Share of the rate at a step."""
        return min(1.0, (step + 1) / (self.warm_up * self.steps + 1)) * 0.5 * (1 + math.cos(math.pi * step / self.steps))

    def opening(self, step: int) -> float:
        """Share of the controls' range at a step."""
        return min(1.0, 0.5 + 0.5 * (step + 1) / (self.ramp * self.steps + 1))


def fresh(family: Family, regime: Regime, rng: np.random.Generator) -> Callable[[int], Instances]:
    """The members of each step, drawn anew."""

    def draw(step: int) -> Instances:
        drawn = family.sample(regime.batch, rng)
        return replace(drawn, controls=regime.opening(step) * drawn.controls)

    return draw


def energy_gradient(potential: Potential, family: Family, scale: Callable[[Floats], Floats]) -> Gradient:
    """Gradients of members' energies by their displacements where these are free, over `scale` of the controls.

    Where elements turn over, an energy is not known: there the displacement is halved until it is, and
    the gradient is that of the energy of the halved one. It is 0 where that did not help.
    """

    def gradient(members: Instances, displacements: Floats) -> Floats:
        rows = np.zeros_like(displacements)
        for row, design, controls, u in zip(rows, members.designs, members.controls, displacements, strict=True):
            potential.set_inputs(family.points(design), family.law.values, controls)
            for share in 0.5 ** np.arange(HALVINGS):
                force = potential.residual(share * u)
                if np.isfinite(force).all():
                    row[:] = share * potential.on_free(force)
                    break
        return rows / scale(members.controls)[:, None]

    return gradient


class Learner:
    """Steps on the mean over members of a function of their displacements that is known by its gradient.

    gradient     members and their displacements (b, size) mm -> its derivatives (b, size) by these
    taken        steps until now
    muon, adam   take them: for weight matrices, and for the vectors beside them
    """

    def __init__(self, network: torch.nn.Module, gradient: Gradient, regime: Regime) -> None:
        self.network, self.gradient, self.regime, self.taken = network, gradient, regime, 0
        weights = list(network.parameters())
        self.muon = Muon([one for one in weights if one.ndim > 1], lr=regime.rate)
        self.adam = torch.optim.Adam([one for one in weights if one.ndim == 1], lr=regime.rate)

    def take(self, members: Instances) -> None:
        """One more step."""
        for group in self.muon.param_groups + self.adam.param_groups:
            group["lr"] = self.regime.rate * self.regime.rate_at(self.taken)
        found = self.network(torch.from_numpy(members.designs), torch.from_numpy(members.controls))
        rows = self.gradient(members, found.detach().numpy().astype(np.float64)) / len(members)
        self.network.zero_grad()
        found.backward(torch.from_numpy(rows).to(found.dtype))
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST)
        self.muon.step()
        self.adam.step()
        self.taken += 1


def learn(
    network: torch.nn.Module,
    draw: Callable[[int], Instances],
    gradient: Gradient,
    regime: Regime,
    told: Callable[[int], None] = lambda step: None,
) -> None:
    """All steps of a regime, on the members `draw(step)`; `told` is called after each with its number."""
    learner = Learner(network, gradient, regime)
    for step in range(regime.steps):
        learner.take(draw(step))
        told(step)
