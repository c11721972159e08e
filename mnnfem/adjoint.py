"""One transposed solve -> gradients of a function of the displacement in all its inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import ufl
from dolfinx import fem, la

from mnnfem import compiled
from mnnfem.dofs import assemble
from mnnfem.equilibrium import Equilibrium, Solution
from mnnfem.mesh import Floats
from mnnfem.tangent import Tangent

ACCURACY = 1e-10  # of the adjoint equation


@dataclass(frozen=True)
class Gradients:
    """dJ/d(node coordinates) (n, d), dJ/d(controls) (c,), dJ/d(material values) of their shape; J's unit over mm or
    the value's.
    """

    points: Floats
    controls: Floats
    material: Floats


class Adjoint:
    r"""Sensitivities of equilibria, by the Lagrangian L = J(u) - R(u; lambda).

        K^T lambda = dJ/du                    (free rows; lambda = 0 where u is prescribed)
        dJ/dX = -dR/dX[lambda]                shape derivative on the geometry's own nodes
        dJ/dc = (dJ/du - K lambda) . lift     the reaction of the same Lagrangian;  of a load -dP/du . lambda
        dJ/dp = -dR/dp[lambda]

    J depends on X, c and p through u alone. K is symmetric, so the certificate's factor serves.
    """

    def __init__(self, equilibrium: Equilibrium) -> None:
        self.equilibrium, solid = equilibrium, equilibrium.solid
        self.solid = solid
        self._multiplier = fem.Function(solid.space)
        work = solid.density.work(solid.potential, self._multiplier)
        nodes = fem.functionspace(solid.domain, ("Lagrange", 1, (solid.mesh.dim,)))
        self.motion = moved = ufl.SpatialCoordinate(solid.domain), ufl.TestFunction(nodes)  # along which `at_nodes` reads
        self._shape = compiled.form(ufl.derivative(-work, *moved))
        self._energy_shape = compiled.form(ufl.derivative(solid.potential, *moved))
        self._vector = la.vector(nodes.dofmap.index_map, solid.mesh.dim)
        own = nodes.dofmap.index_map.size_local
        dofs, at = np.unique(nodes.dofmap.list, return_index=True)
        self._own, self._nodes = dofs[dofs < own], solid.dofs.cell_nodes.ravel()[at[dofs < own]]
        slopes = solid.coefficients.slopes(solid.density.integrand, solid.F, solid.dx)
        self._energy_material = [compiled.form(slope) for slope in slopes]
        self._material = [compiled.form(-solid.density.work(slope, self._multiplier)) for slope in slopes]

    def vjp(self, solution: Solution, force: Floats) -> Gradients:
        """Gradients of J, given `force` = dJ/du on this rank's own degrees of freedom."""
        solid = self.solid
        solid.set_inputs(solution.points, solution.material, solution.controls)
        multiplier, reaction = self.multiplier_of(solution, force)
        return self.along(solution, multiplier, reaction)

    def energy(self, solution: Solution) -> Gradients:
        """Gradients of the potential Pi itself, mJ/mm per unit of the input; in controls that move facets reactions, N/mm.

        At an equilibrium dPi/du vanishes where u is free, so that no adjoint is needed:
        dPi/dX and dPi/dp are partial derivatives at constant nodal u, dPi/dc = R . lift.
        """
        solid, u, loading = self.solid, solution.displacement, self.solid.loading
        solid.set_inputs(solution.points, solution.material, solution.controls)
        points = loading.pulled_rest(u, solution.points)
        amounts = np.array([loading.amount(u, number) for number in range(len(loading.values))])
        return self._gradients(solution, self._energy_shape, solid.residual(u), self._energy_material, points, amounts)

    def reaction(self, solution: Solution, control: int) -> Gradients:
        r"""Gradients of the reaction dPi/dc_j of a control, N/mm per unit of the input.

            dr_j/dX = dR/dX[v_j],      dr_j/dc_i = lift_i . K v_j,      v_j = du/dc_j, by one solve:

        the second derivatives of the energy of equilibria, which depends on X, c and p alone.
        """
        solid, lift = self.solid, self.solid.lifts[control]
        solid.set_inputs(solution.points, solution.material, solution.controls)
        moved, rest = self.multiplier_of(solution, -solid.tangent_action(solution.displacement, lift))
        return self.along(solution, -(lift + moved), -rest)

    def along(self, solution: Solution, multiplier: Floats, reaction: Floats) -> Gradients:
        """-dR/d(inputs)[multiplier]; in the controls that prescribe displacements, the reaction."""
        solid, u, loading = self.solid, solution.displacement, self.solid.loading
        solid.move(u)
        solid.load(self._multiplier, multiplier)
        solid.density.follow(self._multiplier)
        points = loading.pulling_shape(u, solution.points, multiplier)
        slopes = [-solid.dot(loading.force(u, number), multiplier) for number in range(len(loading.values))]
        return self._gradients(solution, self._shape, reaction, self._material, points, np.array(slopes))

    def _gradients(
        self, solution: Solution, shape: fem.Form, forces: Floats, material: list[fem.Form], strands: Floats, loads: Floats
    ) -> Gradients:
        solid = self.solid
        return Gradients(
            points=self.at_nodes(shape) + strands,
            controls=np.array([*(solid.dot(lift, forces) for lift in solid.lifts), *loads]),
            material=solid.coefficients.gradient(material, solution.material),
        )

    def at_nodes(self, shape: fem.Form) -> Floats:
        """A linear form of the nodes' motion as a vector (n, d) of the mesh points, on all ranks."""
        solid = self.solid
        moved = assemble(self._vector, shape).reshape(-1, solid.mesh.dim)[self._own]
        return solid.dofs.sum_nodes(moved, self._nodes)

    def multiplier_of(self, solution: Solution, rhs: Floats) -> tuple[Floats, Floats]:
        """lambda, and dJ/du - K lambda on all rows: the reaction where u is prescribed, what is left of the error elsewhere.

        The factor is of the tangent one polishing step before the solution: where that shows, conjugate gradients on
        the tangent at the solution take it away.
        """
        solid, u, factor = self.solid, solution.displacement, self.equilibrium.factor(solution)
        wanted = ACCURACY * self._free_norm(rhs)
        multiplier = factor.solve(solid.on_free(rhs), ACCURACY)
        reaction = rhs - solid.tangent_action(u, multiplier)
        for _ in range(5):
            if self._free_norm(reaction) <= wanted:
                break
            tangent = Tangent(solid, factor, factor)
            multiplier = multiplier + tangent.direction(u, reaction, goal=1e-3, most=30).step
            reaction = rhs - solid.tangent_action(u, multiplier)
        return multiplier, reaction

    def _free_norm(self, force: Floats) -> float:
        free = self.solid.on_free(force)
        return self.solid.dot(free, free) ** 0.5
