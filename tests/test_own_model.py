"""Models of the user's own: read, named, refused, moved, and made afresh."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import gmsh
import numpy as np
import pytest
import torch

from geometries.own_model import from_file
from mnnfem.errors import InputError
from mnnfem.formats import read_mesh, write_mesh
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Mesh, gmsh_model, signed_measures
from mnnfem.model import read_model
from mnnfem.parameters import alike
from mnnfem.quality import mean_ratios
from tests.conftest import strip

PLATE = """
SetFactory("OpenCASCADE");
Rectangle(1) = {0, 0, 0, 20, 10};
Disk(2) = {8, 5, 0, 2};
BooleanDifference(3) = { Surface{1}; Delete; }{ Surface{2}; Delete; };
MeshSize{ PointsOf{ Surface{3}; } } = 1.0;
left() = Curve In BoundingBox{-.1, -.1, -.1, .1, 10.1, .1};
hole() = Curve In BoundingBox{5.9, 2.9, -.1, 10.1, 7.1, .1};
all() = Abs(Boundary{ Surface{3}; });
all() -= {left(), hole()};
Physical Curve("left") = {left()};
Physical Curve("hole") = {hole()};
Physical Curve("rest") = {all()};
Physical Point("corner") = {Point In BoundingBox{-.1, -.1, -.1, .1, .1, .1}};
"""
BLOCK = """
SetFactory("OpenCASCADE");
Box(1) = {0, 0, 0, 10, 10, 10};
Sphere(2) = {5, 5, 5, 2};
BooleanDifference(3) = { Volume{1}; Delete; }{ Volume{2}; Delete; };
MeshSize{ PointsOf{ Volume{3}; } } = 2.0;
cavity() = Surface In BoundingBox{2, 2, 2, 8, 8, 8};
left() = Surface In BoundingBox{-.1, -.1, -.1, .1, 10.1, 10.1};
all() = Abs(Boundary{ Volume{3}; });
all() -= {cavity(), left()};
Physical Surface("cavity") = {cavity()};
Physical Surface("left") = {left()};
Physical Surface("rest") = {all()};
Point(100) = {1.5, 1.5, 1.5, 1.0};
Point{100} In Volume{3};
Physical Point("probe") = {100};
"""
STRETCH = alike(("stretch in x", "stretch in y"), 1.0, (0.5, 2.2), "stretch")


def about(*centre: float) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Stretches about a point: of x by the first parameter, of all else by the second."""
    middle = torch.tensor(centre, dtype=torch.float64)
    return lambda design, points: middle + (points - middle) * design[[0, 1, 1][: len(centre)]]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def step(path: Path, draw: Callable[[], object]) -> Path:
    with gmsh_model("drawing"):
        draw()
        gmsh.model.occ.synchronize()
        gmsh.write(str(path))
    return path


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Geometry:
    path = written(tmp_path_factory.mktemp("plate"), "plate.geo", PLATE)
    return from_file(path, STRETCH, {"hole": about(8.0, 5.0)}, size=1.0)


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> Geometry:
    path = written(tmp_path_factory.mktemp("block"), "block.geo", BLOCK)
    return from_file(path, STRETCH, {"cavity": about(5.0, 5.0, 5.0)}, size=1.5)


def measure(geometry: Geometry, design: torch.Tensor) -> torch.Tensor:
    corners = geometry.points(design)[torch.from_numpy(geometry.mesh.cells)]
    return torch.linalg.det(corners[:, 1:] - corners[:, :1]).sum() / (2.0, 6.0)[geometry.mesh.dim - 2]


def taken_out(geometry: Geometry) -> float:
    """Area or volume of the hole as made."""
    whole = {2: 200.0, 3: 1000.0}[geometry.mesh.dim]
    return whole - float(signed_measures(geometry.mesh.points, geometry.mesh.cells).sum())


@pytest.mark.parametrize("which", ["plate", "block"])
def test_moved_and_made_afresh_it_is_the_same_body(which: str, request: pytest.FixtureRequest) -> None:
    """The hole is stretched: its measure grows by a known factor, exactly; new elements are better than moved ones."""
    geometry: Geometry = request.getfixturevalue(which)
    a, b = 1.7, 0.8
    design = torch.tensor([a, b], dtype=torch.float64)
    whole, hole, dim = {2: 200.0, 3: 1000.0}[geometry.mesh.dim], taken_out(geometry), geometry.mesh.dim
    assert hole == pytest.approx({2: np.pi * 4, 3: np.pi * 32 / 3}[dim], rel=0.2)
    expected = whole - a * b ** (dim - 1) * hole
    assert float(measure(geometry, design)) == pytest.approx(expected, rel=1e-12)
    moved = mean_ratios(geometry.points(design).numpy(), geometry.mesh.cells).min()
    anew = geometry.rebuilt(design)
    assert signed_measures(anew.mesh.points, anew.mesh.cells).sum() == pytest.approx(expected, rel=1e-12)
    assert anew.mesh.facets.keys() == geometry.mesh.facets.keys()
    assert mean_ratios(anew.mesh.points, anew.mesh.cells).min() > max(moved, 0.05)
    for name, facet in geometry.mesh.facets.items():
        assert len(anew.mesh.facet(name)) == len(facet)
    again = anew.rebuilt(torch.ones(2, dtype=torch.float64))
    assert taken_out(again) == pytest.approx(hole, rel=1e-9)


@pytest.mark.parametrize("which", ["plate", "block"])
def test_gradient_of_the_measure(which: str, request: pytest.FixtureRequest) -> None:
    geometry: Geometry = request.getfixturevalue(which)
    design = torch.tensor([1.2, 0.9], dtype=torch.float64, requires_grad=True)
    base = measure(geometry, design)
    base.backward()
    way = torch.tensor([0.6, -0.8], dtype=torch.float64)
    slope = float(design.grad @ way)

    def rests(slope: float) -> Floats:
        steps = 0.01 * 0.5 ** np.arange(4)
        return np.array([abs((measure(geometry, design.detach() + h * way) - base).item() - h * slope) for h in steps])

    assert np.log2(rests(slope)[:-1] / rests(slope)[1:]).min() > 1.9
    assert np.log2(rests(1.01 * slope)[:-1] / rests(1.01 * slope)[1:]).min() < 1.7


def test_random_designs_invert_no_element(plate: Geometry, block: Geometry) -> None:
    """Made afresh where the moved mesh has gone too far: then all are sound."""
    rng = np.random.default_rng(0)
    for geometry in (plate, block):
        for _ in range(20):
            design = torch.from_numpy(geometry.parameters.random(rng))
            if mean_ratios(geometry.points(design).numpy(), geometry.mesh.cells).min() < 0.05:
                assert mean_ratios((anew := geometry.rebuilt(design)).mesh.points, anew.mesh.cells).min() > 0.01


def test_named_points_and_parts_are_there(plate: Geometry) -> None:
    mesh = plate.mesh
    assert set(mesh.facets) == {"left", "hole", "rest"}
    assert mesh.points[mesh.vertex("corner")] == pytest.approx([0.0, 0.0], abs=1e-12)
    assert mesh.points[mesh.facet("left")][..., 0] == pytest.approx(0.0, abs=1e-12)


def test_a_named_point_inside_stays_and_survives(block: Geometry) -> None:
    design = torch.tensor([2.0, 0.6], dtype=torch.float64)
    anew = block.rebuilt(design)
    for mesh, points in ((block.mesh, block.points(design).numpy()), (anew.mesh, anew.mesh.points)):
        assert points[mesh.vertex("probe")] == pytest.approx([1.5, 1.5, 1.5], abs=1e-12)


def test_a_cavity_that_leaves_the_block_is_refused(tmp_path: Path) -> None:
    wide = alike(STRETCH.names, 1.0, (0.5, 9.0), "stretch")
    geometry = from_file(written(tmp_path, "block.geo", BLOCK), wide, {"cavity": about(5.0, 5.0, 5.0)})
    with pytest.raises(InputError, match="crosses or touches itself at this design"):
        geometry.rebuilt(np.array([3.0, 1.0]))


def test_step_faces_and_solids_are_named_by_tags(tmp_path: Path) -> None:
    flat = step(tmp_path / "flat.step", lambda: gmsh.model.occ.addRectangle(0, 0, 0, 4, 2))
    with pytest.raises(InputError, match=r"4 boundary curves of .* have no name: 1 near \(2, 0, 0\) mm, .*names="):
        read_model(flat)
    mesh = read_model(flat, names={"bottom": [1], "rest": [2, 3, 4]})
    assert signed_measures(mesh.points, mesh.cells).sum() == pytest.approx(8.0)
    solid = step(tmp_path / "solid.step", lambda: gmsh.model.occ.addBox(0, 0, 0, 4, 2, 3))
    mesh = read_model(solid, size=1.0, names={"all": range(1, 7)})
    assert (mesh.dim, signed_measures(mesh.points, mesh.cells).sum()) == (3, pytest.approx(24.0))
    with pytest.raises(InputError, match=r"'all' names surface 9, but .* has surfaces \[1, 2"):
        read_model(solid, names={"all": [9]})


def test_a_mesh_file_is_moved_as_it_stands(tmp_path: Path, plate: Geometry) -> None:
    write_mesh(tmp_path / "plate.msh", plate.mesh)
    assert np.array_equal(read_mesh(tmp_path / "plate.msh").cells, plate.mesh.cells)
    geometry = from_file(tmp_path / "plate.msh", STRETCH, {"hole": about(8.0, 5.0)})
    design = torch.tensor([1.3, 0.7], dtype=torch.float64)
    assert geometry.points(design).numpy() == pytest.approx(plate.points(design).numpy(), abs=1e-9)


def two_boxes(dx: float, dy: float) -> Callable[[], object]:
    def draw() -> None:
        boxes = [(3, gmsh.model.occ.addBox(0, 0, 0, 1, 1, 1)), (3, gmsh.model.occ.addBox(dx, dy, 0, 1, 1, 1))]
        gmsh.model.occ.fragment(boxes[:1], boxes[1:])

    return draw


def open_shell() -> None:
    occ = gmsh.model.occ
    occ.addBox(0, 0, 0, 1, 1, 1)
    occ.synchronize()
    occ.remove([(3, 1)])
    occ.remove([(2, 1)])


def wire() -> None:
    points = [gmsh.model.occ.addPoint(*p, 0.0) for p in ((0, 0), (1, 0), (1, 1), (0, 1))]
    for a, b in itertools.pairwise(points):
        gmsh.model.occ.addLine(a, b)


REFUSED_STEP = {
    "open outline": (wire, r"no surface.*close its outline.*ends of curves meet no other: \(0, 0, 0\) mm, \(0, 1, 0\) mm"),
    "open shell": (open_shell, "span 1 mm in z.*sew them into a closed shell"),
    "edge only": (two_boxes(1.0, 1.0), r"not manifold: 4 boundary surfaces meet at the edge near \(1, 1, 0\.5\)"),
    "tilted": (
        lambda: gmsh.model.occ.rotate([(2, gmsh.model.occ.addRectangle(0, 0, 0, 1, 1))], 0, 0, 0, 1, 0, 0, 1.0),
        "span 0.8415 mm in z.*z = const",
    ),
    "stray face": (
        lambda: (gmsh.model.occ.addBox(0, 0, 0, 1, 1, 1), gmsh.model.occ.addRectangle(3, 3, 0, 1, 1)),
        r"Surface 7 of .*, near \(3\.5, 3\.5, 0\) mm, hangs on no body",
    ),
}


@pytest.mark.parametrize("case", REFUSED_STEP)
def test_step_files_that_are_no_body_are_refused(case: str, tmp_path: Path) -> None:
    draw, message = REFUSED_STEP[case]
    path = step(tmp_path / "part.step", draw)
    with pytest.raises(InputError, match=message):
        read_model(path)


OPEN = """
Point(1) = {0, 0, 0, 1};
Point(2) = {1, 0, 0, 1};
Point(3) = {1, 1, 0, 1};
Line(1) = {1, 2};
Line(2) = {2, 3};
"""
REFUSED_GEO = {
    "open": (OPEN, r"no surface.*\(0, 0, 0\) mm, \(1, 1, 0\) mm"),
    "syntax": ("Point(1) = {0, 0", "gmsh cannot"),
    "no names": (PLATE.split("Physical")[0], "5 boundary curves of .* have no name"),
    "one without": (
        PLATE.replace('Physical Curve("hole")', "//"),
        "1 boundary curves of .* have no name: .* near .8, 5, 0. mm",
    ),
    "quadrangles": (PLATE + "Mesh.RecombineAll = 1;", "elements '(Quadrilateral|Quadrangle).*': take triangles"),
    "second order": (PLATE + "Mesh.ElementOrder = 2;", "take triangles or tetrahedra of first order"),
}


@pytest.mark.parametrize("case", REFUSED_GEO)
def test_geo_files_that_are_no_body_are_refused(case: str, tmp_path: Path) -> None:
    text, message = REFUSED_GEO[case]
    with pytest.raises(InputError, match=message):
        read_model(written(tmp_path, "part.geo", text))


def test_mesh_files_that_are_no_body_are_refused(tmp_path: Path) -> None:
    plain = strip(4.0, 2.0, 4, 2)
    write_mesh(tmp_path / "a.msh", Mesh(plain.points, plain.cells, {"left": plain.facet("left")}))
    with pytest.raises(InputError, match=r"10 of 12 boundary facets .* belong to no physical group"):
        read_model(tmp_path / "a.msh")
    two = np.concatenate([plain.points, plain.points + np.array([4.0, 2.0])])
    both = np.concatenate([plain.cells, plain.cells + len(plain.points)])
    corner = np.argmin(np.linalg.norm(plain.points - np.array([4.0, 2.0]), axis=1))
    both[both == len(plain.points)] = corner  # the second one's lower left corner is the first one's upper right
    used, cells = np.unique(both, return_inverse=True)
    pinched = Mesh(two[used], cells.reshape(-1, 3), {})
    write_mesh(tmp_path / "b.msh", Mesh(pinched.points, pinched.cells, {"all": pinched.boundary()}))
    with pytest.raises(InputError, match=r"not manifold: parts of it meet in a point only, near \(4, 2\) mm"):
        read_model(tmp_path / "b.msh")


@pytest.mark.parametrize(
    ("moves", "message"),
    [
        ({"hol": about(8.0, 5.0)}, "Unknown boundary to move 'hol'. Did you mean 'hole'"),
        ({"hole": lambda d, x: x + d[0]}, "formula of 'hole' moves a node by 1.414 mm"),
        ({"hole": lambda d, x: x[:-1]}, "must give float64 of shape"),
        ({"left": lambda d, x: x, "rest": lambda d, x: x}, "'rest' and 'left' share 2 nodes|'left' and 'rest' share 2"),
    ],
)
def test_wrong_formulas_are_refused(moves: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        from_file(written(tmp_path, "plate.geo", PLATE), STRETCH, moves)


def test_a_design_that_crosses_the_outline_is_refused(tmp_path: Path) -> None:
    wide = alike(STRETCH.names, 1.0, (0.5, 9.0), "stretch")
    geometry = from_file(written(tmp_path, "plate.geo", PLATE), wide, {"hole": about(8.0, 5.0)})
    with pytest.raises(InputError, match=r"'hole'.* cross or touch near .*'stretch in y' \(3\).*below 7\d\.\d\d% of the way"):
        geometry.rebuilt(np.array([1.0, 3.0]))


@pytest.mark.parametrize(("name", "message"), [("a.stl", "Unknown model format '.stl'"), ("a.step", "There is no file")])
def test_files_that_are_not_there_are_refused(name: str, message: str, tmp_path: Path) -> None:
    if "Unknown" in message:
        written(tmp_path, name, "")
    with pytest.raises(InputError, match=message):
        read_model(tmp_path / name)
