r"""Hessian-vector products of functions of equilibria, by one tangent and one second adjoint solve; no new equilibrium.

With J(u), R(u, m) = 0 and the multiplier K lambda = dJ/du of the gradient g = -dR/dm[lambda], along a change v of all inputs m:

    K u' = -d/de R(u, m + e v),     K l' = d/de dJ/du(u + e u') - d/de K(u + e u', m + e v) lambda,
    H v = d/de g(u + e u', lambda + e l', m + e v).

Forces, their tangent's action and g are known in closed form, so d/de is a central difference of them: no equilibrium is in
it, and its error, 1e-9 of the product, is far below what a quadratic model needs. In the same way the gradients of a stiffness
dr_j/dc_k come from those of the reaction r_j along the control c_k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from mpi4py import MPI

from mnnfem.adjoint import Adjoint, Gradients
from mnnfem.equilibrium import Solution
from mnnfem.mesh import Floats

STEP = 1e-6  # of the inputs' and the state's own sizes


class Curvature:
    """Second derivatives at the equilibria of one `Adjoint`."""

    def __init__(self, adjoint: Adjoint) -> None:
        self.adjoint, self.solid = adjoint, adjoint.solid

    def product(
        self, solution: Solution, force: Floats, way: Gradients, turned: Callable[[Floats], Floats] | None = None
    ) -> Gradients:
        """H v of J with `force` = dJ/du along `way`, a change of nodes, controls and material values.

        turned: what a displacement u' (own degrees of freedom) adds to dJ/du, d2J/du2 u'; none where J is linear in u.
        """
        solid = self.solid
        lift = solid.lift(way.controls)
        step = self._step(solution, way, lift)
        rate = self._slope(solution, way, lift, step, lambda moved: solid.residual(moved.displacement))
        moving = lift + self._solve(solution, -rate)
        multiplier = self._solve(solution, force)
        step = min(step, self._step(solution, way, moving))
        change = self._slope(solution, way, moving, step, lambda moved: solid.tangent_action(moved.displacement, multiplier))
        bent = np.zeros_like(force) if turned is None else turned(moving)
        turning = self._solve(solution, bent - change)

        def gradient(moved: Solution, side: float) -> Gradients:
            follower = multiplier + side * turning
            return self.adjoint.along(moved, follower, force + side * bent - solid.tangent_action(moved.displacement, follower))

        return self._ends(solution, way, moving, step, gradient)

    def stiffness(self, solution: Solution, one: int, other: int) -> Gradients:
        """Gradients of dr_j/dc_k, the derivative of the reaction of the control j = `one` in the control k = `other`."""
        solid, u = self.solid, solution.displacement
        answers = []
        for control in (one, other):
            self._set(solution)
            lift = solid.lifts[control]
            answers.append(lift + self._solve(solution, -solid.tangent_action(u, lift)))
        followed, moving = answers
        controls = np.zeros_like(solution.controls)
        controls[other] = 1.0
        way = Gradients(np.zeros_like(solution.points), controls, np.zeros_like(solution.material))
        step = self._step(solution, way, moving)
        change = self._slope(solution, way, moving, step, lambda moved: solid.tangent_action(moved.displacement, followed))
        turning = self._solve(solution, -change)

        def gradient(moved: Solution, side: float) -> Gradients:
            follower = followed + side * turning
            return self.adjoint.along(moved, -follower, solid.tangent_action(moved.displacement, follower))

        return self._ends(solution, way, moving, step, gradient)

    def _step(self, solution: Solution, way: Gradients, moving: Floats) -> float:
        """How far along a change of nodes, material and own displacements the differences reach: as far on every rank."""
        extent, values = self.solid.extent, np.abs(solution.material)
        least = min(_ratio(extent, way.points), _ratio(values, way.material), _ratio(extent, moving))
        return STEP * float(self.solid.comm.allreduce(least, op=MPI.MIN))

    def _ends(
        self, solution: Solution, way: Gradients, moving: Floats, step: float, of: Callable[[Solution, float], Gradients]
    ) -> Gradients:
        """d/de of gradients along the way."""
        ends = [of(self._moved(solution, way, moving, side), side) for side in (step, -step)]
        self._set(solution)
        return Gradients(
            *((getattr(ends[0], name) - getattr(ends[1], name)) / (2 * step) for name in ("points", "controls", "material"))
        )

    def _slope(
        self, solution: Solution, way: Gradients, moving: Floats, step: float, of: Callable[[Solution], Floats]
    ) -> Floats:
        """d/de of a vector along the way, with the displacement moving too."""
        forward, back = (of(self._moved(solution, way, moving, side)) for side in (step, -step))
        self._set(solution)
        return np.asarray((forward - back) / (2 * step), dtype=np.float64)

    def _moved(self, solution: Solution, way: Gradients, moving: Floats, step: float) -> Solution:
        """What would be the solution a step further, the solid set to its inputs."""
        moved = replace(
            solution,
            displacement=solution.displacement + step * moving,
            points=solution.points + step * way.points,
            controls=solution.controls + step * way.controls,
            material=solution.material + step * way.material,
        )
        self._set(moved)
        return moved

    def _set(self, solution: Solution) -> None:
        self.solid.set_inputs(solution.points, solution.material, solution.controls)

    def _solve(self, solution: Solution, force: Floats) -> Floats:
        self._set(solution)
        return self.adjoint.multiplier_of(solution, force)[0]


def _ratio(size: float | Floats, way: Floats) -> float:
    """How many times a change goes into a size; infinite for none."""
    largest = np.abs(way)
    with np.errstate(divide="ignore"):
        return float(np.min(np.where(largest > 0, size / np.where(largest > 0, largest, 1.0), np.inf), initial=np.inf))
