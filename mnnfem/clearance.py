"""Walls that have come near each other across a void, before any has passed through another."""

from __future__ import annotations

import numpy as np
import shapely

from mnnfem.contact import Passed, passed_points
from mnnfem.course import Course
from mnnfem.mesh import Floats
from mnnfem.walls import Complexes

FACING = 0.5  # cosine: two walls face each other where each lies within 60 degrees of straight ahead of the other


def facing_points(course: Course, reach: float) -> Passed:
    """Boundary points, each with the nearest place of a wall that it faces across a void, nearer than `reach` mm.

    Points inside other material are among them, as in `passed_points`: there `depth` is positive, elsewhere it is the
    distance with a minus.
    """
    near = _near(course, reach)
    if not course.crossed:
        return near
    passed = passed_points(course)
    free = ~np.isin(near.rows, passed.rows)
    return Passed(
        rows=np.append(passed.rows, near.rows[free]),
        edges=np.append(passed.edges, near.edges[free]),
        share=np.append(passed.share, near.share[free]),
        depth=np.append(passed.depth, near.depth[free]),
    )


def _near(course: Course, reach: float) -> Passed:
    z, after = course.z, course.after
    chord = z[after] - z
    along, ahead = chord / np.abs(chord), z[after] - z[course.before]
    into_void, out_of_point = -1j * along, -1j * ahead / np.abs(ahead)  # the body is on the left
    rows, edges = shapely.STRtree(course.lines).query(shapely.points(z.real, z.imag), predicate="dwithin", distance=reach)
    apart = (edges != rows) & (after[edges] != rows)
    rows, edges = rows[apart], edges[apart]
    share = np.clip(((z[rows] - z[edges]) / chord[edges]).real, 0.0, 1.0)
    gap = z[edges] + share * chord[edges] - z[rows]
    distance = np.abs(gap)
    least = FACING * distance
    faces = (_dot(out_of_point[rows], gap) > least) & (_dot(into_void[edges], -gap) > least)
    rows, edges, share, distance = rows[faces], edges[faces], share[faces], distance[faces]
    order = np.lexsort((distance, rows))
    _, first = np.unique(rows[order], return_index=True)
    nearest = order[first]
    return Passed(rows[nearest], edges[nearest], share[nearest], -distance[nearest])


def _dot(a: Complexes, b: Complexes) -> Floats:
    dot: Floats = (a.conj() * b).real
    return dot
