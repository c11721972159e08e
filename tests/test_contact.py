"""Walls that pass through each other, on constructions whose depth is known and on solved panels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mpi4py import MPI

from geometries.extruded import extruded
from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.bridge import Bridge
from mnnfem.contact import Overlap, overlaps, passed_vertices
from mnnfem.continuation import Effort
from mnnfem.course import course_of
from mnnfem.errors import EquilibriumError, InputError
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from mnnfem.mesh import Mesh
from mnnfem.penalty import overlap_penalty
from mnnfem.walls import walls_of
from tests.conftest import panel_boundary, strip

LAW = NeoHookean()
MATERIAL = torch.from_numpy(LAW.values)


def grid(a: np.ndarray, b: np.ndarray, closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Parameters (n, 2) of the points of a grid a x b, and its triangles; closed: the last of a is the first again."""
    index = np.arange(len(a) * len(b)).reshape(len(a), len(b))
    index = np.concatenate([index, index[:1]]) if closed else index
    p, q, r, s = (part.ravel() for part in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    places = np.stack(np.meshgrid(a, b, indexing="ij"), axis=-1).reshape(-1, 2)
    return places, np.concatenate([np.stack([p, q, r], 1), np.stack([p, r, s], 1)])


def frame(refine: int, *holes: tuple[float, float]) -> Mesh:
    """A plate 40 mm x 16 mm with holes from x = 10 to 30 and between the given heights; edges of 1 / refine mm."""
    mesh = strip(40.0, 16.0, 40 * refine, 16 * refine)
    x, y = mesh.points[mesh.cells[:, 2]].T  # the square's centre
    solid = np.ones(len(x), dtype=bool)
    for low, high in holes:
        solid &= ~((x > 10) & (x < 30) & (y > low) & (y < high))
    return Mesh(mesh.points, mesh.cells[solid], {})


def lowered(mesh: Mesh, height: float, by: np.ndarray | float) -> np.ndarray:
    """Points where those at this height, between the ends of the hole, have moved down."""
    x, y = mesh.points.T
    moved = mesh.points.copy()
    moved[:, 1] -= np.where((abs(y - height) < 1e-9) & (x > 10 + 1e-9) & (x < 30 - 1e-9), by, 0.0)
    return moved


def bump(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.cos(2 * np.pi * (x - 20) / 20)


def sines(refine: int, depth: float) -> tuple[Mesh, np.ndarray]:
    """A slot 4 mm high whose walls bulge towards each other like a cosine, until they overlap by `depth`."""
    mesh = frame(refine, (6.0, 10.0))
    rise = (2 + depth / 2) * bump(mesh.points[:, 0])
    return mesh, lowered(mesh, 10.0, rise) + lowered(mesh, 6.0, -rise) - mesh.points


def pinched(pinch: float, count: int = 256) -> tuple[Mesh, np.ndarray]:
    """A round hole made an ellipse of 10 mm x 3 mm, pinched in its middle: at 1 to a point, beyond to an eight."""
    places, cells = grid(np.linspace(0, 2 * np.pi, count, endpoint=False), np.linspace(0, 1, 4), closed=True)
    t, s = places.T
    circle = np.stack([np.cos(t), np.sin(t)], axis=1)
    x = 10 * np.cos(t)
    eight = np.stack([x, 3 * np.sin(t) * (1 - pinch * np.exp(-((x / 4) ** 2)))], axis=1)
    outer = 20 * s[:, None] * circle
    return Mesh(5 * (1 - s)[:, None] * circle + outer, cells[:, ::-1], {}), (1 - s)[:, None] * eight + outer


@pytest.mark.parametrize("depth", [1e-6, 0.05, 0.3])
def test_two_bulging_walls_overlap_by_what_they_were_moved(depth: float) -> None:
    mesh, moved = sines(2, depth)
    (found,) = overlaps(mesh, moved)
    assert found.depth == pytest.approx(depth, rel=1e-3)  # the nearest point lies on an edge that falls off by 1 in 40
    assert found.at == pytest.approx((20.0, 8.0), abs=depth)
    assert mesh.points[found.vertex, 0] == pytest.approx(20.0)
    assert found.vertex in mesh.loops()[found.loop]


@pytest.mark.parametrize("depth", [-0.05, 0.0])
def test_walls_that_are_apart_or_touch_have_not_passed(depth: float) -> None:
    mesh, moved = sines(2, depth)
    assert overlaps(mesh, moved) == ()
    assert overlaps(mesh, lowered(mesh, 10.0, 4.0)) == ()  # pressed flat, all along


@pytest.mark.parametrize("pinch", [0.9, 1.0, 1.01, 1.1, 1.2])
def test_an_ellipse_pinched_into_an_eight(pinch: float) -> None:
    mesh, moved = pinched(pinch)
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    for placed in (moved, moved @ turn + [100, -70]):
        found = overlaps(mesh, placed)
        assert len(found) == (pinch > 1)
        if found:
            assert found[0].depth == pytest.approx(6 * (pinch - 1), rel=2e-3)  # as above: edges fall off by 1 in 20


def test_a_wall_far_inside_another_is_measured_to_that_one_not_to_its_own_back() -> None:
    """A ligament 1 mm thick crosses the slot below it and goes 3 mm into the material beyond."""
    mesh = frame(1, (6.0, 8.0), (9.0, 14.0))
    moved = lowered(mesh, 8.0, 5.0) + lowered(mesh, 9.0, 5.0) - mesh.points
    y = mesh.points[:, 1]
    moved[:, 1] -= np.where((y > 8) & (y < 9) & (abs(mesh.points[:, 0] - 20) < 10), 5.0, 0.0)
    walls = walls_of(mesh)
    passed = passed_vertices(walls, moved)
    depth = dict(zip(walls.vertex[passed.rows].tolist(), passed.depth, strict=True))
    under, back, below = (np.flatnonzero((mesh.points == [20.0, height]).all(axis=1))[0] for height in (8, 9, 6))
    assert depth[under] == pytest.approx(3.0)
    assert depth[back] == pytest.approx(2.0)
    assert below not in depth  # the ligament has left it behind
    assert overlaps(mesh, moved)[0].depth == pytest.approx(3.0)


def test_two_bodies_that_are_moved_into_each_other() -> None:
    """Each outline is simple; only together they cross. A square's corner goes in first, along its diagonal."""
    left, right = strip(4.0, 4.0, 4, 4), strip(4.0, 4.0, 4, 4)
    count = len(left.points)
    mesh = Mesh(np.concatenate([left.points, right.points + 5]), np.concatenate([left.cells, right.cells + count]), {})
    moved = mesh.points - np.where(np.arange(2 * count) < count, 0.0, 1.3)[:, None]
    (found,) = overlaps(mesh, moved)
    assert found.depth == pytest.approx(0.3)
    assert overlaps(mesh, mesh.points) == ()


def test_a_wall_dented_past_its_own_elements_is_not_inside_other_material() -> None:
    """The triangle between the dent's neighbours straightens beyond pi there, in a state that has an overlap elsewhere."""
    mesh, moved = sines(2, 0.3)
    dent = np.flatnonzero((mesh.points == [0.0, 8.0]).all(axis=1))[0]
    moved[dent] = [0.2, 8.4]
    walls = walls_of(mesh)
    assert dent not in walls.vertex[passed_vertices(walls, moved).rows]
    assert len(overlaps(mesh, moved)) == 1


def test_a_notch_whose_faces_change_places_from_its_tip_on() -> None:
    """A disk with a notch, its angle scaled beyond 2 pi: at radius r the faces are r sin(angle) past each other."""
    places, cells = grid(np.linspace(-0.95, 0.95, 41) * np.pi, np.arange(1.0, 6.0), closed=False)
    theta, r = places.T
    ring = np.arange(41) * 5
    fan = np.stack([np.full(40, len(r)), ring[:-1], ring[1:]], axis=1)

    def disk(angle: np.ndarray) -> np.ndarray:
        return np.append(np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1), [[0.0, 0.0]], axis=0)

    mesh = Mesh(disk(theta), np.concatenate([cells[:, ::-1], fan]), {})
    assert overlaps(mesh, disk(1.05 * theta)) == ()
    moved = disk(1.08 * theta)
    passed = passed_vertices(walls_of(mesh), moved)
    assert len(r) not in walls_of(mesh).vertex[passed.rows]  # the tip
    # The corners at r = 5 lie on the rim, outside of its chords.
    assert overlaps(mesh, moved)[0].depth == pytest.approx(4 * np.sin(2 * np.pi * (0.95 * 1.08 - 1)))


def test_thin_prongs_that_cross_without_a_vertex_inside_are_found() -> None:
    x, y = [0, 1, 0, 1, 10, 11, 10, 11, 0, 1, 10, 11], [0, 0, 20, 20, 0, 0, 20, 20, -1, -1, -1, -1]
    quads = np.array([[0, 1, 3, 2], [4, 5, 7, 6], [8, 9, 1, 0], [9, 10, 4, 1], [10, 11, 5, 4]])
    mesh = Mesh(np.stack([x, y], axis=1).astype(float), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]), {})
    moved = mesh.points.copy()
    assert overlaps(mesh, moved) == ()
    moved[[2, 3], 0] += 10
    moved[[6, 7], 0] -= 10
    assert len(passed_vertices(walls_of(mesh), moved).rows) == 0
    found = overlaps(mesh, moved)
    assert len(found) == 4
    assert min(one.depth for one in found) > 1


def test_a_hole_turned_inside_out_is_found() -> None:
    mesh, moved = pinched(0.0)
    inside_out = np.where((np.linalg.norm(mesh.points, axis=1) < 6)[:, None], moved * [1, -1], moved)
    assert course_of(walls_of(mesh), inside_out).crossed
    assert overlaps(mesh, inside_out)


def test_a_mesh_in_space_is_not_looked_at() -> None:
    space = extruded(star_pores(columns=1, rows=1, solid=()), 5.0, 1).mesh
    assert overlaps(space, space.points) == ()
    with pytest.raises(InputError, match="plane"):
        overlap_penalty(space, torch.zeros(3), torch.zeros(1, 3))


def test_the_penalty_is_the_integral_of_the_squared_depth_on_any_mesh() -> None:
    x = np.linspace(0, 20, 200001)
    depth = np.clip(0.3 - 4.3 * (1 - bump(x + 10)), 0, None)  # vertical; slopes in the overlap are below 0.18
    integral = 2 * np.trapezoid(depth**2, x)
    values = []
    for refine in (1, 2, 4):
        mesh, moved = sines(refine, 0.3)
        moved = torch.from_numpy(moved - mesh.points)
        values.append(overlap_penalty(mesh, torch.from_numpy(mesh.points), moved[None]).item())
    assert values[2] == pytest.approx(integral, rel=0.05)
    assert values[0] == pytest.approx(values[2], rel=0.1)


def test_the_penalty_has_an_exact_gradient() -> None:
    """Taylor: what is left after the gradient falls with the square of the step. Nothing passed: zero, and no gradient."""
    mesh, moved = pinched(1.1)
    rng = np.random.default_rng(3)
    points = torch.from_numpy(mesh.points)
    start = torch.from_numpy(moved + 0.01 * rng.normal(size=moved.shape) - mesh.points)
    apart = torch.from_numpy(pinched(0.9)[1] - mesh.points)
    displacement = torch.stack([start, apart]).requires_grad_()
    points.requires_grad_()
    value = overlap_penalty(mesh, points, displacement)
    assert value[0] > 0
    assert value[1] == 0
    value.sum().backward()
    assert not displacement.grad[1].any()
    assert torch.equal(points.grad, displacement.grad[0])
    direction, steps = torch.from_numpy(rng.normal(size=moved.shape)), np.array([1e-3, 5e-4, 2.5e-4])
    slope = (displacement.grad[0] * direction).sum().item()

    def along(step: float) -> float:
        return overlap_penalty(mesh, points, (start + step * direction)[None]).item()

    left = [abs(along(step) - along(0.0) - step * slope) for step in steps]
    assert (np.diff(np.log(left)) / np.diff(np.log(steps))).min() > 1.9
    assert slope == pytest.approx((along(1e-5) - along(-1e-5)) / 2e-5, rel=1e-6)


@pytest.fixture(scope="module")
def weak(panel: Geometry) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).uniform(0.7, 0.9, len(panel.parameters)))


PRESSED = torch.tensor([[30.0, -30.0]], dtype=torch.float64)


@pytest.mark.parametrize(("clearance", "curved"), [(0.0, False), (0.0, True), (1.5, True)])
def test_the_penalty_through_the_equilibrium(
    panel: Geometry, body: Body, weak: torch.Tensor, clearance: float, curved: bool
) -> None:
    """Gradient by radii and controls against equilibria that are solved again, edges curved or taken as straight."""
    bridge = Bridge(body)

    def penalty(radii: torch.Tensor, controls: torch.Tensor) -> torch.Tensor:
        points = panel.points(radii)
        found = bridge(points, controls, MATERIAL)
        middles = found.middles if curved else None
        return overlap_penalty(panel.mesh, points, found.displacement, clearance, middles).sum()

    radii, controls = weak.clone().requires_grad_(), PRESSED.clone().requires_grad_()
    penalty(radii, controls).backward()
    rng = np.random.default_rng(0)
    for tensor, size in ((radii, 1e-5), (controls, 1e-4)):
        step = torch.from_numpy(rng.normal(size=tensor.shape)) * size
        change = [step if one is tensor else 0.0 for one in (radii, controls)]
        with torch.no_grad():
            up, down = (penalty(weak + sign * change[0], PRESSED + sign * change[1]).item() for sign in (1, -1))
        assert (tensor.grad * step).sum().item() == pytest.approx((up - down) / 2, rel=1e-4)


def test_a_state_records_its_overlaps_and_is_refused_where_asked(panel: Geometry, body: Body, weak: torch.Tensor) -> None:
    points, controls = panel.points(weak).numpy(), PRESSED[0].numpy()
    solution = body.solve(points, controls, LAW.values)
    found = solution.record.overlaps
    assert [one.depth for one in found] == sorted((one.depth for one in found), reverse=True)
    assert isinstance(found[0], Overlap)
    assert found[0].depth > 0.1
    assert body.solve(points, 0.1 * controls, LAW.values).record.overlaps == ()
    strict = Body(panel.mesh, LAW, panel_boundary(), Effort(refuse_overlap=True), comm=MPI.COMM_SELF)
    strict.solve(points, 0.1 * controls, LAW.values)
    with pytest.raises(
        EquilibriumError, match=r"walls pass through each other, .* mm deep at \(.*\) mm, vertex \d+, at 100.0% .*smaller"
    ):
        strict.solve(points, controls, LAW.values)


def test_a_warm_start_that_is_refused_is_tried_from_rest() -> None:
    """A column buckles to either side; on the left a post stands in its way."""
    column, post = strip(4.0, 80.0, 2, 40), strip(4.0, 80.0, 1, 20)
    count = len(column.points)
    mesh = Mesh(
        np.concatenate([column.points, post.points - [6.0, 0.0]]),
        np.concatenate([column.cells, post.cells + count]),
        {"bottom": np.concatenate([column.facets["bottom"], post.facets["bottom"] + count]), "top": column.facets["top"]},
    )
    boundary, controls = Boundary(("bottom",), (Drive("top", (0, 1), 5.0),)), np.array([-1.0])

    def body(effort: Effort) -> Body:
        return Body(mesh, LAW, boundary, effort, MPI.COMM_SELF)

    found = {sign: body(Effort(imperfection=sign)).solve(mesh.points, controls, LAW.values) for sign in (1, -1)}
    left, right = sorted(found, key=lambda sign: -len(found[sign].record.overlaps))
    crossing = found[left]
    assert crossing.record.overlaps
    free = body(Effort(imperfection=right, refuse_overlap=True)).solve(mesh.points, controls, LAW.values, crossing)
    assert free.record.certified
    assert not free.record.warm
    assert free.record.overlaps == ()
    assert body(Effort(imperfection=right)).solve(mesh.points, controls, LAW.values, crossing).record.overlaps
    with pytest.raises(EquilibriumError, match="walls pass"):
        body(Effort(imperfection=left, refuse_overlap=True)).solve(mesh.points, controls, LAW.values, crossing)


@pytest.mark.mpi
@pytest.mark.parametrize("in_the_bulge", [False, True])
def test_overlaps_are_the_same_on_all_ranks(panel: Geometry, weak: torch.Tensor, in_the_bulge: bool) -> None:
    radii, controls = weak, PRESSED[0].numpy()
    if in_the_bulge:
        radii = torch.from_numpy(np.random.default_rng(25).uniform(0.5, 0.9, len(panel.parameters)))
        controls = np.array([-5.0, -31.0])
    points, found = panel.points(radii).numpy(), []
    for comm in (MPI.COMM_SELF, MPI.COMM_WORLD):
        body = Body(panel.mesh, LAW, panel_boundary(), comm=comm)
        found.append(body.solve(points, controls, LAW.values).record.overlaps)
    assert found[0]
    assert len(set(MPI.COMM_WORLD.allgather(found[1]))) == 1
    assert [one.vertex for one in found[1]] == [one.vertex for one in found[0]]
    assert [one.depth for one in found[1]] == pytest.approx([one.depth for one in found[0]], abs=1e-6)
