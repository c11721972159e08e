"""One discretised body: spaces, forms and maps between mesh arrays and degrees of freedom."""

from __future__ import annotations

from typing import Any

import basix
import numpy as np
import ufl
from dolfinx import default_scalar_type, fem, la
from mpi4py import MPI
from petsc4py import PETSc

from mnnfem import _compat
from mnnfem.boundary import Boundary
from mnnfem.dofs import Dofs
from mnnfem.errors import InputError
from mnnfem.material import NeoHookean
from mnnfem.mesh import Floats, Mask, Mesh


class Solid:
    r"""Strain energy Pi(u) = int W(I + grad u) dX of P1 or P2 displacements in d = 2 or 3 dimensions, and its derivatives.

    Node coordinates and material values are set before use; the displacement is always an argument: an
    array of this rank's own degrees of freedom, mm. Vectors that come back have the same layout.

    degree             1 or 2 (P1 or P2)
    dofs               maps between the mesh and these vectors;  size  their length
    u, F               the displacement as a Function, and its deformation gradient
    free, prescribed   masks over the own degrees of freedom
    lifts              (controls, size), the displacement that a unit of each control prescribes
    extent             largest side of the mesh's bounding box, mm
    mass               mass-matrix diagonal, mm^d: the weight of a shift that a finer mesh does not change
    """

    def __init__(
        self,
        mesh: Mesh,
        law: NeoHookean,
        boundary: Boundary,
        comm: MPI.Comm = MPI.COMM_WORLD,
        degree: int = 2,
        quadrature_degree: int | None = None,
    ) -> None:
        boundary.check(mesh)
        if degree not in (1, 2):
            raise InputError(f"Displacements are of degree 1 or 2, got {degree}.")
        if quadrature_degree is None:
            quadrature_degree = 4 if degree == 2 else 1  # F of P1 displacements is constant in an element
        PETSc.garbage_cleanup(comm)  # collective, as making a solid is: the collector alone must not free shared objects
        self.mesh, self.law, self.boundary, self.comm, self.degree = mesh, law, boundary, comm, degree
        self.domain = _compat.simplex_mesh(comm, mesh.points, mesh.cells)
        self.space = fem.functionspace(self.domain, ("Lagrange", degree, (mesh.dim,)))
        self.dx = ufl.Measure("dx", self.domain, metadata={"quadrature_degree": quadrature_degree})
        self.parameters = [fem.Constant(self.domain, default_scalar_type(value)) for value in law.values]
        self.extent = float(np.ptp(mesh.points, axis=0).max())
        self.dofs = Dofs(mesh, self.space)
        self.size = self.dofs.size
        self._compile(quadrature_degree)
        self._mark_boundary()
        self.set_points(mesh.points)
        trial, test = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        mass = fem.petsc.assemble_matrix(fem.form(ufl.inner(trial, test) * ufl.dx(degree=2 * degree)))
        mass.assemble()
        diagonal = mass.getDiagonal()
        self.mass: Floats = np.array(diagonal.array)
        diagonal.destroy()
        mass.destroy()

    def _compile(self, quadrature_degree: int) -> None:
        self.u, self.direction = fem.Function(self.space), fem.Function(self.space)
        test = ufl.TestFunction(self.space)
        self.F = ufl.Identity(self.mesh.dim) + ufl.grad(self.u)
        self.stored_energy = self.law.energy(self.F, *self.parameters) * self.dx
        self.virtual_work = ufl.derivative(self.stored_energy, self.u, test)
        tangent = ufl.derivative(self.virtual_work, self.u)
        self._energy = fem.form(self.stored_energy)
        self._residual = fem.form(self.virtual_work)
        self._tangent = fem.form(tangent)
        self._action = fem.form(ufl.action(tangent, self.direction))
        self._tension_tangent = fem.form(tangent + self._compression_left_out())
        self._vector = la.vector(self.space.dofmap.index_map, self.mesh.dim)
        self._matrix = fem.petsc.create_matrix(self._tangent)
        self._matrix.setOption(PETSc.Mat.Option.SYMMETRIC, True)
        self._matrix.setOption(PETSc.Mat.Option.SYMMETRY_ETERNAL, True)
        points, _ = basix.make_quadrature(self.domain.basix_cell(), quadrature_degree)
        self._det_f = fem.Expression(ufl.det(self.F), points)
        topology = self.domain.topology
        self._cells = np.arange(topology.index_map(topology.dim).size_local, dtype=np.int32)

    def _compression_left_out(self) -> ufl.Form:
        """int -S_ : (grad v)^T grad w dX, with S_ the second Piola-Kirchhoff stress's negative principal part.

        K = material part + int S : (grad v)^T grad w; only compression makes K indefinite, as long as the law's elasticity
        dS/dE is not. In space S_ is bounded by its least principal value, in all directions.
        """
        F = ufl.variable(self.F)
        stress = ufl.inv(F) * ufl.diff(self.law.energy(F, *self.parameters), F)
        trial, test = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        return ufl.inner(ufl.grad(test) * negative_part(stress), ufl.grad(trial)) * self.dx

    def _mark_boundary(self) -> None:
        dim, prescribed = self.mesh.dim, np.zeros((self.dofs.owned, self.mesh.dim), dtype=bool)
        for name, components in (*self.boundary.fixed(dim), *self.boundary.driven(dim).items()):
            prescribed |= self.dofs.on_facet(name)[:, None] & components
        positions = self.space.tabulate_dof_coordinates()[: self.dofs.owned, :dim]
        lifts = [self.dofs.signed(drive.signs)[:, None] * drive.directions(positions) for drive in self.boundary.drives]
        self.lifts: Floats = np.array(lifts).reshape(len(lifts), self.size)
        self.prescribed: Mask = prescribed.ravel()
        self.free: Mask = ~self.prescribed
        marker = fem.Function(self.space)
        self.load(marker, self.prescribed.astype(np.float64))
        marked = marker.x.array.reshape(-1, dim) > 0
        self._held = [
            fem.dirichletbc(
                default_scalar_type(0.0), (dim * np.flatnonzero(marked[:, i]) + i).astype(np.int32), self.space.sub(i)
            )
            for i in range(dim)
        ]

    def set_points(self, points: Floats) -> None:
        """Move the mesh: points (n, d) mm in the order of `Mesh.points`, the same on every rank."""
        self.domain.geometry.x[:, : self.mesh.dim] = points[self.dofs.node_index]

    def set_material(self, values: Floats) -> None:
        """Set the law's parameters, in the order of its `names`."""
        for constant, value in zip(self.parameters, values, strict=True):
            constant.value = value

    def lift(self, controls: Floats) -> Floats:
        """Prescribed displacements of the controls (c,), mm, zero on the free degrees of freedom."""
        return controls @ self.lifts

    def load(self, function: fem.Function, values: Floats) -> None:
        """Write own values into a Function and bring its ghosts up to date."""
        function.x.array[: self.size] = values
        function.x.scatter_forward()

    def energy(self, u: Floats) -> float:
        """Pi(u) in mJ (per mm of thickness in the plane); not finite where det F <= 0 at some quadrature point."""
        self.load(self.u, u)
        return float(self.comm.allreduce(fem.assemble_scalar(self._energy)))

    def residual(self, u: Floats) -> Floats:
        """dPi/du, N (per mm of thickness in the plane); on prescribed degrees of freedom these are the reactions."""
        self.load(self.u, u)
        return assemble(self._vector, self._residual)[: self.size]

    def tangent_action(self, u: Floats, direction: Floats) -> Floats:
        """K(u) d on every degree of freedom, prescribed ones included."""
        self.load(self.u, u)
        self.load(self.direction, direction)
        return assemble(self._vector, self._action)[: self.size]

    def tangent(self, u: Floats) -> PETSc.Mat:
        """K(u) with rows and columns of prescribed degrees of freedom replaced by the identity.

        The matrix is overwritten by the next call.
        """
        self.load(self.u, u)
        _compat.assemble_matrix(self._matrix, self._tangent, self._held)
        return self._matrix

    def tension_tangent(self, u: Floats) -> PETSc.Mat:
        """K(u) without the compressive principal stresses: near K, but positive definite. Overwrites what `tangent` gave."""
        self.load(self.u, u)
        _compat.assemble_matrix(self._matrix, self._tension_tangent, self._held)
        return self._matrix

    @property
    def energy_floor(self) -> float:
        """Energies below it count as none, mJ (/mm): 1e-3 of modulus x volume, for rounding in a sum over the elements."""
        return 1e-3 * self.law.stiffness([float(p.value) for p in self.parameters]) * self.extent**self.mesh.dim

    @property
    def force_floor(self) -> float:
        """Forces below it count as none, N (/mm): 1e-6 of modulus x size; a body at rest has no reactions."""
        return 1e-6 * self.law.stiffness([float(p.value) for p in self.parameters]) * self.extent ** (self.mesh.dim - 1)

    def on_free(self, vector: Floats) -> Floats:
        """The vector with zeros on the prescribed degrees of freedom."""
        part: Floats = np.where(self.free, vector, 0.0)
        return part

    def dot(self, a: Floats, b: Floats) -> float:
        """Inner product over all ranks."""
        return float(self.comm.allreduce(float(a @ b)))

    def det_f(self, u: Floats) -> Floats:
        """det F of this rank's elements at their quadrature points, (cells, points)."""
        self.load(self.u, u)
        return self._det_f.eval(self.domain, self._cells).reshape(len(self._cells), -1)

    def least_det_f(self, u: Floats) -> tuple[float, int]:
        """Least det F over the quadrature points, and the element (index into `Mesh.cells`) where it is."""
        least, cell = np.inf, -1
        if len(self._cells):
            values = self.det_f(u).min(axis=1)
            local = int(np.argmin(values))
            least, cell = float(values[local]), int(self.domain.topology.original_cell_index[local])
        return min(self.comm.allgather((least, cell)))


def assemble(vector: la.Vector, form: fem.Form) -> Floats:
    """The form's vector, summed over the ranks that share a degree of freedom; own entries first. A copy."""
    vector.array[:] = 0.0
    fem.assemble_vector(vector.array, form)
    vector.scatter_reverse(la.InsertMode.add)
    return vector.array.copy()


def negative_part(stress: Any) -> Any:
    """-S_ of a symmetric tensor, as a UFL expression: >= 0, and S + it >= 0. In space -min(0, least value) times the unit."""
    dim = stress.ufl_shape[0]
    mean = ufl.tr(stress) / dim
    deviator = stress - mean * ufl.Identity(dim)
    tiny = 1e-30
    if dim == 2:
        radius = ufl.sqrt(0.5 * ufl.inner(deviator, deviator) + tiny)
        low, high = mean - radius, mean + radius
        along_low = (high * ufl.Identity(2) - stress) / (2 * radius)
        mixed = ufl.max_value(-low, 0.0) * along_low
        return ufl.conditional(ufl.lt(high, 0.0), -stress, mixed)
    radius = ufl.sqrt(ufl.inner(deviator, deviator) / 6 + tiny)
    angle = ufl.acos(ufl.max_value(-1.0, ufl.min_value(1.0, ufl.det(deviator) / (2 * radius**3)))) / 3
    least = mean + 2 * radius * ufl.cos(angle + 2 * np.pi / 3)
    return ufl.max_value(-least, 0.0) * ufl.Identity(3)
