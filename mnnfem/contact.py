"""Walls that pass through each other: there is no contact model, so such states are found, and how deep they are.

Walls are quadratic where displacements are, and then seen as chords (`course.py`). Whether any cross is asked of
chords within 2e-6 of the body's size of the curves (0.5 um of a panel of 250 mm): walls that have passed by less
than twice that may be missed, and walls that near may be found. Where and how deep is then asked of the ends of
chords within 2e-5; places shallower than twice that may be left out beside a deeper one.

On 530 panels of 3x3 to 5x5 cells, driven by up to 40 mm a side, the bulge of an edge is 0.05 to 0.09 mm at the median
and at most 3.7 mm. All 116 whose walls cross are found and no other, as 32 to 128 pieces of each edge show; edges
taken as straight show 101.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import shapely
from scipy.sparse.csgraph import connected_components

from mnnfem.course import COARSE, Course, course_of
from mnnfem.mesh import Floats, Ints, Mesh
from mnnfem.walls import Walls, walls_of

TOUCH = 1e-9  # of the body's size: walls less deep than that touch


@dataclass(frozen=True)
class Overlap:
    """One place where walls have passed through each other, at the deepest point of the boundary's course.

    vertex  nearest vertex along the boundary, index into `Mesh.points`;  loop  its loop, index into `Mesh.loops()`
    at      (x, y) mm, the point, deformed;  depth  mm, from it to the nearest point of the wall it has passed
    """

    loop: int
    vertex: int
    at: tuple[float, float]
    depth: float

    def __str__(self) -> str:
        return f"{self.depth:.3g} mm deep at ({self.at[0]:.1f}, {self.at[1]:.1f}) mm, vertex {self.vertex}"


@dataclass(frozen=True)
class Passed:
    """Boundary points inside other material, and the nearest point (1 - share) a + share b of the wall they have passed.

    rows, edges  (p,) rows of `Course`: the points, and the chords a -> b that are nearest;  share (p,);  depth (p,) mm
    """

    rows: Ints
    edges: Ints
    share: Floats
    depth: Floats


def overlaps(mesh: Mesh, deformed: Floats, middles: Floats | None = None) -> tuple[Overlap, ...]:
    """Where walls have passed through each other at `deformed` (n, 2) mm, the deepest first; walls that touch have not.

    Edges are parabolas through their `middles` (k, 2) mm, deformed, in the order of `walls_of(mesh).edges`; straight
    without. Chords that cross without a point in other material (thin walls, coarse mesh) count with the least
    distance of an end of one from the other. A mesh in space has no such test: nothing is found there.
    """
    if mesh.points.shape[1] != 2:
        return ()
    walls = walls_of(mesh)
    fine = course_of(walls, deformed, middles)
    if not fine.crossed:
        return ()
    return _places(course_of(walls, deformed, middles, COARSE)) or _places(fine)  # fine is slow, and seldom needed


def _places(course: Course) -> tuple[Overlap, ...]:
    z, passed = course.z, passed_points(course)
    found = [
        Overlap(int(course.loop[row]), int(course.vertex[row]), (float(z[row].real), float(z[row].imag)), depth)
        for row, depth in [*_deepest_of_each(course, passed), *_crossing_chords(course, passed.rows)]
    ]
    return tuple(sorted(found, key=lambda one: -one.depth))


def passed_vertices(walls: Walls, deformed: Floats) -> Passed:
    """Vertices inside other material where edges are straight; rows are those of `walls`, too."""
    return passed_points(course_of(walls, deformed))


def passed_points(course: Course) -> Passed:
    """Points inside other material, each with the nearest point of a wall that is not its own."""
    rows = np.flatnonzero(_covered(course) > 0)
    gaps = _gaps(course, rows)
    edges = _other_wall(course, rows, gaps)
    depth = gaps[np.arange(len(rows)), edges]
    deep = depth > TOUCH * course.walls.size
    rows, edges = rows[deep], edges[deep]
    start, chord = course.z[edges], course.z[course.after[edges]] - course.z[edges]
    share = np.clip(((course.z[rows] - start) / chord).real, 0.0, 1.0)
    return Passed(rows, edges, share, depth[deep])


def _covered(course: Course) -> Ints:
    """How often other material covers each point, (k,).

    The boundary's winding number about a point counts the material there, as det F > 0. Seen from a point of it, the
    chords that do not meet there turn by the material's own angle, and by 2 pi more for each further cover.
    """
    z, after = course.z, course.after
    row, edge = _level(z.imag, after)
    elsewhere = (edge != row) & (after[edge] != row)
    row, edge = row[elsewhere], edge[elsewhere]
    turn = ((z[edge] - z[row]).conj() * (z[after[edge]] - z[row])).imag
    # Angles are between those of the two neighbours, and 2 pi for each chord that passes the ray to the left, where they jump.
    passes = np.where(z.imag[edge] >= z.imag[row], turn > 0, -1.0 * (turn < 0))
    seen = np.angle(z[course.before] - z + 0.0) - np.angle(z[after] - z + 0.0)  # -0 would lie beyond the jump
    covers = np.bincount(row, passes, len(z)) + (seen - course.angles) / (2 * np.pi)
    return np.rint(covers).astype(np.int64)


def _level(y: Floats, after: Ints) -> tuple[Ints, Ints]:
    """Every pair of a point and a chord with just one end at the point's height or above."""
    order = np.argsort(y)
    first, last = (np.searchsorted(y[order], pick(y, y[after]), side="right") for pick in (np.minimum, np.maximum))
    count = last - first
    chord = np.repeat(np.arange(len(y)), count)
    return order[np.arange(len(chord)) + np.repeat(first - np.cumsum(count) + count, count)], chord


def _gaps(course: Course, rows: Ints) -> Floats:
    """Distances (p, k) of points from chords, mm."""
    chord = course.z[course.after] - course.z
    size = np.abs(chord)
    seen = (course.z[rows, None] - course.z) * (chord / size).conj()  # along the chord, and across it
    beyond = seen.real - np.clip(seen.real, 0.0, size)
    gaps: Floats = np.sqrt(beyond**2 + seen.imag**2)
    return gaps


def _other_wall(course: Course, rows: Ints, gaps: Floats) -> Ints:
    """Nearest chord (p,) of another wall: beyond the point's own run, and not the back of its own wall."""
    run = _runs(course, rows)
    own = run[rows, None]
    others = np.where((run == own) | (run[course.after] == own), np.inf, gaps)
    nearest: Ints = others.argmin(axis=1)
    pending = np.flatnonzero(np.isfinite(others.min(axis=1)))
    while pending.size:
        pending = pending[course.joined(rows[pending], nearest[pending])]
        others[pending, nearest[pending]] = np.inf
        nearest[pending] = others[pending].argmin(axis=1)
        pending = pending[np.isfinite(others[pending, nearest[pending]])]
    # A loop inside out, or a body all in sight of itself: all but the point's own chords may be what it has passed.
    alone = np.flatnonzero(~np.isfinite(others.min(axis=1)))
    edges = np.arange(len(run))
    meets = (edges == rows[alone, None]) | (course.after == rows[alone, None])
    nearest[alone] = np.where(meets, np.inf, gaps[alone]).argmin(axis=1)
    return nearest


def _runs(course: Course, rows: Ints) -> Ints:
    """Number of the unbroken run of `rows` along the boundary that each point is in, (k,); -1 for the others."""
    inside = np.zeros(len(course.z), dtype=bool)
    inside[rows] = True
    linked = rows[inside[course.after[rows]]]
    _, run = connected_components(_graph(linked, course.after[linked], len(inside)), directed=False)
    return np.where(inside, run, -1)


def _deepest_of_each(course: Course, passed: Passed) -> list[tuple[int, float]]:
    """Row and depth of the deepest point of each overlap: runs that have passed each other are one overlap."""
    run = _runs(course, passed.rows)
    mine = np.tile(run[passed.rows], 2)
    theirs = np.concatenate([run[passed.edges], run[course.after[passed.edges]]])
    pairs = _graph(mine[theirs >= 0], theirs[theirs >= 0], len(run))
    _, group = connected_components(pairs, directed=False)
    deepest: dict[int, tuple[int, float]] = {}
    for k in np.argsort(passed.depth):
        deepest[group[run[passed.rows[k]]]] = (int(passed.rows[k]), float(passed.depth[k]))
    return list(deepest.values())


def _graph(a: Ints, b: Ints, count: int) -> sp.coo_matrix:
    return sp.coo_matrix((np.ones(len(a)), (a, b)), shape=(count, count))


def _crossing_chords(course: Course, passed: Ints) -> list[tuple[int, float]]:
    """Chords that cross though none of their ends has passed: row of the end nearest to the other chord, and how near."""
    z, after, least = course.z, course.after, TOUCH * course.walls.size
    a, b = shapely.STRtree(course.lines).query(course.lines)
    kept = (a < b) & (after[a] != b) & (after[b] != a)
    ends = np.stack([a, after[a], b, after[b]])[:, kept]
    across = np.stack([b, b, a, a])[:, kept]
    side = ((z[after[across]] - z[across]).conj() * (z[ends] - z[across])).imag
    crossing = (side[0] * side[1] < 0) & (side[2] * side[3] < 0) & ~np.isin(ends, passed).any(axis=0)
    ends, across = ends[:, crossing], across[:, crossing]
    away = shapely.distance(shapely.points(z[ends].real, z[ends].imag), course.lines[across])
    pick = away.argmin(axis=0), np.arange(away.shape[1])
    return [(int(row), float(depth)) for row, depth in zip(ends[pick], away[pick], strict=True) if depth > least]
