"""What tasks draw, measure and differentiate, apart from any solver."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from geometries.star_curve import perimeter
from mnnfem.bridge import Response
from mnnfem.shapes import ShapeMatching, fields, match, normalised, outlines, upright
from mnnfem.task import BEYOND, Rotation, Task, Translation, spread
from mnnfem.trainer import opening

NAMES = tuple(f"p{k}" for k in range(12))
SHAPES = ShapeMatching(NAMES)


def response(points: torch.Tensor, displacement: torch.Tensor) -> Response:
    """As the bridge gives it: points (n, 2) called p0, p1, ..., of which the first two are those that a rotation turns."""
    names = {**{f"p{k}": k for k in range(len(points))}, "centre": 2, "left_of_centre": 0, "right_of_centre": 1}
    return Response(displacement, (None,) * len(displacement), names, points)


def random_outline(seed: int, count: int = 12) -> torch.Tensor:
    return outlines(fields(1, torch.Generator().manual_seed(seed)).exp(), count)


def turned(outline: torch.Tensor, degrees: float) -> torch.Tensor:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return outline @ torch.tensor([[c, s], [-s, c]], dtype=torch.float64)


def brute_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Every re-indexing, each with the rotation of the singular value decomposition (Kabsch), by numpy's loops."""
    found = []
    for shift in range(len(x)):
        z = np.roll(y, -shift, axis=0)
        u, _, v = np.linalg.svd(x.T @ z)
        rotation = u @ np.diag([1.0, np.linalg.det(u @ v)]) @ v
        found.append(np.abs(x @ rotation - z).sum(axis=1).mean())
    return min(found)


def test_rotation_errors_are_those_of_complex_numbers() -> None:
    rng = np.random.default_rng(0)
    points, moved, angles = rng.normal(size=(3, 2)) * 25, rng.normal(size=(5, 3, 2)) * 10, rng.uniform(-30, 30, 5)
    expected = []
    for u, angle in zip(moved, angles, strict=True):
        place, now = points @ [1, 1j], (points + u) @ [1, 1j]
        middle = 0.5 * (place[0] + place[1])
        miss = [now[k] - middle - np.exp(1j * np.radians(angle)) * (place[k] - middle) for k in (0, 1)]
        expected.append(sum(abs(one.real) + abs(one.imag) for one in miss))
    seen = response(torch.from_numpy(points), torch.from_numpy(moved))
    errors = Rotation(-30.0, 30.0).errors(seen, torch.from_numpy(angles)[:, None])
    assert errors.numpy() == pytest.approx(expected, rel=1e-12)


def test_the_rotated_body_has_no_error() -> None:
    points = torch.tensor([[150.0, 175.0], [200.0, 175.0], [175.0, 175.0]], dtype=torch.float64)
    angles = torch.tensor([[-20.0], [0.0], [37.0]], dtype=torch.float64)
    moved = torch.stack([turned(points - points[2], float(angle)) + points[2] - points for angle in angles])
    assert Rotation(0.0, 45.0).errors(response(points, moved), angles).numpy() == pytest.approx(0.0, abs=1e-12)
    aside = moved + torch.tensor([0.5, -1.0], dtype=torch.float64)  # two points, each 0.5 and 1 mm away
    assert Rotation(0.0, 45.0).errors(response(points, aside), angles).numpy() == pytest.approx(3.0)


@pytest.mark.parametrize(("least", "most", "idle"), [(0.0, 45.0, 23.6), (-30.0, 30.0, 15.0)])
def test_doing_nothing_costs_what_the_reference_says(least: float, most: float, idle: float) -> None:
    """Mean over the angles of 2 r (1 - cos + |sin|), r = 25 mm: 23.63 and 15.05 mm."""
    top = math.radians(max(abs(least), most))
    exact = 50 * (1 - math.sin(top) / top + (1 - math.cos(top)) / top)
    assert exact == pytest.approx(idle, abs=0.06)
    points = torch.tensor([[-25.0, 0.0], [25.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    task = Rotation(least, most)
    targets = task.sample(20000, torch.Generator().manual_seed(0))
    errors = task.errors(response(points, torch.zeros(20000, 3, 2, dtype=torch.float64)), targets)
    assert float(errors.mean()) == pytest.approx(exact, rel=0.02)
    assert least <= float(targets.min()) < least + 0.1
    assert most - 0.1 < float(targets.max()) <= most
    seen = task.features(targets)
    assert (float(seen.min()), float(seen.max())) == pytest.approx((-1.0, 1.0), abs=0.01)


def test_targets_of_a_step_are_spread_over_their_range() -> None:
    places = (spread(8, 3, torch.Generator().manual_seed(1)) + BEYOND) / (1 + 2 * BEYOND)
    assert [sorted((8 * column).long().tolist()) for column in places.T] == [list(range(8))] * 3
    assert not torch.equal(*(8 * places[:, :2]).long().T)  # each axis has an order of its own
    angles = Rotation(10.0, 50.0).batch(400, torch.Generator().manual_seed(1))
    assert (float(angles.min()), float(angles.max())) == pytest.approx((10 - 40 * BEYOND, 50 + 40 * BEYOND), abs=0.2)
    assert float(angles.mean()) == pytest.approx(30.0, abs=0.1)
    task = Translation(reach=2.0)
    means = {kind: torch.stack([getattr(task, kind)(8, g).mean(dim=0) for g in generators()]) for kind in ("batch", "sample")}
    assert float(means["batch"].std()) < 0.25 * float(means["sample"].std())
    assert float(means["batch"].mean()) == pytest.approx(0.0, abs=0.02)


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(300)]


def test_shapes_of_a_step_are_pairs_of_opposites() -> None:
    task = ShapeMatching(tuple(f"p{k}" for k in range(48)))
    whole, part = (task.batch(count, torch.Generator().manual_seed(3)) for count in (4, 3))
    drawn = fields(2, torch.Generator().manual_seed(3))
    assert torch.equal(whole, outlines(torch.cat([drawn, -drawn]).exp(), 48))
    assert torch.equal(part, whole[:3])


def test_distance_of_shapes_is_that_of_every_re_indexing_tried() -> None:
    x, y = (torch.cat([random_outline(seed) for seed in seeds]) for seeds in (range(6), range(6, 12)))
    expected = [brute_distance(a, b) for a, b in zip(x.numpy(), y.numpy(), strict=True)]
    assert match(x, y).distance.numpy() == pytest.approx(expected, rel=1e-12)
    assert min(expected) > 0.05


def test_place_size_turn_and_first_point_do_not_matter_but_the_mirror_does() -> None:
    x, y = random_outline(0), random_outline(1)
    plain = float(match(x, y).distance)
    other = 30.0 * turned(x, 131.0).roll(5, dims=1) + torch.tensor([12.0, -7.0], dtype=torch.float64)
    assert float(match(normalised(other), y).distance) == pytest.approx(plain, rel=1e-10)
    assert float(match(normalised(other), x).distance) == pytest.approx(0.0, abs=1e-12)
    mirrored = (x * torch.tensor([-1.0, 1.0], dtype=torch.float64)).flip(1)
    assert float(match(mirrored, x).distance) > 0.05


def test_a_target_is_laid_on_the_outline_as_it_was_compared() -> None:
    """The size of the outline, its middle, and the least squares of the best re-indexing."""
    x, y = 40.0 * turned(random_outline(0), 70.0) + 100.0, random_outline(1)
    seen = response(torch.zeros(12, 2, dtype=torch.float64), x)
    wanted = SHAPES.wanted(seen, y)
    assert torch.allclose(wanted.mean(dim=1), x.mean(dim=1))
    assert float(match(normalised(wanted), y).distance) == pytest.approx(0.0, abs=1e-12)
    gaps = [
        float((40.0 * turned(y.roll(shift, dims=1), angle) + x.mean(dim=1) - x).square().sum())
        for shift in range(12)
        for angle in range(360)
    ]
    assert float((wanted - x).square().sum()) <= 1.05 * min(gaps)


@pytest.mark.parametrize(
    ("task", "of"),
    [
        (Translation(), "displacement"),
        (Rotation(0.0, 45.0), "displacement"),
        (Rotation(0.0, 45.0), "points"),
        (SHAPES, "displacement"),
        (SHAPES, "points"),
    ],
)
def test_gradients_of_errors_are_exact(task: Task, of: str) -> None:
    """Taylor: what is left of a step h falls as h^2; errors that are piecewise linear leave nothing."""
    rng = torch.Generator().manual_seed(3)
    points = 25.0 * random_outline(5)[0]
    base = {"points": points, "displacement": 3.0 * torch.randn(4, 12, 2, dtype=torch.float64, generator=rng)}
    targets, step = task.sample(4, rng), torch.randn(base[of].shape, dtype=torch.float64, generator=rng)

    def value(x: torch.Tensor) -> torch.Tensor:
        return task.errors(response(**{**base, of: x}), targets).sum()

    x = base[of].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(x), x)
    slope = float((gradient * step).sum())
    rest = [abs(float(value(base[of] + h * step) - value(base[of])) - h * slope) for h in (1e-3, 5e-4)]
    assert abs(slope) > 1e-3
    if task is SHAPES:
        assert math.log2(rest[0] / rest[1]) > 1.9
    else:
        assert max(rest) < 1e-11


def test_random_fields_have_the_covariance_they_should() -> None:
    many = fields(1000, torch.Generator().manual_seed(0))
    assert float(many.mean()) == pytest.approx(0.0, abs=0.08)
    for degrees in (0, 30, 60, 90, 180):
        chord = 2 * math.sin(math.radians(degrees) / 2)
        got = float((many[:, 100] * many[:, 100 + 2 * degrees]).mean())
        assert got == pytest.approx(math.exp(-(chord**2) / (2 * 0.8**2)), abs=0.12)


def test_outlines_are_even_in_arc_length_and_normalised() -> None:
    shapes = outlines(fields(50, torch.Generator().manual_seed(1)).exp(), 360)
    sides = (shapes.roll(-1, dims=1) - shapes).norm(dim=2)
    assert float((sides / sides.mean(dim=1, keepdim=True)).median()) == pytest.approx(1.0, abs=0.01)
    assert shapes.mean(dim=1).abs().max() < 1e-12
    assert shapes.square().sum(dim=2).mean(dim=1).numpy() == pytest.approx(1.0)
    around = torch.atan2(shapes[..., 1], shapes[..., 0])
    assert float(around.diff(dim=1).sin().median()) > 0  # counter-clockwise
    circle = outlines(torch.full((1, 720), 7.0, dtype=torch.float64), 48)[0]
    angle = torch.arange(48, dtype=torch.float64) * (2 * math.pi / 48)
    assert torch.allclose(circle, torch.stack([angle.cos(), angle.sin()], dim=1), atol=1e-9)


@pytest.mark.parametrize("degrees", [3.0, 90.0, 180.0, 251.0])
def test_the_network_sees_a_shape_without_its_turn_and_its_first_point(degrees: float) -> None:
    shapes = torch.cat([random_outline(seed) for seed in range(6)])
    other = turned(shapes, degrees).roll(17, dims=1).contiguous()
    assert SHAPES.features(other).numpy() == pytest.approx(SHAPES.features(shapes).numpy(), abs=1e-12)
    seen = upright(shapes)
    dense = [torch.view_as_complex(one).numpy() for one in (seen.contiguous(), shapes)]
    powers = [np.abs(np.fft.fft(one, axis=1)) for one in dense]
    assert powers[0] == pytest.approx(powers[1], abs=1e-12)  # the same curve
    assert float((SHAPES.features(shapes[:3]) - SHAPES.features(shapes[3:])).abs().max()) > 0.1


def test_what_is_seen_of_a_shape_is_alike_in_size() -> None:
    """All but the imaginary parts of c_1 and c_-1, which are 0 by how an outline is laid, and the smallest coefficients."""
    task = ShapeMatching(tuple(f"p{k}" for k in range(48)))
    seen = task.features(task.sample(300, torch.Generator().manual_seed(11)))
    assert seen.shape == (300, task.inputs)
    spread = seen.std(dim=0)
    assert float(spread.max()) < 1.6
    assert int((spread > 0.6).sum()) >= 30
    assert int((spread < 1e-9).sum()) == 2


def test_an_upright_ellipse_lies_along_x_and_begins_at_its_end() -> None:
    angle = torch.arange(48, dtype=torch.float64) * (2 * math.pi / 48)
    pointed = torch.stack([2 * angle.cos() + 0.2 * (2 * angle).cos(), angle.sin()], dim=1)[None]
    assert upright(turned(pointed, 77.0).roll(9, dims=1).contiguous()).numpy() == pytest.approx(pointed.numpy(), abs=1e-12)


def test_doing_nothing_costs_what_the_shapes_of_the_reference_cost() -> None:
    """The start pore against targets: 0.353, standard deviation 0.111 measured; the reference says 0.346 and 0.109.

    Two random targets: 0.213 here; the reference, whose random numbers are not known, says 0.244.
    """
    task = ShapeMatching(tuple(f"p{k}" for k in range(48)))
    targets = task.sample(1000, torch.Generator().manual_seed(2))
    controls = 0.8 * perimeter(150.0, 48)
    pore = torch.from_numpy((np.roll(controls, 1, 0) + 6 * controls + np.roll(controls, -1, 0)) / 8)
    errors = task.errors(response(pore, torch.zeros(1000, 48, 2, dtype=torch.float64)), targets)
    assert float(errors.mean()) == pytest.approx(0.353, abs=0.012)
    assert float(errors.std()) == pytest.approx(0.111, abs=0.01)
    assert float(match(targets[:500], targets[500:]).distance.mean()) == pytest.approx(0.213, abs=0.012)


def test_a_tour_of_shapes_is_closed_and_smooth() -> None:
    tour = SHAPES.tour(48, torch.Generator().manual_seed(0))
    steps = (tour.roll(-1, dims=0) - tour).norm(dim=2).mean(dim=1)
    assert float(steps.max()) < 0.3
    assert float(match(tour[:24], tour[24:]).distance.max()) > 0.1


def test_the_controls_open_over_the_ramp() -> None:
    assert [opening(k, 0.2 * 20) for k in (0, 1, 2, 4, 19)] == pytest.approx([0.4, 0.55, 0.7, 1.0, 1.0])
    assert opening(0, 0.0) == 1.0
