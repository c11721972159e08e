"""Well-shaped triangles on a level set within a box: marching, then smoothing along the surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyvista
import scipy.sparse as sp

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints, Mask

SWEEPS, SWEEPS_PER_FLIP = 60, 5  # of smoothing; the least angle grows little after
NEWTON = 4  # steps back onto the surface in each


@dataclass(frozen=True, eq=False)
class Surface:
    """points (n, 3); triangles (m, 3), either way round; low, high (n, 3), on which faces of the box a point lies."""

    points: Floats
    triangles: Ints
    low: Mask
    high: Mask

    @property
    def free(self) -> Mask:
        """Coordinates in which a point may move without leaving its faces of the box, (n, 3)."""
        return ~(self.low | self.high)

    @property
    def mean(self) -> sp.csr_matrix:
        """Means over the neighbours of each point, (n, n)."""
        return _mean(self.triangles, self.free)


def level_set(
    value: Callable[[Floats], Floats], gradient: Callable[[Floats], Floats], low: Floats, steps: Ints, step: float
) -> Surface:
    """Triangles on value = 0 in the box of `steps` (3,) cubes of side `step` from its corner `low`.

    Marching leaves slivers, so points move towards the mean of their neighbours and back along the gradient, those on the
    faces of the box within these, those on its edges not at all; edges are flipped to be those of Delaunay on the surface.
    The level set must cross the faces and the edges of the box at an angle, and not pass through its corners.
    """
    grid = pyvista.ImageData(dimensions=tuple(steps + 1), spacing=(step,) * 3, origin=tuple(low))
    grid.point_data["value"] = value(np.asarray(grid.points))
    found = grid.contour([0.0], scalars="value", method="contour")
    if not found.n_points:
        raise InputError("The level set does not pass through the box.")
    found = found.clean(tolerance=1e-9)
    points, triangles = np.asarray(found.points, dtype=np.float64), found.regular_faces.astype(np.int64)
    top = low + steps * step
    on_low, on_high = (np.abs(points - end) < 1e-4 * step for end in (low, top))
    free = ~(on_low | on_high)
    points = _onto(np.where(on_low, low, np.where(on_high, top, points)), value, gradient, free)
    for sweep in range(1, SWEEPS + 1):
        points = _onto(points + 0.5 * (_mean(triangles, free) @ points - points) * free, value, gradient, free)
        if sweep % SWEEPS_PER_FLIP == 0:
            triangles = _flipped(points, triangles)
    return Surface(points, triangles, on_low, on_high)


def corner_angles(points: Floats, triangles: Ints) -> Floats:
    """Angles of triangles in space, (m, 3) degrees."""
    corners = points[triangles]
    u, v = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
    angles: Floats = np.degrees(np.arctan2(np.linalg.norm(np.cross(u, v), axis=-1), (u * v).sum(axis=-1)))
    return angles


def _mean(triangles: Ints, free: Mask) -> sp.csr_matrix:
    """Means over neighbours, those along the boundary for a point on it."""
    pairs = np.concatenate([triangles[:, [a, b]] for a in range(3) for b in range(3) if a != b])
    times = sp.csr_matrix((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(free),) * 2).tocoo()
    kept = (times.data == 1) | free[times.row].all(axis=1)  # an edge inside belongs to two triangles
    ones = sp.csr_matrix((np.ones(kept.sum()), (times.row[kept], times.col[kept])), shape=times.shape)
    return sp.diags(1 / ones.sum(axis=1).A1) @ ones


def _onto(points: Floats, value: Callable[[Floats], Floats], gradient: Callable[[Floats], Floats], free: Mask) -> Floats:
    """The points moved onto the level set along the free parts of its gradient."""
    for _ in range(NEWTON):
        slope = gradient(points) * free
        points = points - (value(points) / (slope**2).sum(axis=1))[:, None] * slope
    return points


def _flipped(points: Floats, triangles: Ints) -> Ints:
    """The same surface after one pass of flips: the other diagonal wherever the angles opposite an edge exceed 180 degrees."""
    triangles, angles = triangles.copy(), corner_angles(points, triangles).ravel()
    ends = np.stack([np.roll(triangles, -1, axis=1), np.roll(triangles, -2, axis=1)], axis=-1).reshape(-1, 2)
    keys = ends.min(axis=1) * len(points) + ends.max(axis=1)
    order = np.argsort(keys, kind="stable")
    first = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    known, done = set(keys.tolist()), set[int]()
    for a, b in zip(order[first], order[first + 1], strict=True):  # corners opposite the same edge
        if angles[a] + angles[b] > 180.001 and not {a // 3, b // 3} & done:
            (p, i, j), q = np.roll(triangles[a // 3], -(a % 3)), triangles[b // 3, b % 3]
            if min(p, q) * len(points) + max(p, q) not in known:
                triangles[a // 3], triangles[b // 3] = (p, i, q), (q, j, p)
                done |= {a // 3, b // 3}
    return triangles
