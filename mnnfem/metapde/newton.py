"""Newton's method with backtracking for one nonlinear form: what truths and competitors are computed by."""

from __future__ import annotations

import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI
from petsc4py import PETSc

from mnnfem import _compat, compiled
from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Mask

ENOUGH, MOST, LEAST = 1e-9, 30, 1e-3  # of the first residual; steps; of a step


class Newton:
    """Solves residual(u; v) = 0 for all v, u prescribed in the degrees of freedom `held`; each step a factorisation by MUMPS.

    The pattern of the matrix is kept, so solves after the first order nothing anew. On one rank.
    """

    def __init__(self, residual: ufl.Form, u: fem.Function, held: Mask) -> None:
        space = u.function_space
        self.u, self._held = u, held
        self._residual = compiled.form(residual)
        self._tangent = compiled.form(ufl.derivative(residual, u, ufl.TrialFunction(space)))
        self._bcs = [fem.dirichletbc(fem.Function(space), np.flatnonzero(held).astype(np.int32))]
        self._matrix = _compat.create_matrix([[self._tangent]])
        self._given, self._step = self._matrix.createVecs()
        self._ksp = PETSc.KSP().create(MPI.COMM_SELF)
        self._ksp.setType("preonly")
        self._ksp.getPC().setType("lu")
        self._ksp.getPC().setFactorSolverType("mumps")
        self._ksp.setOperators(self._matrix)

    def solve(self) -> int:
        """From what u is now, whose held values are the prescribed ones; returns the steps. InputError where it stalls."""
        right = self._right()
        first = left = float(np.linalg.norm(right))
        for step in range(MOST):
            if left <= ENOUGH * first:
                return step
            right, left = self._searched(right, left)
        raise InputError(f"Newton's method stopped at a residual of {left / first:.1e} of the first after {MOST} steps.")

    def _searched(self, right: Floats, left: float) -> tuple[Floats, float]:
        """One step, halved until the residual falls."""
        _compat.assemble_matrix(self._matrix, [[self._tangent]], self._bcs)
        self._given.array[:] = -right
        self._ksp.solve(self._given, self._step)
        start, share = self.u.x.array.copy(), 1.0
        while True:
            self.u.x.array[:] = start + share * self._step.array
            tried = self._right()
            size = float(np.linalg.norm(tried))
            if size < left or share < LEAST:
                return tried, size
            share /= 2

    def _right(self) -> Floats:
        right = fem.assemble_vector(self._residual).array.copy()
        right[self._held] = 0.0
        return right
