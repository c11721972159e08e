"""Natural and buckling modes against beam theory, and on two ranks."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI

from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.errors import InputError
from mnnfem.formulation import Formulation
from mnnfem.hooke import LinearElastic
from mnnfem.loads import Traction
from mnnfem.material import NeoHookean, bulk_of
from mnnfem.modes import buckling_modes, natural_modes
from mnnfem.rubbers import IsochoricNeoHookean
from tests.conftest import strip

LENGTH, HEIGHT, YOUNG, DENSITY = 100.0, 2.0, 1000.0, 1200.0
BEAM = strip(LENGTH, HEIGHT, 50, 1)


@pytest.mark.mpi
@pytest.mark.parametrize("comm", [MPI.COMM_WORLD, MPI.COMM_SELF])
def test_a_clamped_beam_vibrates_as_euler_and_bernoulli_say(comm: MPI.Comm) -> None:
    """f_k = beta_k^2 / (2 pi L^2) sqrt(E h^2 / (12 rho)), with the roots of cos cosh = -1; in plane stress."""
    law = LinearElastic(YOUNG, 0.3)
    body = Body(BEAM, law, Boundary(("left",), ()), comm=comm, formulation=Formulation(plane="stress"))
    rest = body.solve(BEAM.points, np.zeros(0), law.values)
    modes = natural_modes(body, rest, DENSITY, 3)
    roots = np.array([1.87510407, 4.69409113, 7.85475744])
    wanted = roots**2 / (2 * np.pi * LENGTH**2) * np.sqrt(YOUNG * HEIGHT**2 / 12 / (DENSITY * 1e-12))
    assert modes.values == pytest.approx(wanted, rel=0.01)
    assert modes.values[0] == pytest.approx(wanted[0], rel=2e-3)
    tip = np.argmax(BEAM.points[:, 0])
    assert np.abs(modes.shapes[:, tip, 1]) == pytest.approx(1.0, abs=0.01)
    assert np.linalg.norm(modes.shapes, axis=2).max(axis=1) == pytest.approx(1.0)


def test_a_pressed_column_buckles_at_eulers_load() -> None:
    """Clamped at one end, free at the other: pi^2 E I / (4 L^2), in plane stress under a small dead load."""
    law = IsochoricNeoHookean(YOUNG / 2.6, bulk_of(YOUNG / 2.6, 0.3))
    boundary = Boundary(("left",), (), loads=[Traction("right", (-1.0, 0.0), 1.0)])
    body = Body(BEAM, law, boundary, comm=MPI.COMM_SELF, formulation=Formulation(plane="stress"))
    small = 1e-3
    solution = body.solve(BEAM.points, np.array([small]), law.values)
    modes = buckling_modes(body, solution, 2)
    stress = np.pi**2 * YOUNG * HEIGHT**2 / 12 / (4 * LENGTH**2)
    assert modes.values * small == pytest.approx(np.array([1, 9]) * stress, rel=5e-3)
    pulled = body.solve(BEAM.points, np.array([-small]), law.values)
    assert buckling_modes(body, pulled, 1).values[0] * small > 50 * stress


def test_a_stretched_string_vibrates_faster() -> None:
    law = NeoHookean(YOUNG, 0.3)
    body = Body(BEAM, law, Boundary(("left",), [Drive("right", (1.0, 0.0), 5.0)]), comm=MPI.COMM_SELF, factors=2)
    lowest = [
        natural_modes(body, body.solve(BEAM.points, np.array([pull]), law.values), DENSITY, 1).values[0] for pull in (0.0, 1.0)
    ]
    assert lowest[1] > 1.5 * lowest[0]


def test_modes_that_cannot_be_are_refused() -> None:
    law = NeoHookean(YOUNG, 0.3)
    body = Body(BEAM, law, Boundary(("left",), ()), comm=MPI.COMM_SELF)
    rest = body.solve(BEAM.points, np.zeros(0), law.values)
    with pytest.raises(InputError, match=r"above 0 kg/m\^3, got -1"):
        natural_modes(body, rest, -1.0)
    with pytest.raises(InputError, match="From 1 to 40 modes"):
        natural_modes(body, rest, DENSITY, 99)
    linear = LinearElastic(YOUNG, 0.3)
    stiff = Body(BEAM, linear, Boundary(("left",), [Drive("right", (1.0, 0.0), 1.0)]), comm=MPI.COMM_SELF)
    with pytest.raises(InputError, match="softened the body in no mode"):
        buckling_modes(stiff, stiff.solve(BEAM.points, np.array([-0.1]), linear.values))
