"""The pressed square with pores by finite elements: energy and its Newton steps, certified solutions, errors."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import ufl
from dolfinx import fem
from mpi4py import MPI

from mnnfem import compiled
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.equilibrium import Record, Start
from mnnfem.material import bulk_of
from mnnfem.mesh import Floats, Ints
from mnnfem.metapde.pores import Pores
from mnnfem.multigrid import linear_solver
from mnnfem.rubbers import PlaneNeoHookean
from mnnfem.tangent import Tangent

LAW = PlaneNeoHookean(1.0, bulk_of(1.0, poisson=0.49))  # MPa; equilibria depend on their ratio alone
CONTROLS = np.array([0.12])  # mm that the top is pressed down, of a height of 1 mm
LITTLE = 0.03  # of the energy
KICKS = 0.04 * 0.5 ** np.arange(6)  # mm along a mode whose largest entry is 1
SHARES = 0.5 ** np.arange(9)  # of a step that are tried


@dataclass(frozen=True, eq=False)
class Solved:
    """A certified equilibrium: displacement (size,) mm, the solver's record, processor seconds."""

    displacement: Floats
    record: Record
    seconds: float


class PoreElements:
    """P2 on the triangles of `Pores`, moved to one instance (s, c_1, c_2) after the other; displacements are (size,) mm."""

    def __init__(self, around: int, layers: int) -> None:
        self.pores = Pores.of(around, layers)
        boundary = Boundary(("bottom",), [Drive("top", (0.0, -1.0), float(CONTROLS[0]))])
        self.body = Body(self.pores.mesh, LAW, boundary, comm=MPI.COMM_SELF)
        self.solid = self.body.solid
        self._tangent = Tangent(self.solid, linear_solver(self.solid))
        u, dx = self.solid.u, ufl.dx(degree=4)
        self._norms = [compiled.form(ufl.inner(one, one) * dx) for one in (u, ufl.grad(u))]

    @property
    def triangles(self) -> Ints:
        """Of the nodes, (m, 3), each element in four."""
        dofs = self.solid.space.dofmap.list
        return np.concatenate([dofs[:, list(one)] for one in ((0, 5, 4), (5, 1, 3), (4, 3, 2), (3, 4, 5))])

    def place(self, instance: Floats) -> Floats:
        """Move the mesh to an instance; returns the nodes (size / 2, 2) mm in the order of the displacements."""
        self.solid.set_inputs(self.pores.points(instance), LAW.values, CONTROLS)
        return self.solid.space.tabulate_dof_coordinates()[: self.solid.dofs.owned, :2]

    def lift(self, nodes: Floats) -> Floats:
        """Even compression, which turns no element over: (0, -0.12 y), exact where displacements are prescribed."""
        even = np.column_stack([np.zeros(len(nodes)), -CONTROLS[0] * nodes[:, 1]]).ravel()
        return np.where(self.solid.prescribed, self.solid.lift(CONTROLS), even)

    def solve(self, instance: Floats, start: Floats | None = None) -> Solved:
        """The certified equilibrium, from rest or from a displacement."""
        began = time.process_time()
        begin = None if start is None else Start(start, CONTROLS)
        found = self.body.solve(self.pores.points(instance), CONTROLS, LAW.values, begin)
        return Solved(found.displacement, found.record, time.process_time() - began)

    def energy(self, u: Floats) -> float:
        """Of a displacement in the instance that is placed, mJ/mm; not finite where elements turn over."""
        return self.solid.energy(u)

    def newton(self, u: Floats) -> Floats:
        """The displacement after a step of Newton's method, shortened until the energy has fallen; `u` where it does not.

        Where the tangent is not positive definite, it is that without compressive stresses; where this step saves little,
        the state is a saddle, and is left along its lowest mode.
        """
        tangent, solid = self._tangent, self.solid
        positive = tangent.solver.factorise(solid.tangent(u))
        if not positive:
            tangent.renew(u, indefinite=True)
        found = self._fallen(u, -tangent.solve(solid.residual(u)))
        if positive or solid.energy(found) < (1 - LITTLE) * solid.energy(u):
            return found
        mode = tangent.lowest_mode(found).shape
        return min((found, *(found + length * mode for length in (*KICKS, *-KICKS))), key=self._finite)

    def reduced(self, u: Floats, fields: Floats) -> Floats:
        """The same among u + fields z, (size, k) fields; curvatures count by their size, so that negative ones lead down."""
        rows, columns, values = self.solid.tangent(u).getValuesCSR()
        force = fields.T @ self.solid.on_free(self.solid.residual(u))
        curvature, modes = np.linalg.eigh(fields.T @ (sp.csr_matrix((values, columns, rows)) @ fields))
        return self._fallen(u, -fields @ (modes @ ((modes.T @ force) / np.maximum(np.abs(curvature), 1e-9 * curvature.max()))))

    def _finite(self, u: Floats) -> float:
        energy = self.energy(u)
        return energy if np.isfinite(energy) else np.inf

    def _fallen(self, u: Floats, step: Floats) -> Floats:
        before = self.energy(u)
        tried = (u + share * step for share in SHARES)
        return next((one for one in tried if self.energy(one) < before), u)

    def errors(self, u: Floats, true: Floats) -> tuple[float, float]:
        """Relative L2 and H1 (seminorm) errors of a displacement on the mesh as it is placed."""
        norms = []
        for one in (u - true, true):
            self.solid.load(self.solid.u, one)
            norms.append([float(np.sqrt(fem.assemble_scalar(form))) for form in self._norms])
        return norms[0][0] / norms[1][0], norms[0][1] / norms[1][1]

    def carried(self, other: PoreElements, u: Floats, instance: Floats) -> Floats:
        """A displacement on another mesh of the same instance, at the nodes of this one."""
        carrier = self.body.carrier(other.body, other.pores.points(instance), self.pores.points(instance))
        return carrier(Start(u, CONTROLS)).displacement
