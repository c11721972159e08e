"""The strain energy of a law on a mesh, in plane strain or space.

What else than the displacement an energy depends on follows the displacement: `settle` makes the energy stationary in these
fields, so that what is left is an energy of the displacement alone, and a stable state is a least value of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from petsc4py import PETSc

from mnnfem import _compat, compiled
from mnnfem.coefficients import Coefficients
from mnnfem.mesh import Floats


class Density:
    """Pi = int W(F) dX of a displacement, in plane strain or space.

    u, F    the displacement as a Function, and its gradient I + grad u, (d, d)
    rows    of the tangent matrix on this rank beside those of the displacement;  negative: its negative pivots, on all ranks
    loose   whether the energy is loosened
    """

    rows = negative = 0
    loose = False

    def __init__(self, coefficients: Coefficients, u: fem.Function, dx: ufl.Measure, quadrature_degree: int) -> None:
        self.coefficients, self.law, self.u, self.dx = coefficients, coefficients.law, u, dx
        self.domain = u.function_space.mesh
        self.dim = self.domain.geometry.dim
        self.F = ufl.Identity(self.dim) + ufl.grad(u)

    def integrand(self, F: Any, values: Sequence[Any]) -> Any:
        """W, MPa, of F (d, d) and parameters, in the fields of the moment."""
        return self.stored(embedded(F), values)

    def stored(self, whole: Any, values: Sequence[Any]) -> Any:
        """W, MPa, of a deformation gradient (3, 3), whatever the body is in the plane."""
        return self.law.energy(whole, *values)

    @property
    def whole(self) -> Any:
        """F (3, 3) of the moment, after `settle`."""
        return embedded(self.F)

    def changed(self) -> None:
        """Nodes or parameters are others now."""

    def settle(self) -> None:
        """Bring the fields to the displacement that was loaded into u; `integrand` is stationary in them."""

    def work(self, potential: ufl.Form, direction: Any) -> ufl.Form:
        """Derivative of a potential along a displacement, and along what `follow` has made of it."""
        return ufl.derivative(potential, self.u, direction)

    def loosen(self) -> None:
        """Make the energy one that is easy to minimise, and exact only with fields that are anchored where they belong."""

    def anchor(self) -> bool:
        """Anchor the fields where they are; whether they were near enough to where they were anchored before."""
        return True

    def tighten(self) -> None:
        """Make the energy exact again."""

    def slopes(self, functional: ufl.Form) -> list[fem.Form]:
        """Derivatives of another functional in the fields."""
        return []

    def absorb(self, slopes: list[fem.Form]) -> None:
        """Turn these derivatives into a change of the fields that `settled` and `stiffen` take account of them by."""

    def settled(self, functional: ufl.Form, potential: ufl.Form) -> ufl.Form:
        """What has, after `absorb`, the derivatives of a functional with its fields kept where the potential wants them."""
        return functional

    def follow(self, direction: fem.Function) -> None:
        """Bring the fields' own change to that of the displacement."""

    def stiffen(self, vector: Floats) -> Floats:
        """What the fields' change adds to the action of the tangent, after `follow`; to `vector`, own rows."""
        return vector

    def compression_left_out(self) -> ufl.Form:
        """int -S_ : (grad v)^T grad w dX, with S_ the second Piola-Kirchhoff stress's negative principal part.

        K = material part + int S : (grad v)^T grad w; only compression makes K indefinite, as long as the law's elasticity
        dS/dE is not. In space S_ is bounded by its least principal value, in all directions.
        """
        F, space = ufl.variable(self.F), self.u.function_space
        stress = ufl.inv(F) * ufl.diff(self.integrand(F, self.coefficients.fields), F)
        trial, test = (ufl.grad(kind(space)) for kind in (ufl.TrialFunction, ufl.TestFunction))
        return ufl.inner(test * negative_part(stress), trial) * self.dx

    def matrix(self, tangent: ufl.Form, potential: ufl.Form, storage: PETSc.Mat | None = None) -> Matrix:
        """Of the tangent, d2 potential / du2 or what is to take its place."""
        return Matrix([[tangent]], storage)


class Matrix:
    """A symmetric matrix of the blocks' forms, assembled as often as asked; several of one pattern may share storage."""

    def __init__(self, blocks: list[list[ufl.Form]], storage: PETSc.Mat | None = None) -> None:
        self.forms = [[compiled.form(form) for form in row] for row in blocks]
        self.storage = storage or _compat.create_matrix(self.forms)
        self.storage.setOption(PETSc.Mat.Option.SYMMETRIC, True)
        self.storage.setOption(PETSc.Mat.Option.SYMMETRY_ETERNAL, True)

    def assembled(self, held: list[fem.DirichletBC]) -> PETSc.Mat:
        """The matrix, rows and columns of prescribed degrees of freedom replaced by the identity's; overwritten by the next."""
        _compat.assemble_matrix(self.storage, self.forms, held)
        return self.storage


def embedded(F: Any, across: Any = 1.0) -> Any:
    """F (d, d) as (3, 3), with F33 = `across` in the plane."""
    if F.ufl_shape[0] == 3:
        return F
    return ufl.as_matrix([[F[0, 0], F[0, 1], 0], [F[1, 0], F[1, 1], 0], [0, 0, across]])


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
