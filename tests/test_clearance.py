"""Walls that come near each other across a void: which count, how much, and the gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mnnfem.clearance import facing_points
from mnnfem.course import course_of
from mnnfem.mesh import Mesh
from mnnfem.penalty import CREASE, overlap_penalty
from mnnfem.walls import walls_of
from tests.test_contact import frame, sines


def penalty(mesh: Mesh, moved: np.ndarray, clearance: float, share: float = CREASE) -> float:
    displacement = torch.from_numpy(moved - mesh.points)[None]
    return overlap_penalty(mesh, torch.from_numpy(mesh.points), displacement, clearance, crease=share).item()


def squeezed(mesh: Mesh, low: float, high: float, height: float) -> np.ndarray:
    """Points where all that lies between two heights has been pressed to another height."""
    moved = mesh.points.copy()
    share = np.clip((moved[:, 1] - low) / (high - low), 0, 1)
    moved[:, 1] += share * (height - (high - low))
    return moved


def crease(height: float, pressed: float, clearance: float) -> float:
    """What the sides of void and body cost, of a height mm at rest and pressed to a share of it."""
    return 4 * height * (4 * clearance * max(0.0, 0.6 - pressed)) ** 2


@pytest.mark.parametrize("gap", [0.3, 0.9, 1.4])
def test_two_flat_walls_cost_what_they_lack_of_the_clearance(gap: float) -> None:
    """A void of 20 mm x 4 mm whose upper wall has come down to `gap` above the lower one."""
    mesh = frame(2, (6, 10))
    moved = squeezed(mesh, 6, 10, gap)
    lacking = max(0.0, 1.2 - gap)
    sides = crease(4.0, gap / 4, 1.2)
    assert penalty(mesh, moved, 1.2) - sides == pytest.approx(2 * 20 * lacking**2, rel=0.06, abs=0.7)  # both walls; and corners
    assert penalty(mesh, moved, 0.0) == 0.0


def test_a_void_that_was_made_narrow_may_stay_so() -> None:
    mesh = frame(2, (6, 7))
    assert penalty(mesh, mesh.points, 5.0) == 0.0
    assert penalty(mesh, squeezed(mesh, 6, 7, 0.65), 5.0) == 0.0
    pressed = penalty(mesh, squeezed(mesh, 6, 7, 0.2), 5.0) - crease(1.0, 0.2, 5.0)
    assert pressed == pytest.approx(2 * 20 * 0.3**2, rel=0.06)


def test_walls_pressed_shorter_than_they_bear_cost_what_they_lack() -> None:
    """A block pressed to 0.5 all over, far from any other wall: two sides and nothing else."""
    mesh = frame(1, (6, 10))
    moved = mesh.points * [1.0, 0.5]
    height = float(np.ptp(mesh.points[:, 1]))
    assert penalty(mesh, moved, 1.0) == pytest.approx(2 * (height + 4.0) * (4 * 0.1) ** 2, rel=1e-9)
    less = mesh.points * [1.0, 0.61]
    assert penalty(mesh, less, 1.0) == 0.0
    assert penalty(mesh, less, 1.0, 0.7) == pytest.approx(2 * (height + 4.0) * (4 * 0.09) ** 2, rel=1e-9)


def test_a_corner_of_a_void_that_closes_costs_what_it_lacks_of_half_its_angle() -> None:
    """Of a rectangular void that is sheared two corners close and two open; edges are 1 mm long."""
    mesh = frame(1, (6, 10))
    for shear in (0.9, 2.0):
        lacking = np.pi / 4 - np.arctan(1 / shear)
        moved = mesh.points @ np.array([[1.0, 0.0], [shear, 1.0]])
        assert penalty(mesh, moved, 0.1) == pytest.approx(2 * (4 * 0.1 * max(0.0, lacking)) ** 2, rel=1e-9)


def test_walls_on_two_sides_of_a_ligament_do_not_face_each_other() -> None:
    """Between the voids 1 mm of material is left, pressed to two thirds of that."""
    mesh = frame(2, (3, 7), (8, 12))
    moved = squeezed(mesh, 7, 8, 0.65)
    near = facing_points(course_of(walls_of(mesh), moved), 1.5)
    assert np.array_equal(walls_of(mesh).loop[near.rows], walls_of(mesh).loop[near.edges])
    assert penalty(mesh, moved, 1.5) == 0.0


def test_depth_counts_beyond_the_clearance() -> None:
    """The same bulges 0.3 mm apart and 0.3 mm deep: the penalty goes on through the touch without a jump."""
    costs = [penalty(*sines(2, depth), 1.0) for depth in (-0.02, -0.01, 0.01, 0.02)]
    assert np.diff(costs) == pytest.approx(np.full(3, np.diff(costs).mean()), rel=0.6)
    assert np.all(np.diff(costs) > 0)
    near = facing_points(course_of(walls_of(sines(2, 0.3)[0]), sines(2, 0.3)[1]), 1.0)
    assert near.depth.max() == pytest.approx(0.3, rel=0.05)
    assert near.depth.min() < -0.5
    assert len(np.unique(near.rows)) == len(near.rows)


@pytest.mark.parametrize(("pressed", "shear"), [(1.0, 0.0), (0.5, 0.0), (1.0, 2.0)])
@pytest.mark.parametrize("depth", [-0.3, 0.3])
def test_the_gradient_is_exact_in_design_and_displacement(depth: float, pressed: float, shear: float) -> None:
    """Taylor: what is left after the gradient falls with the square of the step."""
    mesh, moved = sines(1, depth)
    moved = moved @ np.array([[pressed, 0.0], [shear, 1.0]])  # along the walls
    rng = np.random.default_rng(3)
    inputs = [torch.from_numpy(mesh.points.copy()), torch.from_numpy(moved - mesh.points)]
    inputs = [(one + 0.003 * torch.from_numpy(rng.normal(size=one.shape))).requires_grad_() for one in inputs]

    def value(points: torch.Tensor, displacement: torch.Tensor) -> torch.Tensor:
        return overlap_penalty(mesh, points, displacement[None], 2.5).sum()

    value(*inputs).backward()
    steps = np.array([1e-4, 5e-5, 2.5e-5])
    for k in (0, 1):
        direction = torch.from_numpy(rng.normal(size=moved.shape))
        slope = (inputs[k].grad * direction).sum().item()
        assert slope != 0.0

        def along(step: float, k: int = k, direction: torch.Tensor = direction) -> float:
            with torch.no_grad():
                return value(*(one + step * direction if n == k else one for n, one in enumerate(inputs))).item()

        left = [abs(along(step) - along(0.0) - step * slope) for step in steps]
        assert (np.diff(np.log(left)) / np.diff(np.log(steps))).min() > 1.9
        assert slope == pytest.approx((along(1e-6) - along(-1e-6)) / 2e-6, rel=1e-6)
