"""First guesses of the benchmarks: the pressed square as a family, sums of few fields, states carried to a finer mesh."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import pressed_square
from benchmarks.carried import carried, solution
from benchmarks.crossover import Level
from benchmarks.pressed_square import LOW, by_modes, by_network, family, from_solves, instance
from benchmarks.starts import Solved, Table, coarse
from mnnfem.equilibrium import Solution, Start
from mnnfem.errors import EquilibriumError
from mnnfem.guess.family import Family
from mnnfem.guess.reference import Reference
from mnnfem.mesh import Floats
from mnnfem.metapde.pores import Pores
from mnnfem.metapde.pores_fem import CONTROLS, LAW, PoreElements
from mnnfem.refine import edges_of
from workflows.first_guess import panels
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


def fails(*inputs: Floats) -> Solution:
    raise EquilibriumError("none here", 0.5)


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


def test_a_state_is_carried_to_a_finer_mesh_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Middles of edges become nodes, at a design that the carrier was not made for; what was not solved starts nothing."""
    panel = panels(0.3, 12.0, cells=3)
    rough = Level(panel.geometry, panel.body())
    fine, members = rough.finer(), panel.sample(1, np.random.default_rng(0))
    design, controls, count = members.designs[0], members.controls[0], len(panel.geometry.mesh.points)
    carrier = fine.body.carrier(rough.body, rough.points(panel.middle), fine.points(panel.middle))
    guess = carried(solution(rough.body), carrier, lambda points: points[:count])
    start = guess(fine.points(design), controls, panel.law.values)
    end = rough.body.solve(rough.points(design), controls, panel.law.values)
    assert start is not None
    moved = fine.body.solid.dofs.at_points(start.displacement)
    edges, scale = edges_of(panel.geometry.mesh)[0], np.abs(end.displacement).max()
    assert np.abs(moved[:count] - rough.body.displacement(end)).max() < 1e-9 * scale
    assert np.abs(moved[count:] - rough.body.solid.dofs.at_edges(end.displacement, edges)).max() < 1e-9 * scale
    monkeypatch.setattr(rough.body, "solve", fails)
    assert guess(fine.points(design), controls, panel.law.values) is None
