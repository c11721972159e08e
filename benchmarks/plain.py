"""The forward solve of a plain FEniCSx user: PETSc SNES, Newton with backtracking, LU, equal load steps.

The same mesh, elements, energy, material and loads as `mnnfem.equilibrium`, held to the same tolerance, so
that only the method differs. Nothing guards against inverted or unstable states but the energy itself: at
det F <= 0 at a quadrature point ln J makes the residual not a number, and `bt` then halves its step.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import ufl
from dolfinx import fem
from petsc4py import PETSc

from mnnfem import _compat
from mnnfem.continuation import Effort
from mnnfem.factor import Cholesky
from mnnfem.mesh import Floats
from mnnfem.solid import Solid
from mnnfem.state import State

PREFIX = "plain_"
OPTIONS = {
    "snes_type": "newtonls",
    "snes_linesearch_type": "bt",
    "ksp_type": "preonly",
    "pc_type": "lu",
    "pc_factor_mat_solver_type": "mumps",
}
TOLERANCE = Effort().tolerance
REASONS = {value: name for name, value in vars(PETSc.SNES.ConvergedReason).items() if isinstance(value, int) and value < 0}


@dataclass(frozen=True)
class Plain:
    """What a plain solve returned: nothing in it says whether the state is stable, see `certificate`.

    displacement  own P2 degrees of freedom of the last load that converged, mm;  energy of it, mJ/mm
    load          fraction of the load at which it is the answer
    reason        of SNES where the next load failed, else empty
    seconds       of the solve, without building the solver;  solves: linear systems, each with a factor of its own
    """

    displacement: Floats
    energy: float
    load: float
    reason: str
    seconds: float
    solves: int

    @property
    def complete(self) -> bool:
        """Whether the full load was reached."""
        return self.load == 1.0


@dataclass(frozen=True)
class Certificate:
    """What a state is worth: norms of residual (free) and reaction (prescribed) in N/mm, least det F, stability."""

    residual: float
    reaction: float
    balanced: bool
    least_det_f: float
    positive: bool

    @property
    def certified(self) -> bool:
        """In balance within the tolerance, no inverted element, positive-definite tangent."""
        return self.balanced and self.least_det_f > 0 and self.positive


class PlainNewton:
    """SNES on the forms of one solid on one rank: compiled and analysed once, for as many solves as wanted.

    PETSc options take the prefix `plain_`; what is not set is PETSc's own, such as 50 iterations a load step.
    """

    def __init__(self, solid: Solid) -> None:
        assert solid.comm.size == 1, "the plain solver runs on one rank"
        self.solid = solid
        self._residual = fem.form(solid.virtual_work)
        self._tangent = fem.form(ufl.derivative(solid.virtual_work, solid.u))
        self._prescribed = fem.Function(solid.space)
        self._bcs = [fem.dirichletbc(self._prescribed, np.flatnonzero(solid.prescribed[::2]).astype(np.int32))]
        self._goal = 0.0
        self._matrix = fem.petsc.create_matrix(self._tangent)
        self._x, vector = self._matrix.createVecs()
        options = PETSc.Options()
        for key, value in OPTIONS.items():
            if not options.hasName(PREFIX + key):
                options.setValue(PREFIX + key, value)
        self._snes = PETSc.SNES().create(solid.comm)
        self._snes.setOptionsPrefix(PREFIX)
        self._snes.setFunction(self._assemble_residual, vector)
        self._snes.setJacobian(self._assemble_tangent, self._matrix)
        self._snes.setConvergenceTest(self._converged)
        self._snes.setFromOptions()

    def solve(self, points: Floats, controls: Floats, material: Floats, steps: int = 10) -> Plain:
        """From rest to `controls` in equal steps; the first step that fails ends it."""
        begin, solid = time.perf_counter(), self.solid
        solid.set_inputs(points, material, controls)
        lift, solves, load, reason = solid.lift(controls), 0, 0.0, ""
        u = np.zeros(solid.size)
        self._x.set(0.0)
        for step in range(1, steps + 1):
            solid.load(self._prescribed, step / steps * lift)
            self._snes.solve(None, self._x)
            solves += self._snes.getLinearSolveIterations()  # one a system: the factor is exact
            code = self._snes.getConvergedReason()
            if code < 0:
                reason = REASONS.get(code, str(code))
                break
            u, load = self._x.array.copy(), step / steps
        seconds = time.perf_counter() - begin
        return Plain(u, solid.energy(u), load, reason, seconds, solves)

    def _assemble_residual(self, snes: PETSc.SNES, x: PETSc.Vec, residual: PETSc.Vec) -> None:
        """Forces on the free degrees of freedom, x - prescribed on the others, and the lifting of that difference."""
        self.solid.load(self.solid.u, x.array_r)
        residual.set(0.0)
        fem.petsc.assemble_vector(residual, self._residual)
        reaction = np.linalg.norm(residual.array_r[self.solid.prescribed])
        self._goal = TOLERANCE * max(reaction, self.solid.force_floor)
        fem.petsc.apply_lifting(residual, [self._tangent], bcs=[self._bcs], x0=[x], alpha=-1.0)
        fem.petsc.set_bc(residual, self._bcs, x, -1.0)

    def _assemble_tangent(self, snes: PETSc.SNES, x: PETSc.Vec, matrix: PETSc.Mat, _: PETSc.Mat) -> None:
        self.solid.load(self.solid.u, x.array_r)
        _compat.assemble_matrix(matrix, [[self._tangent]], self._bcs)

    def _converged(self, snes: PETSc.SNES, iteration: int, norms: tuple[float, float, float]) -> bool:
        """Our own bar, residual against reactions: PETSc's looks at the first residual, or at short steps."""
        return norms[2] <= self._goal


def plain_solve(solid: Solid, points: Floats, controls: Floats, material: Floats, steps: int = 10) -> Plain:
    """One solve at `points` (n, 2) mm under `controls` (c,) mm, by a solver built for it."""
    return PlainNewton(solid).solve(points, controls, material, steps)


def certificate(solid: Solid, u: Floats) -> Certificate:
    """Our certificate of any state u, its own degrees of freedom, on the points and material the solid is set to."""
    state = State.at(solid, u)
    return Certificate(
        residual=state.norm,
        reaction=state.reaction,
        balanced=state.norm <= TOLERANCE * state.scale,
        least_det_f=solid.least_det_f(u)[0],
        positive=Cholesky(solid.comm).factorise(solid.tangent(u)),
    )
