"""Families in space: struts and sheets. Closed-form volumes, flat faces, no inverted element, exact derivatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from geometries.gyroid import gyroid
from geometries.level_set import corner_angles, level_set
from geometries.strut_lattice import strut_lattice
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Mesh, signed_measures
from mnnfem.quality import least_angles

FACES = {"left": (0, 0), "right": (0, 1), "bottom": (1, 0), "top": (1, 1), "back": (2, 0), "front": (2, 1)}
FAMILIES: dict[str, Callable[[], Geometry]] = {
    "struts": lambda: strut_lattice(2, 3, 1),
    "gyroid": lambda: gyroid(1, 1, 1, divisions=10),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Geometry:
    return FAMILIES[request.param]()


def volume(points: torch.Tensor, mesh: Mesh) -> torch.Tensor:
    corners = points[torch.from_numpy(mesh.cells)]
    return torch.linalg.det(corners[:, 1:] - corners[:, :1]).sum() / 6


def frusta(half: Floats, cell: float) -> float:
    """Volume of the cubes, the square frusta between them and the prisms at the faces; half sides (i, j, k) mm."""
    total = (8 * half**3).sum()
    for axis in range(3):
        a = np.moveaxis(half, axis, 0)
        low, high = 4 * a[:-1] ** 2, 4 * a[1:] ** 2
        total += ((cell - a[:-1] - a[1:]) / 3 * (low + high + np.sqrt(low * high))).sum()
        total += sum((4 * end**2 * (cell / 2 - end)).sum() for end in (a[0], a[-1]))
    return float(total)


def test_no_random_design_inverts_an_element(family: Geometry) -> None:
    """Half of the designs within the box, half at its corners; least dihedral angles 12 and 4.5 degrees were measured."""
    rng, box = np.random.default_rng(0), family.parameters
    designs = [box.random(rng) for _ in range(100)] + [rng.choice([box.lower, box.upper]) for _ in range(2)]
    designs += [np.where(rng.random(len(box)) < 0.5, box.lower, box.upper) for _ in range(98)]
    least = [least_angles(family.points(torch.from_numpy(d)).numpy(), family.mesh.cells).min() for d in designs]
    assert min(least) > 4


def test_faces_are_flat_and_every_facet_outside_is_named(family: Geometry) -> None:
    mesh = family.mesh
    outside = {tuple(sorted(facet)) for facet in mesh.boundary()}
    assert outside == {tuple(sorted(facet)) for name in (*FACES, "walls") for facet in mesh.facet(name)}
    assert sum(len(mesh.facet(name)) for name in (*FACES, "walls")) == len(outside)
    for seed in range(3):
        points = family.points(torch.from_numpy(family.parameters.random(np.random.default_rng(seed)))).numpy()
        for name, (axis, end) in FACES.items():
            across = points[np.unique(mesh.facet(name)), axis]
            assert across == pytest.approx((points[:, axis].min(), points[:, axis].max())[end], abs=1e-12)


def test_derivative_of_the_volume(family: Geometry) -> None:
    """A seeded Taylor test of order 2, which a slope 1 % wrong fails; and a design meshed anew has the same volume."""
    rng = np.random.default_rng(1)
    design = torch.from_numpy(0.5 * (family.parameters.lower + family.parameters.upper)).requires_grad_()
    direction = torch.from_numpy(rng.uniform(-1, 1, len(family.parameters)))
    base = volume(family.points(design), family.mesh)
    base.backward()
    slope = float(design.grad @ direction)
    steps = 2e-3 * 0.5 ** np.arange(4)

    def rests(slope: float) -> Floats:
        moved = [family.points(design.detach() + h * direction) for h in steps]
        return np.array([abs((volume(x, family.mesh) - base).item() - h * slope) for x, h in zip(moved, steps, strict=True)])

    assert np.log2(rests(slope)[:-1] / rests(slope)[1:]).min() > 1.9
    assert np.log2(rests(1.01 * slope)[:-1] / rests(1.01 * slope)[1:]).min() < 1.7
    anew = family.rebuilt(design.detach())
    assert signed_measures(anew.mesh.points, anew.mesh.cells).sum() == pytest.approx(base.item(), rel=1e-12)


def test_volume_of_struts_is_that_of_frusta() -> None:
    geometry = strut_lattice(2, 3, 4, cell=8.0, across=1, along=3)
    design = geometry.parameters.random(np.random.default_rng(3))
    points = geometry.points(torch.from_numpy(design)).numpy()
    half = 8.0 * design.reshape(4, 3, 2).transpose(2, 1, 0)
    assert signed_measures(points, geometry.mesh.cells).sum() == pytest.approx(frusta(half, 8.0), rel=1e-12)


def test_a_common_half_side_and_the_centre() -> None:
    geometry = strut_lattice(1, 1, 1, common=True)
    points = geometry.points(torch.tensor([0.3], dtype=torch.float64)).numpy()
    assert signed_measures(points, geometry.mesh.cells).sum() == pytest.approx(frusta(np.full((1, 1, 1), 3.0), 10.0))
    assert points[geometry.mesh.vertex("centre")] == pytest.approx([5.0, 5.0, 5.0])


def test_volume_of_the_sheet_tends_to_that_of_a_shell() -> None:
    """A t - 4 pi / 3 t^3 for a period of area A = 3.0915: 1.8 % less at 10 divisions and 0.45 % at 20 were measured."""
    t, rest = 0.03, []
    for divisions in (10, 20):
        geometry = gyroid(1, 1, 1, cell=1.0, divisions=divisions, common=True)
        points = geometry.points(torch.tensor([t], dtype=torch.float64)).numpy()
        rest.append(1 - signed_measures(points, geometry.mesh.cells).sum() / (3.0915 * t - 4 * np.pi / 3 * t**3))
    assert 0 < rest[0] < 0.025
    assert np.log2(rest[0] / rest[1]) == pytest.approx(2, abs=0.3)


def test_thickness_is_that_of_the_cell_corner() -> None:
    """At the left face, across which all corners are thick, the sheet is thick; at the right face thin."""
    geometry = gyroid(1, 1, 1)
    design = torch.tensor([0.1, 0.03] * 4, dtype=torch.float64)  # along x first
    points = geometry.points(design).numpy()
    areas = [
        0.5 * np.linalg.norm(np.cross(*np.diff(points[geometry.mesh.facet(n)], axis=1).transpose(1, 0, 2)), axis=1).sum()
        for n in ("left", "right")
    ]
    assert areas[0] / areas[1] == pytest.approx(10 / 3, rel=0.02)


def test_level_set_of_a_ball_has_good_triangles() -> None:
    ball = level_set(lambda p: (p**2).sum(-1) - 1.0, lambda p: 2 * p, np.full(3, 0.05), np.full(3, 8), 0.15)
    assert np.linalg.norm(ball.points, axis=1) == pytest.approx(1.0, abs=1e-12)
    assert ball.points.min() == pytest.approx(0.05, abs=1e-15)
    assert corner_angles(ball.points, ball.triangles).min() > 20
    with pytest.raises(InputError, match="does not pass"):
        level_set(lambda p: (p**2).sum(-1) - 100.0, lambda p: 2 * p, np.zeros(3), np.full(3, 8), 0.15)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: strut_lattice(bounds=(0.1, 0.5)), r"0 < 0\.1 <= 0\.2 <= 0\.5 < 0\.5"),
        (lambda: strut_lattice(columns=0), "at least 1"),
        (lambda: gyroid(divisions=4), "divisions at least 8"),
        (lambda: gyroid(1, 1, 1, bounds=(0.03, 0.3)), "0.3 cells thick would fold"),
        (lambda: gyroid(1, 1, 1, start=0.2), r"0\.03 <= 0\.2 <= 0\.1"),
    ],
)
def test_impossible_bodies_are_refused(make: Callable[[], Geometry], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
