"""First guesses of the benchmarks: the pressed square as a family, sums of few fields."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import pressed_square
from benchmarks.pressed_square import LOW, by_modes, by_network, family, from_solves, instance
from benchmarks.starts import Solved, Table, coarse
from mnnfem.equilibrium import Start
from mnnfem.guess.family import Family
from mnnfem.guess.reference import Reference
from mnnfem.mesh import Floats
from mnnfem.metapde.pores import Pores
from mnnfem.metapde.pores_fem import CONTROLS, LAW, PoreElements
from workflows.metapde_hyperelastic import HyperelasticSettings

SCALE = 0.47


@pytest.fixture(scope="module")
def elements() -> PoreElements:
    return PoreElements(2, 1)


@pytest.fixture(scope="module")
def square(elements: PoreElements) -> Family:
    return family(elements)


@pytest.fixture(scope="module")
def true(elements: PoreElements) -> Floats:
    return elements.solve(instance(SCALE)).displacement


def error(elements: PoreElements, start: Start | None, true: Floats) -> float:
    """In the H1 seminorm, in parts."""
    assert start is not None
    elements.place(instance(SCALE))
    return elements.errors(start.displacement, true)[1]


def test_the_pressed_square_is_a_family_of_one_number(elements: PoreElements, square: Family) -> None:
    for scale in (LOW, SCALE):
        points = elements.pores.points(instance(scale))
        assert np.abs(square.points(np.array([scale])) - points).max() < 1e-14
        assert square.design_of(points) == pytest.approx([scale])
    assert square.design_of(elements.pores.points(instance(LOW - 0.01))) is None
    assert square.design_of(elements.pores.points(np.array([SCALE, 0.01, 0.0]))) is None


def test_guesses_of_few_fields_are_near_and_modes_find_what_they_span(
    elements: PoreElements, square: Family, true: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The modes' Newton steps lower the nearest solution's error much; where the table has the solution they change nothing."""
    inputs = square.points(np.array([SCALE])), CONTROLS, LAW.values
    scales = np.array([[0.3], [0.4], [0.5], [0.6]])
    states = np.array([elements.solve(instance(scale[0])).displacement for scale in scales])
    table = Table(Reference(square, elements.solid), Solved(scales, np.tile(CONTROLS, (4, 1)), states))
    nearest, modes = error(elements, table.nearest(*inputs), true), error(elements, by_modes(elements, table)(*inputs), true)
    assert modes < 0.2 * nearest
    known = by_modes(elements, table)(square.points(scales[1]), CONTROLS, LAW.values)
    assert known is not None
    assert np.abs(known.displacement - states[1]).max() < 1e-7
    monkeypatch.setattr(pressed_square, "SHOWN", 400)
    taught = by_network(elements, square, from_solves(elements, 24, HyperelasticSettings(width=16, steepness=1.5)))
    assert error(elements, taught(*inputs), true) < 0.02
    assert taught(elements.pores.points(instance(1.0)), CONTROLS, LAW.values) is None


def test_the_coarse_mesh_of_a_family_starts_it(elements: PoreElements, square: Family) -> None:
    """On the same mesh it is the solution; on a finer one it is near."""
    inputs = square.points(np.array([SCALE])), CONTROLS, LAW.values
    end = elements.body.solve(*inputs)
    same = coarse(square, elements.body, square.geometry)(*inputs)
    assert error(elements, same, end.displacement) < 1e-7
    other = coarse(square, elements.body, pressed_square.geometry(Pores.of(4, 2)))(*inputs)
    assert 1e-3 < error(elements, other, end.displacement) < 0.3
