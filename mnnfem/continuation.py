"""From a start state to the full load, over stable equilibria only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnnfem.errors import EquilibriumError
from mnnfem.mesh import Floats
from mnnfem.minimise import Minimiser, Stalled
from mnnfem.multigrid import Solver
from mnnfem.solid import Solid
from mnnfem.stability import kick


@dataclass(frozen=True)
class Effort:
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


class Climb:
    """A ramp from a start state to the full load, with its counts; run again after a failure, it counts on.

    loads: fractions of the load at which the last run found states; kicks: saddles left; cutbacks: steps of
    the load that had to be shortened after a stalled minimisation.
    """

    def __init__(self, solid: Solid, effort: Effort, factor: Solver) -> None:
        self.solid, self.effort = solid, effort
        self.minimiser = Minimiser(solid, factor)
        self.cutbacks = self.kicks = 0
        self.loads: list[float] = []

    def run(self, u: Floats, begin: Floats, end: Floats) -> Floats:
        """From state u, an equilibrium or near one under controls `begin`, to the equilibrium under `end`.

        On return the factor is that of the positive-definite tangent there. Raises EquilibriumError.
        """
        solid, effort, load, step, settled = self.solid, self.effort, 0.0, 1.0, not begin.any()
        self.loads = []
        if not np.isfinite(solid.energy(u)):
            raise self._failure("the start state is inverted on this design", 0.0, u)
        tolerance = effort.path_tolerance
        while True:
            stable = self.minimiser.factorise(u, shifted=not settled)
            if settled and not stable:
                # A loose state can pass for converged right beside the saddle: ask for more after each kick.
                tolerance = max(effort.tolerance, 0.1 * tolerance)
                u = self._leave_saddle(u, tolerance, load)
                continue
            if load == 1.0:
                return self._polish(u)
            trial, fraction = self._predict(u, (1.0 - load) * solid.lift(end - begin), step, load)
            reached = 1.0 if fraction == 1.0 else load + fraction * (1.0 - load)
            tolerance = effort.tolerance if reached == 1.0 else effort.path_tolerance
            try:
                u = self.minimiser.run(trial, tolerance, effort.iterations)
            except Stalled as stall:
                self.cutbacks += 1
                step = 0.5 * fraction
                if step * (1.0 - load) < effort.least_step:
                    raise self._failure(str(stall), load, trial) from None
                continue
            load, step, settled = reached, min(1.0, 2.0 * max(step, fraction)), True
            self.loads.append(load)

    def _predict(self, u: Floats, increment: Floats, step: float, load: float) -> tuple[Floats, float]:
        """Follow the tangent as far as the energy stays finite and the residual below the linearised reaction.

        `increment` is the prescribed displacement still to go. Returns the state and the fraction that it carries.
        """
        solid, minimiser = self.solid, self.minimiser
        residual = solid.residual(u)
        direction = increment - minimiser.solve(residual + solid.tangent_action(u, increment), 1e-6)
        _, reaction = minimiser.norms(residual + solid.tangent_action(u, direction))
        limit = max(reaction, minimiser.norms(residual)[0], minimiser.floor)
        fraction = step
        while fraction * (1.0 - load) >= self.effort.least_step:
            trial = u + fraction * direction
            if np.isfinite(solid.energy(trial)) and minimiser.norms(solid.residual(trial))[0] <= limit:
                return trial, fraction
            fraction *= 0.6  # needs no new factor
        raise self._failure("elements turn over under the smallest load step", load, u)

    def _leave_saddle(self, u: Floats, tolerance: float, load: float) -> Floats:
        self.kicks += 1
        if self.kicks > self.effort.kicks:
            raise self._failure(f"the state is still unstable after {self.effort.kicks} kicks", load, u)
        try:
            lower = kick(self.minimiser, u, self.effort.imperfection)
            if lower is None:
                raise self._failure("the tangent is not positive definite, but no way down was found", load, u)
            return self.minimiser.run(lower, tolerance, self.effort.iterations)
        except Stalled as stall:
            raise self._failure(f"{stall} after a saddle was left", load, u) from None

    def _polish(self, u: Floats) -> Floats:
        """One Newton step with the certificate's factor: it costs a solve and squares the error."""
        solid, norms = self.solid, self.minimiser.norms
        residual = solid.residual(u)
        better = u - self.minimiser.solve(residual, 1e-6)
        closer = np.isfinite(solid.energy(better)) and norms(solid.residual(better))[0] <= norms(residual)[0]
        return better if closer else u

    def _failure(self, reason: str, load: float, u: Floats) -> EquilibriumError:
        least, cell = self.solid.least_det_f(u)
        return EquilibriumError(
            f"{reason} (least det F {least:.3g})",
            load,
            cell,
            "Use smaller controls, thicker ligaments there, or a finer mesh.",
        )
