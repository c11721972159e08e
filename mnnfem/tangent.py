"""The tangent of a solid at a state: Newton directions, its lowest mode, and one factor that serves many states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from mnnfem.mesh import Floats
from mnnfem.multigrid import Solver
from mnnfem.solid import Solid

Inverse = Callable[[Floats], Floats]
MOST = 8  # iterations for a direction: more would cost what a new factor costs
PROOF = 7  # iterations for a proof: more would cost what a new factor costs


@dataclass(frozen=True)
class Direction:
    """What conjugate gradients found: step (mm), whether they met a negative curvature, whether they reached their goal."""

    step: Floats
    negative: bool
    reached: bool
    iterations: int


@dataclass(frozen=True)
class Mode:
    """A direction in which the energy curves least: shape, largest entry 1 mm; curvature against the factored matrix."""

    shape: Floats
    curvature: float


class Tangent:
    """K(u), known by its action, and the factor of a positive-definite matrix A near it: K itself somewhere else, or close.

    A factor costs as much as many actions and triangular solves, so it is kept for as long as conjugate
    gradients on the K of the moment, preconditioned by it, get on well.

    solver           makes the factors;  until it has made one, a factor that another solver has lent serves
    factorisations   counted, failed ones included;  met_negative: whether K was indefinite anywhere so far
    ready            whether there is a factor;  factored: the u of the last K that was factored here
    """

    def __init__(self, solid: Solid, solver: Solver, lent: Solver | None = None) -> None:
        self.solid, self.solver, self.ready = solid, solver, lent is not None
        self._active = lent or solver
        self.factorisations, self.met_negative = 0, False
        self._shift, self._rest, self._failures = 0.0, 0, 0
        self._of_tangent = False  # whether the factor is of a K itself, made here and exact
        self.factored: Floats | None = None

    def certify(self, u: Floats) -> bool:
        """Whether K(u) is positive definite: proven by the factor of a K nearby, or else by factoring it."""
        return (self._of_tangent and self._proven(u)) or self._factor_of(u)

    def _proven(self, u: Floats) -> bool:
        """Whether a few conjugate gradients on a random force prove it; `Multigrid.factorise` tells why they can."""
        solid = self.solid
        force = solid.on_free(np.random.default_rng(solid.comm.rank).standard_normal(solid.size))
        return self._conjugate(u, force, 1e-6, self.solve, PROOF).reached

    def renew(self, u: Floats, indefinite: bool = False) -> None:
        """Make A = K(u), or where that is indefinite (or known to be) the K without compressive stresses, which is not.

        After n failures in a row the attempt with K is left out 2^(n-1) times.
        """
        if indefinite or self._rest:
            self._rest = max(self._rest - 1, 0)
        elif self._factor_of(u):
            self._failures = 0
            return
        else:
            self._failures += 1
            self._rest = 2 ** (self._failures - 1)
        if not self._factorise(self.solid.tension_tangent(u)):
            self._shifted(u)

    def _shifted(self, u: Floats) -> None:
        """A = K + shift M, for a law whose elasticity is itself indefinite; M weighs a smooth mode alike on every mesh."""
        matrix, mass = self.solid.tangent(u), self.solid.mass
        diagonal = matrix.getDiagonal()
        own = np.array(diagonal.array)[: self.solid.size]
        stiffest = self.solid.comm.allreduce(self.solid.on_free(np.abs(own) / mass).max(initial=0.0), op=MPI.MAX)
        for shift in max(self._shift / 4, 1e-7 * stiffest) * 5.0 ** np.arange(40):
            diagonal.array[: self.solid.size] = own + self.solid.on_free(shift * mass)
            matrix.setDiagonal(diagonal)
            if self._factorise(matrix):
                self._shift = float(shift)
                break
        diagonal.destroy()

    def _factor_of(self, u: Floats) -> bool:
        self.factored = u
        positive = self._factorise(self.solid.tangent(u))
        self._of_tangent = positive and self.solver.exact
        self.met_negative |= not positive
        return positive

    def _factorise(self, matrix: PETSc.Mat) -> bool:
        self._active, self.ready, self._of_tangent = self.solver, True, False
        self.factorisations += 1
        return self.solver.factorise(matrix)

    def solve(self, force: Floats, tolerance: float = 1e-2) -> Floats:
        """A^-1 applied to the free part of a force; an iterative solver goes to a relative `tolerance`."""
        return self._active.solve(self.solid.on_free(force), tolerance)

    def direction(self, u: Floats, force: Floats, goal: float, inverse: Inverse | None = None, most: int = MOST) -> Direction:
        """K(u)^-1 force on the free degrees of freedom, roughly, by conjugate gradients preconditioned by `inverse` (A^-1).

        Where the factor is that of K(u), one solve by it is all.
        """
        if self._of_tangent and u is self.factored:
            return Direction(self.solve(force), False, True, 1)
        return self._conjugate(u, force, goal, inverse or self.solve, most)

    def _conjugate(self, u: Floats, force: Floats, goal: float, inverse: Inverse, most: int) -> Direction:
        """Conjugate gradients until the residual has fallen by `goal` in the norm of the inverse, or `most` iterations.

        At a negative curvature the step so far is returned, or that direction itself if it is the first
        (Steihaug, SIAM J. Numer. Anal. 20, 1983).
        """
        solid = self.solid
        residual = solid.on_free(force)
        along = image = inverse(residual)
        step = np.zeros_like(residual)
        first = size = solid.dot(residual, image)
        if size == 0.0:
            return Direction(step, False, True, 0)
        for k in range(most):
            change = solid.on_free(solid.tangent_action(u, along))
            curvature = solid.dot(along, change)
            if not curvature > 0:
                self.met_negative = True
                return Direction(step if k else along, True, False, k + 1)
            length = size / curvature
            step += length * along
            residual -= length * change
            if k + 1 == most:
                break
            image = inverse(residual)
            before, size = size, solid.dot(residual, image)
            if size <= goal**2 * first:
                return Direction(step, False, True, k + 1)
            along = image + size / before * along
        return Direction(step, False, False, k + 1)

    def lowest_mode(self, u: Floats, steps: int = 24) -> Mode:
        """The v of least v'Kv / v'Av, by Lanczos on A^-1 K in the A inner product, reorthogonalised.

        The start is fixed and lopsided: it has a share of every mode, is the same for any number of ranks, and
        decides the mode's sign.
        """
        solid = self.solid
        scaled = solid.dofs.from_points(solid.mesh.points / np.abs(solid.mesh.points).max())
        start = solid.on_free(solid.mass * (np.tile(0.618 ** np.arange(solid.dofs.dim), solid.size // solid.dofs.dim) + scaled))
        image = self.solve(start)
        scale = solid.dot(start, image) ** 0.5
        modes, forces = np.empty((2, steps, solid.size))  # forces = A modes
        modes[0], forces[0] = image / scale, start / scale
        projected = np.zeros((steps, steps))
        for k in range(steps):
            force = solid.on_free(solid.tangent_action(u, modes[k]))
            for _ in range(2):
                shares = solid.comm.allreduce(modes[: k + 1] @ force)
                projected[: k + 1, k] += shares
                force -= shares @ forces[: k + 1]
            image = self.solve(force)
            size = max(solid.dot(force, image), 0.0) ** 0.5
            if k + 1 == steps or size < 1e-10:
                break
            projected[k + 1, k] = size
            modes[k + 1], forces[k + 1] = image / size, force / size
        count = k + 1
        values, vectors = np.linalg.eigh(0.5 * (projected + projected.T)[:count, :count])
        shape: Floats = vectors[:, 0] @ modes[:count]
        peak = float(solid.comm.allreduce(np.abs(shape).max(initial=0.0), op=MPI.MAX))
        shape *= (1.0 if solid.dot(start, shape) >= 0 else -1.0) / peak
        return Mode(shape, float(values[0]))
