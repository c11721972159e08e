"""From a start state to the full load, over stable equilibria only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnnfem.errors import EquilibriumError, Failure
from mnnfem.mesh import Floats
from mnnfem.minimise import Minimiser, Stalled
from mnnfem.multigrid import Solver
from mnnfem.solid import Solid
from mnnfem.state import State
from mnnfem.tangent import Direction, Tangent

ANCHORS = 30  # most times that a loosened energy's fields are anchored anew


@dataclass(frozen=True)
class Effort:
    """How hard to try.

    tolerance      residual over reaction norm of a returned state
    path_tolerance the same for states on the way to the full load
    iterations     most minimiser steps at one load
    least_step     smallest step of the load, a fraction, before giving up
    kicks          most saddles to leave in one solve
    imperfection   +1 or -1: which of two mirror branches to take
    refuse_overlap whether a state in which walls have passed through each other is a failure
    """

    tolerance: float = 1e-8
    path_tolerance: float = 1e-2
    iterations: int = 500
    least_step: float = 1e-3
    kicks: int = 12
    imperfection: int = 1
    refuse_overlap: bool = False


class Climb:
    """A ramp from a start state to the full load, with its counts; run again after a failure, it counts on.

    loads: fractions of the load at which the last run found states; cutbacks: steps of the load that had to be
    shortened after a stalled minimisation.
    """

    def __init__(self, solid: Solid, effort: Effort, solver: Solver, lent: Solver | None = None) -> None:
        self.solid, self.effort = solid, effort
        self.tangent = Tangent(solid, solver, lent)
        self.minimiser = Minimiser(solid, self.tangent, effort.imperfection)
        self.cutbacks, self.warm = 0, False
        self.loads: list[float] = []

    def from_rest(self, end: Floats) -> State:
        """From the undeformed state to the equilibrium under controls `end`. Raises EquilibriumError."""
        self.warm, rest, begin = False, np.zeros(self.solid.size), np.zeros_like(end)
        self.solid.set_loads(begin)
        self._loosen(rest)
        self.tangent.renew(rest)
        self.minimiser.undecided = True
        return self._run(rest, begin, end, settled=True)

    def from_state(self, u: Floats, begin: Floats, end: Floats) -> State:
        """From an equilibrium under controls `begin`, perhaps of another design, with the factor that is lent."""
        self.solid.set_loads(begin)
        self._loosen(u)
        if not self.tangent.ready:
            self.tangent.renew(u)
        self.warm, self.minimiser.undecided = True, False  # the start is on a branch
        return self._run(u, begin, end, settled=False)

    def _run(self, u: Floats, begin: Floats, end: Floats, settled: bool) -> State:
        self._ends = begin, end
        effort, load, step, state = self.effort, 0.0, 1.0, self._at(u, 0.0)
        self.loads = []
        if not np.isfinite(state.energy):
            raise self._failure("inverted", "the start state is inverted on this design", 0.0, u)
        tolerance = effort.path_tolerance
        while load < 1.0 or not self.tangent.certify(state.u):
            increment = (1.0 - load) * (end - begin)
            heading = self._heading(state, increment) if load < 1.0 else None
            if heading is None or (settled and heading.negative):
                # A loose state can pass for converged right beside the saddle: ask for more after each kick.
                tolerance = max(effort.tolerance, 0.1 * tolerance)
                state = self._leave_saddle(state, tolerance, load)
                continue
            trial, fraction = self._advance(state, self.solid.lift(increment) + heading.step, step, load)
            reached = 1.0 if fraction == 1.0 else load + fraction * (1.0 - load)
            tolerance = effort.tolerance if reached == 1.0 else effort.path_tolerance
            try:
                state = self._balanced(trial, tolerance, reached)
            except Stalled as stall:
                self._at(state.u, load)
                self.cutbacks += 1
                step = 0.5 * fraction
                if step * (1.0 - load) < effort.least_step:
                    raise self._failure("stalled", str(stall), load, trial.u) from None
                self.tangent.renew(state.u)
                continue
            load, step, settled = reached, min(1.0, 2.0 * max(step, fraction)), True
            self.loads.append(load)
        return self._polish(state)

    def _loosen(self, u: Floats) -> None:
        """Begin with an energy that is easy to minimise, its fields anchored where they are at u."""
        density = self.solid.density
        density.tighten()
        self.solid.move(u)
        density.anchor()
        density.loosen()

    def _balanced(self, trial: State, tolerance: float, load: float) -> State:
        """The equilibrium near a trial state; at the full load that of the exact energy."""
        density, effort = self.solid.density, self.effort
        state = self.minimiser.run(trial, tolerance, effort.iterations)
        if not density.loose:
            return state
        for _ in range(ANCHORS):
            self.solid.move(state.u)
            near = density.anchor()
            if load < 1.0:
                return self._at(state.u, load)
            if near:
                break
            state = self.minimiser.run(self._at(state.u, load), tolerance, effort.iterations)
        density.tighten()
        self.tangent.renew(state.u)
        return self.minimiser.run(self._at(state.u, load), tolerance, effort.iterations)

    def _at(self, u: Floats, load: float) -> State:
        """The state of a displacement under a share of the way between the ends."""
        begin, end = self._ends
        self.solid.set_loads(begin + load * (end - begin))
        return State.at(self.solid, u)

    def _heading(self, state: State, increment: Floats) -> Direction:
        """The free displacement that goes with an increment of the controls, along the tangent: K d = -(R + dR).

        R is what is left at the start, zero at an equilibrium; on another design it carries the change of design. dR is K
        times the prescribed displacements, and the change of the loads' forces.
        """
        solid = self.solid
        force = -state.residual
        if increment.any():
            force -= solid.tangent_action(state.u, solid.lift(increment)) + solid.load_forces(state.u, increment)
        heading = self.tangent.direction(state.u, force, 0.1)
        if heading.reached or heading.negative or self.warm:
            return heading
        self.tangent.renew(state.u)
        return self.tangent.direction(state.u, force, 0.1)

    def _advance(self, state: State, heading: Floats, step: float, load: float) -> tuple[State, float]:
        """Follow the heading as far as no element comes near to turning over; returns the state and the fraction."""
        solid, fraction = self.solid, step
        least = 0.2 * min(1.0, solid.least_det_f(state.u)[0])
        while fraction * (1.0 - load) >= self.effort.least_step:
            u = state.u + fraction * heading
            if solid.least_det_f(u)[0] > least:
                return self._at(u, 1.0 if fraction == 1.0 else load + fraction * (1.0 - load)), fraction
            fraction *= 0.6  # needs no new factor
        raise self._failure("inverted", "elements turn over under the smallest load step", load, state.u)

    def _leave_saddle(self, state: State, tolerance: float, load: float) -> State:
        if self.minimiser.kicks > self.effort.kicks:
            raise self._failure("unstable", f"the state is still unstable after {self.effort.kicks} kicks", load, state.u)
        self._loosen(state.u)
        state = self._at(state.u, load)
        self.tangent.renew(state.u, indefinite=True)
        lower = self.minimiser.kick(state)
        if lower is None:
            reason = "the tangent is not positive definite, but no way down was found"
            raise self._failure("unstable", reason, load, state.u)
        try:
            return self._balanced(lower, tolerance, load)
        except Stalled as stall:
            raise self._failure("stalled", f"{stall} after a saddle was left", load, state.u) from None

    def _polish(self, state: State) -> State:
        """One Newton step with the certificate's factor: it costs a solve and squares the error."""
        if state.norm <= 1e-3 * self.effort.tolerance * state.scale:
            return state
        better = State.at(self.solid, state.u - self.tangent.solve(state.free, 1e-6))
        return better if np.isfinite(better.energy) and better.norm <= state.norm else state

    def _failure(self, kind: Failure, reason: str, load: float, u: Floats) -> EquilibriumError:
        least, cell = self.solid.least_det_f(u)
        advice = "Use smaller controls, thicker ligaments there, or a finer mesh."
        return EquilibriumError(f"{reason} (least det F {least:.3g})", load, cell, advice, kind)
