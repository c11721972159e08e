"""Panels of star pores other than the plain one: the big pore of shape matching, the digit display."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import torch

from geometries.big_pore import big_pore
from geometries.display import display, windows
from geometries.star_curve import perimeter
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry, least_areas
from mnnfem.mesh import Floats, signed_measures
from mnnfem.quality import least_angles


@pytest.fixture(scope="module")
def matching() -> Geometry:
    return big_pore()


@pytest.fixture(scope="module")
def digits() -> Geometry:
    return display()


def length(geometry: Geometry, name: str) -> float:
    edges = geometry.mesh.points[geometry.mesh.facet(name)]
    return float(np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1).sum())


def spline_area(controls: Floats) -> float:
    """Area inside a closed quadratic B-spline: integral of its pieces' x dy - y dx over two, three Gauss points each."""
    before, after = np.roll(controls, 1, axis=0), np.roll(controls, -1, axis=0)
    area = 0.0
    for node, weight in zip(*np.polynomial.legendre.leggauss(3), strict=True):
        u = 0.5 * (1 + node)
        at = 0.5 * (1 - u) ** 2 * before + (0.5 + u - u**2) * controls + 0.5 * u**2 * after
        slope = (u - 1) * before + (1 - 2 * u) * controls + u * after
        area += 0.25 * weight * float((at[:, 0] * slope[:, 1] - at[:, 1] * slope[:, 0]).sum())
    return area


def test_designs_and_faces_of_the_shape_matching_panel(matching: Geometry) -> None:
    names = matching.parameters.names
    assert len(names) == 40 * 16 + 48
    assert names[-1] == "radius 47 of the big pore"
    assert set(matching.parameters.start[:640]) == {0.5}
    assert set(matching.parameters.start[640:]) == {0.8}
    faces = [f"{side}_{number}" for side in ("left", "right", "bottom", "top") for number in (1, 2, 3)]
    assert [length(matching, face) for face in faces] == pytest.approx([50.0] * 12)
    second = matching.mesh.points[matching.mesh.facet("left_2")]
    assert second[..., 0] == pytest.approx(0.0)
    assert (second[..., 1].min(), second[..., 1].max()) == (150.0, 200.0)


def test_the_big_pore_is_the_spline_of_its_radii(matching: Geometry) -> None:
    design = matching.parameters.random(np.random.default_rng(4))
    points = matching.points(torch.from_numpy(design)).numpy()
    controls = 175.0 + design[640:, None] * perimeter(150.0, 48)
    expected = (np.roll(controls, 1, 0) + 6 * controls + np.roll(controls, -1, 0)) / 8
    nodes = np.unique(matching.mesh.facet("big_pore"))
    assert len(nodes) == 48
    distances = np.linalg.norm(expected[:, None] - points[nodes][None], axis=2)
    assert distances.min(axis=1) == pytest.approx(0.0, abs=1e-12)


def test_area_of_the_body_tends_to_that_of_the_splines() -> None:
    """Chords of length h leave out h^2: four times the edges, near a sixteenth of the rest (1 / 13.6 measured)."""
    design = big_pore(3, 1).parameters.random(np.random.default_rng(0)) * 0.5 + 0.2
    cells = [(i + 0.5, j + 0.5) for j in range(3) for i in range(3) if (i, j) != (1, 1)]
    pores = np.split(design, 9)
    centres = 50.0 * np.array([*cells, (1.5, 1.5)])
    exact = 150.0**2 - sum(spline_area(c + r[:, None] * perimeter(50.0)) for c, r in zip(centres, pores, strict=True))
    rest = []
    for divisions in (1, 4):
        geometry = big_pore(3, 1, divisions=divisions)
        points = geometry.points(torch.from_numpy(design)).numpy()
        rest.append(abs(signed_measures(points, geometry.mesh.cells).sum() - exact))
    assert 12 < rest[0] / rest[1] < 20


def test_no_radii_invert_an_element(matching: Geometry, digits: Geometry) -> None:
    """Proofs over the whole boxes; 2.197 and 12.66 mm^2 were measured."""
    assert least_areas(matching).min() > 2.1
    assert least_areas(digits).min() > 12.6


@pytest.mark.parametrize("family", ["matching", "digits"])
def test_gradient_of_points_is_that_of_meshes_made_afresh(family: str, request: pytest.FixtureRequest) -> None:
    """The map is linear: a step of any length gives the slope; the body made afresh has the same walls."""
    geometry: Geometry = request.getfixturevalue(family)
    rng = np.random.default_rng(2)
    base, other = (torch.from_numpy(geometry.parameters.random(rng)) for _ in range(2))
    base.requires_grad_()
    weights = torch.from_numpy(rng.normal(size=geometry.mesh.points.shape))
    value = (weights * geometry.points(base)).sum()
    value.backward()
    change = float((weights * geometry.points(other)).sum() - value)
    assert float(base.grad @ (other - base.detach())) == pytest.approx(change, rel=1e-10)
    anew = geometry.rebuilt(other)
    assert anew.mesh.facets.keys() == geometry.mesh.facets.keys()
    assert least_angles(anew.mesh.points, anew.mesh.cells).min() > 12  # 13.7 and 20 were measured
    loops = [shapely.Polygon(anew.mesh.points[loop]) for loop in anew.mesh.loops()]
    assert all(loop.is_valid for loop in loops)


def test_the_display_is_as_large_as_stated(digits: Geometry) -> None:
    assert digits.mesh.points.max(axis=0).tolist() == [300.0, 450.0]
    assert len(digits.parameters) == 384
    faces = ("left_lower", "left_upper", "right_lower", "right_upper", "bottom_middle", "top_middle")
    assert [length(digits, face) for face in faces] == pytest.approx([120.0] * 6)
    assert length(digits, "corners") == pytest.approx(8 * 15.0)


def test_windows_are_apart_and_on_solid_material(digits: Geometry) -> None:
    shown = windows()
    assert list(shown) == list("abcdefg")
    boxes = [shapely.box(*window) for window in shown.values()]
    assert [box.area for box in boxes] == pytest.approx([1200.0] * 7)
    largest = torch.from_numpy(digits.parameters.upper.copy())
    points = digits.points(largest).numpy()
    body = shapely.unary_union([shapely.Polygon(points[cell]) for cell in digits.mesh.cells])
    assert all(body.buffer(1e-9).contains(box) for box in boxes)
    assert min(a.distance(b) for n, a in enumerate(boxes) for b in boxes[:n]) > 10
    assert shown["b"][1] > shown["c"][3]  # b is the upper one
    assert shown["a"][1] > shown["g"][3] > shown["d"][3]


def test_impossible_panels_are_refused() -> None:
    with pytest.raises(InputError, match="got middle 5 and cells 5"):
        big_pore(5, 5)
    with pytest.raises(InputError, match=r"0 < 0\.1 <= 0\.95 <= 0\.9 < 1"):
        big_pore(big_start=0.95)
    with pytest.raises(InputError, match="cell above 0"):
        display(strip=0.0)
