"""Bodies in space, linear and quadratic displacements: exact fields, derivatives, and the plane they must reduce to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mpi4py import MPI

from geometries.extruded import extruded
from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.errors import InputError
from mnnfem.fields import FieldWriter
from mnnfem.formulation import Formulation
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from mnnfem.mesh import Floats, Mesh, signed_measures
from mnnfem.solid import Solid
from tests.conftest import as_geometry, strip

LAW = NeoHookean()
GRADIENT: Floats = np.array([[0.1, 0.05, -0.02], [0.0, -0.08, 0.03], [0.04, 0.0, 0.06]])


def block(columns: int = 2, rows: int = 2, layers: int = 2) -> Mesh:
    """20 x 10 x 6 mm; facets left, right, bottom, top, back, front."""
    return extruded(as_geometry(strip(20.0, 10.0, columns, rows)), 6.0, layers).mesh


def twisted(mesh: Mesh, seed: int = 0) -> Floats:
    """The mesh's points with those inside moved about."""
    points = mesh.points.copy()
    inside = np.setdiff1d(np.arange(len(points)), mesh.boundary())
    points[inside] += np.random.default_rng(seed).uniform(-0.4, 0.4, (len(inside), 3))
    return points


@pytest.fixture(scope="module")
def small() -> Geometry:
    """One cell with a pore, 50 x 50 x 12 mm, one layer."""
    return extruded(star_pores(1, 1, solid=()), 12.0, 1)


def nodes_of(solid: Solid) -> Floats:
    return solid.space.tabulate_dof_coordinates()[: solid.dofs.owned]


def test_extruded_mesh_conforms(small: Geometry) -> None:
    plane, mesh = star_pores(1, 1, solid=()).mesh, small.mesh
    volumes = signed_measures(mesh.points, mesh.cells)
    assert volumes.sum() == pytest.approx(12.0 * signed_measures(plane.points, plane.cells).sum(), rel=1e-13)
    outside = {tuple(sorted(face)) for face in mesh.boundary()}
    sides = ("left", "right", "bottom", "top", "pores", "back", "front")
    named = {tuple(sorted(face)) for name in sides for face in mesh.facets[name]}
    assert outside == named  # a face between two prisms that did not match would lie outside too
    a, b, c = (mesh.points[mesh.boundary()[:, k]] for k in range(3))
    flux = np.einsum("ki,ki->k", a + b + c, np.cross(b - a, c - a)).sum() / 18
    assert flux == pytest.approx(volumes.sum(), rel=1e-13)  # normals point outwards


def test_extruded_design_moves_whole_columns(small: Geometry) -> None:
    plane = star_pores(1, 1, solid=())
    design = np.random.default_rng(0).uniform(0.3, 0.7, len(plane.parameters))
    flat, points = (geometry.points(torch.from_numpy(design)).numpy() for geometry in (plane, small))
    for level, height in ((0, 0.0), (1, 12.0)):
        rows = slice(level * len(flat), (level + 1) * len(flat))
        assert np.array_equal(points[rows, :2], flat)
        assert np.all(points[rows, 2] == height)


@pytest.mark.parametrize("degree", [1, 2])
def test_nodes_on_a_facet_are_those_that_lie_there(degree: int) -> None:
    """One layer: faces inside have all their corners on the outline too, and do not belong to it."""
    mesh = block(1, 1, 1)
    outlined = Mesh(mesh.points, mesh.cells, {"outline": mesh.boundary()})
    solid = Solid(outlined, LAW, Boundary(("outline",), ()), MPI.COMM_SELF, Formulation(degree))
    low, high = np.zeros(3), np.array([20.0, 10.0, 6.0])
    outside = (np.isclose(nodes_of(solid), low) | np.isclose(nodes_of(solid), high)).any(axis=1)
    assert np.array_equal(solid.dofs.on_facet("outline"), outside)
    assert outside.all() == (degree == 1)


@pytest.mark.parametrize("degree", [1, 2])
def test_affine_field_has_the_exact_energy_and_passes_the_patch_test(degree: int) -> None:
    mesh = block()
    sides = ("left", "right", "bottom", "top", "back", "front")
    solid = Solid(mesh, LAW, Boundary(sides, ()), MPI.COMM_SELF, Formulation(degree))
    solid.set_points(twisted(mesh))
    u = (nodes_of(solid) @ GRADIENT.T).ravel()
    F = np.eye(3) + GRADIENT
    log_j, mu, bulk = np.log(np.linalg.det(F)), 70 / 2.6, 70 / 1.2
    density = mu / 2 * (np.sum(F**2) - 3 - 2 * log_j) + bulk / 2 * log_j**2
    assert solid.energy(u) == pytest.approx(density * 20 * 10 * 6, rel=1e-12)
    assert np.abs(solid.on_free(solid.residual(u))).max() < 1e-10
    assert solid.prescribed.any()
    assert solid.free.any()


@pytest.mark.parametrize("degree", [1, 2])
def test_residual_and_tangent_are_the_derivatives(degree: int) -> None:
    solid, rng = Solid(block(), LAW, Boundary(("left",), ()), MPI.COMM_SELF, Formulation(degree)), np.random.default_rng(1)
    u, d = (0.05 * solid.on_free(rng.normal(size=solid.size)) for _ in range(2))
    h = 1e-5
    slope = (solid.energy(u + h * d) - solid.energy(u - h * d)) / (2 * h)
    assert float(solid.residual(u) @ d) == pytest.approx(slope, rel=1e-7)
    change = (solid.residual(u + h * d) - solid.residual(u - h * d)) / (2 * h)
    assert solid.tangent_action(u, d) == pytest.approx(change, rel=1e-6, abs=1e-6 * np.abs(change).max())
    matrix = solid.tangent(u)
    vector = matrix.createVecRight()
    vector.array[:] = d
    assert solid.on_free((matrix * vector).array) == pytest.approx(solid.on_free(solid.tangent_action(u, d)), abs=1e-9)


@pytest.mark.parametrize("degree", [1, 2])
def test_gradients_have_taylor_order_two(small: Geometry, degree: int) -> None:
    """Against forwards from rest, each by a body built anew: shape, control and material at once and apart."""
    mesh, rng = small.mesh, np.random.default_rng(2)
    weights = rng.normal(size=mesh.points.shape)
    base = {"points": mesh.points, "controls": np.array([2.0, -1.5]), "material": LAW.values}
    drives = [Drive("top", (0.0, 1.0, 0.3), 4.0), Drive("top", (1.0, 0.0, 0.0), 4.0)]

    def value(inputs: dict[str, Floats]) -> tuple[float, Body, object]:
        body = Body(mesh, LAW, Boundary(("bottom",), drives), comm=MPI.COMM_SELF, formulation=Formulation(degree))
        solution = body.solve(**inputs)
        return float((weights * body.displacement(solution)).sum()), body, solution

    start, body, solution = value(base)
    gradient = body.vjp(solution, weights)
    inside = rng.uniform(-1, 1, mesh.points.shape)
    moves = {"points": inside, "controls": np.array([0.5, 0.7]), "material": np.array([3.0, 0.05])}
    for name, move in moves.items():
        slope = float((getattr(gradient, name) * move).sum())
        steps = 0.1 * 0.5 ** np.arange(3)
        rests = [abs(value({**base, name: base[name] + h * move})[0] - start - h * slope) for h in steps]
        assert np.log2(np.array(rests[:-1]) / rests[1:]).min() > 1.9, name


def test_a_plate_that_may_not_thicken_is_in_plane_strain() -> None:
    """A plane equilibrium drawn out along z has its energy and its forces per thickness; nothing pulls sideways."""
    plane = strip(20.0, 10.0, 4, 4)
    flat = Body(
        plane, LAW, Boundary(("bottom",), [Drive("top", (0.3, 1.0), 2.0)]), comm=MPI.COMM_SELF, formulation=Formulation(1)
    )
    solution = flat.solve(plane.points, np.array([-1.0]), LAW.values)
    thick = Solid(
        extruded(as_geometry(plane), 6.0, 2).mesh, LAW, Boundary(("back", "front"), ()), MPI.COMM_SELF, Formulation(1)
    )
    moved = np.column_stack([flat.displacement(solution), np.zeros(len(plane.points))])
    u = thick.dofs.from_points(np.tile(moved, (3, 1)))
    assert thick.energy(u) == pytest.approx(6.0 * solution.record.energy, rel=1e-12)
    columns = thick.dofs.at_points(thick.residual(u)).reshape(3, -1, 3).sum(axis=0)
    forces = flat.solid.dofs.at_points(flat.solid.residual(solution.displacement))
    assert columns[:, :2] == pytest.approx(6.0 * forces, abs=1e-9)
    assert columns[:, 2] == pytest.approx(np.zeros(len(columns)), abs=1e-9)


def test_fields_of_a_body_in_space(small: Geometry, tmp_path) -> None:
    for degree in (1, 2):
        body = Body(
            small.mesh,
            LAW,
            Boundary(("bottom",), [Drive("top", (0, 1, 0), 4.0)]),
            comm=MPI.COMM_SELF,
            formulation=Formulation(degree),
        )
        solution = body.solve(small.mesh.points, np.array([1.0]), LAW.values)
        grid = FieldWriter(body.solid).grid(solution)
        sizes = grid.compute_cell_sizes(length=False, area=False)["Volume"]
        volumes = signed_measures(small.mesh.points, small.mesh.cells)
        assert np.abs(sizes).sum() == pytest.approx(volumes.sum(), rel=1e-9)
        energy = float((grid.cell_data["energy density (MPa)"] * np.abs(sizes)).sum())
        assert energy == pytest.approx(solution.record.energy, rel=1e-9)


def test_what_does_not_fit_is_refused_in_a_sentence(small: Geometry) -> None:
    with pytest.raises(InputError, match="2 components, the mesh has 3"):
        Body(small.mesh, LAW, Boundary(("bottom",), [Drive("top", (0, 1), 4.0)]), comm=MPI.COMM_SELF)
    with pytest.raises(InputError, match="degree 1 or 2, got 3"):
        Body(small.mesh, LAW, Boundary(("bottom",), ()), comm=MPI.COMM_SELF, formulation=Formulation(3))
    with pytest.raises(InputError, match="neither triangles"):
        Mesh(small.mesh.points, small.mesh.cells[:, :3], {})
    with pytest.raises(InputError, match="no or negative volume"):
        Mesh(small.mesh.points, small.mesh.cells[:, [0, 1, 3, 2]], {})
    with pytest.raises(InputError, match="layers at least 1"):
        extruded(star_pores(1, 1, solid=()), 5.0, 0)
    with pytest.raises(InputError, match="Only a plane"):
        extruded(small, 5.0, 1)
