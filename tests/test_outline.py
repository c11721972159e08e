"""Polygons that follow a design: what is refused and how, what is meshed, how it moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import shapely
import torch

from mnnfem.errors import InputError
from mnnfem.extension import Extended
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Ints, signed_measures
from mnnfem.outline import Outline, outlined
from mnnfem.parameters import alike
from mnnfem.quality import least_angles, mean_ratios

SIDE = 5  # edges to a side of the plate
RIM = np.arange(4 * SIDE)
HOLES = 4 * SIDE + np.arange(24).reshape(2, 12)
PARAMETERS = alike(("left radius", "right radius"), 2.0, (0.5, 9.0), "radius", "mm")


def plate() -> Floats:
    """20 x 10 mm, counter-clockwise."""
    x = np.arange(SIDE) / SIDE
    unit = np.concatenate([np.stack(p, 1) for p in ((x, 0 * x), (0 * x + 1, x), (1 - x, 0 * x + 1), (0 * x, 1 - x))])
    return unit * [20.0, 10.0]


def at(design: torch.Tensor) -> torch.Tensor:
    """Two holes of twelve points, clockwise, their centres 10 mm apart."""
    t = -torch.arange(12, dtype=torch.float64) * (2 * np.pi / 12)
    rays = torch.stack([t.cos(), t.sin()], dim=1)
    centres = torch.tensor([[5.0, 5.0], [15.0, 5.0]], dtype=torch.float64)
    holes = centres[:, None] + design[:, None, None] * rays
    return torch.cat([torch.from_numpy(plate()), holes.reshape(-1, 2)])


def outline(**changes: object) -> Outline:
    rim = np.stack([RIM, np.roll(RIM, -1)], axis=1)
    facets = {"bottom": rim[:SIDE], "rest": rim[SIDE:]}
    given = {"loops": (RIM, *HOLES), "facets": facets, "at": at, "vertices": {"corner": 0}, **changes}
    return Outline(**given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def body() -> Geometry:
    return outlined(outline(), PARAMETERS)


def edges(lines: Ints) -> set[tuple[int, ...]]:
    return {tuple(edge) for edge in np.sort(lines, axis=1).tolist()}


def moved(points: dict[int, tuple[float, float]]) -> Callable[[torch.Tensor], torch.Tensor]:
    """The plate with some points elsewhere."""

    def elsewhere(design: torch.Tensor) -> torch.Tensor:
        placed = at(design).clone()
        for index, point in points.items():
            placed[index] = torch.tensor(point, dtype=torch.float64)
        return placed

    return elsewhere


def test_every_polygon_edge_is_one_element_edge(body: Geometry) -> None:
    assert isinstance(body.motion, Extended)
    nodes, mesh = body.motion.extension.nodes, body.mesh
    polygons = np.concatenate([np.stack([loop, np.roll(loop, -1)], axis=1) for loop in outline().loops])
    assert edges(mesh.boundary()) == edges(nodes[polygons])
    assert np.array_equal(mesh.points[nodes], at(torch.from_numpy(PARAMETERS.start)).numpy())
    assert mesh.points[mesh.facet("bottom")][..., 1] == pytest.approx(0.0)
    assert mesh.points[mesh.vertex("corner")].tolist() == [0.0, 0.0]
    dodecagon = 3 * 2.0**2  # area of the polygon of twelve points on a circle
    assert signed_measures(mesh.points, mesh.cells).sum() == pytest.approx(200 - 2 * dodecagon, rel=1e-12)
    assert least_angles(mesh.points, mesh.cells).min() > 25


def test_the_mesh_follows_its_boundary(body: Geometry) -> None:
    design = torch.tensor([3.5, 1.0], dtype=torch.float64)
    points = body.points(design).numpy()
    assert np.array_equal(body.points(torch.from_numpy(body.made_at)).numpy(), body.mesh.points)
    assert isinstance(body.motion, Extended)
    assert points[body.motion.extension.nodes] == pytest.approx(at(design).numpy(), abs=1e-12)
    assert mean_ratios(points, body.mesh.cells).min() > 0.1


def test_a_body_built_anew_has_the_same_boundary_and_better_elements(body: Geometry) -> None:
    design = np.array([4.5, 1.0])
    anew, old = body.rebuilt(design), body.points(torch.from_numpy(design)).numpy()
    assert anew.mesh.facets.keys() == body.mesh.facets.keys()
    areas = [signed_measures(points, mesh.cells).sum() for points, mesh in ((old, body.mesh), (anew.mesh.points, anew.mesh))]
    assert areas[0] == pytest.approx(areas[1], rel=1e-12)
    assert least_angles(anew.mesh.points, anew.mesh.cells).min() > 2 * least_angles(old, body.mesh.cells).min()
    back = torch.from_numpy(body.made_at)
    assert signed_measures(anew.points(back).numpy(), anew.mesh.cells).sum() == pytest.approx(200 - 24, rel=1e-12)


def test_elements_are_no_larger_than_asked() -> None:
    coarse, fine = (outlined(outline(), PARAMETERS, size=size) for size in (None, 0.5))
    assert len(fine.mesh.cells) > 3 * len(coarse.mesh.cells)


def test_points_inside_become_nodes() -> None:
    inside = outline(
        at=lambda d: torch.cat([at(d), torch.tensor([[10.0, 5.0]], dtype=torch.float64)]),
        inner=np.array([44]),
        vertices={"middle": 44},
    )
    mesh = outlined(inside, PARAMETERS).mesh
    assert mesh.points[mesh.vertex("middle")].tolist() == [10.0, 5.0]
    assert mesh.vertex("middle") not in mesh.boundary()


REFUSED = {
    "holes cross": (
        {},
        [5.5, 5.5],
        r"the outline and hole 1 cross or touch near .*'left radius' \(5.5\).*below 85.71% of .*: left radius 5\.$",
    ),
    "crosses itself": ({"at": moved({22: (5.0, 2.0), 24: (7.0, 6.0)})}, [2, 2], r"hole 1 crosses or touches itself near \("),
    "holes touch": ({"at": moved({20: (13.0, 5.0)})}, [2, 2], r"hole 1 and hole 2 cross or touch near \(13, 5\) mm"),
    "flat": ({"at": lambda d: at(d)[:3] * torch.tensor([1.0, 0.0]), "loops": (RIM[:3],), "facets": {}}, [2, 2], "has no area"),
    "folds back": ({"at": moved({2: (2.0, 0.0)})}, [2, 2], r"the outline crosses or touches itself near"),
    "not a number": ({"at": moved({30: (float("nan"), 5.0)})}, [2, 2], "point 30 of the outline is not a number"),
    "falls together": (
        {"at": moved({3: (8.0, 0.0)})},
        [2, 2],
        r"two neighbouring points of the outline fall together near \(8, 0\)",
    ),
    "hole turned round": ({"loops": (RIM, HOLES[0], HOLES[1, ::-1])}, [2, 2], "hole 2 must run clockwise"),
    "outline turned round": ({"loops": (RIM[::-1], *HOLES)}, [2, 2], "the outline must run counter-clockwise"),
    "hole outside": (
        {"at": lambda d: at(d) + 30.0 * (torch.arange(44) > 31)[:, None]},
        [2, 2],
        "hole 2 lies outside the outline",
    ),
    "hole in a hole": (
        {"at": lambda d: at(d) - torch.tensor([10.0, 0.0]) * (torch.arange(44) > 31)[:, None]},
        [4, 2],
        "hole 1 lies outside|hole 2 lies inside hole 1",
    ),
    "point on no loop": ({"loops": (RIM[:-1], *HOLES)}, [2, 2], "Point 19 lies on 0 loops.*outline open"),
    "closed by hand": ({"loops": (np.append(RIM, 0), *HOLES)}, [2, 2], "Point 0 lies on 2 loops"),
    "two points": ({"loops": (RIM, HOLES[0], HOLES[1, :2])}, [2, 2], "hole 2 has 2 points"),
    "facet across": ({"facets": {"bottom": np.array([[0, 5]])}}, [2, 2], "facet 'bottom' names the edge 0 - 5"),
    "inner outside": (
        {"loops": (RIM, HOLES[0]), "inner": HOLES[1]},
        [2, 9],
        "inner point 32 at .* does not lie inside the body",
    ),
    "inner on a wall": (
        {"at": lambda d: torch.cat([at(d), at(d)[30:31]]), "inner": np.array([44])},
        [2, 2],
        "inner point 44 at",
    ),
    "no loop": ({"loops": ()}, [2, 2], "one loop at least"),
    "two names": ({"names": ("a", "b")}, [2, 2], "a name for each or none; got 3 loops"),
    "vertex nowhere": ({"vertices": {"corner": 44}}, [2, 2], "vertex 'corner' is point 44"),
    "single precision": ({"at": lambda d: at(d).float()}, [2, 2], "float64, got .* of torch.float32"),
    "named": ({"names": ("the rim", "pore a", "pore b")}, [6, 2], "pore a and the rim cross|the rim and pore a cross"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_bounds_no_body_is_refused(case: str) -> None:
    changes, design, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        outlined(outline(**changes), PARAMETERS, np.array(design, dtype=np.float64))


def test_the_way_that_is_said_to_be_valid_is() -> None:
    """Holes of radius 5 touch the plate's sides: from 2 to 5.5, 85.71 % of the way; 85 % is meshed, 86 % refused."""
    start, design = PARAMETERS.start, np.array([5.5, 2.0])
    outlined(outline(), PARAMETERS, start + 0.85 * (design - start))
    with pytest.raises(InputError, match="cross or touch"):
        outlined(outline(), PARAMETERS, start + 0.86 * (design - start))


def test_polygons_are_judged_as_shapely_judges_them() -> None:
    """300 plates with points pushed about: refused where the polygon with holes is not valid, and nowhere else."""
    from mnnfem.polygons import find_fault

    polygons, agreed = outline().polygons, {True: 0, False: 0}
    rng = np.random.default_rng(0)
    for _ in range(300):
        points = at(torch.from_numpy(rng.uniform(0.5, 4.5, 2))).numpy() + rng.normal(scale=rng.uniform(0, 1), size=(44, 2))
        rim, *holes = (points[loop] for loop in outline().loops)
        valid = bool(shapely.Polygon(rim, holes).is_valid) and all(not shapely.is_ccw(shapely.LinearRing(h)) for h in holes)
        assert (find_fault(polygons, points) is None) == valid
        agreed[valid] += 1
    assert min(agreed.values()) > 50


def test_a_facet_of_another_name_is_not_invented() -> None:
    bare = dataclasses.replace(outline(), facets={}, vertices={})
    assert not outlined(bare, PARAMETERS).mesh.facets
