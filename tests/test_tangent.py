"""The tangent and its factor: Newton directions, the positive-definite stand-in, the lowest mode, lent factors."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.sparse as sp
import ufl
from mpi4py import MPI
from petsc4py import PETSc

from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive, turn
from mnnfem.density import negative_part
from mnnfem.factor import Cholesky
from mnnfem.material import NeoHookean
from mnnfem.solid import Solid
from mnnfem.stability import kick
from mnnfem.state import State
from mnnfem.tangent import Tangent
from tests.conftest import panel_boundary, strip

LAW = NeoHookean()


@pytest.fixture(scope="module")
def column() -> Body:
    """A 4 x 40 mm column; pressed straight by 8 % its tangent is indefinite."""
    return Body(strip(4.0, 40.0, 2, 20), LAW, Boundary(("bottom",), (Drive("top", (0, 1), 5.0),)), comm=MPI.COMM_SELF)


@pytest.fixture(scope="module")
def straight(column: Body) -> np.ndarray:
    nodes = column.solid.space.tabulate_dof_coordinates()[:, :2]
    return np.outer(nodes[:, 1], [0.0, -0.08]).ravel()


def dense(matrix: PETSc.Mat) -> np.ndarray:
    return sp.csr_matrix(matrix.getValuesCSR()[::-1], shape=matrix.size).toarray()


def free_block(solid: Solid, matrix: PETSc.Mat) -> np.ndarray:
    return dense(matrix)[np.ix_(solid.free, solid.free)]


def test_the_tension_tangent_is_positive_where_the_tangent_is_not_and_the_same_at_rest(column, straight) -> None:
    solid, rest = column.solid, np.zeros(column.solid.size)
    assert dense(solid.tension_tangent(rest)) == pytest.approx(dense(solid.tangent(rest)), abs=1e-9)
    tangent, lifted = (free_block(solid, matrix(straight)) for matrix in (solid.tangent, solid.tension_tangent))
    assert np.linalg.eigvalsh(tangent)[0] < 0
    assert np.linalg.eigvalsh(lifted)[0] > 0
    assert np.linalg.eigvalsh(lifted - tangent)[0] > -1e-9 * np.abs(tangent).max()  # it only adds


@pytest.mark.parametrize("dim", [2, 3])
def test_the_negative_part_turns_a_stress_into_no_compression(dim: int) -> None:
    rng = np.random.default_rng(dim)
    for shift in (-3.0, -0.5, 0.0, 0.5, 3.0):
        stress = rng.normal(size=(dim, dim))
        stress = stress + stress.T + shift * np.eye(dim)
        lift = np.array([[float(ufl.as_matrix(negative_part(ufl.as_matrix(stress.tolist())))[i, j](()))
                          for j in range(dim)] for i in range(dim)])  # fmt: skip
        values, vectors = np.linalg.eigh(stress)
        exact = (vectors * np.maximum(-values, 0)) @ vectors.T
        expected = exact if dim == 2 else max(-values[0], 0.0) * np.eye(3)
        assert lift == pytest.approx(expected, abs=1e-12)


def test_directions_solve_the_tangent_with_the_factor_of_another_state(column) -> None:
    solid = column.solid
    rng = np.random.default_rng(0)
    here, force = solid.on_free(0.02 * rng.normal(size=solid.size)), solid.on_free(rng.normal(size=solid.size))
    tangent = Tangent(solid, Cholesky(MPI.COMM_SELF))
    assert tangent.certify(np.zeros(solid.size))
    found = tangent.direction(here, force, goal=1e-9, most=100)
    exact = np.zeros(solid.size)
    exact[solid.free] = np.linalg.solve(free_block(solid, solid.tangent(here)), force[solid.free])
    assert not found.negative
    assert found.iterations > 2
    assert np.linalg.norm(found.step - exact) < 1e-6 * np.linalg.norm(exact)
    assert tangent.factorisations == 1


def test_a_direction_by_the_tangents_own_factor_takes_no_product(column, straight, monkeypatch) -> None:
    """Where the factor is that of another state, or of the stand-in, conjugate gradients go on with the tangent itself."""
    solid, near = column.solid, 0.1 * straight
    solid.set_inputs(solid.mesh.points, LAW.values, np.array([-1.0]))
    force = solid.on_free(np.random.default_rng(3).normal(size=solid.size))
    tangent, products = Tangent(solid, Cholesky(solid.comm)), []
    action = solid.tangent_action
    monkeypatch.setattr(solid, "tangent_action", lambda *inputs: [products.append(1), action(*inputs)][1])
    tangent.renew(near)
    own = tangent.direction(near, force, 1e-12, most=50)
    assert (own.reached, own.negative, own.iterations, len(products)) == (True, False, 1, 0)
    found = tangent.direction(near.copy(), force, 1e-12, most=50)
    assert products
    assert np.abs(found.step - own.step).max() <= 1e-9 * np.abs(own.step).max()
    products.clear()
    tangent.renew(near, indefinite=True)
    assert np.abs(tangent.direction(near, force, 1e-12, most=50).step - own.step).max() <= 1e-6 * np.abs(own.step).max()
    assert len(products) > 1


def test_negative_curvature_is_met_and_the_lowest_mode_found(column, straight) -> None:
    solid = column.solid
    tangent = Tangent(solid, Cholesky(MPI.COMM_SELF))
    tangent.renew(straight)
    assert tangent.met_negative
    assert tangent.factorisations == 2  # K, in vain, and its stand-in
    mode = tangent.lowest_mode(straight)
    pencil = [free_block(solid, matrix(straight)) for matrix in (solid.tangent, solid.tension_tangent)]
    values, vectors = scipy.linalg.eigh(*pencil)
    assert mode.curvature == pytest.approx(values[0], rel=1e-3)
    shape = mode.shape[solid.free]
    along = vectors[:, 0] @ pencil[1] @ shape / np.sqrt(shape @ pencil[1] @ shape)
    assert abs(along) == pytest.approx(1.0, abs=1e-3)
    assert tangent.direction(straight, shape_of(solid, vectors[:, 0]), 1e-3).negative


def test_a_state_near_a_factored_one_is_certified_without_a_factor_and_never_wrongly(column, straight) -> None:
    solid = column.solid

    def least(share: float) -> float:
        return float(np.linalg.eigvalsh(free_block(solid, solid.tangent(share * straight)))[0])

    critical = scipy.optimize.brentq(least, 0.1, 1.0, xtol=1e-9)
    for distance in (0.3, 1e-2, 1e-3, 1e-4, 1e-5):
        tangent = Tangent(solid, Cholesky(MPI.COMM_SELF))
        assert tangent.certify((1 - distance) * critical * straight)
        near = (1 - 1.01 * distance) * critical * straight
        assert tangent.certify(near)
        assert tangent.factorisations == 1
        assert not tangent.certify((1 + distance) * critical * straight)
        assert tangent.factorisations == 2


def test_a_stand_in_or_a_lent_factor_certifies_nothing(column, straight) -> None:
    solid, rest = column.solid, np.zeros(column.solid.size)
    lender = Tangent(solid, Cholesky(MPI.COMM_SELF))
    lender.renew(rest)
    borrower = Tangent(solid, Cholesky(MPI.COMM_SELF), lender.solver)
    assert borrower.certify(rest)
    assert borrower.factorisations == 1
    borrower.renew(rest, indefinite=True)
    assert borrower.certify(rest)
    assert borrower.factorisations == 3


def shape_of(solid: Solid, free: np.ndarray) -> np.ndarray:
    full = np.zeros(solid.size)
    full[solid.free] = free
    return full


def test_a_kick_lowers_the_energy_to_the_side_of_the_imperfection(column, straight) -> None:
    solid, sway = column.solid, []
    for sign in (1, -1):
        tangent = Tangent(solid, Cholesky(MPI.COMM_SELF))
        tangent.renew(straight)
        state = State.at(solid, straight)
        lower = kick(solid, tangent, state, sign)
        assert lower is not None
        assert lower.energy < state.energy
        sway.append((lower.u - straight)[::2].sum())
    assert sway[0] == pytest.approx(-sway[1], rel=1e-6)
    assert abs(sway[0]) > 0.1


def test_a_solve_uses_the_factor_of_the_solution_it_starts_from(panel, body, design) -> None:
    points, controls = panel.points(design).numpy(), np.array([20.0, -15.0])
    start = body.solve(points, controls, LAW.values)
    moved = panel.points((design * 1.01).clamp(0.1, 0.9)).numpy()
    again = body.solve(moved, 1.01 * controls, LAW.values, start).record
    assert again.warm
    assert again.factorisations == 1  # the certificate's
    forgotten = body.solve(points, 0.5 * controls, LAW.values)  # two slots: the start's factor is overwritten
    late = body.solve(moved, 1.01 * controls, LAW.values, start)
    assert forgotten.record.certified
    assert late.record.factorisations == 2  # the start's again, and the certificate's


def test_a_solve_and_its_gradient_depend_on_their_arguments_alone(panel, body, design) -> None:
    """Whether the start's factor was kept or had to be made again, here or in another body: the same bits."""
    points, controls = panel.points(design).numpy(), np.array([20.0, -15.0])
    moved, seed = panel.points((design * 1.01).clamp(0.1, 0.9)).numpy(), np.random.default_rng(0).normal(size=points.shape)
    start = body.solve(points, controls, LAW.values)
    kept = body.solve(moved, 1.01 * controls, LAW.values, start)
    gradients = body.vjp(kept, seed)
    for _ in range(2):  # both slots are used by others
        body.solve(points, 0.5 * controls, LAW.values)
    again = body.solve(moved, 1.01 * controls, LAW.values, start)
    other = Body(panel.mesh, LAW, panel_boundary(), comm=MPI.COMM_SELF)
    elsewhere = other.solve(moved, 1.01 * controls, LAW.values, pickle.loads(pickle.dumps(start)))
    for found in (again, elsewhere):
        assert np.array_equal(found.displacement, kept.displacement)
        assert np.array_equal(found.factored, kept.factored)
    body.solve(points, 0.5 * controls, LAW.values)
    late = body.vjp(kept, seed)
    assert np.array_equal(late.points, gradients.points)
    assert np.array_equal(late.controls, gradients.controls)


def test_a_drive_may_turn_a_facet() -> None:
    mesh = strip(10.0, 10.0, 4, 4)
    body = Body(mesh, LAW, Boundary(("bottom",), (Drive("top", turn(30.0, (5.0, 10.0)), 1.0),)), comm=MPI.COMM_SELF)
    solution = body.solve(mesh.points, np.ones(1), LAW.values)
    top = np.unique(mesh.facet("top"))
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    turned = (mesh.points[top] - [5.0, 10.0]) @ np.array([[c, s], [-s, c]]) + [5.0, 10.0]
    assert mesh.points[top] + body.displacement(solution)[top] == pytest.approx(turned)


def test_the_record_says_whether_a_bifurcation_was_passed(column) -> None:
    points = column.solid.mesh.points
    assert not column.solve(points, np.array([-0.05]), LAW.values).record.bifurcation
    assert column.solve(points, np.array([-3.0]), LAW.values).record.bifurcation
