"""Coordinates + controls -> a certified stable equilibrium.

Method: the whole load is tried first, by a predictor that carries the prescribed increment through the
tangent; where its energy is not finite or its residual too large it is cut short, at no new factor. At
each load the energy is then minimised by L-BFGS preconditioned with the Cholesky factor of the tangent,
with an energy line search, and refactored only on slow progress; an indefinite tangent is shifted by the
mass matrix. A state whose tangent is not positive definite is a saddle: it is kicked along the lowest
eigenvector and minimised again. The last factor is the certificate, and the adjoint's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from mpi4py import MPI

from mnnfem.errors import EquilibriumError, InputError
from mnnfem.factor import Cholesky
from mnnfem.mesh import Floats, signed_areas
from mnnfem.solid import Solid


@dataclass(frozen=True)
class Settings:
    """How hard to try.

    tolerance      residual over reaction norm of a returned state
    path_tolerance the same for states on the way to the full load
    iterations     most minimiser steps at one load
    least_step     smallest step of the load, a fraction, before giving up
    kicks          most saddles to leave in one solve
    imperfection   +1 or -1: which of two mirror branches to take
    """

    tolerance: float = 1e-8
    path_tolerance: float = 1e-2
    iterations: int = 200
    least_step: float = 1e-3
    kicks: int = 12
    imperfection: int = 1


@dataclass(frozen=True)
class Record:
    """What a solve did and what its state is worth.

    energy mJ/mm, residual (free) and reaction (prescribed) norms N/mm, least_det_f over the quadrature
    points, loads: fractions of the load at which states were found, warm: started from a given state,
    certified: full load, residual within tolerance, det F > 0 and a positive-definite tangent.
    """

    energy: float
    residual: float
    reaction: float
    least_det_f: float
    loads: tuple[float, ...]
    iterations: int
    factorisations: int
    cutbacks: int
    kicks: int
    warm: bool
    certified: bool


@dataclass(frozen=True)
class Solution:
    """A stable equilibrium: residual below tolerance, det F > 0, positive-definite tangent, full load.

    displacement  this rank's own P2 degrees of freedom, mm;  points (n, 2) mm, controls (c,) mm and
    material (p,): what it is the equilibrium of
    """

    displacement: Floats
    points: Floats
    controls: Floats
    material: Floats
    record: Record
    slot: int = field(repr=False)
    stamp: int = field(repr=False)


class Equilibrium:
    """Solves one `Solid`. Keeps the factors of its last `factors` solutions for their gradients."""

    def __init__(self, solid: Solid, settings: Settings = Settings(), factors: int = 1) -> None:
        self.solid, self.settings = solid, settings
        self._factors = [Cholesky(solid.domain.comm) for _ in range(factors)]
        self._stamps = [-1] * factors
        self._count = 0

    def solve(self, points: Floats, controls: Floats, material: Floats, start: Solution | None = None) -> Solution:
        """The equilibrium at `points` (n, 2) mm under `controls` (c,) mm.

        Ramped from the undeformed state, or from `start` (another design's or control's solution), from
        which it falls back to the undeformed state. Raises InputError for values out of range or inverted
        elements, EquilibriumError where no certified state was reached.
        """
        solid = self.solid
        self.check(points, controls, material)
        solid.set_points(points)
        solid.set_material(material)
        slot = self._count % len(self._factors)
        self._count += 1
        self._stamps[slot] = self._count
        if start is not None:
            try:
                climb = _Climb(solid, self.settings, self._factors[slot])
                u = climb.run(start.displacement, start.controls, controls)
                return self._solution(climb, u, points, controls, material, slot, warm=True)
            except EquilibriumError:
                pass  # whatever the cold path solves is still solved
        climb = _Climb(solid, self.settings, self._factors[slot])
        u = climb.run(np.zeros(solid.size), np.zeros_like(controls), controls)
        return self._solution(climb, u, points, controls, material, slot, warm=False)

    def check(self, points: Floats, controls: Floats, material: Floats) -> None:
        """InputError for arrays of the wrong shape, values out of bounds and inverted elements."""
        mesh = self.solid.mesh
        if points.shape != mesh.points.shape:
            raise InputError(f"The mesh has points of shape {mesh.points.shape}, got {points.shape}.")
        self.solid.boundary.check_controls(controls)
        self.solid.law.check(material)
        areas = signed_areas(points, mesh.cells)
        inverted = np.flatnonzero(~(areas > 0))
        if inverted.size:
            raise InputError(
                f"{inverted.size} elements are inverted, the first is element {inverted[0]} with area "
                f"{areas[inverted[0]]:.3g} mm^2: keep the design inside its bounds, or mesh it again."
            )

    def factor(self, solution: Solution) -> Cholesky:
        """The factor of the tangent at `solution`; kept from its solve, or else made again."""
        kept = self._factors[solution.slot]
        if self._stamps[solution.slot] != solution.stamp:
            kept.factorise(self.solid.tangent(solution.displacement))
            self._stamps[solution.slot] = solution.stamp
        return kept

    def _solution(
        self, climb: _Climb, u: Floats, points: Floats, controls: Floats, material: Floats, slot: int, *, warm: bool
    ) -> Solution:
        residual, reaction = climb.norms(self.solid.residual(u))
        least_det_f = self.solid.least_det_f(u)[0]
        balanced = residual <= self.settings.tolerance * max(reaction, climb.floor)
        record = Record(
            energy=self.solid.energy(u),
            residual=residual,
            reaction=reaction,
            least_det_f=least_det_f,
            loads=tuple(climb.loads),
            iterations=climb.iterations,
            factorisations=climb.factorisations,
            cutbacks=climb.cutbacks,
            kicks=climb.kicks,
            warm=warm,
            certified=balanced and least_det_f > 0 and climb.factor_.positive and climb.loads[-1:] == [1.0],
        )
        return Solution(u, points.copy(), controls.copy(), material.copy(), record, slot, self._count)


class _Stalled(Exception):
    """The minimiser made no more progress at this load."""


class _Climb:
    """One ramp from a start state to the full load, with its counts."""

    def __init__(self, solid: Solid, settings: Settings, factor: Cholesky) -> None:
        self.solid, self.settings, self.factor_ = solid, settings, factor
        self.iterations = self.factorisations = self.cutbacks = self.kicks = 0
        self.loads: list[float] = []
        self.shift = 0.0
        extent = float(np.ptp(solid.mesh.points, axis=0).max())
        # A body at rest has no reactions: forces below this, 1e-6 of modulus x size, count as none.
        self.floor = 1e-6 * solid.law.stiffness([float(p.value) for p in solid.parameters]) * extent
        self.extent = extent

    def run(self, u: Floats, begin: Floats, end: Floats) -> Floats:
        """From state `u`, an equilibrium or near one under controls `begin`, to the equilibrium under `end`."""
        solid, load, step, settled = self.solid, 0.0, 1.0, not begin.any()
        if not np.isfinite(solid.energy(u)):
            raise self._failure("the start state is inverted on this design", 0.0, u)
        tolerance = self.settings.path_tolerance
        while True:
            self.shift = 0.0
            if not self._factorise(u, shifted=not settled) and settled:
                # A loose state can pass for converged right beside the saddle: ask for more after each kick.
                tolerance = max(self.settings.tolerance, 0.1 * tolerance)
                try:
                    u = self._minimise(self._kick(u, load), tolerance, load)
                except _Stalled as stall:
                    raise self._failure(f"{stall} after a saddle was left", load, u) from None
                continue
            if load == 1.0:
                return self._polish(u)
            trial, fraction = self._predict(u, (1.0 - load) * solid.lift(end - begin), step, load)
            reached = 1.0 if fraction == 1.0 else load + fraction * (1.0 - load)
            tolerance = self.settings.tolerance if reached == 1.0 else self.settings.path_tolerance
            try:
                u = self._minimise(trial, tolerance, reached)
            except _Stalled as stall:
                self.cutbacks += 1
                step = 0.5 * fraction
                if step * (1.0 - load) < self.settings.least_step:
                    raise self._failure(str(stall), load, trial) from None
                continue
            load, step, settled = reached, min(1.0, 2.0 * max(step, fraction)), True
            self.loads.append(load)

    def norms(self, residual: Floats) -> tuple[float, float]:
        """Norms of the out-of-balance forces (free) and of the reactions (prescribed), over all ranks."""
        free = np.where(self.solid.free, residual, 0.0)
        held = residual - free
        return self.solid.dot(free, free) ** 0.5, self.solid.dot(held, held) ** 0.5

    def _predict(self, u: Floats, increment: Floats, step: float, load: float) -> tuple[Floats, float]:
        """Follow the tangent as far towards the full load as the energy stays finite and the residual moderate.

        Returns the state and the fraction of the increment that it carries.
        """
        solid = self.solid
        residual = solid.residual(u)
        force = residual + solid.tangent_action(u, increment)
        direction = increment - self._solve(force)
        _, scale = self.norms(residual + solid.tangent_action(u, direction))
        limit = max(scale, self.norms(residual)[0], self.floor)
        fraction = step
        while fraction * (1.0 - load) >= self.settings.least_step:
            trial = u + fraction * direction
            if np.isfinite(solid.energy(trial)) and self.norms(solid.residual(trial))[0] <= limit:
                return trial, fraction
            fraction *= 0.6
        raise self._failure("elements turn over under the smallest load step", load, u)

    def _minimise(self, u: Floats, tolerance: float, load: float) -> Floats:
        """Energy-decreasing L-BFGS on the last factor, from a state of finite energy."""
        solid, memory, since = self.solid, _Memory(self.solid), 0
        energy, residual = solid.energy(u), solid.residual(u)
        history: list[float] = []
        for _ in range(self.settings.iterations):
            norm, reaction = self.norms(residual)
            goal = tolerance * max(reaction, self.floor)
            if norm <= goal:
                return u
            history.append(norm)
            if _slow(history[-since - 1 :], goal):
                self._factorise(u, shifted=True)
                memory, since = _Memory(solid), 0
            self.iterations += 1
            gradient = np.where(solid.free, residual, 0.0)
            direction = -memory.apply(gradient, self._solve)
            found = self._search(u, energy, gradient, direction)
            if found is None:
                if since == 0:
                    raise _Stalled("the energy does not fall any further")
                self._factorise(u, shifted=True)
                memory, since = _Memory(solid), 0
                continue
            u_new, energy, residual = found
            memory.add(u_new - u, np.where(solid.free, residual, 0.0) - gradient)
            u, since = u_new, since + 1
        raise _Stalled(f"no convergence in {self.settings.iterations} iterations")

    def _search(
        self, u: Floats, energy: float, gradient: Floats, direction: Floats
    ) -> tuple[Floats, float, Floats] | None:
        """Backtrack until the energy falls enough; near the minimum, where rounding hides the fall, until the slope does."""
        solid = self.solid
        slope = solid.dot(gradient, direction)
        if not slope < 0:
            return None
        noise, length = 1e-12 * max(abs(energy), self.floor), 1.0
        while length > 1e-4:
            trial = u + length * direction
            value = solid.energy(trial)
            if np.isfinite(value) and value <= energy + 1e-4 * length * slope + noise:
                residual = solid.residual(trial)
                hidden = value > energy + 1e-4 * length * slope
                if not hidden or abs(solid.dot(np.where(solid.free, residual, 0.0), direction)) <= 0.9 * abs(slope):
                    return trial, value, residual
            if np.isfinite(value) and value > energy:
                length *= float(np.clip(-0.5 * slope * length / (value - energy - slope * length), 0.1, 0.6))
            else:
                length *= 0.4
        return None

    def _factorise(self, u: Floats, *, shifted: bool) -> bool:
        """Factor the tangent at u; if it is indefinite and `shifted`, factor K + shift M with a large enough shift.

        Returns whether the tangent itself is positive definite.
        """
        matrix = self.solid.tangent(u)
        self.factorisations += 1
        if self.factor_.factorise(matrix):
            self.shift = 0.0
            return True
        if not shifted:
            return False
        diagonal = matrix.getDiagonal()
        own = np.array(diagonal.array)
        weight = np.where(self.solid.free, self.solid.mass, 0.0)
        ratio = np.where(self.solid.free, np.abs(own) / self.solid.mass, 0.0)
        shift = max(self.shift / 4, 1e-8 * float(self.solid.comm.allreduce(ratio.max(initial=0.0), op=MPI.MAX)))
        while True:
            diagonal.array[:] = own + shift * weight
            matrix.setDiagonal(diagonal)
            self.factorisations += 1
            if self.factor_.factorise(matrix):
                break
            shift *= 5
        diagonal.destroy()
        self.shift = shift
        return False

    def _solve(self, force: Floats) -> Floats:
        """The last factor applied to the free part of a force."""
        return self.factor_.solve(np.where(self.solid.free, force, 0.0))

    def _kick(self, u: Floats, load: float) -> Floats:
        """Leave a saddle along its lowest mode, downhill; `imperfection` selects the side where both fall."""
        solid = self.solid
        self.kicks += 1
        if self.kicks > self.settings.kicks:
            raise self._failure(f"the state is still unstable after {self.settings.kicks} kicks", load, u)
        self._factorise(u, shifted=True)
        mode = lowest_mode(solid, self._solve)
        mode *= self.settings.imperfection
        energy = solid.energy(u)
        for length in 0.04 * self.extent * 0.5 ** np.arange(20):
            sides = [(solid.energy(u + side * length * mode), side) for side in (1, -1)]
            falling = [(value, side) for value, side in sides if np.isfinite(value) and value < energy]
            if falling:
                # Mirror branches fall alike up to round-off: then the first side, the chosen one, is taken.
                value, side = min(falling)
                if len(falling) == 2 and abs(sides[0][0] - sides[1][0]) < 0.01 * (energy - value):
                    side = 1
                return u + side * length * mode
        curvature = solid.dot(mode, solid.tangent_action(u, mode))
        raise self._failure(f"the tangent is indefinite (curvature {curvature:.2e}) but no descent was found", load, u)

    def _polish(self, u: Floats) -> Floats:
        """One Newton step with the certificate's factor: it costs a solve and squares the error."""
        residual = self.solid.residual(u)
        better = u - self._solve(residual)
        if self.norms(self.solid.residual(better))[0] <= self.norms(residual)[0] and np.isfinite(self.solid.energy(better)):
            return better
        return u

    def _failure(self, reason: str, load: float, u: Floats) -> EquilibriumError:
        least, cell = self.solid.least_det_f(u)
        return EquilibriumError(
            f"{reason} (least det F {least:.3g})", load, cell,
            "Use smaller controls, thicker ligaments there, or a finer mesh.",
        )  # fmt: skip


class _Memory:
    """L-BFGS: the last few steps and their changes of gradient, on top of a factor as the first inverse."""

    def __init__(self, solid: Solid, length: int = 12) -> None:
        self.solid, self.length = solid, length
        self.pairs: list[tuple[Floats, Floats, float]] = []

    def add(self, step: Floats, change: Floats) -> None:
        curvature = self.solid.dot(step, change)
        if curvature > 1e-12 * (self.solid.dot(step, step) * self.solid.dot(change, change)) ** 0.5:
            self.pairs = [*self.pairs, (step, change, curvature)][-self.length :]

    def apply(self, gradient: Floats, solve: Callable[[Floats], Floats]) -> Floats:
        q, weights = gradient.copy(), []
        for step, change, curvature in reversed(self.pairs):
            weights.append(self.solid.dot(step, q) / curvature)
            q -= weights[-1] * change
        r: Floats = solve(q)
        for (step, change, curvature), weight in zip(self.pairs, reversed(weights), strict=True):
            r += (weight - self.solid.dot(change, r) / curvature) * step
        return r


def lowest_mode(solid: Solid, solve: Callable[[Floats], Floats], steps: int = 30) -> Floats:
    """Lowest eigenvector of K v = lambda M v, largest entry 1 in size, from solves with K + shift M.

    Lanczos on (K + shift M)^-1 M in the M inner product, reorthogonalised; its largest eigenvalue is
    1 / (lambda + shift). The start is fixed and lopsided, so it has a share of every mode, and it
    decides the sign.
    """
    x = solid.from_points(solid.mesh.points)
    start = np.where(solid.free, np.tile([1.0, 0.618], solid.owned) + x / np.abs(solid.mesh.points).max(), 0.0)
    basis = [start / solid.dot(start, solid.mass * start) ** 0.5]
    projected = np.zeros((steps, steps))
    for k in range(steps):
        image = solve(solid.mass * basis[k])
        for _ in range(2):
            for j, vector in enumerate(basis):
                share = solid.dot(vector, solid.mass * image)
                projected[j, k] += share
                image = image - share * vector
        size = solid.dot(image, solid.mass * image) ** 0.5
        if k + 1 == steps or size < 1e-12 * projected[0, 0]:
            break
        projected[k + 1, k] = size
        basis.append(image / size)
    count = len(basis)
    _, vectors = np.linalg.eigh(0.5 * (projected + projected.T)[:count, :count])
    mode: Floats = np.einsum("k,ki->i", vectors[:, -1], np.array(basis))
    peak = float(solid.comm.allreduce(np.abs(mode).max(initial=0.0), op=MPI.MAX))
    return mode * (1.0 if solid.dot(start, solid.mass * mode) >= 0 else -1.0) / peak


def _slow(history: list[float], goal: float, patience: int = 3, budget: float = 6.0) -> bool:
    """Whether the last steps promise more iterations to the goal than a new factor is worth."""
    if len(history) <= patience:
        return False
    rate = (history[-1] / history[-1 - patience]) ** (1 / patience)
    return rate >= 1 or bool(np.log(goal / history[-1]) / np.log(rate) > budget)
