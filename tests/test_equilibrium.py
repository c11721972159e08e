import numpy as np
import pytest
import scipy.sparse as sp
import torch
from mpi4py import MPI
from petsc4py import PETSc

from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.continuation import Climb, Effort
from mnnfem.errors import EquilibriumError, InputError
from mnnfem.factor import Cholesky
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from mnnfem.minimise import Minimiser
from mnnfem.solid import Solid
from mnnfem.state import State
from tests.conftest import strip

LAW = NeoHookean()


def block(held: tuple[str, ...], drives: tuple[Drive, ...], size: int = 4, effort: Effort = Effort()) -> Body:
    return Body(strip(10.0, 10.0, size, size), LAW, Boundary(held, drives), effort, comm=MPI.COMM_SELF)


def dense(matrix: PETSc.Mat) -> np.ndarray:
    return sp.csr_matrix(matrix.getValuesCSR()[::-1], shape=matrix.size).toarray()


def affine(solid: Solid, F: np.ndarray) -> np.ndarray:
    """The P2 displacement u = (F - 1) X."""
    solid.u.interpolate(lambda x: (F - np.eye(2)) @ x[:2])
    return solid.u.x.array.copy()


def w_by_hand(F: np.ndarray, young: float, poisson: float) -> float:
    """The energy density, written out from the paper."""
    mu, bulk = young / 2 / (1 + poisson), young / 3 / (1 - 2 * poisson)
    log_j = np.log(np.linalg.det(F))
    return mu / 2 * ((F**2).sum() - 2 - 2 * log_j) + bulk / 2 * log_j**2


F = np.array([[1.3, 0.4], [-0.1, 0.8]])


def test_energy_of_an_affine_field_is_exact_and_balanced_inside() -> None:
    solid = block(("left",), (Drive("right", (1, 0), 5.0),)).solid
    u = affine(solid, F)
    assert solid.energy(u) == pytest.approx(100.0 * w_by_hand(F, 70.0, 0.3), rel=1e-13)
    residual = solid.residual(u).reshape(-1, 2)
    nodes = solid.space.tabulate_dof_coordinates()[:, :2]
    inside = np.all((nodes > 1e-9) & (nodes < 10 - 1e-9), axis=1)
    assert inside.sum() > 10
    assert np.abs(residual[inside]).max() < 1e-12 * np.abs(residual).max()


def test_residual_and_tangent_are_derivatives_of_the_energy(body: Body) -> None:
    solid, rng = body.solid, np.random.default_rng(0)
    solid.set_points(solid.mesh.points)
    u, d = 0.05 * rng.normal(size=(2, solid.size))
    h = 1e-5
    slope = (solid.energy(u + h * d) - solid.energy(u - h * d)) / (2 * h)
    assert solid.residual(u) @ d == pytest.approx(slope, rel=1e-7)
    change = (solid.residual(u + h * d) - solid.residual(u - h * d)) / (2 * h)
    assert solid.tangent_action(u, d) == pytest.approx(change, rel=1e-6, abs=1e-6 * np.abs(change).max())


def test_energy_is_not_a_number_as_soon_as_an_element_turns_over() -> None:
    solid = block(("left",), (Drive("right", (1, 0), 5.0),)).solid
    assert np.isfinite(solid.energy(affine(solid, np.diag([0.01, 1.0]))))
    assert not np.isfinite(solid.energy(affine(solid, np.diag([-0.01, 1.0]))))
    assert solid.least_det_f(affine(solid, np.diag([-0.01, 1.0])))[0] == pytest.approx(-0.01)


def test_rigid_translation_costs_nothing() -> None:
    body = block((), (Drive("left", (1, 2), 5.0), Drive("right", (1, 2), 5.0)))
    solution = body.solve(body.solid.mesh.points, np.array([3.0, 3.0]), LAW.values)
    assert body.displacement(solution) == pytest.approx(np.tile([3.0, 6.0], (len(body.solid.mesh.points), 1)))
    assert solution.record.energy == pytest.approx(0.0, abs=1e-12)


def test_stretched_block_converges_at_the_order_of_its_corners() -> None:
    """Energies of nested meshes fall to a limit; the clamped corners' singularity leaves order 1.57 of P2's 4."""
    energies = []
    for size in (4, 8, 16, 32):
        body = block(("left",), (Drive("right", (1, 0), 5.0),), size)
        energies.append(body.solve(body.solid.mesh.points, np.array([3.0]), LAW.values).record.energy)
    falls = -np.diff(energies)
    assert np.all(falls > 0)
    order = np.log2(falls[:-1] / falls[1:])
    assert order == pytest.approx(1.57, abs=0.05)
    assert energies[2] == pytest.approx(339.06812, abs=1e-4)  # 16 x 16 crossed squares, quadrature of degree 4


def test_records_hold_the_certificate(body: Body, panel: Geometry, design: torch.Tensor) -> None:
    controls = np.array([20.0, -15.0])
    solution = body.solve(panel.points(design).numpy(), controls, LAW.values)
    record, solid = solution.record, body.solid
    assert record.certified
    assert record.loads[-1] == 1.0
    assert record.residual < 1e-8 * record.reaction
    assert record.least_det_f > 0
    # The same, independently of the solver: dense eigenvalues of the tangent, prescribed values in place.
    tangent = dense(solid.tangent(solution.displacement))
    assert np.linalg.eigvalsh(tangent)[0] > 0
    ends = [body.displacement(solution)[np.unique(solid.mesh.facet(drive.facet))] for drive in solid.boundary.drives]
    assert ends[0] == pytest.approx(np.tile([20.0, 0.0], (len(ends[0]), 1)))
    assert ends[1] == pytest.approx(np.tile([-15.0, 0.0], (len(ends[1]), 1)))


def test_a_state_without_its_certificate_is_never_returned(body: Body, panel: Geometry, monkeypatch) -> None:
    climb = Climb.from_rest

    def disturbed(self, end):
        return State.at(self.solid, climb(self, end).u + np.where(self.solid.free, 1e-4, 0.0))

    monkeypatch.setattr(Climb, "from_rest", disturbed)
    with pytest.raises(EquilibriumError, match=r"failed its certificate .*residual"):
        body.solve(panel.mesh.points, np.array([20.0, -15.0]), LAW.values)


def test_a_warm_start_reaches_the_cold_state_with_less_work(body: Body, panel: Geometry, design: torch.Tensor) -> None:
    points, controls = panel.points(design).numpy(), np.array([20.0, -15.0])
    start = body.solve(points, controls, LAW.values)
    moved = panel.points((design * 1.02).clamp(0.1, 0.9)).numpy()
    cold, warm = (body.solve(moved, 1.03 * controls, LAW.values, one) for one in (None, start))
    assert warm.record.warm
    assert warm.record.factorisations < cold.record.factorisations
    assert body.displacement(warm) == pytest.approx(body.displacement(cold), abs=1e-8)


def test_a_useless_start_falls_back_to_the_cold_path(body: Body, panel: Geometry, design: torch.Tensor) -> None:
    points, controls = panel.points(design).numpy(), np.array([20.0, -15.0])
    start = body.solve(points, controls, LAW.values)
    start.displacement[:] = 100 * np.random.default_rng(0).normal(size=len(start.displacement))
    solution = body.solve(points, controls, LAW.values, start)
    cold = body.solve(points, controls, LAW.values).record
    assert solution.record.certified
    assert not solution.record.warm
    assert solution.record.factorisations >= cold.factorisations


@pytest.fixture(scope="module")
def column() -> dict[int, tuple[Body, np.ndarray, float]]:
    """A 4 x 80 mm column pressed by 1 mm, beyond Euler's load, for both signs of the imperfection."""
    mesh = strip(4.0, 80.0, 2, 40)
    solved = {}
    for sign in (1, -1):
        body = Body(mesh, LAW, Boundary(("bottom",), (Drive("top", (0, 1), 5.0),)), Effort(imperfection=sign), MPI.COMM_SELF)
        solution = body.solve(mesh.points, np.array([-1.0]), LAW.values)
        solved[sign] = body, body.displacement(solution), solution.record.energy
        assert solution.record.certified
        assert solution.record.kicks > 0
    return solved


def test_a_column_leaves_the_straight_saddle_for_the_side_that_the_imperfection_names(column) -> None:
    (_, right, energy), (_, left, mirror) = column[1], column[-1]
    sway = {sign: moved[np.abs(moved[:, 0]).argmax(), 0] for sign, moved in ((1, right), (-1, left))}
    assert sway[1] > 3
    assert sway[1] == pytest.approx(-sway[-1], rel=1e-6)
    assert energy == pytest.approx(mirror, rel=1e-9)


def test_the_straight_column_is_an_equilibrium_but_an_unstable_one(column) -> None:
    """What a Newton method without a stability test would return: symmetrise the state, and it has far more energy."""
    body, _, energy = column[1]
    solid = body.solid
    nodes = solid.space.tabulate_dof_coordinates()[:, :2]
    mirror = np.array([np.argmin(np.linalg.norm(nodes - [4 - x, y], axis=1)) for x, y in nodes])
    u = np.outer(nodes[:, 1] / 80, [0.0, -1.0]).ravel()
    for _ in range(20):  # plain Newton stays in the symmetric subspace
        factor = PETSc.KSP().create(MPI.COMM_SELF)
        factor.setType("preonly")
        factor.getPC().setType("lu")
        factor.setOperators(solid.tangent(u))
        rhs, step = solid.tangent(u).createVecs()
        rhs.array[:] = np.where(solid.free, solid.residual(u), 0.0)
        factor.solve(rhs, step)
        both = step.array.reshape(-1, 2)
        u = u - (0.5 * (both + both[mirror] * [-1, 1])).ravel()
    straight = np.linalg.norm(np.where(solid.free, solid.residual(u), 0.0)) / np.linalg.norm(solid.residual(u))
    assert straight < 1e-10
    assert solid.energy(u) > 1.1 * energy  # measured: 2.07 against 1.82 mJ/mm
    cholesky = Cholesky(MPI.COMM_SELF)
    assert not cholesky.factorise(solid.tangent(u))


@pytest.mark.parametrize("solver", ["cholmod", "mumps"])
def test_cholesky_refuses_small_indefinite_matrices(solver: str) -> None:
    """CHOLMOD's own choice for a small matrix is L D L^T, which accepts this one."""
    for diagonal, positive in (([2.0, 2.0, 2.0], True), ([2.0, 0.1, 2.0], False)):
        matrix = PETSc.Mat().createAIJ((3, 3), comm=MPI.COMM_SELF)
        matrix.setUp()
        for i, value in enumerate(diagonal):
            matrix.setValue(i, i, value)
            if i:
                matrix.setValue(i, i - 1, -1.0)
                matrix.setValue(i - 1, i, -1.0)
        matrix.assemble()
        matrix.setOption(PETSc.Mat.Option.SYMMETRIC, True)
        factor = Cholesky(MPI.COMM_SELF, solver)
        assert factor.factorise(matrix) is positive
        rhs = np.array([1.0, 2.0, 3.0])
        if positive:
            assert factor.solve(rhs) == pytest.approx(np.linalg.solve(dense(matrix), rhs))


@pytest.mark.parametrize("solver", ["cholmod", "mumps"])
def test_cholesky_works_again_after_an_indefinite_matrix(body: Body, solver: str) -> None:
    solid, factor = body.solid, Cholesky(MPI.COMM_SELF, solver)
    solid.set_points(solid.mesh.points)
    rhs = np.where(solid.free, 1.0, 0.0)
    matrix = solid.tangent(np.zeros(solid.size))
    assert factor.factorise(matrix)
    expected = factor.solve(rhs)
    matrix.setDiagonal(-matrix.getDiagonal())
    assert not factor.factorise(matrix)
    assert factor.factorise(solid.tangent(np.zeros(solid.size)))
    assert factor.solve(rhs) == pytest.approx(expected, rel=1e-12)


def test_the_energy_falls_in_every_step_of_the_minimiser(body: Body, panel: Geometry, monkeypatch: pytest.MonkeyPatch) -> None:
    energies: list[tuple[float, float]] = []
    search = Minimiser._search

    def watched(self, state, step):
        found = search(self, state, step)
        if found is not None:
            energies.append((state.energy, found.energy))
        return found

    monkeypatch.setattr(Minimiser, "_search", watched)
    points = panel.points(torch.full((128,), 0.8, dtype=torch.float64)).numpy()
    body.solve(points, np.array([40.0, -40.0]), LAW.values)  # thin ligaments, pressed until they buckle
    before, after = np.array(energies).T
    assert len(before) > 10
    assert np.all(after <= before * (1 + 2e-12))


def test_a_failure_says_why_at_which_load_and_where() -> None:
    reasons = {
        "no convergence in 1 iterations": Effort(iterations=1, least_step=0.1),
        "smallest load step": Effort(least_step=0.9),
    }
    for reason, effort in reasons.items():
        body = block(("bottom",), (Drive("top", (0, 1), 20.0),), effort=effort)
        with pytest.raises(EquilibriumError, match=rf"{reason}.*det F .* at \d+\.\d% of the load, in element \d+") as caught:
            body.solve(body.solid.mesh.points, np.array([-9.5]), LAW.values)
        assert 0 <= caught.value.load < 1
        assert 0 <= caught.value.cell < len(body.solid.mesh.cells)


@pytest.mark.parametrize(
    ("points", "controls", "material", "message"),
    [
        (lambda x: x[:-1], [1.0, 1.0], [70, 0.3], "points of shape"),
        (lambda x: x, [1.0], [70, 0.3], "2 controls"),
        (lambda x: x, [41.0, 1.0], [70, 0.3], "Control 0 .*'left_middle'.* is 41 mm, allowed -40 to 40"),
        (lambda x: x, [1.0, np.nan], [70, 0.3], "Control 1 .* nan mm"),
        (lambda x: x, [1.0, 1.0], [-70, 0.3], "above 0 MPa, got -70"),
        (lambda x: x, [1.0, 1.0], [70, 0.5], "between -1 and 0.5, got 0.5"),
        (lambda x: x * [-1, 1], [1.0, 1.0], [70, 0.3], "544 elements are inverted"),
        (lambda x: x * np.nan, [1.0, 1.0], [70, 0.3], "544 elements are inverted"),
    ],
)
def test_bad_input_is_refused_before_the_solve(body: Body, panel: Geometry, points, controls, material, message) -> None:
    with pytest.raises(InputError, match=message):
        body.solve(points(panel.mesh.points), np.array(controls), np.array(material, dtype=float))


def test_contradicting_boundaries_are_refused(panel: Geometry) -> None:
    with pytest.raises(InputError, match="Did you mean 'corners'"):
        Boundary(("corner",), ()).check(panel.mesh)
    with pytest.raises(InputError, match="share 4 vertices"):
        Boundary(("corners",), (Drive("left", (1, 0), 1.0), Drive("right", (1, 0), 1.0))).check(panel.mesh)
    with pytest.raises(InputError, match="Nothing holds"):
        Boundary((), ()).check(panel.mesh)
    with pytest.raises(InputError, match="share 1 vertex"):
        Boundary((), (Drive("left", (1, 0), 1.0), Drive("bottom", (1, 0), 1.0))).check(panel.mesh)
    with pytest.raises(InputError, match="cannot move against itself"):
        Boundary((), (Drive("left", (1, 0), 1.0, opposite="left"),)).check(panel.mesh)
    with pytest.raises(InputError, match="Did you mean 'right'"):
        Boundary((), (Drive("left", (1, 0), 1.0, opposite="rigth"),)).check(panel.mesh)
    with pytest.raises(InputError, match="share 1 vertex"):
        Boundary((), (Drive("left", (1, 0), 1.0, opposite="top"),)).check(panel.mesh)


def test_a_pair_is_two_drives_that_move_against_each_other(panel: Geometry, design: torch.Tensor) -> None:
    """The same state, and of the control the difference of the two gradients."""
    x, up = panel.points(design).numpy(), (0.3, 1.0)
    pair = (Drive("right_middle", up, 40.0, opposite="left_middle"),)
    single = tuple(Drive(f"{side}_middle", up, 40.0) for side in ("right", "left"))
    first, second = (Body(panel.mesh, LAW, Boundary(("corners",), drives), comm=MPI.COMM_SELF) for drives in (pair, single))
    states = [first.solve(x, np.array([12.0]), LAW.values), second.solve(x, np.array([12.0, -12.0]), LAW.values)]
    assert first.displacement(states[0]) == pytest.approx(second.displacement(states[1]), abs=1e-9)
    seed = np.random.default_rng(0).normal(size=x.shape)
    together, apart = first.vjp(states[0], seed), second.vjp(states[1], seed)
    assert together.controls == pytest.approx([apart.controls[0] - apart.controls[1]], rel=1e-6)
    assert together.points == pytest.approx(apart.points, rel=1e-5, abs=1e-6 * np.abs(apart.points).max())
