"""A mesh spread over the ranks gives what one rank gives. Run under mpirun -n 2 as well."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mpi4py import MPI

from benchmarks.lattices import Lattice
from geometries.extruded import extruded
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.continuation import Effort
from mnnfem.errors import EquilibriumError
from mnnfem.formulation import Formulation
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from mnnfem.walls import walls_of
from tests.conftest import as_geometry, panel_boundary, strip

pytestmark = pytest.mark.mpi
LAW = NeoHookean()


@pytest.mark.parametrize("controls", [(10.0, -15.0), (-20.0, 25.0), (0.0, 0.0)])
def test_equilibrium_and_gradients_equal_the_serial_ones(panel: Geometry, design: torch.Tensor, controls) -> None:
    points, rng, found = panel.points(design).numpy(), np.random.default_rng(1), []
    seed, middles = rng.normal(size=panel.mesh.points.shape), rng.normal(size=walls_of(panel.mesh).edges.shape)
    for comm in (MPI.COMM_SELF, MPI.COMM_WORLD):
        body = Body(panel.mesh, LAW, panel_boundary(), comm=comm)
        solution = body.solve(points, np.array(controls), LAW.values)
        gradients = body.vjp(solution, seed, middles)
        assert solution.record.certified
        found.append(
            [body.displacement(solution), body.middles(solution), gradients.points, gradients.controls, gradients.material]
        )
    for serial, spread in zip(*found, strict=True):
        assert np.abs(spread - serial).max() <= 1e-9 * max(np.abs(serial).max(), 1e-3)


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("dim", [2, 3])
def test_the_middles_of_edges_have_their_own_displacement(dim: int, degree: int) -> None:
    """A quadratic field at edges in any order and either way round; P1 has the mean of the ends."""
    mesh = strip(8.0, 6.0, 4, 3) if dim == 2 else extruded(as_geometry(strip(8.0, 6.0, 4, 3)), 5.0, 2).mesh

    def field(x: np.ndarray) -> np.ndarray:
        return np.stack([(i + 1) * x[:, 0] ** 2 - x[:, i] * x[:, 1] for i in range(dim)], axis=1)

    solid = Body(mesh, LAW, Boundary(("left",), ()), formulation=Formulation(degree)).solid
    own = solid.space.tabulate_dof_coordinates()[: solid.dofs.owned, :dim]
    edges = np.random.default_rng(0).permutation(mesh.cells[:, :2])
    ends = mesh.points[edges]
    expected = field(ends.mean(axis=1)) if degree == 2 else 0.5 * (field(ends[:, 0]) + field(ends[:, 1]))
    assert solid.dofs.at_edges(field(own).ravel(), edges) == pytest.approx(expected)
    seed = np.random.default_rng(1).normal(size=expected.shape)
    assert solid.dot(solid.dofs.from_edges(seed, edges), field(own).ravel()) == pytest.approx((seed * expected).sum())


def test_a_buckled_column_is_the_same_on_all_ranks() -> None:
    """Kicks and inertia counts: a saddle is left to the same side."""
    mesh, found = strip(4.0, 80.0, 2, 40), []
    for comm in (MPI.COMM_SELF, MPI.COMM_WORLD):
        body = Body(mesh, LAW, Boundary(("bottom",), (Drive("top", (0, 1), 5.0),)), comm=comm)
        solution = body.solve(mesh.points, np.array([-1.0]), LAW.values)
        assert solution.record.kicks > 0
        found.append(body.displacement(solution))
    assert np.abs(found[0]).max() > 3
    assert found[1] == pytest.approx(found[0], abs=1e-9 * 4)


def test_a_regular_lattice_takes_the_same_branch_on_all_ranks() -> None:
    """Sums in another order: 25 % compression of a lattice that buckles, to the same state."""
    lattice, found = Lattice(3, 3, "square", 0.15, 0.3), []
    mesh = lattice.mesh(layers=1)
    for comm in (MPI.COMM_SELF, MPI.COMM_WORLD):
        body = lattice.body(mesh, comm=comm)
        solution = body.solve(mesh.points, np.array([-0.25 * np.ptp(mesh.points[:, 1])]), body.solid.law.values)
        assert solution.record.kicks > 0
        found.append(body.displacement(solution))
    assert np.abs(found[1] - found[0]).max() <= 1e-10 * np.abs(found[0]).max()


def test_a_failure_is_the_same_sentence_on_all_ranks() -> None:
    mesh = strip(10.0, 10.0, 4, 4)
    body = Body(mesh, LAW, Boundary(("bottom",), (Drive("top", (0, 1), 20.0),)), Effort(least_step=0.9), MPI.COMM_WORLD)
    with pytest.raises(EquilibriumError) as caught:
        body.solve(mesh.points, np.array([-9.5]), LAW.values)
    sentences = MPI.COMM_WORLD.allgather(str(caught.value))
    assert len(set(sentences)) == 1
