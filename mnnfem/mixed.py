"""A pressure field of its own for the change of volume, for bodies that hardly change in volume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import ufl
from dolfinx import default_scalar_type, fem, la
from mpi4py import MPI
from petsc4py import PETSc

from mnnfem import compiled
from mnnfem.coefficients import Coefficients
from mnnfem.density import Density, Matrix, embedded
from mnnfem.dofs import assemble
from mnnfem.mesh import Floats

LOOSE = 20.0  # times the modulus of the shape: the bulk modulus of the loosened energy, that of a Poisson's ratio of 0.49
TIGHT = 0.02  # times that modulus: the error of the pressure from which Newton's method on the exact energy is taken


class Mixed(Density):
    r"""A pressure p of its own for the change of volume, which bulk moduli far above the shear modulus would lock:

        Pi = int shape(F) + p dilation(F) - p^2 / (2 bulk) dX,      stationary in p,

    of degree 2 in the displacement and 1, continuous, in p (Taylor and Hood 1973), a stable pair. With
    C = int q r / bulk and B = int q d(dilation): C p = int q dilation, and the tangent is A + B^T C^-1 B. The matrix that is
    factored is [[A, B^T], [B, -C]], whose Schur complement it is: positive definite exactly if there is one negative pivot
    for each q.

    A bulk modulus far above the shear modulus makes this energy a narrow, curved valley. Loosened, it also has
    -(p - p0)^2 / (2 LOOSE), so that volume changes cost no more than LOOSE, and moving the anchor p0 to p leads to the exact
    state by a factor of ten and more each time (Rockafellar, Math. Oper. Res. 1, 1976: the proximal method of multipliers).
    """

    def __init__(self, coefficients: Coefficients, u: fem.Function, dx: ufl.Measure, quadrature_degree: int) -> None:
        super().__init__(coefficients, u, dx, quadrature_degree)
        law, parameters = coefficients.law, coefficients.fields
        space = fem.functionspace(self.domain, ("Lagrange", 1))
        self.pressure, self._change = fem.Function(space), fem.Function(space)
        self.rows, self.negative = space.dofmap.index_map.size_local, space.dofmap.index_map.size_global
        trial, test = ufl.TrialFunction(space), ufl.TestFunction(space)
        self._hold, self._anchor = fem.Constant(self.domain, default_scalar_type(0.0)), fem.Function(space)
        bulk, dilation = law.bulk(*parameters), law.dilation(embedded(self.F))
        self._mass = Matrix([[trial * test * (1 / bulk + self._hold) * dx]])
        self._direction = fem.Function(u.function_space)
        self._dilation = compiled.form(test * (dilation + self._hold * self._anchor) * dx)
        self._rate = compiled.form(ufl.derivative(test * dilation * dx, u, self._direction))
        back = ufl.derivative(self._change * dilation * dx, u, ufl.TestFunction(u.function_space))
        self._back = compiled.form(back)
        self._vector = la.vector(space.dofmap.index_map, 1)
        self._forces = la.vector(u.function_space.dofmap.index_map, self.dim)
        self._solver = PETSc.KSP().create(self.domain.comm)
        self._solver.setType(PETSc.KSP.Type.PREONLY)
        self._solver.getPC().setType(PETSc.PC.Type.CHOLESKY)
        self._solver.getPC().setFactorSolverType("mumps")
        self.changed()

    def stored(self, whole: Any, values: Sequence[Any]) -> Any:
        p = self.pressure
        shape, dilation = self.law.shape(whole, *values), self.law.dilation(whole)
        return shape + p * dilation - p**2 / (2 * self.law.bulk(*values)) - self._hold / 2 * (p - self._anchor) ** 2

    def changed(self) -> None:
        self._old, self._settled = True, np.zeros(0)

    def loosen(self) -> None:
        shear, bulk = self.coefficients.stiffness, self.coefficients.bulk
        if bulk > 2 * LOOSE * shear:
            self._hold.value, self.loose = 1 / (LOOSE * shear), True
            self.changed()

    def anchor(self) -> bool:
        shear, bulk = self.coefficients.stiffness, self.coefficients.bulk
        moved = np.abs(self.pressure.x.array - self._anchor.x.array).max(initial=0.0)
        self._anchor.x.array[:] = self.pressure.x.array
        self._settled = np.zeros(0)
        moved = self.domain.comm.allreduce(float(moved), op=MPI.MAX)
        return bool(bulk * float(self._hold.value) * moved <= TIGHT * shear)

    def tighten(self) -> None:
        self._hold.value, self.loose = 0.0, False
        self.changed()

    def settle(self) -> None:
        moved = self.u.x.array
        if self.domain.comm.allreduce(not np.array_equal(self._settled, moved), op=MPI.LOR):
            self._settled = moved.copy()
            self._solve(self._dilation, self.pressure)

    def slopes(self, functional: ufl.Form) -> list[fem.Form]:
        return [compiled.form(ufl.derivative(functional, self.pressure, ufl.TestFunction(self.pressure.function_space)))]

    def absorb(self, slopes: list[fem.Form]) -> None:
        self._solve(slopes[0], self._change)

    def settled(self, functional: ufl.Form, potential: ufl.Form) -> ufl.Form:
        return functional + ufl.derivative(potential, self.pressure, self._change)

    def follow(self, direction: fem.Function) -> None:
        self._direction.x.array[:] = direction.x.array
        self._solve(self._rate, self._change)

    def work(self, potential: ufl.Form, direction: Any) -> ufl.Form:
        return ufl.derivative(potential, self.u, direction) + ufl.derivative(potential, self.pressure, self._change)

    def stiffen(self, vector: Floats) -> Floats:
        return vector + assemble(self._forces, self._back)[: len(vector)]

    def matrix(self, tangent: ufl.Form, potential: ufl.Form, storage: PETSc.Mat | None = None) -> Matrix:
        p, u = self.pressure, self.u
        q, v = ufl.TestFunction(p.function_space), ufl.TestFunction(u.function_space)
        r, w = ufl.TrialFunction(p.function_space), ufl.TrialFunction(u.function_space)
        by_p = ufl.derivative(potential, p, q)
        across = ufl.derivative(ufl.derivative(potential, u, v), p, r)
        return Matrix([[tangent, across], [ufl.derivative(by_p, u, w), ufl.derivative(by_p, p, r)]], storage)

    def _solve(self, form: fem.Form, function: fem.Function) -> None:
        if self._old:
            self._solver.setOperators(self._mass.assembled([]))
            self._old = False
        own = self.rows
        solution, right = self._mass.storage.createVecs()
        right.array[:] = assemble(self._vector, form)[:own]
        self._solver.solve(right, solution)
        function.x.array[:own] = solution.array
        function.x.scatter_forward()
        solution.destroy()
        right.destroy()
