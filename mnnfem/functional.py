"""Integrals of stress and deformation over a body, as observables with gradients: energies, stress norms, mean stretches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import ufl
from dolfinx import fem, la

from mnnfem import compiled
from mnnfem.adjoint import Gradients
from mnnfem.body import Body
from mnnfem.dofs import assemble
from mnnfem.equilibrium import Solution

Quantity = Callable[[Any, Any], Any]


class Functional:
    r"""J = int q(P, F) dX at the equilibria of a body, and its gradient in nodes, controls and material.

    q   a UFL scalar of the first Piola-Kirchhoff stress P and the deformation gradient F, both (d, d); in MPa and the like

    J depends on nodes and material by itself, too: dJ/dm = its own derivative at constant u, plus the adjoint's of dJ/du.
    """

    def __init__(self, body: Body, quantity: Quantity) -> None:
        self.body = body
        solid, density = body.solid, body.solid.density

        def integrand(F: Any, values: Sequence[Any]) -> Any:
            moved = ufl.variable(F)
            return quantity(ufl.diff(density.integrand(moved, values), moved), moved)

        whole = integrand(solid.F, solid.coefficients.fields) * solid.dx
        settled = density.settled(whole, solid.potential)
        self._value = compiled.form(whole)
        self._slope = compiled.form(ufl.derivative(whole, solid.u, ufl.TestFunction(solid.space)))
        self._by_fields = density.slopes(whole)
        self._shape = compiled.form(ufl.derivative(settled, *body.adjoint.motion))
        stored = solid.coefficients.slopes(density.integrand, solid.F, solid.dx)
        own = solid.coefficients.slopes(integrand, solid.F, solid.dx)
        self._material = [compiled.form(density.settled(one, other)) for one, other in zip(own, stored, strict=True)]
        self._vector = la.vector(solid.space.dofmap.index_map, solid.mesh.dim)

    def value(self, solution: Solution) -> float:
        """J at an equilibrium."""
        self._set(solution)
        return float(self.body.solid.comm.allreduce(fem.assemble_scalar(self._value)))

    def gradients(self, solution: Solution) -> Gradients:
        """dJ in nodes (n, d), controls (c,) and material values."""
        self._set(solution)
        solid = self.body.solid
        force = assemble(self._vector, self._slope)
        solid.density.absorb(self._by_fields)
        force = solid.dofs.gather(solid.density.stiffen(force))
        points = self.body.adjoint.at_nodes(self._shape)
        material = solid.coefficients.gradient(self._material, solution.material)
        through = self.body.adjoint.vjp(solution, force)
        return Gradients(points + through.points, through.controls, np.asarray(material + through.material))

    def _set(self, solution: Solution) -> None:
        self.body.solid.set_inputs(solution.points, solution.material, solution.controls)
        self.body.solid.move(solution.displacement)
