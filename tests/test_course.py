"""The course of curved walls: chords near enough to quadratic edges, and overlaps that exist only in their bulge."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import torch

from mnnfem.body import Body
from mnnfem.contact import overlaps
from mnnfem.course import COARSE, FINE, course_of
from mnnfem.equilibrium import Solution
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from mnnfem.walls import Walls, walls_of
from tests.test_contact import frame, lowered, pinched, sines

LAW = NeoHookean()


def curved(body: Body, solution: Solution) -> tuple[np.ndarray, np.ndarray]:
    """Deformed points of the mesh, and the middles of its boundary edges."""
    edges, dofs = walls_of(body.solid.mesh).edges, body.solid.dofs
    middles = solution.points[edges].mean(axis=1) + dofs.at_edges(solution.displacement, edges)
    return solution.points + dofs.at_points(solution.displacement), middles


def parabolas(walls: Walls, deformed: np.ndarray, middles: np.ndarray, pieces: int) -> np.ndarray:
    """Points (k, pieces) of the edges as x + i y, each from its vertex there on, by the three shape functions."""
    t = np.arange(pieces) / pieces
    start, end = np.moveaxis(deformed[walls.edges], 1, 0) @ [1, 1j]
    return (
        start[:, None] * (1 - t) * (1 - 2 * t) + (middles @ [1, 1j])[:, None] * 4 * t * (1 - t) + end[:, None] * t * (2 * t - 1)
    )


def crosses(walls: Walls, deformed: np.ndarray, middles: np.ndarray) -> bool:
    """Whether the walls cross, each edge as 32 pieces."""
    z = parabolas(walls, deformed, middles, 32)
    rings = [z[walls.loop == loop].ravel() for loop in range(walls.loop[-1] + 1)]
    lines = shapely.multilinestrings([shapely.linearrings(ring.real, ring.imag) for ring in rings])
    return not shapely.is_simple(lines)


@pytest.mark.parametrize("depth", [-0.02, -1e-3, 1e-3, 0.02])
def test_edges_that_meet_in_their_bulge_only(depth: float) -> None:
    """The walls of a slot, pressed to a gap of 0.1 mm: of one edge each the middle has moved on, the vertices are apart."""
    mesh = frame(1, (6.0, 10.0))
    walls, pressed = walls_of(mesh), lowered(mesh, 10.0, 3.9)
    x, y = (middles := pressed[walls.edges].mean(axis=1)).T
    moved = (x == 19.5) & (y >= 6) & (y < 7)
    assert moved.sum() == 2
    middles[moved, 1] += np.where(y[moved] == 6, 1, -1) * (0.05 + depth / 2)
    found = overlaps(mesh, pressed, middles)
    assert overlaps(mesh, pressed) == ()
    assert len(found) == (depth > 0)
    if found:
        assert found[0].depth == pytest.approx(depth, abs=0.1 * depth)
        assert found[0].at == pytest.approx((19.5, 6.05), abs=0.06)
        assert mesh.points[found[0].vertex, 0] in (19, 20)
        assert found[0].vertex in mesh.loops()[found[0].loop]


@pytest.mark.parametrize("chord", [COARSE, FINE])
def test_no_curve_leaves_its_chords_by_more_than_is_said(chord: float) -> None:
    """Bulges from nothing to as long as an edge."""
    mesh, moved = sines(1, -1.0)
    walls, rng = walls_of(mesh), np.random.default_rng(0)
    straight = moved[walls.edges].mean(axis=1)
    middles = straight + rng.normal(size=straight.shape) * rng.choice([0, 1e-4, 0.01, 1], size=(len(straight), 1))
    course = course_of(walls, moved, middles, chord)
    z, away = parabolas(walls, moved, middles, 3000), []
    for edge in range(len(z)):
        points = course.z[np.append(np.flatnonzero(course.edge == edge), course.after[course.edge == edge][-1])]
        line = shapely.linestrings(points.real, points.imag)
        away.append(shapely.distance(shapely.points(z[edge].real, z[edge].imag), line).max())
    assert max(away) <= chord * walls.size
    assert max(away) > 0.3 * chord * walls.size
    assert np.array_equal(walls.vertex[course.edge[course.share == 0]], walls.vertex)
    for same in (course_of(walls, moved), course_of(walls, moved, straight)):
        assert np.array_equal(same.z, walls.at(moved))
        assert np.array_equal(same.after, walls.after)
        assert np.array_equal(same.before, walls.before)
        assert same.angles == pytest.approx(walls.angles(moved))


def test_the_material_has_an_angle_of_pi_on_a_smooth_curve() -> None:
    """A disk's edges bulge to its circle: at all points, vertices included, but for the turn of a chord."""
    mesh = pinched(0.5, 48)[0]
    walls = walls_of(mesh)
    middles = mesh.points[walls.edges].mean(axis=1)
    radius = np.linalg.norm(mesh.points[walls.vertex], axis=1)[:, None]
    course = course_of(walls, mesh.points, middles / np.linalg.norm(middles, axis=1)[:, None] * radius, COARSE)
    assert len(course.z) > 2 * len(walls.vertex)
    assert course.angles == pytest.approx(np.pi, abs=2 * np.pi / 48)
    assert walls.angles(mesh.points).max() > np.pi + 0.9 * 2 * np.pi / 48
    assert not course.crossed


@pytest.mark.parametrize(("seed", "controls"), [(2, (23.0, -8.0)), (25, (-5.0, -31.0)), (0, (15.0, 5.0))])
def test_states_whose_walls_cross_in_the_bulge_only_are_found(panel: Geometry, body: Body, seed: int, controls) -> None:
    radii = np.random.default_rng(seed).uniform(0.5, 0.9, len(panel.parameters))
    solution = body.solve(panel.points(torch.from_numpy(radii)).numpy(), np.array(controls), LAW.values)
    deformed, middles = curved(body, solution)
    assert bool(solution.record.overlaps) == crosses(walls_of(panel.mesh), deformed, middles) == (seed > 0)
    assert overlaps(panel.mesh, deformed) == ()
