"""Motions of the boundary carried inside: exact fields, the transpose, other values rebuilt by another route."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse.linalg
import torch

from geometries.extruded import extruded
from geometries.round_pores import round_pores
from mnnfem import extension
from mnnfem.errors import InputError
from mnnfem.extension import Extended, Extension
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Mesh, signed_measures
from tests.conftest import as_geometry, strip


@pytest.fixture(scope="module")
def pores() -> Geometry:
    return round_pores(2, 2, elements=16)


def solid() -> Mesh:
    return extruded(as_geometry(strip(20.0, 10.0, 4, 3)), 6.0, 3).mesh


def area(points: torch.Tensor, mesh: Mesh) -> torch.Tensor:
    a, b, c = (points[torch.from_numpy(mesh.cells[:, k])] for k in range(3))
    u, v = b - a, c - a
    return 0.5 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])


def functional(points: torch.Tensor, mesh: Mesh) -> torch.Tensor:
    """Depends on every node, and not linearly."""
    return (area(points, mesh) ** 2).sum()


@pytest.mark.parametrize("space", [False, True])
def test_an_affine_motion_of_the_boundary_is_carried_exactly(pores: Geometry, space: bool) -> None:
    """8e-16 and 5e-16 of the body's size were measured; without the affine part the same is wrong by more than 1e-3."""
    mesh = solid() if space else pores.mesh
    rng = np.random.default_rng(0)
    moved = mesh.points @ rng.normal(size=(mesh.dim, mesh.dim)) + rng.normal(size=mesh.dim)
    nodes = np.unique(mesh.boundary())
    given = torch.from_numpy(moved[nodes])
    assert Extension(mesh, nodes)(given).numpy() == pytest.approx(moved, abs=1e-12 * np.ptp(mesh.points))


def test_nodes_that_are_given_go_there_and_the_rest_of_the_boundary_is_held(pores: Geometry) -> None:
    mesh = pores.mesh
    walls = np.unique(mesh.facet("pores"))
    given = np.random.default_rng(1).normal(size=(len(walls), 2))
    moved = Extension(mesh, walls).extend(given)
    assert np.array_equal(moved[walls], given)
    outside = np.setdiff1d(mesh.boundary(), walls)
    assert not moved[outside].any()
    assert np.abs(np.delete(moved, mesh.boundary(), axis=0)).min() > 0


def test_the_inside_is_in_elastic_equilibrium(pores: Geometry) -> None:
    """The same system, assembled element by element from strains and solved by another method, without the affine part."""
    mesh = pores.mesh
    nodes = np.unique(mesh.boundary())
    given = 0.1 * np.random.default_rng(2).normal(size=(len(nodes), 2))
    affine = np.column_stack([np.ones(len(mesh.points)), mesh.points])
    fit = np.linalg.lstsq(affine[nodes], given, rcond=None)[0]
    size, matrix = 2 * len(mesh.points), scipy.sparse.lil_matrix((2 * len(mesh.points),) * 2)
    for cell in mesh.cells:
        slopes = np.linalg.inv(np.column_stack([np.ones(3), mesh.points[cell]]))[1:]
        strain = np.zeros((3, 6))  # xx, yy, 2 xy; with Poisson's ratio 0 the stress is E (xx, yy, xy)
        strain[0, ::2], strain[1, 1::2], strain[2, ::2], strain[2, 1::2] = slopes[0], slopes[1], slopes[1], slopes[0]
        dofs = np.stack([2 * cell, 2 * cell + 1], axis=1).ravel()
        matrix[np.ix_(dofs, dofs)] += strain.T @ np.diag([1.0, 1.0, 0.5]) @ strain  # times area x stiffness 1 / area
    assert extension.POISSON == 0
    bound = np.stack([2 * nodes, 2 * nodes + 1], axis=1).ravel()
    free = np.setdiff1d(np.arange(size), bound)
    rest, matrix = np.zeros(size), matrix.tocsr()
    rest[bound] = (given - affine[nodes] @ fit).ravel()
    rest[free] = scipy.sparse.linalg.spsolve(matrix[free][:, free], -(matrix[free][:, bound] @ rest[bound]))
    expected = affine @ fit + rest.reshape(-1, 2)
    assert Extension(mesh, nodes).extend(given) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("space", [False, True])
def test_the_transpose_is_exact(pores: Geometry, space: bool) -> None:
    mesh, rng = solid() if space else pores.mesh, np.random.default_rng(3)
    nodes = np.unique(mesh.boundary())[::2]  # the others are held
    extend = Extension(mesh, nodes)
    given, weights = rng.normal(size=(len(nodes), mesh.dim)), rng.normal(size=mesh.points.shape)
    assert (extend.extend(given) * weights).sum() == pytest.approx((given * extend.transposed(weights)).sum(), rel=1e-12)


def test_gradient_has_taylor_order_two_and_equals_rebuilt_values(pores: Geometry) -> None:
    """Differences are of motions made anew from mesh and boundary alone. A gradient 1 % off is caught."""
    mesh, nodes = pores.mesh, np.unique(pores.mesh.boundary())
    start, rng = torch.from_numpy(mesh.points[nodes]), np.random.default_rng(4)
    pull = torch.from_numpy(rng.normal(size=(len(nodes), 3)))

    def value(design: torch.Tensor) -> torch.Tensor:
        motion = Extended(Extension(mesh, nodes), lambda d: start + 0.05 * torch.sin(d).sum() * (pull @ d)[:, None])
        return functional(motion(design), mesh)

    design = torch.tensor([0.3, 0.5, -0.2], dtype=torch.float64, requires_grad=True)
    value(design).backward()
    direction = torch.tensor([0.6, -0.3, 0.7], dtype=torch.float64)
    slope, base = float(design.grad @ direction), design.detach()

    def rests(slope: float) -> Floats:
        steps = 1e-3 * 0.5 ** np.arange(4)
        return np.array([abs(float(value(base + h * direction) - value(base)) - h * slope) for h in steps])

    assert np.log2(rests(slope)[:-1] / rests(slope)[1:]).min() > 1.9
    assert np.log2(rests(1.01 * slope)[:-1] / rests(1.01 * slope)[1:]).min() < 1.5
    h = 1e-4
    difference = float(value(base + h * direction) - value(base - h * direction)) / (2 * h)
    assert slope == pytest.approx(difference, rel=1e-6)


def test_small_elements_keep_their_shape(pores: Geometry) -> None:
    """Pores that grow to their bound leave every element right-handed; uniform stiffness would distort the small ones more."""
    largest = torch.from_numpy(pores.parameters.upper.copy())
    assert signed_measures(pores.points(largest).numpy(), pores.mesh.cells).min() > 0


def test_a_node_given_twice_is_refused(pores: Geometry) -> None:
    with pytest.raises(InputError, match="twice"):
        Extension(pores.mesh, np.array([0, 1, 1]))
