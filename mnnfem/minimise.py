"""Energy minimisation at one load: truncated Newton directions on top of a kept factor, and an energy line search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from mnnfem.mesh import Floats
from mnnfem.solid import Solid
from mnnfem.stability import kick
from mnnfem.state import State
from mnnfem.tangent import MOST, Tangent

PATIENCE = 5  # steps with a factor before it may be given up
NEAR = 0.02  # residual, of the reaction, from which Newton's convergence is quadratic as a rule
FINISH = 6  # inner iterations from there to a proven state, with a factor made there
INNER = 1.3  # work of an inner iteration (product and triangular solves) against a step's energy and residual


class Stalled(Exception):
    """The minimiser made no more progress at this load."""


@dataclass
class _Cycle:
    """What has happened since the last factor: residual norms, and each step's fall of the energy and inner iterations.

    price: work of that factor, in steps of the minimiser
    """

    price: float
    norms: list[float]
    falls: list[float]
    inner: list[int]

    def over(self, goal: float, near: bool) -> bool:
        """Whether a new factor would pay; near: whether it could be the last one, and the certificate's."""
        return len(self.norms) > 1 and ((near and self._laboured(goal)) or self._exhausted(goal))

    def _laboured(self, goal: float) -> bool:
        """Whether to go on to the goal would take more inner iterations than to finish, and prove, with a factor from here."""
        if self.inner[-1] == MOST:
            return True
        gain = np.log(self.norms[-2] / self.norms[-1])
        return bool(gain > np.log(2) and self.inner[-1] / gain * np.log(self.norms[-1] / goal) > FINISH)

    def _exhausted(self, goal: float) -> bool:
        """Whether this factor serves worse by now than it did on average.

        It does not while the residual is halved at each step or its rate promises the goal for less than the price of
        a factor, nor while the last steps still lower the energy faster than all did on average, the factor's
        price included (the marginal value theorem of Charnov, Theor. Popul. Biol. 9, 1976).
        """
        if len(self.norms) <= PATIENCE or self.norms[-1] <= 0.5 * self.norms[-2]:
            return False
        rate = (self.norms[-1] / self.norms[-1 - PATIENCE]) ** (1 / PATIENCE)
        if rate < 1 and np.log(goal / self.norms[-1]) / np.log(rate) <= self.price:
            return False
        works = [1 + INNER * count for count in self.inner]
        average = sum(self.falls) / (self.price + sum(works))
        return min(self.falls[-1] / works[-1], sum(self.falls[-2:]) / sum(works[-2:])) < average


class Minimiser:
    """Minimises the energy of a solid over its free degrees of freedom.

    undecided   whether the first negative curvature may be a bifurcation whose branch is still to be chosen
    """

    def __init__(self, solid: Solid, tangent: Tangent, imperfection: int) -> None:
        self.solid, self.tangent, self.imperfection = solid, tangent, imperfection
        self.iterations = self.kicks = 0
        self.undecided = True

    def run(self, state: State, tolerance: float, iterations: int) -> State:
        """From a state of finite energy to one whose residual is below tolerance x reaction. Raises Stalled."""
        memory, cycle = _Memory(self.solid), self._cycle(1, state)
        indefinite = fresh = False
        for _ in range(iterations):
            goal = tolerance * state.scale
            if state.norm <= goal:
                return state
            if cycle.over(goal, state.norm <= NEAR * state.scale):
                memory, cycle, fresh = _Memory(self.solid), self._renew(state, indefinite), True
            self.iterations += 1
            # Newton's own convergence is quadratic: ask as much of the linear solve (Eisenstat and Walker 1996), not more.
            aim = float(np.clip(max(state.norm / state.scale, 0.3 * goal / state.norm), 1e-3, 0.3))
            inverse = partial(memory.apply, solve=self.tangent.solve)
            direction = self.tangent.direction(state.u, -state.free, aim, inverse)
            indefinite = direction.negative
            if indefinite and self.undecided:
                self.undecided = False
                lower = self.kick(state)
                if lower is not None:
                    state, memory, cycle = lower, _Memory(self.solid), self._cycle(0, lower)
                    continue
            found = self._search(state, direction.step)
            if found is None:
                if fresh:
                    raise Stalled("the energy does not fall any further")
                memory, cycle, fresh = _Memory(self.solid), self._renew(state, indefinite), True
                continue
            memory.add(found.u - state.u, found.free - state.free)
            cycle.norms.append(found.norm)
            cycle.falls.append(state.energy - found.energy)
            cycle.inner.append(direction.iterations)
            state, fresh = found, False
        raise Stalled(f"no convergence in {iterations} iterations")

    def kick(self, state: State) -> State | None:
        """A state of lower energy along the lowest mode, None if there is none; see `stability.kick`."""
        self.kicks += 1
        return kick(self.solid, self.tangent, state, self.imperfection)

    def _renew(self, state: State, indefinite: bool) -> _Cycle:
        before = self.tangent.factorisations
        self.tangent.renew(state.u, indefinite)
        return self._cycle(self.tangent.factorisations - before, state)

    def _cycle(self, factorisations: int, state: State) -> _Cycle:
        return _Cycle(factorisations * self.tangent.solver.worth, [state.norm], [], [])

    def _search(self, state: State, step: Floats) -> State | None:
        """Backtrack until the energy falls enough; where rounding hides the fall, until the slope does."""
        solid = self.solid
        slope = solid.dot(state.residual, step)
        if not slope < 0:
            return None
        noise, length = 1e-12 * max(abs(state.energy), solid.energy_floor), 1.0
        while length > 1e-4:
            u = state.u + length * step
            energy = solid.energy(u)
            wanted = state.energy + 1e-4 * length * slope
            if np.isfinite(energy) and energy <= wanted + noise:
                trial = State.at(solid, u, energy)
                if energy <= wanted or abs(solid.dot(trial.residual, step)) <= 0.9 * abs(slope):
                    return trial
            if np.isfinite(energy) and energy > state.energy:  # the least of the parabola through both energies and the slope
                length *= float(np.clip(-0.5 * slope * length / (energy - state.energy - slope * length), 0.1, 0.6))
            else:
                length *= 0.4
        return None


class _Memory:
    """L-BFGS: the last few steps and their changes of gradient, on top of a factor as the first inverse."""

    def __init__(self, solid: Solid, length: int = 5) -> None:
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
