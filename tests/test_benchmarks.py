"""The competitors of the benchmarks solve our problem, and our certificate judges what they return."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.plain import PlainNewton, certificate, plain_solve
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from tests.conftest import strip


@pytest.fixture
def column() -> Body:
    """A strip of 10 x 100 mm between a held end and one that moves along it: it buckles before 10 mm."""
    return Body(strip(10.0, 100.0, 2, 20), NeoHookean(), Boundary(("bottom",), [Drive("top", (0.0, 1.0), 100.0)]))


def test_plain_and_own_solver_agree(panel: Geometry, body: Body) -> None:
    """Where nothing buckles both stand at the same state: 6e-10 of the displacement was measured."""
    solver = PlainNewton(body.solid)
    for controls in (np.array([4.0, -3.0]), np.array([-8.0, 2.0])):  # the solver is used again
        found = solver.solve(panel.mesh.points, controls, NeoHookean().values)
        own = body.solve(panel.mesh.points, controls, NeoHookean().values)
        assert found.complete
        assert found.reason == ""
        assert found.solves >= 10
        assert np.abs(found.displacement - own.displacement).max() < 1e-7 * np.abs(own.displacement).max()
        assert found.energy == pytest.approx(own.record.energy, rel=1e-12)
        assert certificate(body.solid, found.displacement).certified


def test_a_saddle_is_returned_and_told_apart(column: Body) -> None:
    """Plain Newton stays straight where a column buckles: in balance, no inversion, twice the energy, unstable."""
    inputs = column.solid.mesh.points, np.array([-10.0]), NeoHookean().values
    found = plain_solve(column.solid, *inputs)
    judged = certificate(column.solid, found.displacement)
    assert found.complete
    assert judged.balanced
    assert judged.least_det_f > 0
    assert not judged.positive
    assert not judged.certified
    assert found.energy > 1.8 * column.solve(*inputs).record.energy


def test_a_failure_keeps_the_last_state_and_names_its_reason(column: Body) -> None:
    """Compressed through its own end; the state that is kept is in balance at its share of the load."""
    found = plain_solve(column.solid, column.solid.mesh.points, np.array([-99.0]), NeoHookean().values)
    assert not found.complete
    assert 0 < found.load < 1
    assert found.reason.startswith("DIVERGED")
    assert certificate(column.solid, found.displacement).balanced
