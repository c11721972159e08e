"""The star pore as a curve: a closed quadratic B-spline, and the places (t, s) between it and its cell's edge."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from mnnfem.geometry import Linear
from mnnfem.mesh import Floats, Mask

CONTROL_POINTS = 16
QUARTERS = CONTROL_POINTS // 4
KNOTS: Floats = np.arange(CONTROL_POINTS, dtype=np.float64)
# r_k / rho of the roundest pore at a corner, a quarter and the middle of each side: least largest |P(t)| - rho.
ROUND: Floats = np.array([1.42531, 1.82519, 2.06395])


def perimeter(cell: float) -> Floats:
    """E_k, (16, 2) mm: even points of the square's perimeter about its centre, from the lower left, counter-clockwise."""
    side = np.linspace(-0.5, 0.5, QUARTERS, endpoint=False) * cell
    half = np.full(QUARTERS, cell / 2)
    return np.concatenate([np.stack(p, 1) for p in ((side, -half), (half, side), (-side, half), (-half, -side))])


def spline_weights(t: Floats) -> Floats:
    """Weights b_k(t), (len(t), 16), of the closed uniform quadratic B-spline; control point k is felt most at t = k."""
    nearest = np.floor(t + 0.5)
    u = t + 0.5 - nearest
    weights = np.zeros((len(t), CONTROL_POINTS))
    values = (0.5 * (1 - u) ** 2, 0.5 + u - u**2, 0.5 * u**2)
    for shift, value in zip((-1, 0, 1), values, strict=True):
        weights[np.arange(len(t)), (nearest.astype(int) + shift) % CONTROL_POINTS] += value
    return weights


def pore_at(t: Floats, edge: Floats, radii: Floats) -> Floats:
    """P(t), (len(t), 2) mm about the cell's centre, of the pore with these radii, (16,)."""
    at: Floats = (radii * spline_weights(t)) @ edge
    return at


def round_radii(rho: float) -> Floats:
    """Radii r_k, (16,), of one pore as round as these splines can be; `rho` is its radius over the cell's side.

    |P(t)| is within 0.22 % of `rho` everywhere (the circle's own radii rho cell / |E_k| are 2.7 % out). The
    largest of them is 2.06 rho: bounds of 0.9 allow pores up to rho = 0.436.
    """
    radii: Floats = rho * np.tile(ROUND[[0, 1, 2, 1]], 4)
    return radii


def perimeter_at(t: Floats, edge: Floats) -> Floats:
    """E(t), (len(t), 2): the straight-sided perimeter through the points E_k."""
    k = np.floor(t)
    u = (t - k)[:, None]
    k = k.astype(int)
    at: Floats = (1 - u) * edge[k % CONTROL_POINTS] + u * edge[(k + 1) % CONTROL_POINTS]
    return at


def blended(points: Floats, on_pore: Mask, porous: list[tuple[int, int]], cell: float, edge: Floats, radii: Floats) -> Linear:
    """The linear motion of 16 radii per pore, from the node positions at `radii`, (pores, 16)."""
    origin = points.copy()
    matrix = sp.lil_matrix((2 * len(points), radii.size))
    for number, (i, j) in enumerate(porous):
        centre = np.array([i + 0.5, j + 0.5]) * cell
        local = points - centre
        inside = np.flatnonzero(np.abs(local).max(axis=1) < cell / 2 * (1 - 1e-9))
        t, s = places(local[inside], edge, radii[number])
        s[on_pore[inside]] = 0.0
        origin[inside] = centre + s[:, None] * perimeter_at(t, edge)
        weights = (1 - s)[:, None] * spline_weights(t)
        columns = slice(number * CONTROL_POINTS, (number + 1) * CONTROL_POINTS)
        for d in (0, 1):
            matrix[2 * inside + d, columns] = weights * edge[:, d]
    return Linear(origin, matrix.tocsr())


def places(local: Floats, edge: Floats, radii: Floats) -> tuple[Floats, Floats]:
    """(t, s) of points given about the cell's centre, by bisection on the blending ray through each."""
    reach = np.abs(local).max(axis=1)
    shadow = local / reach[:, None] * np.abs(edge).max()
    knot = np.argmin(np.linalg.norm(shadow[:, None] - edge[None], axis=2), axis=1).astype(float)

    def offset(t: Floats) -> Floats:
        pore = pore_at(t, edge, radii)
        ray, out = perimeter_at(t, edge) - pore, local - pore
        side: Floats = ray[:, 0] * out[:, 1] - ray[:, 1] * out[:, 0]
        return side

    low, high = knot - 1.0, knot + 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        ahead = offset(middle) > 0
        low, high = np.where(ahead, middle, low), np.where(ahead, high, middle)
    t = 0.5 * (low + high)
    pore = pore_at(t, edge, radii)
    ray = perimeter_at(t, edge) - pore
    s: Floats = ((local - pore) * ray).sum(1) / (ray**2).sum(1)
    return t, s
