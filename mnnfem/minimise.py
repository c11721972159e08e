"""Energy minimisation at one load: L-BFGS on top of a Cholesky factor of the tangent, refactored when progress is slow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mpi4py import MPI

from mnnfem.mesh import Floats
from mnnfem.multigrid import Solver
from mnnfem.solid import Solid


class Stalled(Exception):
    """The minimiser made no more progress at this load."""


class Minimiser:
    """Minimises the energy of a solid over its free degrees of freedom, and counts what that costs.

    floor   N/mm; forces below it count as none (1e-6 of modulus x size: a body at rest has no reactions)
    """

    def __init__(self, solid: Solid, factor: Solver) -> None:
        self.solid, self.factor = solid, factor
        self.iterations = self.factorisations = 0
        self.floor = 1e-6 * solid.law.stiffness([float(p.value) for p in solid.parameters]) * solid.extent
        self._shift = 0.0

    def run(self, u: Floats, tolerance: float, iterations: int) -> Floats:
        """From a state of finite energy to one whose residual is below tolerance x reaction. Raises Stalled."""
        solid, memory, since = self.solid, _Memory(self.solid), 0
        energy, residual = solid.energy(u), solid.residual(u)
        history: list[float] = []
        for _ in range(iterations):
            norm, reaction = self.norms(residual)
            goal = tolerance * max(reaction, self.floor)
            if norm <= goal:
                return u
            history.append(norm)
            if _slow(history[-since - 1 :], goal, self.factor.worth):
                self.factorise(u, shifted=True)
                memory, since = _Memory(solid), 0
            self.iterations += 1
            gradient = solid.on_free(residual)
            direction = -memory.apply(gradient, self.solve)
            found = self._search(u, energy, gradient, direction)
            if found is None:
                if since == 0:
                    raise Stalled("the energy does not fall any further")
                self.factorise(u, shifted=True)
                memory, since = _Memory(solid), 0
                continue
            reached, energy, residual = found
            memory.add(reached - u, solid.on_free(residual) - gradient)
            u, since = reached, since + 1
        raise Stalled(f"no convergence in {iterations} iterations")

    def norms(self, residual: Floats) -> tuple[float, float]:
        """Norms of the out-of-balance forces (free) and of the reactions (prescribed), N/mm, over all ranks."""
        free = self.solid.on_free(residual)
        held = residual - free
        return self.solid.dot(free, free) ** 0.5, self.solid.dot(held, held) ** 0.5

    def solve(self, force: Floats, tolerance: float = 1e-2) -> Floats:
        """The last factor's inverse applied to the free part of a force; an iterative one to a relative `tolerance`."""
        return self.factor.solve(self.solid.on_free(force), tolerance)

    def factorise(self, u: Floats, *, shifted: bool) -> bool:
        """Factor the tangent at u; where it is indefinite and `shifted`, factor K + shift M with a large enough shift.

        Returns whether the tangent itself is positive definite.
        """
        matrix = self.solid.tangent(u)
        self.factorisations += 1
        if self.factor.factorise(matrix):
            self._shift = 0.0
            return True
        if not shifted:
            return False
        diagonal = matrix.getDiagonal()
        own, mass = np.array(diagonal.array), self.solid.mass
        stiffest = self.solid.comm.allreduce(self.solid.on_free(np.abs(own) / mass).max(initial=0.0), op=MPI.MAX)
        # M weighs a shift so that its effect on a smooth mode is the same on every mesh.
        for shift in max(self._shift / 4, 1e-7 * stiffest) * 5.0 ** np.arange(40):
            diagonal.array[:] = own + self.solid.on_free(shift * mass)
            matrix.setDiagonal(diagonal)
            self.factorisations += 1
            if self.factor.factorise(matrix):
                self._shift = float(shift)
                break
        else:
            raise Stalled("the tangent is not a number")
        diagonal.destroy()
        return False

    def _search(self, u: Floats, energy: float, gradient: Floats, direction: Floats) -> tuple[Floats, float, Floats] | None:
        """Backtrack until the energy falls enough; where rounding hides the fall, until the slope does.

        Returns the state, its energy and its residual, or None.
        """
        solid = self.solid
        slope = solid.dot(gradient, direction)
        if not slope < 0:
            return None
        noise, length = 1e-12 * max(abs(energy), self.floor), 1.0
        while length > 1e-4:
            trial = u + length * direction
            value = solid.energy(trial)
            wanted = energy + 1e-4 * length * slope
            if np.isfinite(value) and value <= wanted + noise:
                residual = solid.residual(trial)
                if value <= wanted or abs(solid.dot(residual, direction)) <= 0.9 * abs(slope):
                    return trial, value, residual
            if np.isfinite(value) and value > energy:  # the least of the parabola through both energies and the slope
                length *= float(np.clip(-0.5 * slope * length / (value - energy - slope * length), 0.1, 0.6))
            else:
                length *= 0.4
        return None


class _Memory:
    """L-BFGS: the last few steps and their changes of gradient, on top of a factor as the first inverse."""

    def __init__(self, solid: Solid, length: int = 12) -> None:
        self.solid, self.length = solid, length
        self.pairs: list[tuple[Floats, Floats, float]] = []

    def add(self, step: Floats, change: Floats) -> None:
        """Remember a step, unless the energy curves the wrong way along it."""
        curvature = self.solid.dot(step, change)
        if curvature > 1e-12 * (self.solid.dot(step, step) * self.solid.dot(change, change)) ** 0.5:
            self.pairs = [*self.pairs, (step, change, curvature)][-self.length :]

    def apply(self, gradient: Floats, solve: Callable[[Floats], Floats]) -> Floats:
        """The two-loop recursion (Nocedal and Wright, Numerical Optimization, algorithm 7.4)."""
        q, weights = gradient.copy(), []
        for step, change, curvature in reversed(self.pairs):
            weights.append(self.solid.dot(step, q) / curvature)
            q -= weights[-1] * change
        r = solve(q)
        for (step, change, curvature), weight in zip(self.pairs, reversed(weights), strict=True):
            r += (weight - self.solid.dot(change, r) / curvature) * step
        return r


def _slow(history: list[float], goal: float, budget: float, patience: int = 3) -> bool:
    """Whether the last steps promise more iterations to the goal than a new factor is worth."""
    if len(history) <= patience:
        return False
    rate = (history[-1] / history[-1 - patience]) ** (1 / patience)
    return rate >= 1 or bool(np.log(goal / history[-1]) / np.log(rate) > budget)
