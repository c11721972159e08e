"""The star pore as a curve: a closed quadratic B-spline, and the places (t, s) between it and its cell's edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from mnnfem.geometry import Linear
from mnnfem.mesh import Floats, Mask

CONTROL_POINTS = 16
# r_k / rho of the roundest pore at a corner, a quarter and the middle of each side: least largest |P(t)| - rho.
ROUND: Floats = np.array([1.42531, 1.82519, 2.06395])


def perimeter(cell: float, count: int = CONTROL_POINTS) -> Floats:
    """E_k, (count, 2) mm: even points of the square's perimeter about its centre, from the lower left, counter-clockwise."""
    side = np.linspace(-0.5, 0.5, count // 4, endpoint=False) * cell
    half = np.full(count // 4, cell / 2)
    return np.concatenate([np.stack(p, 1) for p in ((side, -half), (half, side), (-side, half), (-half, -side))])


def spline_weights(t: Floats, count: int = CONTROL_POINTS) -> Floats:
    """Weights b_k(t), (len(t), count), of the closed uniform quadratic B-spline; control point k is felt most at t = k."""
    nearest = np.floor(t + 0.5)
    u = t + 0.5 - nearest
    weights = np.zeros((len(t), count))
    values = (0.5 * (1 - u) ** 2, 0.5 + u - u**2, 0.5 * u**2)
    for shift, value in zip((-1, 0, 1), values, strict=True):
        weights[np.arange(len(t)), (nearest.astype(int) + shift) % count] += value
    return weights


def pore_at(t: Floats, edge: Floats, radii: Floats) -> Floats:
    """P(t), (len(t), 2) mm about the cell's centre, of the pore with these radii, (k,)."""
    at: Floats = (radii * spline_weights(t, len(radii))) @ edge
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
    at: Floats = (1 - u) * edge[k % len(edge)] + u * edge[(k + 1) % len(edge)]
    return at


def blended(points: Floats, on_pore: Mask, cells: Sequence[tuple[Floats, Floats, Floats]]) -> Linear:
    """The linear motion of all radii, from the node positions at those of each square cell: (centre, E_k, radii)."""
    origin = points.copy()
    matrix = sp.lil_matrix((2 * len(points), sum(len(radii) for _, _, radii in cells)))
    first = 0
    for centre, edge, radii in cells:
        local = points - centre
        inside = np.flatnonzero(np.abs(local).max(axis=1) < np.abs(edge).max() * (1 - 1e-9))
        t, s = places(local[inside], edge, radii)
        s[on_pore[inside]] = 0.0
        origin[inside] = centre + s[:, None] * perimeter_at(t, edge)
        weights = (1 - s)[:, None] * spline_weights(t, len(radii))
        columns = slice(first, first + len(radii))
        first += len(radii)
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
