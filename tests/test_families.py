"""Every family of cellular solids: valid over its whole box of designs, its map exact, its gradient right, its names there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import shapely
import torch

from geometries.extruded import extruded
from geometries.overvelde_pores import overvelde_pores
from geometries.round_pores import round_pores
from geometries.star_pores import star_pores
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Mesh, signed_measures
from mnnfem.quality import least_angles, mean_ratios

FAMILIES: dict[str, Callable[[], Geometry]] = {
    "star": lambda: star_pores(2, 2, solid=()),
    "round": lambda: round_pores(3, 3, elements=24),
    "elliptic": lambda: round_pores(3, 2, elliptic=True, solid=((1, 0),)),
    "elliptic alike": lambda: round_pores(2, 2, elliptic=True, common=True),
    "Overvelde": lambda: overvelde_pores(2, 2),
    "Overvelde apart": lambda: overvelde_pores(3, 3, common=False),
    "extruded": lambda: extruded(round_pores(2, 2, elliptic=True, elements=16), 5.0, 1),
}


@pytest.fixture(scope="module", params=FAMILIES)
def geometry(request: pytest.FixtureRequest) -> Geometry:
    return FAMILIES[request.param]()


def tensor(design: Floats) -> torch.Tensor:
    return torch.from_numpy(np.array(design, dtype=np.float64))


def measure(points: torch.Tensor, mesh: Mesh) -> torch.Tensor:
    sides = points[torch.from_numpy(mesh.cells[:, 1:])] - points[torch.from_numpy(mesh.cells[:, :1])]
    return torch.linalg.det(sides).sum()


def stretch(points: torch.Tensor, mesh: Mesh) -> torch.Tensor:
    """Of every element's sides, so that every node counts."""
    sides = points[torch.from_numpy(mesh.cells[:, 1:])] - points[torch.from_numpy(mesh.cells[:, :1])]
    return (sides**2).sum() ** 1.5


def test_designs_over_the_whole_box_are_valid(geometry: Geometry) -> None:
    """Least quality of 60 random designs: 0.033 of star pores, 0.104 of the extruded panel, 0.23 to 0.34 of the others."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        points = geometry.points(tensor(geometry.parameters.random(rng))).numpy()
        assert mean_ratios(points, geometry.mesh.cells).min() > 0.03


def test_the_mesh_is_where_the_motion_puts_it(geometry: Geometry) -> None:
    assert geometry.points(tensor(geometry.made_at)).numpy() == pytest.approx(geometry.mesh.points, abs=1e-12)


def test_meshed_afresh_it_is_the_same_body_with_good_elements(geometry: Geometry) -> None:
    rng = np.random.default_rng(1)
    for _ in range(3):
        design = geometry.parameters.random(rng)
        anew = geometry.rebuilt(design)
        assert anew.made_at == pytest.approx(design)
        assert anew.parameters is geometry.parameters or anew.parameters.names == geometry.parameters.names
        assert anew.mesh.facets.keys() == geometry.mesh.facets.keys()
        assert anew.points(tensor(design)).numpy() == pytest.approx(anew.mesh.points, abs=1e-12)
        moved = geometry.points(tensor(design)).numpy()
        sizes = [signed_measures(p, m.cells).sum() for p, m in ((moved, geometry.mesh), (anew.mesh.points, anew.mesh))]
        assert sizes[0] == pytest.approx(sizes[1], rel=2e-2)  # star pores have as many edges as their course wants
        if geometry.mesh.dim == 2:
            assert least_angles(anew.mesh.points, anew.mesh.cells).min() > 10
        back = anew.points(tensor(geometry.made_at)).numpy()
        assert np.isfinite(back).all()


@pytest.mark.parametrize("functional", [measure, stretch])
def test_gradients_have_taylor_order_two_and_equal_differences(
    geometry: Geometry, functional: Callable[..., torch.Tensor]
) -> None:
    rng, box = np.random.default_rng(2), geometry.parameters
    base, width = box.lower + (box.upper - box.lower) * rng.uniform(0.3, 0.7, len(box)), box.upper - box.lower
    direction = width * rng.uniform(-1, 1, len(box))

    def value(step: float) -> float:
        return float(functional(geometry.points(tensor(base + step * direction)), geometry.mesh))

    design = tensor(base).requires_grad_()
    functional(geometry.points(design), geometry.mesh).backward()
    slope = float(design.grad @ tensor(direction))
    rests = np.array([abs(value(h) - value(0) - h * slope) for h in 0.02 * 0.5 ** np.arange(4)])
    assert np.log2(rests[:-1] / rests[1:]).min() > 1.9
    assert slope == pytest.approx((value(1e-5) - value(-1e-5)) / 2e-5, rel=1e-6)


def holes(geometry: Geometry, design: Floats) -> list[shapely.Polygon]:
    points, mesh = geometry.points(tensor(design)).numpy(), geometry.mesh
    walls = np.unique(mesh.facet("pores"))
    return [shapely.Polygon(points[loop]) for loop in mesh.loops() if np.isin(loop, walls).all()]


def test_ellipses_are_ellipses() -> None:
    """Areas pi a b, less what the polygon cuts off; extent along the axes and across."""
    geometry = round_pores(1, 1, elliptic=True, elements=128)
    (pore,) = holes(geometry, np.array([0.4, 0.2, 0.5]))
    assert pore.area == pytest.approx(np.pi * 4.0 * 2.0, rel=5e-3)
    along = (np.array(pore.exterior.coords) - 5.0) @ np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    assert (along[:, 0] / 4.0) ** 2 + (along[:, 1] / 2.0) ** 2 == pytest.approx(1.0)


def test_porosity_is_what_is_asked_for_whatever_the_shape() -> None:
    """The polygon's area converges to phi L^2 with the square of its edges."""
    for shape in ((0.0, 0.0), (-0.2, 0.05), (0.1, -0.1)):
        errors = []
        for elements in (32, 64, 128):
            areas = [pore.area for pore in holes(overvelde_pores(1, 1, elements=elements), np.array([*shape, 0.4]))]
            errors.append(abs(sum(areas) - 0.4 * 100.0))
        assert np.log2(np.array(errors[:-1]) / errors[1:]).min() > 1.8
        assert errors[-1] < 0.1


def test_ligaments_keep_their_bound() -> None:
    geometry = round_pores(3, 3, elliptic=True, bounds=(0.1, 0.4))
    rng = np.random.default_rng(4)
    for _ in range(5):
        pores = holes(geometry, geometry.parameters.random(rng))
        assert len(pores) == 9
        assert min(a.distance(b) for n, a in enumerate(pores) for b in pores[:n]) >= 0.2 * 10.0 - 1e-9


def test_facets_and_centre_of_a_panel() -> None:
    mesh = round_pores(4, 3, cell=8.0).mesh
    length = {name: np.linalg.norm(np.diff(mesh.points[edges], axis=1), axis=2).sum() for name, edges in mesh.facets.items()}
    assert length.pop("pores") == pytest.approx(12 * 2 * np.pi * 0.35 * 8.0, rel=2e-3)
    assert {name: round(value, 9) for name, value in length.items()} == {
        **dict.fromkeys(("left", "right"), 24.0),
        **dict.fromkeys(("bottom", "top"), 32.0),
        **dict.fromkeys(("left_middle", "right_middle"), 8.0),
        **dict.fromkeys(("bottom_middle", "top_middle"), 16.0),
        "corners": 16.0,
    }
    ends = {"left": (0, 0.0), "right": (0, 32.0), "bottom": (1, 0.0), "top": (1, 24.0)}
    assert all(np.all(mesh.points[mesh.facet(name), axis] == at) for name, (axis, at) in ends.items())
    assert mesh.points[mesh.vertex("centre")].tolist() == [16.0, 12.0]
    assert "centre" not in round_pores(3, 3).mesh.vertices
    assert round_pores(3, 3, solid=((1, 1),)).mesh.points[
        round_pores(3, 3, solid=((1, 1),)).mesh.vertex("centre")
    ].tolist() == [15, 15]


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        (round_pores, {"bounds": (0.2, 0.5)}, r"0 < 0\.2 <= 0\.35 <= 0\.5 < 0\.5"),
        (round_pores, {"elements": 30}, "multiple of 4"),
        (round_pores, {"columns": 0}, "one column"),
        (round_pores, {"columns": 1, "rows": 1, "solid": ((0, 0),)}, "no pore to design"),
        (overvelde_pores, {"phi": (0.3, 0.6)}, r"At c1 0.1, c2 0.05, phi 0.6 pores may leave .* phi by 0\.594 at most"),
        (
            overvelde_pores,
            {"c1": (-0.9, 0.1), "c2": (-0.2, 0.1), "phi": (0.1, 0.2)},
            "c1 -0.9, c2 -0.2 a pore crosses its own centre",
        ),
        (overvelde_pores, {"c1": (0.1, 0.2)}, "bounds of c1 must hold its start value 0"),
    ],
)
def test_impossible_panels_are_refused(family: Callable[..., Geometry], settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        family(**settings)
