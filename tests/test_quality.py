"""Quality of single elements of known shape, and of meshes against their definition."""

from __future__ import annotations

import numpy as np
import pytest

from geometries.extruded import extruded
from mnnfem.mesh import Floats
from mnnfem.quality import least_angles, mean_ratios, measure_ratios
from tests.conftest import as_geometry, strip

TRIANGLE: Floats = np.array([[0, 0], [1, 0], [0.5, np.sqrt(0.75)]])
REGULAR: Floats = np.array([[1.0, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]])
ONE, TWO = np.array([[0, 1, 2]]), np.array([[0, 1, 2, 3]])


def turned(points: Floats, seed: int = 0) -> Floats:
    """Turned about, moved and enlarged: no figure here may change."""
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(points.shape[1],) * 2))[0]
    turn[0] *= np.sign(np.linalg.det(turn))
    return 3.7 * points @ turn.T + 5.0


@pytest.mark.parametrize(("points", "cells", "angle"), [(TRIANGLE, ONE, 60.0), (REGULAR, TWO, 70.528779)])
def test_a_regular_simplex_has_quality_one(points: Floats, cells: np.ndarray, angle: float) -> None:
    assert mean_ratios(turned(points), cells) == pytest.approx(1.0)
    assert least_angles(turned(points), cells) == pytest.approx(angle, rel=1e-6)


def test_right_angled_simplices() -> None:
    """Sides 1, 1, sqrt 2: sqrt(3) / 2. A cube's corner: 12 / 9 of the cube root of 1 / 4; dihedral angles 90 and 54.7356."""
    corner = turned(np.vstack([np.zeros(3), np.eye(3)]))
    assert mean_ratios(np.array([[0.0, 0], [1, 0], [0, 1]]), ONE) == pytest.approx(np.sqrt(3) / 2)
    assert mean_ratios(corner, TWO) == pytest.approx(12 * 0.5 ** (2 / 3) / 9)
    assert least_angles(corner, TWO) == pytest.approx(np.degrees(np.arctan(np.sqrt(2))))


@pytest.mark.parametrize("dim", [2, 3])
def test_mean_ratio_is_that_of_the_map_from_the_regular_simplex(dim: int) -> None:
    """d det(S)^(2/d) / |S|^2, S the map from a regular simplex."""
    regular, cells = (TRIANGLE, ONE) if dim == 2 else (REGULAR, TWO)
    for seed in range(5):
        points = np.random.default_rng(seed).normal(size=(dim + 1, dim))
        s = (points[1:] - points[0]).T @ np.linalg.inv((regular[1:] - regular[0]).T)
        det = np.linalg.det(s)
        expected = np.sign(det) * dim * abs(det) ** (2 / dim) / (s**2).sum()
        assert mean_ratios(points, cells) == pytest.approx(expected)


@pytest.mark.parametrize("dim", [2, 3])
def test_flat_and_inverted_elements(dim: int) -> None:
    regular, cells = (TRIANGLE, ONE) if dim == 2 else (REGULAR, TWO)
    flat = regular * np.array([1.0] * (dim - 1) + [0.0])
    mirrored = regular * np.array([1.0] * (dim - 1) + [-1.0])
    assert mean_ratios(flat, cells) == pytest.approx(0.0, abs=1e-8)
    assert mean_ratios(mirrored, cells) == pytest.approx(-1.0)
    assert least_angles(mirrored, cells)[0] < 0
    assert mean_ratios(np.zeros((dim + 1, dim)), cells) == 0.0


def test_change_of_measure_is_the_determinant() -> None:
    for mesh in (strip(4.0, 2.0, 2, 2), extruded(as_geometry(strip(4.0, 2.0, 2, 2)), 3.0, 2).mesh):
        gradient = np.eye(mesh.dim) + 0.2 * np.random.default_rng(0).normal(size=(mesh.dim, mesh.dim))
        assert measure_ratios(mesh, mesh.points @ gradient.T) == pytest.approx(np.linalg.det(gradient))
