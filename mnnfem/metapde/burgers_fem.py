"""Burgers' equation by quadratic elements in space and the trapezoidal rule in time."""

from __future__ import annotations

import dolfinx
import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI

from mnnfem.mesh import Floats
from mnnfem.metapde.burgers_exact import initial
from mnnfem.metapde.burgers_pieces import VISCOSITY
from mnnfem.metapde.newton import Newton


class BurgersElements:
    """P2 on even cells; every time step by Newton's method."""

    def __init__(self, cells: int) -> None:
        mesh = dolfinx.mesh.create_interval(MPI.COMM_SELF, cells, (0.0, 1.0))
        space = fem.functionspace(mesh, ("Lagrange", 2))
        self.x = space.tabulate_dof_coordinates()[:, 0]
        self._order = np.argsort(self.x)
        self._u, self._before, v = fem.Function(space), fem.Function(space), ufl.TestFunction(space)
        self._step = fem.Constant(mesh, 1.0)

        def rate(u: ufl.core.expr.Expr) -> ufl.core.expr.Expr:
            return -0.5 * u**2 * v.dx(0) + VISCOSITY * u.dx(0) * v.dx(0)

        residual = (self._u - self._before) * v + 0.5 * self._step * (rate(self._u) + rate(self._before))
        self._newton = Newton(residual * ufl.dx, self._u, (self.x == 0) | (self.x == 1))

    def solve(self, instance: Floats, times: Floats, places: Floats, longest: float) -> Floats:
        """u (times, n) at places (n,), linear between nodes, by time steps of at most `longest`; times ascending from 0."""
        self._u.x.array[:] = np.where((self.x == 0) | (self.x == 1), 0.0, initial(self.x, instance))
        now, found = 0.0, []
        for time in times:
            count = int(np.ceil((time - now) / longest - 1e-9))
            self._step.value = (time - now) / count
            for _ in range(count):
                self._before.x.array[:] = self._u.x.array
                self._newton.solve()
            now = float(time)
            found.append(np.interp(places, self.x[self._order], self._u.x.array[self._order]))
        return np.array(found)
