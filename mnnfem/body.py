"""A soft body as a physics of two methods: `solve` and `vjp`."""

from __future__ import annotations

import numpy as np
from mpi4py import MPI

from mnnfem.adjoint import Adjoint, Gradients
from mnnfem.boundary import Boundary
from mnnfem.continuation import Effort
from mnnfem.curvature import Curvature
from mnnfem.equilibrium import Equilibrium, Solution, Start, lender
from mnnfem.formulation import Formulation
from mnnfem.material import Law
from mnnfem.mesh import Floats, Ints, Mesh
from mnnfem.regions import Regions
from mnnfem.solid import Solid
from mnnfem.transfer import Transfer
from mnnfem.walls import walls_of


class Body:
    """A mesh, a material law and a boundary: everything that equilibria and their gradients need.

    The mesh may be plane or solid and is discretised as the `formulation` says, distributed over `comm`; inputs and results
    are the same on all its ranks. With `regions` material values may be (r, p), a row for each. `factors` is how many
    solutions keep their factor for a gradient that is asked for later. `observables` are mesh points by name: an index for
    each named vertex, (k,) indices for each named facet. `edges` (e, 2) are those of the walls of a plane body, in the
    order of `walls_of`.
    """

    def __init__(
        self,
        mesh: Mesh,
        law: Law,
        boundary: Boundary,
        effort: Effort = Effort(),
        comm: MPI.Comm = MPI.COMM_WORLD,
        factors: int = 1,
        formulation: Formulation = Formulation(),
        regions: Regions | None = None,
    ) -> None:
        self.solid = Solid(mesh, law, boundary, comm, formulation, regions)
        self.equilibrium = Equilibrium(self.solid, effort, factors)
        self.adjoint = Adjoint(self.equilibrium)
        self.curvature = Curvature(self.adjoint)
        on_facets = {name: np.unique(edges) for name, edges in mesh.facets.items()}
        self.edges: Ints = walls_of(mesh).edges if mesh.dim == 2 else np.zeros((0, 2), dtype=np.int64)
        self.observables: dict[str, int | Ints] = {**mesh.vertices, **on_facets}

    def check(self, points: Floats, controls: Floats, material: Floats) -> None:
        """InputError for inputs that cannot be solved; cheap, and changes nothing."""
        self.equilibrium.check(points, controls, material)

    def solve(self, points: Floats, controls: Floats, material: Floats, start: Start | None = None) -> Solution:
        """The certified equilibrium at `points` (n, d) mm, `controls` (c,) mm; EquilibriumError if there is none."""
        return self.equilibrium.solve(points, controls, material, start)

    def displacement(self, solution: Solution) -> Floats:
        """Displacement of the mesh points, (n, d) mm."""
        return self.solid.dofs.at_points(solution.displacement)

    def middles(self, solution: Solution) -> Floats:
        """Displacement of the middles of `edges`, (e, d) mm: edges are parabolas through them."""
        return self.solid.dofs.at_edges(solution.displacement, self.edges)

    def vjp(self, solution: Solution, seed: Floats, middles: Floats | None = None) -> Gradients:
        """Gradients of the function of derivatives `seed` (n, d) by `displacement`, and `middles` (e, d) by `middles`."""
        force = self.solid.dofs.from_points(seed)
        if middles is not None:
            force += self.solid.dofs.from_edges(middles, self.edges)
        return self.adjoint.vjp(solution, force)

    def energy_gradients(self, solution: Solution) -> Gradients:
        """Gradients of the stored energy at an equilibrium; those in the controls are their reactions, N/mm."""
        return self.adjoint.energy(solution)

    def keeps(self, start: Start) -> bool:
        """Whether a solve from `start` finds its factor here."""
        known = lender(start)
        return known is not None and self.equilibrium.keeps(known)

    def reaction_gradients(self, solution: Solution, control: int) -> Gradients:
        """Gradients of the reaction of a control at an equilibrium, N/mm."""
        return self.adjoint.reaction(solution, control)

    def hessian_product(self, solution: Solution, seed: Floats, way: Gradients) -> Gradients:
        """The Hessian of the function of constant derivatives `seed` (n, d) by `displacement`, times a change of all inputs."""
        return self.curvature.product(solution, self.solid.dofs.from_points(seed), way)

    def carrier(self, other: Body, was: Floats, now: Floats) -> Transfer:
        """What turns solutions of `other`, the same body on another mesh, into starts; nodes at `was` there, `now` here."""
        return Transfer(other.solid, was, self.solid, now)
