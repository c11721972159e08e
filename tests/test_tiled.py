"""Outlines repeated: what is joined, what is designed, what is refused."""

from __future__ import annotations

from pathlib import Path

import gmsh
import numpy as np
import pytest
import shapely
import torch

from geometries.tiled import tiled
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import gmsh_model, signed_measures
from mnnfem.quality import mean_ratios

CROSS = shapely.union_all(
    [shapely.box(0, 3, 10, 7), shapely.box(3, 0, 7, 10)]
)  # arms reach the sides: copies leave square holes
HOLLOW = shapely.Polygon(shapely.box(0, 0, 8, 6).exterior, [shapely.Point(4, 3).buffer(2.0, quad_segs=6).exterior])


def area(geometry: Geometry, design: torch.Tensor) -> torch.Tensor:
    corners = geometry.points(design)[torch.from_numpy(geometry.mesh.cells)]
    return 0.5 * torch.linalg.det(corners[:, 1:] - corners[:, :1]).sum()


@pytest.fixture(scope="module")
def crosses() -> Geometry:
    return tiled(CROSS, 3, 4)


def test_holes_between_copies_are_designed(crosses: Geometry) -> None:
    """2 x 3 square holes of 6 mm; each grows about its middle."""
    assert len(crosses.parameters) == 6
    assert signed_measures(crosses.mesh.points, crosses.mesh.cells).sum() == pytest.approx(12 * CROSS.area, rel=1e-12)
    design = torch.from_numpy(crosses.parameters.random(np.random.default_rng(0)))
    expected = 12 * CROSS.area + 6 * 36 - 36 * float((design**2).sum())
    assert float(area(crosses, design)) == pytest.approx(expected, rel=1e-12)
    anew = crosses.rebuilt(design).mesh
    assert signed_measures(anew.points, anew.cells).sum() == pytest.approx(expected, rel=1e-12)


def test_facets_are_on_the_sides(crosses: Geometry) -> None:
    mesh = crosses.mesh
    lengths = {name: np.linalg.norm(np.diff(mesh.points[f], axis=1), axis=2).sum() for name, f in mesh.facets.items()}
    assert lengths == pytest.approx({"left": 16.0, "right": 16.0, "bottom": 12.0, "top": 12.0, "holes": 6 * 24.0})


@pytest.mark.parametrize("tile", [CROSS, HOLLOW])
def test_200_random_designs_invert_no_element(tile: shapely.Polygon) -> None:
    """A least mean ratio of .29 was measured for both."""
    geometry = tiled(tile)
    rng, box = np.random.default_rng(1), geometry.parameters
    corners = [np.where(rng.random(len(box)) < 0.5, box.lower, box.upper) for _ in range(100)]
    designs = [*corners, *(box.random(rng) for _ in range(100))]
    least = [mean_ratios(geometry.points(torch.from_numpy(d)).numpy(), geometry.mesh.cells).min() for d in designs]
    assert min(least) > 0.25


def test_gradient_of_the_area(crosses: Geometry) -> None:
    design = torch.from_numpy(crosses.parameters.random(np.random.default_rng(2))).requires_grad_()
    area(crosses, design).backward()
    assert design.grad.numpy() == pytest.approx(-72 * design.detach().numpy(), rel=1e-9)


def test_upper_bound_leaves_room() -> None:
    """Discs of radius 2 in boxes 6 high touch at size 1.5: the bound is at .4 of the way."""
    assert tiled(HOLLOW).parameters.upper == pytest.approx(1.2, abs=1e-3)
    assert tiled(HOLLOW, bounds=(0.9, 1.1)).parameters.upper == pytest.approx(1.1)


def test_a_step_face_is_a_tile(tmp_path: Path) -> None:
    path = tmp_path / "tile.step"
    with gmsh_model("tile"):
        occ = gmsh.model.occ
        occ.cut([(2, occ.addRectangle(0, 0, 0, 8, 6))], [(2, occ.addDisk(4, 3, 0, 2, 1))])
        occ.synchronize()
        gmsh.write(str(path))
    geometry = tiled(path, 2, 2, size=0.5)
    assert len(geometry.parameters) == 4
    expected = 4 * (48 - np.pi * 2)
    assert signed_measures(geometry.mesh.points, geometry.mesh.cells).sum() == pytest.approx(expected, rel=0.01)
    with gmsh_model("solid"):
        gmsh.model.occ.addBox(0, 0, 0, 1, 1, 1)
        gmsh.model.occ.synchronize()
        gmsh.write(str(path))
    with pytest.raises(InputError, match="holds a solid"):
        tiled(path)


@pytest.mark.parametrize(
    ("tile", "settings", "message"),
    [
        (shapely.Point(0, 0).buffer(1.0), {}, "3 x 3 tiles at a pitch of 2 x 2 mm make 9 bodies|not manifold|cross or touch"),
        (CROSS, {"pitch": (12.0, 10.0)}, "12 x 10 mm make 3 bodies"),
        (shapely.box(0, 0, 1, 1), {}, "nothing to design"),
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), {}, "no simple polygon: Self-intersection"),
        (CROSS, {"columns": 0}, "one column and one row"),
        (CROSS, {"bounds": (0.5, 0.9)}, "lower <= start <= upper"),
    ],
)
def test_tiles_that_make_no_body_are_refused(tile: shapely.Polygon, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiled(tile, **settings)
