"""The nonlinear Poisson equation by finite elements: truth and competitor of the learned basis."""

from __future__ import annotations

import time
from dataclasses import dataclass

import basix.ufl
import dolfinx
import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI

from mnnfem import _compat, compiled
from mnnfem.mesh import Floats, Ints
from mnnfem.metapde.newton import Newton
from mnnfem.metapde.rings import Rings
from mnnfem.transfer import locate

CORRECTIONS = 4  # of a place in a curved element


@dataclass(frozen=True)
class Solved:
    """A solution at the nodes, (n,), how many Newton steps it took, and how many seconds."""

    values: Floats
    steps: int
    seconds: float


class PoissonElements:
    """P2 on quadratic triangles: one mesh of rings that is moved to each instance's domain, one pattern for its matrix.

    rings   between the middle and the boundary
    """

    def __init__(self, rings: int) -> None:
        self.rings = Rings.of(rings)
        kind = basix.ufl.element("Lagrange", "triangle", 2, shape=(2,))
        cells, flat = self.rings.cells, self.rings.nodes(np.ones_like)
        self.mesh = dolfinx.mesh.create_mesh(MPI.COMM_SELF, cells=cells, x=flat, e=ufl.Mesh(kind))
        self.space = fem.functionspace(self.mesh, ("Lagrange", 2))
        self._node = self.mesh.geometry.input_global_indices
        self._of_dof = np.empty(len(flat), dtype=np.int64)  # geometry and space have the same nodes, numbered otherwise
        self._of_dof[self.space.dofmap.list] = self._node[_compat.geometry_dofmap(self.mesh)]
        self._held = self.rings.rim[self._of_dof]
        self.u = fem.Function(self.space)
        self.source = fem.Constant(self.mesh, np.zeros((2, 3)))
        self._forms()

    def _forms(self) -> None:
        u, v = self.u, ufl.TestFunction(self.space)
        x, dx = ufl.SpatialCoordinate(self.mesh), ufl.dx(degree=6)
        away = [x - ufl.as_vector([self.source[k, 0], self.source[k, 1]]) for k in range(2)]
        f = sum(self.source[k, 2] * ufl.exp(-ufl.dot(away[k], away[k])) for k in range(2))
        residual = ((1 + 0.1 * u**2) * ufl.dot(ufl.grad(u), ufl.grad(v)) + f * v) * dx
        self._newton = Newton(residual, u, self._held)
        self._norms = [compiled.form(one * dx) for one in (u * u, ufl.dot(ufl.grad(u), ufl.grad(u)))]

    @property
    def triangles(self) -> Ints:
        """Of the values, (m, 3), each element in four."""
        dofs = self.space.dofmap.list
        return np.concatenate([dofs[:, list(one)] for one in ((0, 5, 4), (5, 1, 3), (4, 3, 2), (3, 4, 5))])

    def place(self, instance: Floats) -> Floats:
        """Move the mesh to an instance's domain; returns the nodes (n, 2) in the order of the values."""
        nodes = self.rings.nodes(lambda t: 1 + instance[11] * np.cos(4 * t) + instance[12] * np.cos(8 * t))
        self.mesh.geometry.x[:, :2] = nodes[self._node]
        return nodes[self._of_dof]

    def solve(self, instance: Floats) -> Solved:
        """The solution in an instance (13,) of `poisson.Poisson`, from the boundary values and 0 inside.

        InputError where Newton's method does not converge.
        """
        began = time.perf_counter()
        self.place(instance)
        self.source.value[:] = instance[:6].reshape(2, 3)
        angle = self.rings.angle[self._of_dof]
        waves = np.array([np.ones_like(angle), *(wave(k * angle) for k in (1, 2) for wave in (np.cos, np.sin))])
        self.u.x.array[:] = np.where(self._held, instance[6:11] @ waves, 0.0)
        steps = self._newton.solve()
        return Solved(self.u.x.array.copy(), steps, time.perf_counter() - began)

    def errors(self, values: Floats, true: Floats) -> tuple[float, float]:
        """Relative L2 and H1 (seminorm) errors of nodal values (n,) on the mesh as it is placed."""
        norms = []
        for one in (values - true, true):
            self.u.x.array[:] = one
            norms.append([float(np.sqrt(fem.assemble_scalar(form))) for form in self._norms])
        return norms[0][0] / norms[1][0], norms[0][1] / norms[1][1]

    def carried(self, other: PoissonElements, values: Floats) -> Floats:
        """Values (n,) on another mesh, at the nodes of this one, both placed in the same domain.

        Places in elements with a curved edge are found by Newton's method from those in the straight ones.
        """
        at, cells = self._nodes(), other.space.dofmap.list
        found = locate(other._nodes(), cells[:, :3], at)
        corners, share = other._nodes()[cells[found.cell]], found.weight
        for _ in range(CORRECTIONS):
            shape, slope = _quadratic(share)
            off = at - np.einsum("ki,kid->kd", shape, corners)
            towards = np.einsum("kij,kid->kdj", slope[:, :, 1:] - slope[:, :, :1], corners)
            step = np.linalg.solve(towards, off[..., None])[..., 0]
            share = share + np.column_stack([-step.sum(axis=1), step])
        carried: Floats = np.einsum("ki,ki->k", _quadratic(share)[0], values[cells[found.cell]])
        return carried

    def _nodes(self) -> Floats:
        """Where the nodes are now, (n, 2) in the order of the values."""
        nodes: Floats = np.empty((len(self._node), 2))
        nodes[self.space.dofmap.list] = self.mesh.geometry.x[_compat.geometry_dofmap(self.mesh), :2]
        return nodes


def _quadratic(share: Floats) -> tuple[Floats, Floats]:
    """Functions (k, 6) of a quadratic triangle at barycentric coordinates (k, 3), and their slopes in these, (k, 6, 3)."""
    pairs = ((1, 2), (0, 2), (0, 1))
    shape = np.column_stack([share * (2 * share - 1), *(4 * share[:, i] * share[:, j] for i, j in pairs)])
    slope = np.zeros((len(share), 6, 3))
    slope[:, range(3), range(3)] = 4 * share - 1
    for row, (i, j) in enumerate(pairs, start=3):
        slope[:, row, i], slope[:, row, j] = 4 * share[:, j], 4 * share[:, i]
    return shape, slope
