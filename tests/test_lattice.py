"""Thickened graphs against closed forms and shapely's buffers."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import torch

from mnnfem.errors import InputError
from mnnfem.lattice.graph import Graph
from mnnfem.lattice.outlines import Lattice, lattice_of
from mnnfem.lattice.sectors import angles

HIGH = 10 * np.sqrt(3)  # altitude of a triangle of 20 mm
JOINTS = np.array([[0, 0], [20, 0], [40, 0], [10, HIGH], [30, HIGH], [0, 2 * HIGH], [20, 2 * HIGH], [40, 2 * HIGH], [50, HIGH]])
BARS = np.array(
    [[0, 1], [1, 2], [0, 3], [1, 3], [1, 4], [2, 4], [3, 4], [3, 5], [3, 6], [4, 6], [4, 7], [5, 6], [6, 7], [4, 8]]
)


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Six triangles and a bar that dangles."""
    return Graph(JOINTS, BARS)


def polygon(lattice: Lattice, points: torch.Tensor) -> shapely.Polygon:
    at = points.detach().numpy()
    return shapely.Polygon(at[lattice.loops[0]], [at[loop] for loop in lattice.loops[1:]])


def at(lattice: Lattice, widths: np.ndarray, discs: np.ndarray | None = None) -> torch.Tensor:
    return lattice.points(
        torch.tensor(lattice.graph.joints), torch.tensor(widths), None if discs is None else torch.tensor(discs)
    )


def area(lattice: Lattice, points: torch.Tensor) -> torch.Tensor:
    start, end = (points[torch.from_numpy(lattice.edges[:, k])] for k in (0, 1))
    return 0.5 * (start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]).sum()


def taylor_order(function, design: torch.Tensor, seed: int, step: float = 1e-3) -> float:
    """Order in h of f(x + h d) - f(x) - h f'(x) d, of a scalar function along a random direction."""
    x = design.clone().requires_grad_()
    (slope,) = torch.autograd.grad(function(x), x)
    direction = torch.from_numpy(np.random.default_rng(seed).normal(size=tuple(design.shape)))
    rests = [
        abs(float(function(design + h * direction) - function(design) - h * (slope * direction).sum()))
        for h in (step, step / 2)
    ]
    return float(np.log2(rests[0] / rests[1]))


def test_a_lattice_is_one_polygon_with_a_hole_for_each_cycle(graph: Graph) -> None:
    """Euler: b - j + 1 holes; the outline counter-clockwise, holes clockwise; as many points for any widths."""
    lattice = lattice_of(graph, np.full(len(BARS), 2.0))
    assert len(lattice.loops) == len(BARS) - len(JOINTS) + 2
    for seed in range(5):
        points = at(lattice, np.random.default_rng(seed).uniform(1.0, 5.0, len(BARS)))
        assert polygon(lattice, points).is_valid
        turns = [shapely.LinearRing(points[loop].numpy()).is_ccw for loop in lattice.loops]
        assert turns == [True] + [False] * 6


def test_equal_widths_are_shapelys_buffers(graph: Graph) -> None:
    """Bars, and pairs of neighbours about outer corners, buffered with mitres up to 276 degrees and bevels beyond."""
    width = 3.0
    lattice = lattice_of(graph, np.full(len(BARS), width))
    parts = [shapely.LineString(JOINTS[bar]).buffer(width / 2, cap_style="flat") for bar in BARS]
    for half, before in enumerate(lattice.sectors.before):
        heads = lattice.sectors.tail[[half ^ 1, before ^ 1]]
        corner = shapely.LineString(JOINTS[[heads[0], lattice.sectors.tail[half], heads[1]]])
        theta = np.degrees(angles(graph)[half])
        if 181 < theta < 359:
            join = "mitre" if theta < 276 else "bevel"
            parts.append(corner.buffer(width / 2, cap_style="flat", join_style=join, mitre_limit=10))
    mine = polygon(lattice, at(lattice, np.full(len(BARS), width)))
    assert mine.symmetric_difference(shapely.union_all(parts)).area < 1e-9 * mine.area


def test_voids_of_unequal_bars_have_their_closed_form(graph: Graph) -> None:
    """In an equilateral triangle the distances from the sides sum to its altitude H: void = (H - sum w / 2)^2 / sqrt 3."""
    widths = np.random.default_rng(3).uniform(1.0, 5.0, len(BARS))
    lattice = lattice_of(graph, widths)
    points = at(lattice, widths).numpy()
    for loop in lattice.loops[1:]:
        bars = np.unique(lattice.bar[loop])
        assert len(bars) == 3
        expected = (HIGH - widths[bars].sum() / 2) ** 2 / np.sqrt(3)
        assert shapely.Polygon(points[loop]).area == pytest.approx(expected, rel=1e-12)


def test_fillets_fill_corners_by_their_closed_form(graph: Graph) -> None:
    """Each corner of 60 degrees gains r^2 (cot 30 - n / 2 sin(120 / n)), n the arc's edges; arcs are tangent to the sides."""
    radius, widths = 1.5, np.random.default_rng(3).uniform(1.0, 4.0, len(BARS))
    sharp, round_ = lattice_of(graph, widths), lattice_of(graph, widths, fillet=radius)
    n = round_.sectors.edges.max()
    gain = 3 * radius**2 * (np.sqrt(3) - n / 2 * np.sin(np.radians(120 / n)))
    pairs = zip(sharp.loops[1:], round_.loops[1:], strict=True)
    a, b = at(sharp, widths).numpy(), at(round_, widths).numpy()
    for one, other in pairs:
        assert shapely.Polygon(a[one]).area - shapely.Polygon(b[other]).area == pytest.approx(gain, rel=1e-9)


def test_collinear_bars_of_unequal_widths_are_joined_by_a_taper() -> None:
    """A row of two bars, 2 and 4 mm: 20 (2 + 4), and the taper of 2 x 1.5 mm moves nothing but 1.5 mm to either side."""
    lattice = lattice_of(Graph(np.array([[0.0, 0], [20, 0], [40, 0]]), np.array([[0, 1], [1, 2]])), np.array([2.0, 4.0]), 3)
    body = polygon(lattice, at(lattice, np.array([2.0, 4.0])))
    assert body.area == pytest.approx(120.0)
    assert body.bounds == (0.0, -2.0, 40.0, 2.0)
    assert len(lattice.loops) == 1


def test_bars_may_reach_farther_on_one_side(graph: Graph) -> None:
    """A plate under the bottom row: widths (b, 2) are what lies left and right of a bar."""
    both = np.full((len(BARS), 2), 1.0)
    both[:2, 1] = 6.0
    lattice = lattice_of(graph, both)
    body = polygon(lattice, at(lattice, both))
    assert body.bounds[1] == pytest.approx(-6.0)
    assert lattice.facet([0, 1, 2]).shape == (4 + 4 + 1, 2)
    plain = polygon(lattice, at(lattice, np.full(len(BARS), 2.0)))
    assert [ring.length for ring in body.interiors] == pytest.approx([ring.length for ring in plain.interiors])


def test_discs_are_round_and_bars_end_on_them(graph: Graph) -> None:
    radii, widths = np.linspace(4.0, 5.5, len(JOINTS)), np.full(len(BARS), 2.0)
    lattice = lattice_of(graph, widths, discs=radii)
    points = at(lattice, widths, radii).numpy()
    assert polygon(lattice, torch.from_numpy(points)).is_valid
    around = lattice.sectors.tail[lattice.of]
    away = np.linalg.norm(points - JOINTS[around], axis=1)
    assert away[~lattice.aside] == pytest.approx(radii[around][~lattice.aside])


@pytest.mark.parametrize("discs", [False, True])
def test_points_and_area_have_their_gradients(graph: Graph, discs: bool) -> None:
    """In joints, widths and discs at once; a tangent bar (l = R) among them."""
    rng = np.random.default_rng(0)
    widths = rng.uniform(0.5, 1.8, (len(BARS), 2))
    radii = np.full(len(JOINTS), 5.0)
    lattice = lattice_of(graph, widths, fillet=0.0 if discs else 0.7, discs=radii if discs else None)
    weights = torch.from_numpy(rng.normal(size=(len(lattice.of), 2)))
    start = torch.from_numpy(np.concatenate([JOINTS.ravel(), widths.ravel(), radii]))
    j, b = JOINTS.size, widths.size

    def points(x: torch.Tensor) -> torch.Tensor:
        return lattice.points(x[:j].reshape(-1, 2), x[j : j + b].reshape(-1, 2), x[j + b :] if discs else None)

    assert taylor_order(lambda x: (weights * points(x)).sum(), start, 1) > 1.9
    assert taylor_order(lambda x: area(lattice, points(x)) ** 2, start, 2) > 1.9


def test_a_tangent_bar_keeps_a_finite_gradient() -> None:
    """Bars flush with the rim of discs r: sides at r and r - w, whose ends on the rim are at 0 and sqrt(w (2 r - w))."""
    r, w = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (4.0, 1.0))
    joints = torch.tensor([[0.0, 0.0], [20.0, 0.0]], dtype=torch.float64)
    widths = torch.stack([r, -(r - w)])[None]
    graph = Graph(joints.numpy(), np.array([[0, 1]]))
    lattice = lattice_of(graph, widths.detach().numpy(), 2, discs=np.full(2, 4.0))
    points = lattice.points(joints, widths, r.expand(2))
    assert points[:, 1].max().item() == pytest.approx(4.0)
    n = int(lattice.sectors.edges[0])
    whole = 2 * np.pi - np.arccos(0.75)  # the rim of each disc that stays free
    discs = 2 * (n / 2 * 16 * np.sin(whole / n))
    bar = 20 * 1.0 - 2 * 0.5 * np.sqrt(7.0) * 1.0
    corner = 2 * 0.5 * 4.0 * np.sqrt(7.0)  # each disc's triangle centre, (0, 4), (sqrt 7, 3)
    assert area(lattice, points).item() == pytest.approx(discs + bar + corner, rel=1e-12)
    slopes = torch.autograd.grad(area(lattice, points), (r, w))
    assert all(torch.isfinite(slope) for slope in slopes)


def test_a_bar_that_is_too_wide_is_named_with_its_largest_width(graph: Graph) -> None:
    widths = np.full(len(BARS), 2.0)
    lattice = lattice_of(graph, widths)
    widths[4] = 33.0
    with pytest.raises(InputError, match=rf"Bar 4 \(joints 1 and 4\) is 33 mm wide.*may be {2 * HIGH - 4:.3f}"[:-1]):
        at(lattice, widths)
    with pytest.raises(InputError, match=r"run into each other.*Widths of 88.8 % of all"):
        at(lattice, np.full(len(BARS), 13.0))


def test_arms_that_reach_each_other_across_a_void_are_named() -> None:
    """No corner has passed here: two dangling ends, 4 mm apart, grow into each other's sides."""
    joints = np.array([[0.0, 0], [30, 0], [30, 4], [0, 4.0]])
    graph = Graph(np.vstack([joints, [[-10, 2.0]]]), np.array([[0, 1], [3, 2], [4, 0], [4, 3]]))
    lattice = lattice_of(graph, np.ones(4))
    with pytest.raises(InputError, match=r"Bar . \(joints .*\) is .* mm wide|run into each other"):
        at(lattice, np.array([5.0, 5.0, 1.0, 1.0]))


@pytest.mark.parametrize(
    ("joints", "bars", "says"),
    [
        ([[0, 0], [1, 1], [1, 0], [0, 1]], [[0, 1], [1, 2], [2, 3]], r"Bar 0 .* and bar 2 .* cross or touch at \(0.5, 0.5\)"),
        ([[0, 0], [2, 0], [1, 0], [1, 1]], [[0, 1], [2, 3], [3, 0]], r"cross or touch at \(1, 0\)"),
        ([[0, 0], [2, 0], [1, 0]], [[0, 1], [0, 2]], "cross or touch"),
        ([[0, 0], [2, 0], [2, 0]], [[0, 1], [0, 2]], "Joints 1 and 2 lie on top of each other"),
        ([[0, 0], [2, 0], [3, 0]], [[0, 1]], "joint 2 is not reached"),
        ([[0, 0], [2, 0]], [[0, 1], [1, 1]], "Bar 1 links joint 1 to itself"),
        ([[0, 0], [2, 0]], [[0, 2]], "joints 0 to 1"),
    ],
)
def test_bad_graphs_are_refused(joints: list[list[float]], bars: list[list[int]], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Graph(np.array(joints, dtype=float), np.array(bars))


def test_joints_that_move_too_far_are_refused(graph: Graph) -> None:
    lattice = lattice_of(graph, np.ones(len(BARS)))
    crossed = JOINTS.copy()
    crossed[4] = [5.0, 3.0]
    with pytest.raises(InputError, match=r"cross or touch"):
        lattice.points(torch.from_numpy(crossed), torch.ones(len(BARS), dtype=torch.float64))
    swung = JOINTS.copy()
    swung[8] = [27.0, 30.0]  # from beside joint 4 into the triangle above it
    assert not lattice.sound(torch.from_numpy(swung), torch.ones(len(BARS), dtype=torch.float64))
    with pytest.raises(InputError, match=r"changed their order around joint 4"):
        lattice.points(torch.from_numpy(swung), torch.ones(len(BARS), dtype=torch.float64))


def test_outer_corners_of_a_square_frame_are_mitred() -> None:
    """270 degrees is not too sharp: (L + w)^2 - (L - w)^2, with an outline of four corners."""
    joints = np.array([[0.0, 0], [20, 0], [20, 20], [0, 20]])
    lattice = lattice_of(Graph(joints, np.array([[0, 1], [1, 2], [2, 3], [3, 0]])), np.full(4, 3.0))
    body = polygon(lattice, at(lattice, np.full(4, 3.0)))
    assert body.area == pytest.approx(23.0**2 - 17.0**2)
    assert body.bounds == pytest.approx((-1.5, -1.5, 21.5, 21.5))


def test_of_several_bars_that_could_be_thinner_the_widest_is_named() -> None:
    """Half-widths must sum to less than the altitude: 20, 18 and 2 mm do not, so the first may be 2 (H - 9 - 1)."""
    triangle = Graph(JOINTS[[0, 1, 3]], np.array([[0, 1], [1, 2], [2, 0]]))
    lattice = lattice_of(triangle, np.ones(3))
    for order in ([0, 1, 2], [1, 2, 0], [2, 0, 1]):
        widths = np.array([20.0, 18.0, 2.0])[order]
        with pytest.raises(InputError, match=rf"Bar {widths.argmax()} .* is 20 mm wide.*may be {2 * HIGH - 20:.3f}"[:-1]):
            at(lattice, widths)
