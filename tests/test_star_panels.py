"""Panels of star pores other than the plain one: the big pore of shape matching, the digit display."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import torch

from geometries.big_pore import big_pore
from geometries.display import display, windows
from geometries.star_curve import perimeter
from geometries.star_pores import star_pores
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


def places(geometry: Geometry, count: int = 48) -> list[int]:
    """Vertices at t = 0, 1, ... of the big pore."""
    return [geometry.mesh.vertex(f"big_pore_{k}") for k in range(count)]


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
    assert len(np.unique(matching.mesh.facet("big_pore"))) == 48
    assert points[places(matching)] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("divisions", [1, 2])
def test_places_of_the_big_pore_survive_a_new_mesh(divisions: int) -> None:
    geometry = big_pore(3, 1, divisions=divisions)
    design = geometry.parameters.random(np.random.default_rng(5))
    anew = geometry.rebuilt(design)
    points = geometry.points(torch.from_numpy(design)).numpy()
    assert anew.mesh.points[places(anew, 16)] == pytest.approx(points[places(geometry, 16)], abs=1e-9)
    assert set(anew.mesh.vertices) == {f"big_pore_{k}" for k in range(16)}


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
    change = ((weights * geometry.points(other)).sum() - value).item()
    assert float(base.grad @ (other - base.detach())) == pytest.approx(change, rel=1e-10)
    anew = geometry.rebuilt(other)
    assert anew.mesh.facets.keys() == geometry.mesh.facets.keys()
    assert least_angles(anew.mesh.points, anew.mesh.cells).min() > 12  # measured: 16 and 20
    loops = [shapely.Polygon(anew.mesh.points[loop]) for loop in anew.mesh.loops()]
    assert all(loop.is_valid for loop in loops)


CORNERED = {"star": lambda: star_pores(3, 3, solid=((2, 1),), corners=0.2), "big": lambda: big_pore(5, 3, corners=0.2)}


@pytest.fixture(scope="module", params=CORNERED)
def cornered(request: pytest.FixtureRequest) -> Geometry:
    return CORNERED[request.param]()


def test_corners_are_named_and_bounded(cornered: Geometry) -> None:
    offsets = [name for name in cornered.parameters.names if "corner" in name]
    assert len(offsets) == (24 if "big_pore" in cornered.mesh.facets else 8)  # 4 x 4 corners less 4 in the big pore; 2 x 2
    assert offsets[:2] == ["x of corner 1, 1", "y of corner 1, 1"]
    assert set(cornered.parameters.upper[-len(offsets) :]) == {0.2}


def test_a_cell_follows_its_corners() -> None:
    """Pore nodes of a cell by the formula written anew: perimeter points move with the corners that they lie between."""
    geometry, plain = star_pores(2, 2, solid=(), corners=0.4), star_pores(2, 2, solid=())
    rng = np.random.default_rng(5)
    radii, offset = rng.uniform(0.1, 0.9, 64), np.array([11.0, -7.0])
    points = geometry.points(torch.from_numpy(np.append(radii, offset / 50.0))).numpy()
    square = perimeter(50.0) + 25.0  # of the lower left cell, whose upper right corner moves
    edge = square + np.outer(np.prod(square / 50.0, axis=1), offset)
    centre = edge[::4].mean(axis=0)
    controls = centre + radii[:16, None] * (edge - centre)
    expected = (np.roll(controls, 1, 0) + 6 * controls + np.roll(controls, -1, 0)) / 8
    nodes = np.unique(geometry.mesh.facet("pores"))
    distances = np.linalg.norm(expected[:, None] - points[nodes][None], axis=2)
    assert distances.min(axis=1) == pytest.approx(0.0, abs=1e-9)
    still = geometry.points(torch.from_numpy(np.append(radii, [0.0, 0.0]))).numpy()
    assert still == pytest.approx(plain.points(torch.from_numpy(radii)).numpy(), abs=1e-12)


def test_no_random_corners_within_a_fifth_of_a_cell_invert_an_element(cornered: Geometry) -> None:
    rng, box = np.random.default_rng(0), cornered.parameters
    ends = [np.where(rng.random(len(box)) < 0.5, box.lower, box.upper) for _ in range(100)]
    for design in (*ends, *(box.random(rng) for _ in range(100))):
        points = cornered.points(torch.from_numpy(design)).numpy()
        assert signed_measures(points, cornered.mesh.cells).min() > 0


def test_gradient_with_corners(cornered: Geometry) -> None:
    """Bilinear, so that central differences are exact but for rounding; a mesh made afresh has the same outline."""
    rng = np.random.default_rng(3)
    design = torch.from_numpy(cornered.parameters.random(rng)).requires_grad_()
    weights = torch.from_numpy(rng.normal(size=cornered.mesh.points.shape))
    (weights * cornered.points(design)).sum().backward()
    way = torch.from_numpy(rng.normal(size=len(design)))
    ahead, behind = ((weights * cornered.motion(design.detach() + h * way)).sum() for h in (1e-2, -1e-2))
    assert float(design.grad @ way) == pytest.approx(float(ahead - behind) / 2e-2, rel=1e-9)
    anew = cornered.rebuilt(design)
    assert anew.points(design).detach().numpy() == pytest.approx(anew.mesh.points, abs=1e-12)
    assert len(anew.parameters) == len(cornered.parameters)


def test_folded_cells_are_refused() -> None:
    geometry = star_pores(2, 2, solid=(), corners=0.45)
    assert geometry.rebuilt(np.append(np.full(64, 0.5), [0.44, 0.44])) is not None
    wide = star_pores(3, 3, solid=(), corners=0.45)
    design = wide.parameters.start.copy()
    design[-8:] = np.array([1, 1, -1, 1, 1, -1, -1, -1]) * 0.45  # the middle cell shrinks to a tenth
    assert wide.rebuilt(design) is not None
    design[-8:] = np.array([1, 1, 1, 1, 1, 1, -1, -1]) * 0.45  # one corner comes to where its diagonal was
    with pytest.raises(InputError, match=r"elements have no or negative area, the first near .*offsets nearer to 0"):
        wide.rebuilt(design)
    with pytest.raises(InputError, match="less than half a cell"):
        star_pores(corners=0.5)
    with pytest.raises(InputError, match="no corners of cells inside"):
        star_pores(1, 3, solid=(), corners=0.2)


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


@pytest.mark.parametrize("radii", [8, 24])
def test_a_star_pore_may_have_more_or_fewer_radii(radii: int) -> None:
    geometry = star_pores(2, 1, solid=(), radii=radii)
    assert len(geometry.parameters) == 2 * radii
    assert least_areas(geometry).min() > 0
    design = geometry.parameters.random(np.random.default_rng(0))
    again = geometry.rebuilt(design)
    for one in (geometry, again):
        assert one.points(torch.from_numpy(one.made_at)).numpy() == pytest.approx(one.mesh.points)
    moved = geometry.points(torch.from_numpy(design)).numpy()
    areas = [signed_measures(*one).sum() for one in ((moved, geometry.mesh.cells), (again.mesh.points, again.mesh.cells))]
    assert areas[0] == pytest.approx(areas[1], rel=0.02)  # as many chords along a pore, or more
    with pytest.raises(InputError, match="multiple of 8"):
        star_pores(radii=12)
