"""Integrals of stress and deformation: values by hand, gradients of rebuilt forwards."""

from __future__ import annotations

import numpy as np
import pytest
import ufl
from mpi4py import MPI

from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.formulation import Formulation
from mnnfem.functional import Functional
from mnnfem.hooke import LinearElastic
from mnnfem.loads import Traction
from mnnfem.material import NeoHookean
from tests.conftest import strip

MESH, LAW = strip(6.0, 4.0, 4, 3), NeoHookean(1.0, 0.4)
FORMS = {"strain": Formulation(), "stress": Formulation(plane="stress"), "mixed": Formulation(mixed=True)}


def body(formulation: Formulation) -> Body:
    boundary = Boundary(("left",), [Drive("right", (1.0, None), 2.0)], loads=[Traction("top", (0.3, -1.0), 1.0)])
    return Body(MESH, LAW, boundary, comm=MPI.COMM_SELF, formulation=formulation)


def test_a_strip_in_tension_has_one_stress() -> None:
    """Plane stress of linear elasticity: P11 = E strain everywhere, and nothing else."""
    law = LinearElastic(10.0, 0.3)
    boundary = Boundary((), [Drive("right", (1.0, None), 1.0)], [("left", 0), ("bottom", 1)])
    made = Body(MESH, law, boundary, comm=MPI.COMM_SELF, formulation=Formulation(degree=1, plane="stress"))
    solution = made.solve(MESH.points, np.array([0.06]), law.values)
    assert Functional(made, lambda P, F: ufl.inner(P, P)).value(solution) == pytest.approx(24.0 * 0.1**2, rel=1e-10)
    assert Functional(made, lambda P, F: ufl.det(F) - 1).value(solution) == pytest.approx(
        24 * (1.01 * (1 - 0.003) - 1), rel=1e-9
    )


@pytest.mark.parametrize("name", FORMS)
def test_gradients_are_those_of_rebuilt_forwards(name: str) -> None:
    """Of a stress norm that grows with the fourth power, in every input, with a remainder of second order."""

    def made() -> tuple[Body, Functional]:
        one = body(FORMS[name])
        return one, Functional(one, lambda P, F: ufl.inner(P, P) ** 2 + ufl.tr(F))

    first, functional = made()
    start = (MESH.points, np.array([0.5, 0.02]), LAW.values)
    generator, solution = np.random.default_rng(8), first.solve(*start)
    found, base = functional.gradients(solution), functional.value(solution)
    for number, gradient in enumerate((found.points, found.controls, found.material)):
        way = generator.uniform(-1, 1, start[number].shape) * (0.1 if number == 0 else 0.2 * np.abs(start[number]))
        values = {}
        for step in (1e-3, -1e-3, 4e-2, 2e-2):
            inputs = [one + (step * way if k == number else 0.0) for k, one in enumerate(start)]
            again, other = made()
            values[step] = other.value(again.solve(*inputs))
        slope = float((gradient * way).sum())
        assert slope == pytest.approx((values[1e-3] - values[-1e-3]) / 2e-3, rel=2e-5)
        assert np.log2(abs(values[4e-2] - base - 4e-2 * slope) / abs(values[2e-2] - base - 2e-2 * slope)) > 1.9
