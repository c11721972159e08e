"""Refined meshes are the same body, conforming, with the same names."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geometries.extruded import extruded
from geometries.star_pores import star_pores
from mnnfem.geometry import Geometry, finer
from mnnfem.mesh import Mesh, signed_measures
from mnnfem.quality import mean_ratios
from mnnfem.refine import refined


@pytest.fixture(scope="module", params=[2, 3])
def geometry(request: pytest.FixtureRequest) -> Geometry:
    plane = star_pores(2, 1, solid=())
    return plane if request.param == 2 else extruded(plane, 12.0, 2)


def area(mesh: Mesh, facet: np.ndarray) -> float:
    sides = mesh.points[facet[:, 1:]] - mesh.points[facet[:, :1]]
    return float(np.sqrt(np.linalg.det(sides @ sides.transpose(0, 2, 1))).sum())


def test_the_fine_mesh_is_the_same_body(geometry: Geometry) -> None:
    mesh, fine = geometry.mesh, refined(geometry.mesh)
    children = 2**mesh.dim
    coarse, parts = (signed_measures(one.points, one.cells) for one in (mesh, fine))
    assert parts.reshape(-1, children) == pytest.approx(np.tile(coarse[:, None] / children, children))
    assert len(fine.boundary()) == 2 ** (mesh.dim - 1) * len(mesh.boundary())  # conforming: no cut inside
    assert area(fine, fine.boundary()) == pytest.approx(area(mesh, mesh.boundary()))
    twice = refined(fine)
    assert mean_ratios(twice.points, twice.cells).min() > 0.5 * mean_ratios(mesh.points, mesh.cells).min()


def test_names_stay_where_they_were(geometry: Geometry) -> None:
    mesh, fine = geometry.mesh, refined(geometry.mesh)
    outside = {tuple(sorted(facet)) for facet in fine.boundary().tolist()}
    turned = {tuple(np.roll(facet, k)) for facet in fine.boundary() for k in range(mesh.dim)}
    for name, facet in mesh.facets.items():
        cut = fine.facet(name)
        assert len(cut) == 2 ** (mesh.dim - 1) * len(facet)
        assert area(fine, cut) == pytest.approx(area(mesh, facet))
        assert all(tuple(sorted(one)) in outside for one in cut.tolist())
    same = {tuple(np.roll(facet, k)) for facet in mesh.boundary() for k in range(mesh.dim)}
    whole = mesh.facet("pores")
    assert sum(tuple(one) in turned for one in fine.facet("pores")) == 2 ** (mesh.dim - 1) * sum(
        tuple(one) in same for one in whole
    )
    for name, index in mesh.vertices.items():
        assert fine.points[fine.vertex(name)] == pytest.approx(mesh.points[index])


def test_a_moved_body_is_refined_where_it_is_now(geometry: Geometry) -> None:
    moved = geometry.mesh.points * 1.5
    assert signed_measures(refined(geometry.mesh, moved).points, refined(geometry.mesh).cells).sum() == pytest.approx(
        1.5**geometry.mesh.dim * signed_measures(geometry.mesh.points, geometry.mesh.cells).sum()
    )


def test_the_finer_geometry_is_the_same_body_at_every_design(geometry: Geometry) -> None:
    """Its nodes are those of the refined mesh at any design, a new mesh is refined too, and its gradient is exact."""
    fine = finer(geometry)
    rng = np.random.default_rng(4)
    start, direction = geometry.parameters.random(rng), 0.01 * rng.normal(size=len(geometry.parameters))
    points = fine.points(torch.from_numpy(start))
    assert fine.points(torch.from_numpy(fine.made_at)).numpy() == pytest.approx(fine.mesh.points)
    coarse = geometry.points(torch.from_numpy(start)).numpy()
    assert points.numpy() == pytest.approx(refined(geometry.mesh, coarse).points)
    assert len(fine.rebuilt(start).mesh.cells) == 2**fine.mesh.dim * len(geometry.rebuilt(start).mesh.cells)
    design, weights = torch.from_numpy(start).requires_grad_(), torch.from_numpy(rng.normal(size=points.shape))
    (weights * fine.motion(design)).sum().backward()
    up, down = (float((weights * fine.motion(torch.from_numpy(start + h * direction))).sum()) for h in (1e-3, -1e-3))
    assert float(design.grad.numpy() @ direction) == pytest.approx((up - down) / 2e-3, rel=1e-7)
