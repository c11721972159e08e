"""The laboratory interface: a physics whose fields are measured, and how good a measured gradient is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from mnnfem.adjoint import Gradients
from mnnfem.errors import InputError
from mnnfem.mesh import Floats
from mnnfem.springs.network import Network
from mnnfem.springs.physics import Field, Springs

GRAM = 9.8e-3  # N, the weight of 1 g


class Bench(Protocol):
    """Sets stiffnesses (b,) N/mm, hangs forces (n, d) N on the nodes, and returns their displacements (n, d) mm."""

    def measure(self, stiffness: Floats, forces: Floats) -> Floats: ...


@dataclass(frozen=True)
class Weights:
    """What can be hung on a node: multiples of `step` N, 0 for any load, `most` N at most."""

    step: float = 0.1 * GRAM
    most: float = 20 * GRAM

    def __post_init__(self) -> None:
        if not (0 <= self.step < self.most):
            raise InputError(f"Weights need 0 <= step < most, got {self.step:g} and {self.most:g} N.")

    def rounded(self, forces: Floats) -> Floats:
        """The nearest loads that can be hung. InputError above the most."""
        largest = float(np.abs(forces).max(initial=0.0))
        if largest > self.most * (1 + 1e-9):
            raise InputError(f"A load of {largest:.4g} N is wanted, more than the {self.most:g} N that can be hung on a node.")
        return forces if self.step == 0 else self.step * np.round(forces / self.step)


class InSitu(Springs):
    r"""The physics of a network on a bench: `solve` and `vjp` are one experiment each, and nothing else is known of it.

    The adjoint loads -dJ/du are scaled until the largest is the most that can be hung, and the field is scaled back, for
    the least noise. Fields are means of `repeats` photographs. Of the network its nodes are known, not its stiffnesses.
    """

    def __init__(self, network: Network, loads: sp.csr_matrix, bench: Bench, weights: Weights = Weights(), repeats: int = 1):
        super().__init__(network, loads)
        if repeats < 1:
            raise InputError(f"A field is the mean of 1 photograph or more, got {repeats}.")
        self.bench, self.weights, self.repeats = bench, weights, repeats

    def respond(self, points: Floats, material: Floats, forces: Floats) -> Floats:
        """Measured displacements (n, d) mm of the weights nearest to these forces."""
        hung = self.weights.rounded(forces)
        fields = [self.bench.measure(material, hung) for _ in range(self.repeats)]
        for field in fields:
            if field.shape != points.shape or not np.isfinite(field).all():
                raise InputError(
                    f"The bench returned displacements of shape {field.shape}, {np.isfinite(field).sum()} of them numbers; "
                    f"wanted are {points.shape}, all of them numbers: measure every node."
                )
        return np.mean(fields, axis=0)

    def vjp(self, solution: Field, seed: Floats, middles: Floats | None = None) -> Gradients:
        """Gradients from the measured adjoint field."""
        largest = float(np.abs(seed).max())
        scale = self.weights.most / largest if largest > 0 else 1.0
        adjoint = np.divide(self.respond(solution.points, solution.material, -scale * seed), scale)
        return self.gradients(solution, adjoint)


class SimulatedBench:
    """A bench that is computed: springs that differ from what they were set to, and a camera with noise.

    noise   mm, standard deviation of each measured component of a node that is not held
    misfit  relative standard deviation of the springs' stiffnesses about what they are set to, drawn once
    """

    def __init__(self, network: Network, noise: float = 0.01, misfit: float = 0.0, seed: int = 0) -> None:
        if noise < 0 or not 0 <= misfit < 0.3:
            raise InputError(f"A bench needs noise >= 0 mm and 0 <= misfit < 0.3, got {noise:g} mm and {misfit:g}.")
        self._rng = np.random.default_rng(seed)
        self._springs = Springs(network, sp.csr_matrix((0, network.nodes.size)))
        self._made = np.exp(misfit * self._rng.normal(size=len(network.bonds)))
        self.noise, self.photographs = noise, 0

    def measure(self, stiffness: Floats, forces: Floats) -> Floats:
        """One photograph."""
        self.photographs += 1
        network = self._springs.network
        moved = self._springs.respond(network.nodes, stiffness * self._made, forces)
        noise: Floats = np.where(network.held, 0.0, self._rng.normal(0.0, self.noise, moved.shape))
        return moved + noise


def gradient_of(forward: Floats, adjoint: Floats, scale: float = 1.0) -> Floats:
    """dJ/dk (b,) per N/mm of elongations (b,) mm under the loads, and under `scale` times the adjoint loads -dJ/du."""
    return np.divide(forward * adjoint, scale)


def quality_of(gradients: Floats) -> float:
    r"""The cosine that the mean of measured gradients (r, b), r >= 2, is likely to have with the exact one.

    With independent errors two measurements have the mean cosine rho = |g|^2 / (|g|^2 + s^2), and the mean of r the cosine
    sqrt(r rho / (1 + (r - 1) rho)) with g (Spearman and Brown).
    """
    count = len(gradients)
    if count < 2:
        raise InputError("The quality of a gradient is told by 2 measurements or more.")
    unit = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    rho = float((unit @ unit.T)[np.triu_indices(count, 1)].mean())
    return float(np.sqrt(max(count * rho / (1 + (count - 1) * rho), 0.0))) if rho > 0 else 0.0
