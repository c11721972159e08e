"""Triangles of a surface that pass through each other or lie on each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely

from mnnfem.mesh import Floats, Ints, Mask

CHUNK = 20_000  # triangles whose neighbours are sought at once
TOUCH = 1e-9  # of the body's size


def crossings(vertices: Floats, faces: Ints) -> tuple[Ints, Floats]:
    """Pairs (k, 2) of triangles that share more than a common vertex or edge, and a place (k, 3) of each, mm.

    vertices (n, 3) mm, faces (m, 3); triangles of no area are left out. Two triangles that cross have an edge of one that
    passes through the other; two in one plane overlap unless a line along an edge parts them.
    """
    size = float(np.ptp(vertices, axis=0).max()) if len(vertices) else 0.0
    corners = vertices[faces]
    solid = heights_of(corners) > TOUCH * size
    pairs: list[Ints] = [np.zeros((0, 2), dtype=np.int64)]
    places: list[Floats] = [np.zeros((0, 3))]
    for a, b in _near(corners, np.flatnonzero(solid), TOUCH * size):
        hit, place = _meet(vertices, faces[a], faces[b], TOUCH * size)
        pairs.append(np.stack([a[hit], b[hit]], axis=1))
        places.append(place[hit])
    return np.concatenate(pairs), np.concatenate(places)


def heights_of(corners: Floats) -> Floats:
    """Heights (k,) mm of triangles (k, 3, 3) above their longest edge."""
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    heights: Floats = np.linalg.norm(normals_of(corners), axis=1) / np.maximum(longest, 1e-300)
    return heights


def _near(corners: Floats, rows: Ints, margin: float) -> Iterator[tuple[Ints, Ints]]:
    """Pairs of triangles whose boxes meet, each once, in chunks."""
    low, high = corners[rows].min(axis=1) - margin, corners[rows].max(axis=1) + margin
    flat = np.argsort(np.ptp(corners.reshape(-1, 3), axis=0))[::-1][:2]  # the two longest axes part most
    third = 3 - int(flat.sum())
    boxes = shapely.box(low[:, flat[0]], low[:, flat[1]], high[:, flat[0]], high[:, flat[1]])
    tree = shapely.STRtree(boxes)
    for begin in range(0, len(rows), CHUNK):
        a, b = tree.query(boxes[begin : begin + CHUNK])
        a += begin
        meet = (a < b) & (low[a, third] <= high[b, third]) & (low[b, third] <= high[a, third])
        yield rows[a[meet]], rows[b[meet]]


def _meet(vertices: Floats, a: Ints, b: Ints, touch: float) -> tuple[Mask, Floats]:
    """Whether triangles a and b (k, 3) share more than vertices or an edge, and where (k, 3)."""
    shared = (a[:, :, None] == b[:, None, :]).any(axis=2)
    flat = _flat(vertices[a], vertices[b], touch)
    hit, place = flat & _overlap(vertices[a], vertices[b], touch), vertices[a].mean(axis=1)
    crossing = np.flatnonzero(~flat & (shared.sum(axis=1) < 2))
    for first, second in ((a, b), (b, a)):
        for k in range(3):
            start, end = first[crossing, k], first[crossing, (k + 1) % 3]
            free = ~((start[:, None] == second[crossing]) | (end[:, None] == second[crossing])).any(axis=1)
            rows = crossing[free]
            through, at = _through(vertices[start[free]], vertices[end[free]], vertices[second[rows]], touch)
            hit[rows[through]], place[rows[through]] = True, at[through]
    return hit, place


def _through(start: Floats, end: Floats, corners: Floats, touch: float) -> tuple[Mask, Floats]:
    """Whether segments (k, 3) pass from one side of triangles (k, 3, 3) to the other within them, and where."""
    normal = normals_of(corners)
    twice = np.linalg.norm(normal, axis=1)
    heights = [((point - corners[:, 0]) * normal).sum(axis=1) / twice for point in (start, end)]
    apart = heights[0] - heights[1]
    astride = (np.minimum(*heights) < -touch) & (np.maximum(*heights) > touch)
    share = np.divide(heights[0], apart, out=np.zeros_like(apart), where=astride)
    place = start + share[:, None] * (end - start)
    inside = astride
    for k in range(3):
        along = corners[:, (k + 1) % 3] - corners[:, k]
        left = (np.cross(along, place - corners[:, k]) * normal).sum(axis=1) / twice
        inside = inside & (left >= -touch * np.linalg.norm(along, axis=1))
    return inside, place


def _flat(a: Floats, b: Floats, touch: float) -> Mask:
    """Whether triangles (k, 3, 3) lie in one plane."""
    normal = normals_of(a)
    height = np.einsum("kvd,kd->kv", b - a[:, :1], normal / np.linalg.norm(normal, axis=1, keepdims=True))
    flat: Mask = (np.abs(height) <= touch).all(axis=1)
    return flat


def _overlap(a: Floats, b: Floats, touch: float) -> Mask:
    """Whether triangles (k, 3, 3) in one plane share area: no edge of either has them on its two sides."""
    parted = np.zeros(len(a), dtype=bool)
    for one in (a, b):
        normal = normals_of(one)
        for k in range(3):
            across = np.cross(one[:, (k + 1) % 3] - one[:, k], normal)
            out = across / np.linalg.norm(across, axis=1, keepdims=True)
            mine, theirs = (np.einsum("kvd,kd->kv", other - one[:, k : k + 1], out) for other in (a, b))
            parted |= mine.max(axis=1) <= theirs.min(axis=1) + touch
            parted |= theirs.max(axis=1) <= mine.min(axis=1) + touch
    return ~parted


def normals_of(corners: Floats) -> Floats:
    """Normals (k, 3) of triangles (k, 3, 3), twice their area long."""
    return np.asarray(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), dtype=np.float64)
