"""Multigrid against Cholesky: the same states, gradients and verdicts. Run under mpirun -n 2 and 3 as well."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc

from geometries.extruded import extruded
from geometries.star_pores import star_pores
from mnnfem import multigrid
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.errors import InputError
from mnnfem.factor import Cholesky
from mnnfem.formulation import Formulation
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from mnnfem.mesh import Floats
from mnnfem.multigrid import Multigrid, linear_solver
from mnnfem.periodic import Periodic, Strain
from mnnfem.solid import Solid
from tests.conftest import as_geometry, strip

pytestmark = pytest.mark.mpi
LAW = NeoHookean()
PLANE, SPACE = star_pores(2, 2, solid=()), extruded(star_pores(2, 2, solid=()), 30.0, 1)
KINDS = [(PLANE, 1), (PLANE, 2), (SPACE, 1), (SPACE, 2)]


def boundary(geometry: Geometry) -> Boundary:
    return Boundary(("bottom",), [Drive("top", (0.2, 1.0, 0.3)[: geometry.mesh.dim], 10.0)])


@pytest.fixture
def choose() -> Iterator[PETSc.Options]:
    """PETSc's options, to write `options["mnnfem_solver"]`; forgotten afterwards."""
    options = PETSc.Options()
    yield options
    options.delValue("mnnfem_solver")


@pytest.mark.parametrize(("geometry", "degree"), KINDS)
def test_states_and_gradients_are_those_of_cholesky_on_one_rank(choose: PETSc.Options, geometry: Geometry, degree: int) -> None:
    mesh, found = geometry.mesh, []
    seed = np.random.default_rng(0).normal(size=mesh.points.shape)
    for solver, comm in (("cholesky", MPI.COMM_SELF), ("multigrid", MPI.COMM_WORLD)):
        choose["mnnfem_solver"] = solver
        body = Body(mesh, LAW, boundary(geometry), comm=comm, formulation=Formulation(degree))
        solution = body.solve(mesh.points, np.array([-5.0]), LAW.values)
        assert type(body.equilibrium.factor(solution)).__name__.lower() == solver
        gradients = body.vjp(solution, seed)
        found.append([body.displacement(solution), gradients.points, gradients.controls, gradients.material])
    assert np.abs(found[1][0] - found[0][0]).max() <= 1e-10 * np.abs(found[0][0]).max()
    for exact, mine in zip(*found, strict=True):  # the certificate's tangent is that of the last state but one
        assert np.abs(mine - exact).max() <= 2e-6 * np.abs(exact).max()


@pytest.mark.parametrize(("geometry", "degree"), KINDS)
def test_verdicts_are_those_of_cholesky_however_indefinite_the_matrix(geometry: Geometry, degree: int) -> None:
    """K - s lambda_1 M has a few negative modes for s just above 1, hundreds for large s, which a cycle could hide."""
    solid = Solid(geometry.mesh, LAW, boundary(geometry), formulation=Formulation(degree))
    exact, mine = Cholesky(solid.comm), Multigrid(solid)
    matrix = solid.tangent(np.zeros(solid.size))
    diagonal = matrix.getDiagonal()
    own = np.array(diagonal.array)

    def less(shift: float) -> PETSc.Mat:
        diagonal.array[:] = own - shift * solid.on_free(solid.mass)
        matrix.setDiagonal(diagonal)
        return matrix

    below, above = 0.0, 10.0
    for _ in range(40):
        middle = 0.5 * (below + above)
        below, above = (middle, above) if exact.factorise(less(middle)) else (below, middle)
    assert below > 0
    for factor in (0.0, 0.9, 0.999, 1 - 1e-6):
        assert mine.factorise(less(factor * below)), factor
    for factor in (1 + 1e-6, 1.001, 1.3, 2, 4, 8, 16, 50, 200, 1e3, 1e4, 1e6):
        assert not mine.factorise(less(factor * below)), factor
    assert mine.factorise(less(0.0)), "an indefinite matrix left something behind"
    assert not mine.factorise(less(np.nan))


@pytest.mark.parametrize(("dim", "degree"), [(2, 1), (2, 2), (3, 1), (3, 2)])
def test_a_column_is_stable_up_to_the_load_that_cholesky_finds(dim: int, degree: int) -> None:
    """A column pressed straight down, past its buckling load and back: each on the side that Cholesky sees."""
    flat = as_geometry(strip(4.0, 40.0, 1, 8))
    mesh = flat.mesh if dim == 2 else extruded(flat, 6.0, 1).mesh
    solid = Solid(mesh, LAW, Boundary(("bottom", "top"), ()), formulation=Formulation(degree))
    exact, mine = Cholesky(solid.comm), Multigrid(solid)
    heights = solid.space.tabulate_dof_coordinates()[: solid.dofs.owned, 1]
    down = np.zeros((solid.dofs.owned, dim))
    down[:, 1] = heights

    def at(strain: float) -> PETSc.Mat:
        return solid.tangent(-strain * down.ravel())

    below, above = 0.0, 0.3
    for _ in range(25):
        middle = 0.5 * (below + above)
        below, above = (middle, above) if exact.factorise(at(middle)) else (below, middle)
    assert 0.001 < below < 0.29
    for factor in (0.0, 0.5, 0.99, 0.9999, 1.0001, 1.01, 1.3, 2.0):
        assert mine.factorise(at(factor * below)) == exact.factorise(at(factor * below)) == (factor < 1), factor


def test_a_cycle_that_inverts_the_negative_mode_too_does_not_hide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One stiff negative degree of freedom, coupled to none: any smoother solves it exactly, so no Ritz value shows it."""
    solid = Solid(PLANE.mesh, LAW, boundary(PLANE), MPI.COMM_SELF)
    exact, mine = Cholesky(solid.comm), Multigrid(solid)
    matrix = solid.tangent(np.zeros(solid.size))
    matrix.zeroRowsColumns([int(np.flatnonzero(solid.free)[7])], diag=-1e4)
    assert not exact.factorise(matrix)
    assert not mine.factorise(matrix)
    monkeypatch.setattr(multigrid, "_sound", lambda cycle: True)
    assert mine.factorise(matrix)  # so that is what the look at the levels is for


def _vector(matrix: PETSc.Mat, values: Floats) -> PETSc.Vec:
    vector = matrix.createVecRight()
    vector.array[:] = values
    return vector


def test_two_kept_solutions_do_not_share_a_matrix(choose: PETSc.Options) -> None:
    choose["mnnfem_solver"] = "multigrid"
    body = Body(PLANE.mesh, LAW, boundary(PLANE), factors=2, formulation=Formulation(1))
    seed = np.random.default_rng(1).normal(size=PLANE.mesh.points.shape)
    first = body.solve(PLANE.mesh.points, np.array([4.0]), LAW.values)
    alone = body.vjp(first, seed).points
    body.solve(PLANE.mesh.points, np.array([-6.0]), LAW.values)
    assert np.abs(body.vjp(first, seed).points - alone).max() <= 1e-9 * np.abs(alone).max()


def test_the_size_chooses_unless_the_user_does(choose: PETSc.Options, monkeypatch: pytest.MonkeyPatch) -> None:
    solid = Solid(PLANE.mesh, LAW, boundary(PLANE), formulation=Formulation(1))
    assert isinstance(linear_solver(solid), Cholesky)
    monkeypatch.setattr(multigrid, "LARGE", {2: 100, 3: 100})
    assert isinstance(linear_solver(solid), Multigrid)
    choose["mnnfem_solver"] = "cholesky"
    assert isinstance(linear_solver(solid), Cholesky)
    choose["mnnfem_solver"] = "lu"
    with pytest.raises(InputError, match="cholesky or multigrid, got 'lu'"):
        linear_solver(solid)


@pytest.mark.mpi
def test_ranks_that_see_other_eigenvalues_agree_on_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a matrix at the edge, ranks could read one thing and its contrary, and wait for each other from then on."""
    geometry, degree = KINDS[0]
    solid = Solid(geometry.mesh, LAW, boundary(geometry), formulation=Formulation(degree))
    mine, matrix, exact = Multigrid(solid), solid.tangent(np.zeros(solid.size)), np.linalg.eigvalsh

    def seen(matrices: Floats) -> Floats:
        return exact(matrices) if matrices.ndim == 3 or solid.comm.rank == 0 else -exact(matrices)

    monkeypatch.setattr(np.linalg, "eigvalsh", seen)
    assert solid.comm.allgather(mine.factorise(matrix)) == [True] * solid.comm.size


def test_bodies_without_multigrid_are_refused_it(choose: PETSc.Options) -> None:
    squares = star_pores(3, 3, 10.0, ((1, 1),), quadrilaterals=True)
    sides = (("left", "right"), ("bottom", "top"))
    periodic = Boundary(periodic=Periodic(sides, [Strain(0, 0, bound=0.2), Strain(1, 1, bound=0.2), Strain(0, 1, bound=0.2)]))
    solids = {
        "The mixed form": Solid(PLANE.mesh, LAW, boundary(PLANE), formulation=Formulation(mixed=True)),
        "A mesh of quadrilaterals": Solid(squares.mesh, LAW, boundary(squares)),
        "A periodic body": Solid(star_pores(1, 1, 10.0, ()).mesh, LAW, periodic),
    }
    assert all(isinstance(linear_solver(solid), Cholesky) for solid in solids.values())
    choose["mnnfem_solver"] = "multigrid"
    for name, solid in solids.items():
        with pytest.raises(InputError, match=f"^{name} has no multigrid: leave"):
            linear_solver(solid)
