"""Design rules against shapely's distances of the same polygons, and their gradients by Taylor tests."""

from __future__ import annotations

from collections.abc import Callable

import gmsh
import numpy as np
import pytest
import shapely
import torch

from geometries.round_pores import round_pores
from geometries.star_curve import round_radii
from geometries.star_pores import star_pores
from mnnfem.errors import InputError
from mnnfem.mesh import Mesh, gmsh_model, read_gmsh
from mnnfem.rules import least_gap, least_ligament, least_pore, relative_density

Rule = Callable[[Mesh, torch.Tensor], torch.Tensor]
GEOMETRY = star_pores()
ROUND = np.tile(round_radii(0.36), 24)
RANDOM = np.random.default_rng(1).uniform(0.15, 0.85, 384)


def rings(points: np.ndarray) -> tuple[shapely.Polygon, list[shapely.Polygon]]:
    """The outline and the pores."""
    polygons = sorted((shapely.Polygon(points[loop]) for loop in GEOMETRY.mesh.loops()), key=lambda ring: -ring.area)
    return polygons[0], polygons[1:]


def strip(points: list[list[float]]) -> Mesh:
    """A polygon without pores."""
    with gmsh_model("strip"):
        tags = [gmsh.model.geo.addPoint(x, y, 0.0) for x, y in points]
        lines = [gmsh.model.geo.addLine(a, b) for a, b in zip(tags, [*tags[1:], tags[0]], strict=True)]
        gmsh.model.geo.addPlaneSurface([gmsh.model.geo.addCurveLoop(lines)])
        gmsh.model.geo.synchronize()
        gmsh.option.setNumber("Mesh.MeshSizeMax", 1.0)
        gmsh.model.mesh.generate(2)
        return read_gmsh()[0]


@pytest.mark.parametrize("radii", [ROUND, RANDOM], ids=["round", "random"])
def test_least_distances_are_within_a_per_cent_and_never_too_large(radii: np.ndarray) -> None:
    """Equal round pores are the worst case, all gaps alike. Measured .43 % (gap), .37 % (ligament); random .07 and .01 %."""
    points = GEOMETRY.points(torch.from_numpy(radii))
    outline, pores = rings(points.numpy())
    gap = min(a.distance(b) for i, a in enumerate(pores) for b in pores[:i])
    ligament = min(gap, *(pore.distance(outline.exterior) for pore in pores))
    for rule, least in ((least_gap, gap), (least_ligament, ligament)):
        assert 0.99 * least < float(rule(GEOMETRY.mesh, points)) <= least * (1 + 1e-12)


def test_least_pore_is_the_diameter_of_round_pores() -> None:
    """Radii are within .22 % of 18 mm; the many equal chords cost .6 %: 35.66 mm measured."""
    assert float(least_pore(GEOMETRY.mesh, GEOMETRY.points(torch.from_numpy(ROUND)))) == pytest.approx(36.0, rel=1e-2)


def test_true_circles_are_within_a_per_cent() -> None:
    """16 equal pores of 7 mm in cells of 10 mm: gaps of 3, ligaments of 1.5; .39, .35 and .62 % too small measured."""
    panel = round_pores()
    points = panel.points(torch.from_numpy(panel.parameters.start))
    for rule, least in ((least_gap, 3.0), (least_ligament, 1.5), (least_pore, 7.0)):
        assert 0.99 * least < float(rule(panel.mesh, points)) <= least * (1 + 1e-12)


def test_the_narrowest_pore_counts() -> None:
    """One pore is squeezed: two opposite radii of .2 meet the spline at (1, 6, 1) / 8 of themselves and their neighbours."""
    radii = ROUND.copy()
    radii[[2, 10]] = 0.2
    points = GEOMETRY.points(torch.from_numpy(radii)).numpy()
    _, pores = rings(points)
    narrow = min(pores, key=lambda pore: pore.area)
    x = 25.0  # the middle of the first cell
    cut = narrow.intersection(shapely.LineString([(x, 0), (x, 50)])).length
    assert cut < 20
    assert float(least_pore(GEOMETRY.mesh, torch.from_numpy(points))) == pytest.approx(cut, rel=1e-2)


def test_relative_density_is_the_area_of_the_polygons() -> None:
    points = GEOMETRY.points(torch.from_numpy(RANDOM))
    outline, pores = rings(points.numpy())
    expected = (outline.area - sum(pore.area for pore in pores)) / 250.0**2
    for hull in (False, True):
        assert float(relative_density(GEOMETRY.mesh, points, hull)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rule", [least_gap, least_ligament, least_pore, relative_density])
def test_rules_have_their_gradients(rule: Rule) -> None:
    def value(design: torch.Tensor) -> torch.Tensor:
        return rule(GEOMETRY.mesh, GEOMETRY.points(design))

    start = torch.from_numpy(RANDOM.copy()).requires_grad_()
    first = value(start)
    (slope,) = torch.autograd.grad(first, start)
    direction = torch.from_numpy(np.random.default_rng(0).normal(size=len(start)))
    steps = (4e-6, 2e-6)  # far below a thousandth of a ligament, where the sum turns from one pair to another
    rests = [abs((value((start + h * direction).detach()) - first).item() - h * float(slope @ direction)) for h in steps]
    assert np.log2(rests[0] / rests[1]) > 1.9


def test_a_wall_with_one_loop_on_both_sides_has_its_thickness() -> None:
    """An L of legs 3 and 2 mm has no other loop: 2 mm."""
    mesh = strip([[0, 0], [20, 0], [20, 2], [3, 2], [3, 15], [0, 15]])
    points = torch.from_numpy(mesh.points)
    assert float(least_ligament(mesh, points)) == pytest.approx(2.0, rel=1e-2)
    squeezed = points * torch.tensor([0.5, 1.0], dtype=torch.float64)
    assert float(least_ligament(mesh, squeezed)) == pytest.approx(1.5, rel=1e-2)


def test_rules_say_what_they_cannot_measure() -> None:
    mesh = strip([[0, 0], [5, 0], [5, 5], [0, 5]])
    points = torch.from_numpy(mesh.points)
    with pytest.raises(InputError, match="two pores; the mesh has 0"):
        least_gap(mesh, points)
    with pytest.raises(InputError, match="No pore has two sides"):
        least_pore(mesh, points)
    solid = Mesh(np.eye(4, 3, -1), np.array([[0, 1, 2, 3]]), {})
    with pytest.raises(InputError, match="plane only"):
        least_ligament(solid, torch.from_numpy(solid.points))
    assert float(relative_density(solid, torch.from_numpy(solid.points), hull=True)) == pytest.approx(1.0)
    assert float(relative_density(solid, torch.from_numpy(solid.points))) == pytest.approx(1 / 6)
