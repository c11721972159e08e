"""Coordinates + controls -> a certified stable equilibrium.

Method: the whole load is tried first, by a predictor that carries the prescribed increment through the
tangent; where its energy is not finite or its residual too large it is cut short, at no new factor. At
each load the energy is then minimised by L-BFGS preconditioned with the Cholesky factor of the tangent,
with an energy line search, and refactored only on slow progress; an indefinite tangent is shifted by the
mass matrix. A state whose tangent is not positive definite is a saddle: it is kicked along the lowest
eigenvector and minimised again. The last factor is the certificate, and the adjoint's.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from mnnfem.contact import Overlap, overlaps
from mnnfem.continuation import Climb, Effort
from mnnfem.errors import EquilibriumError, InputError
from mnnfem.mesh import MEASURE, Floats, signed_measures
from mnnfem.multigrid import Solver, linear_solver
from mnnfem.solid import Solid


@dataclass(frozen=True)
class Record:
    """What a solve did and what its state is worth.

    energy mJ/mm, residual (free) and reaction (prescribed) norms N/mm, least_det_f over the quadrature
    points, loads: fractions of the load at which states were found, warm: started from a given state,
    certified: full load, residual within tolerance, det F > 0 and a positive-definite tangent.
    overlaps: where walls have passed through each other, the deepest first; not looked for in space, where it is empty.
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
    overlaps: tuple[Overlap, ...]


@dataclass(frozen=True)
class Solution:
    """A stable equilibrium: residual below tolerance, det F > 0, positive-definite tangent, full load.

    displacement  this rank's own degrees of freedom, mm;  points (n, d) mm, controls (c,) mm and
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

    def __init__(self, solid: Solid, effort: Effort = Effort(), factors: int = 1) -> None:
        self.solid, self.effort = solid, effort
        self._factors = [linear_solver(solid) for _ in range(factors)]
        self._stamps = [-1] * factors
        self._count = 0

    def solve(self, points: Floats, controls: Floats, material: Floats, start: Solution | None = None) -> Solution:
        """The equilibrium at `points` (n, d) mm under `controls` (c,) mm.

        Ramped from the undeformed state, or from `start` (another design's or control's solution), from
        which it falls back to the undeformed state. Raises InputError for values out of range or inverted
        elements, EquilibriumError where no certified state was reached.
        """
        self.check(points, controls, material)
        self.solid.set_points(points)
        self.solid.set_material(material)
        slot, self._count = self._count % len(self._factors), self._count + 1
        self._stamps[slot] = self._count
        climb, warm = Climb(self.solid, self.effort, self._factors[slot]), False
        if start is not None:
            with suppress(EquilibriumError):  # whatever the cold path solves is still solved
                u, warm = climb.run(start.displacement, start.controls, controls), True
        if not warm:
            u = climb.run(np.zeros(self.solid.size), np.zeros_like(controls), controls)
        record = self._certify(climb, u, warm, points)
        if not record.certified:
            raise EquilibriumError(f"the state failed its certificate ({record})", 1.0)
        if record.overlaps and self.effort.refuse_overlap:
            advice = "Use smaller controls or an overlap penalty, or allow such states (refuse_overlap=False)."
            raise EquilibriumError(f"walls pass through each other, {record.overlaps[0]},", 1.0, advice=advice)
        return Solution(u, points.copy(), controls.copy(), material.copy(), record, slot, self._count)

    def _certify(self, climb: Climb, u: Floats, warm: bool, points: Floats) -> Record:
        solid = self.solid
        residual, reaction = climb.minimiser.norms(solid.residual(u))
        least_det_f = solid.least_det_f(u)[0]
        balanced = residual <= self.effort.tolerance * max(reaction, climb.minimiser.floor)
        return Record(
            energy=solid.energy(u),
            residual=residual,
            reaction=reaction,
            least_det_f=least_det_f,
            loads=tuple(climb.loads),
            iterations=climb.minimiser.iterations,
            factorisations=climb.minimiser.factorisations,
            cutbacks=climb.cutbacks,
            kicks=climb.kicks,
            warm=warm,
            certified=balanced and least_det_f > 0 and climb.minimiser.factor.positive and climb.loads[-1] == 1.0,
            overlaps=overlaps(solid.mesh, points + solid.dofs.at_points(u)),
        )

    def check(self, points: Floats, controls: Floats, material: Floats) -> None:
        """InputError for arrays of the wrong shape, values out of bounds and inverted elements."""
        mesh = self.solid.mesh
        if points.shape != mesh.points.shape:
            raise InputError(f"The mesh has points of shape {mesh.points.shape}, got {points.shape}.")
        self.solid.boundary.check_controls(controls)
        self.solid.law.check(material)
        measures = signed_measures(points, mesh.cells)
        inverted = np.flatnonzero(~(measures > 0))
        if inverted.size:
            raise InputError(
                f"{inverted.size} elements are inverted, the first is element {inverted[0]} with {MEASURE[mesh.dim]} "
                f"{measures[inverted[0]]:.3g} mm^{mesh.dim}: keep the design inside its bounds, or mesh it again."
            )

    def factor(self, solution: Solution) -> Solver:
        """The factor of the tangent at `solution`; kept from its solve, or else made again.

        The solid must be set to the solution's points and material.
        """
        kept = self._factors[solution.slot]
        if self._stamps[solution.slot] != solution.stamp:
            kept.factorise(self.solid.tangent(solution.displacement))
            self._stamps[solution.slot] = solution.stamp
        return kept
