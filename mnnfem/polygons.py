"""Closed polygons that shall bound one plane body: do they, and if not, where not?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import shapely

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints

TOUCH = 1e-6  # of the body's size: walls nearer than this touch


@dataclass(frozen=True, eq=False)
class Polygons:
    """Which points each closed polygon joins.

    loops    indices of the points along each polygon: the outline counter-clockwise first, then holes clockwise
    inner    (q,) points inside the body
    names    what the loops are called, for messages
    """

    loops: tuple[Ints, ...]
    inner: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    names: tuple[str, ...] = ()

    @cached_property
    def edges(self) -> Ints:
        """Polygon edges, (e, 2), loop by loop, in the order of each."""
        return np.concatenate([np.stack([loop, np.roll(loop, -1)], axis=1) for loop in self.loops])

    @cached_property
    def loop_of_edge(self) -> Ints:
        """Which loop each of these edges belongs to, (e,)."""
        return np.repeat(np.arange(len(self.loops)), [len(loop) for loop in self.loops])

    def name(self, loop: int) -> str:
        """What a loop is called."""
        if self.names:
            return self.names[loop]
        return f"hole {loop}" if loop else "the outline"


@dataclass(frozen=True)
class Fault:
    """Why polygons bound no body: a sentence without its full stop, and the points at fault."""

    sentence: str
    points: Ints


def refuse_misnumbered(polygons: Polygons, facets: Mapping[str, Ints], count: int) -> None:
    """InputError unless loops and inner points are the points 0 .. count - 1, once each, and facets are polygon edges."""
    if not polygons.loops or (polygons.names and len(polygons.names) != len(polygons.loops)):
        raise InputError(f"An outline needs one loop at least, and a name for each or none; got {len(polygons.loops)} loops.")
    for number, loop in enumerate(polygons.loops):
        if len(loop) < 3:
            raise InputError(f"{polygons.name(number)} has {len(loop)} points: a closed polygon needs three or more.")
    used = np.concatenate([*polygons.loops, polygons.inner])
    if used.size and (used.min() < 0 or used.max() >= count):
        raise InputError(f"The loops name point {used.max()}, but `at` gives the points 0 to {count - 1}.")
    times = np.bincount(used, minlength=count)
    for index in np.flatnonzero(times != 1)[:1]:
        raise InputError(
            f"Point {index} lies on {times[index]} loops: each must lie on one (the last point of a loop is joined to its "
            "first, which is not repeated), or be listed in `inner`. Points on none leave the outline open."
        )
    known = {(int(min(edge)), int(max(edge))) for edge in polygons.edges}
    for name, facet in facets.items():
        for a, b in facet:
            if (min(a, b), max(a, b)) not in known:
                raise InputError(
                    f"The facet {name!r} names the edge {a} - {b}, but no loop has these points one after the other."
                )


def find_fault(polygons: Polygons, points: Floats) -> Fault | None:
    """The first reason why the polygons with these points (k, 2) mm bound no body, or None."""
    edges, loop_of_edge = polygons.edges, polygons.loop_of_edge
    if not np.isfinite(points).all():
        bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
        return Fault(f"point {bad[0]} of the outline is not a number", bad[:1])
    near = TOUCH * np.ptp(points, axis=0).max()
    short = np.flatnonzero(np.linalg.norm(points[edges[:, 1]] - points[edges[:, 0]], axis=1) <= near)
    if short.size:
        where, name = _place_of(points[edges[short[0], 0]]), polygons.name(int(loop_of_edge[short[0]]))
        return Fault(f"two neighbouring points of {name} fall together near {where}", edges[short[0]])
    return _touching(polygons, points, near) or _misturned(polygons, points, near)


def _touching(polygons: Polygons, points: Floats, near: float) -> Fault | None:
    edges, loop_of_edge = polygons.edges, polygons.loop_of_edge
    lines = shapely.linestrings(points[edges])
    first, second = shapely.STRtree(lines).query(lines, predicate="dwithin", distance=near)
    later = first < second
    first, second = first[later], second[later]
    shared = (edges[first][:, :, None] == edges[second][:, None, :]).any(axis=(1, 2))
    for a, b in zip(first[~shared], second[~shared], strict=True):
        where = _place_of(shapely.get_coordinates(shapely.shortest_line(lines[a], lines[b])).mean(axis=0))
        one, other = (polygons.name(int(loop_of_edge[edge])) for edge in (a, b))
        how = f"{one} crosses or touches itself" if one == other else f"{one} and {other} cross or touch"
        return Fault(f"{how} near {where}", np.concatenate([edges[a], edges[b]]))
    return None


def _misturned(polygons: Polygons, points: Floats, near: float) -> Fault | None:
    rings = shapely.polygons([shapely.linearrings(points[loop]) for loop in polygons.loops])
    firsts = [loop[:1] for loop in polygons.loops]
    inside = _holders(rings, points[np.concatenate(firsts)])
    for number, ring in enumerate(rings):
        if shapely.area(ring) <= near**2:
            return Fault(f"{polygons.name(number)} has no area", polygons.loops[number])
        if shapely.is_ccw(ring.exterior) != (number == 0):
            way = "counter-clockwise" if number == 0 else "clockwise, as holes do"
            return Fault(f"{polygons.name(number)} must run {way}: turn its points round", firsts[number])
        if inside[number] != ({0} if number else set()):
            where = f"inside {polygons.name(max(inside[number]))}" if inside[number] else f"outside {polygons.name(0)}"
            return Fault(f"{polygons.name(number)} lies {where} near {_place_of(points[firsts[number][0]])}", firsts[number])
    body = shapely.buffer(shapely.polygons(rings[0].exterior, [ring.exterior for ring in rings[1:]] or None), -near)
    for index in polygons.inner[~shapely.contains_xy(body, points[polygons.inner])]:
        return Fault(f"the inner point {index} at {_place_of(points[index])} does not lie inside the body", np.array([index]))
    return None


def _holders(rings: npt.NDArray[np.object_], points: Floats) -> list[set[int]]:
    """Which polygons each point lies in; none holds points of its own wall."""
    inside: list[set[int]] = [set() for _ in points]
    for point, ring in shapely.STRtree(rings).query(shapely.points(points), predicate="within").T:
        inside[point].add(int(ring))
    return inside


def _place_of(point: Floats) -> str:
    return f"({point[0]:.4g}, {point[1]:.4g}) mm"
