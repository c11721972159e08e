"""Coordinates + controls -> a certified stable equilibrium.

Method: the whole load is tried first, by a predictor that carries the prescribed increment through the
tangent; where elements would come near to turning over it is cut short, at no new factor. At each load the
energy is then minimised by truncated Newton directions: conjugate gradients on the tangent of the moment,
preconditioned by a factor that is kept for as long as it pays. Where the tangent is indefinite the factor is
that of the tangent without compressive stresses. The first negative curvature on the way, and every state
whose tangent is not positive definite, is left along the lowest mode, by the sign of the imperfection. The last
factor is the certificate, and the adjoint's: of the tangent at the state returned, or so near it that this one is
proven by it. A solve that starts from a solution starts from its factor too, and as a rule makes no other than this.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from mnnfem.contact import Overlap, overlaps
from mnnfem.continuation import Climb, Effort
from mnnfem.errors import EquilibriumError, InputError
from mnnfem.mesh import MEASURE, Floats, least_measures
from mnnfem.multigrid import Solver, linear_solver
from mnnfem.solid import Solid
from mnnfem.state import State
from mnnfem.walls import walls_of


@dataclass(frozen=True)
class Record:
    """What a solve did and what its state is worth.

    energy mJ/mm, that of the loads included, residual (free) and reaction norms N/mm, least_det_f over the quadrature
    points, loads: fractions of the load at which states were found, warm: started from a given state,
    certified: full load, residual within tolerance, det F > 0 and a positive-definite tangent.
    factorisations: failed ones and the certificate's included; bifurcation: whether the tangent was indefinite
    somewhere on the way; kicks: steps along a lowest mode.
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
    bifurcation: bool
    warm: bool
    certified: bool
    overlaps: tuple[Overlap, ...]


@dataclass(frozen=True)
class Start:
    """Where a solve may start. One that is nothing more, such as a state carried over from another mesh, has no factor.

    displacement  this rank's own degrees of freedom, mm, prescribed ones by controls (c,) mm
    """

    displacement: Floats
    controls: Floats


@dataclass(frozen=True)
class Known(Start):
    """What a solve that starts from a solution needs of it.

    factored      the displacement, mm, whose tangent was factored for its certificate: its own or one near it
    points (n, d) mm and material (p,) or (r, p): what it is the equilibrium of, with its controls
    """

    factored: Floats
    points: Floats
    material: Floats
    stamp: uuid.UUID = field(repr=False)


@dataclass(frozen=True)
class Near(Start):
    """A start that is no solution, but near one, whose factor serves it, too."""

    whose: Known


@dataclass(frozen=True)
class Solution(Known):
    """A stable equilibrium: residual below tolerance, det F > 0, positive-definite tangent, full load."""

    record: Record


def lender(start: Start | None) -> Known | None:
    """The solution whose factor a solve from `start` begins with."""
    return start.whose if isinstance(start, Near) else start if isinstance(start, Known) else None


class Equilibrium:
    """Solves one `Solid`. Keeps the factors of its last `factors` solutions for their gradients."""

    def __init__(self, solid: Solid, effort: Effort = Effort(), factors: int = 1) -> None:
        self.solid, self.effort = solid, effort
        self._factors = [linear_solver(solid) for _ in range(factors)]
        self._stamps: list[uuid.UUID | None] = [None] * factors
        self._count = 0

    def solve(self, points: Floats, controls: Floats, material: Floats, start: Start | None = None) -> Solution:
        """The equilibrium at `points` (n, d) mm under `controls` (c,) mm.

        Ramped from the undeformed state, or from `start` (another design's, control's or mesh's solution), from
        which it falls back to the undeformed state; with `refuse_overlap` also where walls have passed through each
        other, as another branch may be free of that. Raises InputError for values out of range or inverted
        elements, EquilibriumError where no certified state was reached.
        """
        self.check(points, controls, material)
        slot = self._next_slot()
        whose = lender(start)
        kept = whose is None or self.keeps(whose)
        lent = self._lend(whose, slot) if whose else None
        stamp = self._stamps[slot] = uuid.uuid4()
        self.solid.set_inputs(points, material, controls)
        climb, state = Climb(self.solid, self.effort, self._factors[slot], lent), None
        climb.tangent.factorisations += not kept
        if start is not None:
            with suppress(EquilibriumError):  # whatever the cold path solves is still solved
                state = climb.from_state(start.displacement, start.controls, controls)
        warm = state is not None
        state = state or climb.from_rest(controls)
        record = self._certify(climb, state, warm, points)
        if warm and self._refused(record):
            state = climb.from_rest(controls)
            record = self._certify(climb, state, False, points)
        if not record.certified:
            raise EquilibriumError(f"the state failed its certificate ({record})", 1.0)
        if self._refused(record):
            advice = "Use smaller controls or an overlap penalty, or allow such states (refuse_overlap=False)."
            reason = f"walls pass through each other, {record.overlaps[0]},"
            raise EquilibriumError(reason, 1.0, advice=advice, kind="overlap")
        factored = climb.tangent.factored
        assert factored is not None, "no state is certified without a factor of its own"
        return Solution(state.u, controls.copy(), factored, points.copy(), material.copy(), stamp, record)

    def _certify(self, climb: Climb, state: State, warm: bool, points: Floats) -> Record:
        solid, tangent = self.solid, climb.tangent
        least_det_f = solid.least_det_f(state.u)[0]
        balanced = state.norm <= self.effort.tolerance * state.scale
        return Record(
            energy=state.energy,
            residual=state.norm,
            reaction=state.reaction,
            least_det_f=least_det_f,
            loads=tuple(climb.loads),
            iterations=climb.minimiser.iterations,
            factorisations=tangent.factorisations,
            cutbacks=climb.cutbacks,
            kicks=climb.minimiser.kicks,
            bifurcation=tangent.met_negative,
            warm=warm,
            certified=balanced and least_det_f > 0 and tangent.solver.positive and climb.loads[-1] == 1.0,
            overlaps=self._overlaps(state.u, points),
        )

    def _refused(self, record: Record) -> bool:
        return self.effort.refuse_overlap and bool(record.overlaps)

    def _overlaps(self, u: Floats, points: Floats) -> tuple[Overlap, ...]:
        mesh, dofs = self.solid.mesh, self.solid.dofs
        if mesh.dim != 2:
            return ()
        edges = walls_of(mesh).edges
        return overlaps(mesh, points + dofs.at_points(u), points[edges].mean(axis=1) + dofs.at_edges(u, edges))

    def check(self, points: Floats, controls: Floats, material: Floats) -> None:
        """InputError for arrays of the wrong shape, values out of bounds and inverted elements."""
        mesh = self.solid.mesh
        if points.shape != mesh.points.shape:
            raise InputError(f"The mesh has points of shape {mesh.points.shape}, got {points.shape}.")
        self.solid.boundary.check_controls(controls)
        self.solid.coefficients.check(material)
        if self.solid.dofs.ties is not None:
            self.solid.dofs.ties.check(points)
        measures = least_measures(points, mesh.cells)
        inverted = np.flatnonzero(~(measures > 0))
        if inverted.size:
            raise InputError(
                f"{inverted.size} elements are inverted, the first is element {inverted[0]} with {MEASURE[mesh.dim]} "
                f"{measures[inverted[0]]:.3g} mm^{mesh.dim}: keep the design inside its bounds, or mesh it again."
            )

    def _next_slot(self) -> int:
        """Where the next factor goes: in the place of the oldest."""
        self._count += 1
        return (self._count - 1) % len(self._factors)

    def _lend(self, start: Known, slot: int) -> Solver | None:
        """The factor that a start was certified by; made again in `slot` where it is gone, None if it is of no use.

        Always the same one, whatever was solved before: so a solve depends on its arguments alone.
        """
        factor = self._kept(start) or self._made(start, slot)
        return factor if factor.positive else None

    def _kept(self, solution: Known) -> Solver | None:
        return self._factors[self._stamps.index(solution.stamp)] if self.keeps(solution) else None

    def _made(self, solution: Known, slot: int) -> Solver:
        self.solid.set_inputs(solution.points, solution.material, solution.controls)
        self._factors[slot].factorise(self.solid.tangent(solution.factored))
        self._stamps[slot] = solution.stamp
        return self._factors[slot]

    def keeps(self, solution: Known) -> bool:
        """Whether the factor of a solution is still there."""
        return solution.stamp in self._stamps

    def factor(self, solution: Solution) -> Solver:
        """The factor that `solution` was certified by; kept from its solve, or else made again.

        The solid must be set to the solution's points and material, and is left so.
        """
        return self._kept(solution) or self._made(solution, self._next_slot())
