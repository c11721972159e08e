"""Local learning rules on the same bench: the adjoint field, equilibrium propagation, coupled learning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mnnfem.mesh import Floats
from mnnfem.springs.network import compatibility
from mnnfem.springs.physics import Springs


@dataclass(frozen=True, eq=False)
class Trial:
    """Two fields are measured: free, and with a second load of at most `load` N at the outputs; the rule makes a gradient.

    springs, stiffness  the network (b,) N/mm;   forces (n, d) N of the free state
    slope    dJ/du (n, d) per mm at a displacement (n, d) mm, not zero at outputs alone
    noise    mm, standard deviation of what is read of each node that is not held
    """

    springs: Springs
    stiffness: Floats
    forces: Floats
    slope: Callable[[Floats], Floats]
    load: float
    noise: float

    def seen(self, forces: Floats, rng: np.random.Generator) -> Floats:
        """A measured displacement (n, d) mm."""
        network = self.springs.network
        moved = self.springs.respond(network.nodes, self.stiffness, forces)
        return moved + np.where(network.held, 0.0, rng.normal(0.0, self.noise, moved.shape))

    def elongations(self, displacement: Floats) -> Floats:
        """Of the bonds (b,) mm."""
        network = self.springs.network
        stretched: Floats = compatibility(network.nodes, network.bonds) @ displacement.ravel()
        return stretched


def adjoint(trial: Trial, rng: np.random.Generator) -> Floats:
    """dJ/dk = e_adj o e, e_adj under the loads -dJ/du alone: exact, and linear in the noise of each field."""
    free = trial.seen(trial.forces, rng)
    nudge = _nudge(trial, free)
    second = trial.seen(nudge, rng)
    return np.divide(trial.elongations(free) * trial.elongations(second), _size(trial, free))


def equilibrium_propagation(trial: Trial, rng: np.random.Generator) -> Floats:
    r"""dJ/dk ~ (e_n^2 - e^2) / (2 beta), e_n under the loads and -beta dJ/du: exact for beta -> 0, and a difference.

    Source: Scellier and Bengio, Frontiers in Computational Neuroscience 11, 24 (2017).
    """
    free = trial.seen(trial.forces, rng)
    nudged = trial.seen(trial.forces + _nudge(trial, free), rng)
    return np.divide(trial.elongations(nudged) ** 2 - trial.elongations(free) ** 2, 2 * _size(trial, free))


def coupled_learning(trial: Trial, rng: np.random.Generator) -> Floats:
    r"""dJ/dk ~ (e_c^2 - e^2) / (2 eta), e_c with the outputs clamped a way -eta dJ/du from where they are.

    The clamps' forces are what it takes to hold them there; the way is as long as these allow. It is not the gradient of J
    but of another function with the same zeros. Source: Stern et al., Physical Review X 11, 021045 (2021).
    """
    free = trial.seen(trial.forces, rng)
    way = -trial.slope(free)
    clamps, length = _clamps(trial, way)
    clamped = trial.seen(trial.forces + clamps, rng)
    return np.divide(trial.elongations(clamped) ** 2 - trial.elongations(free) ** 2, 2 * length)


RULES = {"adjoint": adjoint, "equilibrium propagation": equilibrium_propagation, "coupled learning": coupled_learning}


def exact(trial: Trial) -> Floats:
    """The gradient without noise."""
    springs = trial.springs
    free = springs.respond(springs.network.nodes, trial.stiffness, trial.forces)
    second = springs.respond(springs.network.nodes, trial.stiffness, -trial.slope(free))
    return trial.elongations(free) * trial.elongations(second)


def cosines(trial: Trial, rule: Callable[[Trial, np.random.Generator], Floats], repeats: int, seed: int) -> Floats:
    """Cosine (r,) of each measured gradient with the exact one."""
    wanted, rng = exact(trial), np.random.default_rng(seed)
    found = [rule(trial, rng) for _ in range(repeats)]
    return np.array([one @ wanted / (np.linalg.norm(one) * np.linalg.norm(wanted)) for one in found])


def _size(trial: Trial, free: Floats) -> float:
    """Loads per dJ/du, N mm."""
    return trial.load / float(np.abs(trial.slope(free)).max())


def _nudge(trial: Trial, free: Floats) -> Floats:
    return -_size(trial, free) * trial.slope(free)


def _clamps(trial: Trial, way: Floats) -> tuple[Floats, float]:
    """Forces (n, d) N that move the outputs along `way`, and how far: the largest force is the trial's load."""
    springs, at = trial.springs, np.flatnonzero(way.ravel())
    compliance = np.empty((len(at), len(at)))
    for column, dof in enumerate(at):
        unit = np.zeros(way.size)
        unit[dof] = 1.0
        compliance[:, column] = springs.respond(springs.network.nodes, trial.stiffness, unit.reshape(way.shape)).ravel()[at]
    forces = np.zeros(way.size)
    forces[at] = np.linalg.solve(compliance, way.ravel()[at])
    length = trial.load / float(np.abs(forces).max())
    return length * forces.reshape(way.shape), length
