"""One discretised body: spaces, forms and maps between mesh arrays and degrees of freedom."""

from __future__ import annotations

import basix
import numpy as np
import ufl
from dolfinx import default_scalar_type, fem, la
from mpi4py import MPI
from petsc4py import PETSc

from mnnfem import _compat, compiled
from mnnfem.across import Across
from mnnfem.boundary import Boundary
from mnnfem.coefficients import Coefficients
from mnnfem.density import Density, Matrix
from mnnfem.dofs import Dofs, assemble
from mnnfem.formulation import Formulation
from mnnfem.loading import Loading
from mnnfem.material import Law
from mnnfem.mesh import Floats, Mask, Mesh
from mnnfem.mixed import Mixed
from mnnfem.regions import Regions


class Solid:
    r"""Potential Pi(u) = int W(I + grad u) dX + sum_k c_k P_k(u) of a body in d = 2 or 3 dimensions, and its derivatives.

    W is the law's strain energy, P_k the potentials of the loads. Node coordinates, material values and loads are set
    before use; the displacement is always an argument: an array of this rank's own degrees of freedom, mm. Vectors that
    come back have the same layout.

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
        law: Law,
        boundary: Boundary,
        comm: MPI.Comm = MPI.COMM_WORLD,
        formulation: Formulation = Formulation(),
        regions: Regions | None = None,
    ) -> None:
        boundary.check(mesh)
        formulation.check(law, mesh.dim)
        self.formulation, self.quadrature = formulation, formulation.quadrature(mesh)
        kind = Across if formulation.plane == "stress" else Mixed if formulation.mixed else Density
        PETSc.garbage_cleanup(comm)  # collective, as making a solid is: the collector alone must not free shared objects
        self.mesh, self.law, self.boundary, self.comm, self.degree = mesh, law, boundary, comm, formulation.degree
        self.domain = _compat.straight_mesh(comm, mesh.points, mesh.cells[:, mesh.kind.dolfinx], mesh.kind.name)
        self.space = fem.functionspace(self.domain, ("Lagrange", self.degree, (mesh.dim,)))
        self.dx = ufl.Measure("dx", self.domain, metadata={"quadrature_degree": self.quadrature})
        region, count = (regions.of(mesh), len(regions.names)) if regions else (None, 1)
        self.coefficients = Coefficients(law, self.domain, region, count)
        self.dofs = Dofs(mesh, self.space, boundary.periodic)
        self.size, self.extent = self.dofs.size, float(np.ptp(mesh.points, axis=0).max())
        self.u, self.direction = fem.Function(self.space), fem.Function(self.space)
        self.density = kind(self.coefficients, self.u, self.dx, self.quadrature)
        self.loading = Loading(boundary.loads, boundary.held_vertices(mesh), self.dofs, self.u, self.dx)
        self.F = self.density.F
        self._compile()
        self._mark_boundary()
        self.set_points(mesh.points)
        trial, test = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        mass = Matrix([[ufl.inner(trial, test) * ufl.dx(degree=2 * self.degree)]])
        diagonal = mass.assembled([]).getDiagonal()
        ties = self.dofs.ties
        self.mass: Floats = np.array(diagonal.array) if ties is None else ties.diagonal(diagonal.array)
        diagonal.destroy()
        mass.storage.destroy()

    def _compile(self) -> None:
        test, density = ufl.TestFunction(self.space), self.density
        self.stored_energy = density.integrand(self.F, self.coefficients.fields) * self.dx
        loads = self.loading.potential
        self.potential = self.stored_energy if loads is None else self.stored_energy + loads
        self.virtual_work = ufl.derivative(self.potential, self.u, test)
        tangent = ufl.derivative(self.virtual_work, self.u)
        self._energy = compiled.form(self.potential)
        self._residual = compiled.form(self.virtual_work)
        self._action = compiled.form(ufl.action(tangent, self.direction))
        self._vector = la.vector(self.space.dofmap.index_map, self.mesh.dim)
        self._tangent = density.matrix(tangent, self.potential)
        without = tangent + density.compression_left_out()
        self._tension = density.matrix(without, self.potential, self._tangent.storage)
        points, _ = basix.make_quadrature(self.domain.basix_cell(), self.quadrature)
        self._det_f = compiled.expression(ufl.det(self.F), points)
        self._cells = np.arange(self.dofs.own_cells, dtype=np.int32)

    lifts: Floats
    prescribed: Mask
    free: Mask

    def _mark_boundary(self) -> None:
        self._held: list[fem.DirichletBC] = []
        if self.dofs.ties is not None:
            self.lifts, self.prescribed = self.dofs.ties.lifts, self.dofs.ties.prescribed
            self.free = ~self.prescribed
            return
        dim, prescribed = self.mesh.dim, np.zeros((self.dofs.owned, self.mesh.dim), dtype=bool)
        for name, components in (*self.boundary.fixed(dim), *self.boundary.driven(dim).items()):
            prescribed |= self.dofs.on_facet(name)[:, None] & components
        positions = self.space.tabulate_dof_coordinates()[: self.dofs.owned, :dim]
        lifts = [self.dofs.signed(drive.signs)[:, None] * drive.directions(positions) for drive in self.boundary.drives]
        self.lifts = np.array(lifts).reshape(len(lifts), self.size)
        self.prescribed = prescribed.ravel()
        self.free = ~self.prescribed
        self.load(self.u, self.prescribed.astype(np.float64))  # with those of ghosts
        marked = self.u.x.array.reshape(-1, dim) > 0
        places = [(dim * np.flatnonzero(marked[:, i]) + i).astype(np.int32) for i in range(dim)]
        self._held = [fem.dirichletbc(default_scalar_type(0.0), at, self.space.sub(i)) for i, at in enumerate(places)]

    def set_points(self, points: Floats) -> None:
        """Move the mesh: points (n, d) mm in the order of `Mesh.points`, the same on every rank."""
        self.domain.geometry.x[:, : self.mesh.dim] = points[self.dofs.node_index]
        self.dofs.places = points
        self.density.changed()

    def set_material(self, values: Floats) -> None:
        """Set the law's parameters (p,), in the order of its `names`, or (r, p) for each region."""
        self.coefficients.set(values)
        self.density.changed()

    def set_loads(self, controls: Floats) -> None:
        """Set the loads to their values among the controls (c,)."""
        self.loading.set(controls[len(self.lifts) :])

    def set_inputs(self, points: Floats, material: Floats, controls: Floats) -> None:
        """Points, material and loads of an equilibrium, whose energy is the exact one."""
        self.density.tighten()
        self.set_points(points)
        self.set_material(material)
        self.set_loads(controls)

    def lift(self, controls: Floats) -> Floats:
        """Prescribed displacements of the controls (c,), mm, zero on the free degrees of freedom."""
        return controls[: len(self.lifts)] @ self.lifts

    def load(self, function: fem.Function, values: Floats) -> None:
        """Write own values into a Function and bring its ghosts up to date."""
        function.x.array[: self.dofs.dim * self.dofs.owned] = self.dofs.expand(values)
        function.x.scatter_forward()

    def move(self, u: Floats) -> None:
        """Load a displacement into u, and bring to it what follows it."""
        self.load(self.u, u)
        self.density.settle()

    def energy(self, u: Floats) -> float:
        """Pi(u) in mJ (per mm of thickness in the plane); not finite where det F <= 0 at some quadrature point."""
        self.move(u)
        return float(self.comm.allreduce(fem.assemble_scalar(self._energy))) + self.loading.pulls(u)

    def residual(self, u: Floats) -> Floats:
        """dPi/du, N (per mm of thickness in the plane); on prescribed degrees of freedom these are the reactions."""
        self.move(u)
        return self.loading.add_pulls(self.dofs.gather(assemble(self._vector, self._residual)), u)

    def load_forces(self, u: Floats, controls: Floats | None = None) -> Floats:
        """d/du of the potential of loads among controls (c,), or of the loads of the moment: minus their forces."""
        self.load(self.u, u)
        return self.loading.forces(u, None if controls is None else controls[len(self.lifts) :])

    def tangent_action(self, u: Floats, direction: Floats) -> Floats:
        """K(u) d on every degree of freedom, prescribed ones included."""
        self.move(u)
        self.load(self.direction, direction)
        self.density.follow(self.direction)
        stiffness = self.density.stiffen(assemble(self._vector, self._action))
        return self.loading.add_stiffness(self.dofs.gather(stiffness), u, direction)

    def tangent(self, u: Floats) -> PETSc.Mat:
        """K(u) with rows and columns of prescribed degrees of freedom replaced by the identity.

        The matrix is overwritten by the next call. Cables are left out: their tension only adds to it.
        """
        self.move(u)
        return self._free_rows(self._tangent)

    def tension_tangent(self, u: Floats) -> PETSc.Mat:
        """K(u) without the compressive principal stresses: near K, but positive definite. Overwrites what `tangent` gave."""
        self.move(u)
        return self._free_rows(self._tension)

    def _free_rows(self, matrix: Matrix) -> PETSc.Mat:
        whole = matrix.assembled(self._held)
        return whole if self.dofs.ties is None else self.dofs.ties.reduce(whole)

    @property
    def energy_floor(self) -> float:
        """Energies below it count as none, mJ (/mm): 1e-3 of modulus x volume, for rounding in a sum over the elements."""
        return 1e-3 * self.coefficients.stiffness * self.extent**self.mesh.dim

    @property
    def force_floor(self) -> float:
        """Forces below it count as none, N (/mm): 1e-6 of modulus x size; a body at rest has no reactions."""
        return 1e-6 * self.coefficients.stiffness * self.extent ** (self.mesh.dim - 1)

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
