"""Sums of powers of principal values in space, where some of these are equal and where none are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx import fem
from dolfinx.mesh import create_unit_cube
from mpi4py import MPI

from mnnfem.material import Law
from mnnfem.mesh import Floats
from mnnfem.principal import power_sum
from mnnfem.rubbers import MooneyRivlin, Ogden

GENERATOR = np.random.default_rng(5)
PATTERNS = {  # logarithms of stretches
    "at rest": (0.0, 0.0, 0.0),
    "all equal": (0.3, 0.3, 0.3),
    "nearly all equal": (0.01, 0.0, -0.02),
    "where the series ends": (0.06, 0.06, -0.05),
    "the larger two equal": (0.5, 0.5, -0.4),
    "the smaller two equal": (0.9, -0.2, -0.2),
    "nearly equal": (0.5, 0.5 + 1e-6, -0.4),
    "simple shear": (0.4, 0.0, -0.4),
    "far apart": (1.2, -0.1, -0.9),
}


def rotation() -> Floats:
    found: Floats = np.linalg.qr(GENERATOR.normal(size=(3, 3)))[0]
    return found * np.linalg.det(found)


class Point:
    """A law, or what else depends on F, compiled with its derivatives along a direction."""

    def __init__(self, orders: int) -> None:
        domain = create_unit_cube(MPI.COMM_SELF, 1, 1, 1)
        space = fem.functionspace(domain, ("DG", 0, (3, 3)))
        self.F, self.direction, self.orders = fem.Function(space), fem.Function(space), orders

    def compiled(self, density: Any) -> list[fem.Form]:
        forms = [density * ufl.dx(degree=0)]
        for _ in range(self.orders):
            forms.append(ufl.derivative(forms[-1], self.F, self.direction))
        return [fem.form(form) for form in forms]

    def of(self, law: Law) -> list[fem.Form]:
        return self.compiled(law.energy(self.F, *(fem.Constant(self.F.function_space.mesh, one) for one in law.values)))

    def at(self, forms: Sequence[fem.Form], F: Floats, direction: Floats) -> Floats:
        for function, value in ((self.F, F), (self.direction, direction)):
            function.x.array.reshape(-1, 9)[:] = value.ravel()
        return np.array([fem.assemble_scalar(form) for form in forms])


def test_sums_of_powers_are_those_of_the_principal_values() -> None:
    point, powers = Point(0), (-1.3, 0.65, 2.4)
    found = power_sum(point.F.T * point.F)
    forms = [one for p in powers for one in point.compiled(found(p))]
    for pattern in PATTERNS.values():
        F = rotation() @ np.diag(np.exp(pattern)) @ rotation()
        wanted = [np.exp(2 * p * np.array(pattern)).sum() for p in powers]
        assert point.at(forms, F, F) == pytest.approx(wanted, rel=2e-9)


def test_with_exponents_2_and_minus_2_ogdens_law_is_mooneys_up_to_the_tangent() -> None:
    point = Point(2)
    ogden, mooney = point.of(Ogden((0.8, -0.3), (2.0, -2.0), 5.0)), point.of(MooneyRivlin(0.4, 0.15, 5.0))
    for name, pattern in PATTERNS.items():
        for _ in range(4):
            F, direction = rotation() @ np.diag(np.exp(pattern)) @ rotation(), GENERATOR.normal(size=(3, 3))
            found, wanted = (point.at(forms, F, direction) for forms in (ogden, mooney))
            assert found == pytest.approx(wanted, rel=1e-8, abs=1e-8), name
