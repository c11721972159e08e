"""The potential of the loads on a mesh: what is integrated over facets and elements, and what pulls at vertices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import ufl
from dolfinx import default_scalar_type, fem, la

from mnnfem import compiled
from mnnfem.cable import Cable, Pull, Strand
from mnnfem.dofs import Dofs, assemble
from mnnfem.loads import Bedding, BodyForce, Held, Load, PointForce, Pressure, Tendon, Traction
from mnnfem.mesh import Floats


class Loading:
    """Sum of value * potential over the loads: P_k(u), mm or mm^d.

    values    (loads,) of the moment, as constants of the forms
    forms     of each load that is integrated, by its number; their sum with the values is `potential`, None if there is none
    strands   of each load that pulls at vertices, by its number
    """

    def __init__(self, loads: Sequence[Load], held: Held, dofs: Dofs, u: fem.Function, dx: ufl.Measure) -> None:
        self.dofs, domain = dofs, u.function_space.mesh
        self.values = [fem.Constant(domain, default_scalar_type(0.0)) for _ in loads]
        facets = sorted({load.facet for load in loads if isinstance(load, Traction | Pressure | Bedding)})
        marks = [(number, dofs.facets(name).ravel()) for number, name in enumerate(facets)]
        ds = ufl.Measure("ds", domain, subdomain_data=marks, metadata={"quadrature_degree": 4})
        self.forms: dict[int, ufl.Form] = {}
        self.strands: dict[int, Strand] = {}
        for number, load in enumerate(loads):
            if isinstance(load, PointForce):
                self.strands[number] = Pull(np.array([dofs.mesh.vertex(load.vertex)]), np.array(load.direction, dtype=float))
            elif isinstance(load, Tendon):
                self.strands[number] = Cable(np.array([dofs.mesh.vertex(name) for name in load.vertices]))
            elif isinstance(load, BodyForce):
                self.forms[number] = -ufl.inner(ufl.as_vector(load.direction), u) * dx
            else:
                self.forms[number] = _on_facet(load, held, dofs, u, ds(facets.index(load.facet)))
        terms = [self.values[number] * form for number, form in self.forms.items()]
        self.potential: Any = sum(terms[1:], terms[0]) if terms else None
        self._one_by_one = {number: compiled.form(form) for number, form in self.forms.items()}
        slopes = {number: ufl.derivative(form, u, ufl.TestFunction(u.function_space)) for number, form in self.forms.items()}
        self.slopes = {number: compiled.form(slope) for number, slope in slopes.items()}
        self._vector = la.vector(dofs.index_map, dofs.dim)

    def set(self, values: Floats) -> None:
        """Set the loads' values, (loads,)."""
        for constant, value in zip(self.values, values, strict=True):
            constant.value = value

    def forces(self, u: Floats, values: Floats | None = None) -> Floats:
        """d/du of the potential of the loads, or what it would be for `values`, at the displacement in u; own entries."""
        values = np.array([float(constant.value) for constant in self.values]) if values is None else values
        found = np.zeros(len(u))
        for number in np.flatnonzero(values):
            found += values[number] * self.force(u, int(number))
        return found

    def force(self, u: Floats, number: int) -> Floats:
        """dP_k/du of one load."""
        if number in self.strands:
            strand = self.strands[number]
            return self._spread(strand, strand.slope(*self._at(strand, u)))
        return self.dofs.gather(assemble(self._vector, self.slopes[number]))

    def amount(self, u: Floats, number: int) -> float:
        """P_k of one load at the displacement in u."""
        if number in self.strands:
            return self.strands[number].value(*self._at(self.strands[number], u))
        return float(self.dofs.comm.allreduce(fem.assemble_scalar(self._one_by_one[number])))

    def pulls(self, u: Floats) -> float:
        """Energy of the strands, mJ, at the own displacements u."""
        return sum(value * strand.value(*self._at(strand, u)) for value, strand in self._pulling())

    def add_pulls(self, forces: Floats, u: Floats) -> Floats:
        """`forces` and d pulls / du, on the own degrees of freedom."""
        for value, strand in self._pulling():
            forces = forces + value * self._spread(strand, strand.slope(*self._at(strand, u)))
        return forces

    def add_stiffness(self, forces: Floats, u: Floats, direction: Floats) -> Floats:
        """`forces` and d2 pulls / du2 along a displacement, on the own degrees of freedom."""
        for value, strand in self._pulling():
            along = self.dofs.at_points(direction)[strand.vertices]
            forces = forces + value * self._spread(strand, strand.curvature(*self._at(strand, u), along))
        return forces

    def pulled_rest(self, u: Floats, points: Floats) -> Floats:
        """d pulls / dX at constant u, (n, d), with nodes at points (n, d)."""
        gradient = np.zeros_like(points)
        for value, strand in self._pulling():
            if strand.turns:
                at_rest, moved = self._at(strand, u)
                change = strand.slope(at_rest, moved) - strand.slope(at_rest, np.zeros_like(moved))
                np.add.at(gradient, strand.vertices, value * change)
        return gradient

    def pulling_shape(self, u: Floats, points: Floats, direction: Floats) -> Floats:
        """d/dX of -(d pulls / du) . direction, (n, d), with nodes at points (n, d)."""
        gradient = np.zeros_like(points)
        for value, strand in self._pulling():
            if strand.turns:
                along = self.dofs.at_points(direction)[strand.vertices]
                np.add.at(gradient, strand.vertices, -value * strand.curvature(*self._at(strand, u), along))
        return gradient

    def _pulling(self) -> list[tuple[float, Strand]]:
        """The strands that pull now, each with the load's value."""
        found = [(float(self.values[number].value), strand) for number, strand in self.strands.items()]
        return [(value, strand) for value, strand in found if value]

    def _at(self, strand: Strand, u: Floats) -> tuple[Floats, Floats]:
        return self.dofs.places[strand.vertices], self.dofs.at_points(u)[strand.vertices]

    def _spread(self, strand: Strand, at_vertices: Floats) -> Floats:
        values = np.zeros_like(self.dofs.mesh.points)
        np.add.at(values, strand.vertices, at_vertices)
        return self.dofs.from_points(values)


def _on_facet(load: Traction | Pressure | Bedding, held: Held, dofs: Dofs, u: fem.Function, ds: ufl.Measure) -> ufl.Form:
    if isinstance(load, Traction):
        return -ufl.inner(ufl.as_vector(load.direction), u) * ds
    if isinstance(load, Bedding):
        return ufl.inner(u, u) / 2 * ds
    domain, dim = u.function_space.mesh, dofs.dim
    F = ufl.Identity(dim) + ufl.grad(u)
    origin, weights = (ufl.as_vector(vector.tolist()) for vector in load.frame(dofs.mesh, held))
    place = ufl.SpatialCoordinate(domain) + u - origin
    cofactor = ufl.as_matrix([[F[1, 1], -F[1, 0]], [-F[0, 1], F[0, 0]]]) if dim == 2 else ufl.det(F) * ufl.inv(F).T
    area = cofactor * ufl.FacetNormal(domain)
    return sum(weights[i] * place[i] * area[i] for i in range(dim)) * ds
