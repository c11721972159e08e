"""How narrow material, pores and gaps of a plane body are: by eroding its polygon until it breaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from mnnfem.mesh import Floats

EXACT = 1e-3  # mm, of a bisection
ROUND = 32  # chords of a quarter circle: an arc of radius r is at most 3e-4 r off
STRETCHES = (1.0, 1.2, 1.5, 2.0, 3.0)  # of the limit: discs that find where the necks are
SPIKE = 6.0  # walls that end free count where longer than that many half widths, and so do points sharper than 23 degrees
SLOT = 0.75  # of length times width: a slot that covers less comes to a point, where a void is always narrow
STUB = 0.42  # of the disc's radius: what stands out no farther is a right angle's corner, or as short


@dataclass(frozen=True)
class Width:
    """A least width, mm, and where it is, (2,) mm."""

    value: float
    place: Floats


def least_ligament(body: shapely.Polygon) -> Width:
    """The largest t for which the body eroded by t/2 is one polygon with the same holes and has lost no wall that ends free."""
    return _least(_Region(body)) or _disc(body)


def least_pore(body: shapely.Polygon) -> Width | None:
    """Diameter of the largest disc in the pore where that is least; None without a pore."""
    return min(map(_disc, pores(body)), key=lambda width: width.value, default=None)


def least_gap(body: shapely.Polygon) -> Width | None:
    """The largest t for which no pore, nor the space around the body, falls apart or is filled where it shrinks by t/2.

    A long slot that ends in the body counts too, unless it comes to a point.
    None where the space around the body has no narrow place and there is no pore.
    """
    return _least(_around(body))


def too_thin(body: shapely.Polygon, limit: float) -> list[Width]:
    """Places where material is narrower than `limit` mm, the narrowest first; empty where it nowhere is."""
    return _narrow(_Region(body), limit)


def too_near(body: shapely.Polygon, limit: float) -> list[Width]:
    """Places where a void is narrower than `limit` mm, the narrowest first."""
    return _narrow(_around(body), limit)


def narrow_ligaments(body: shapely.Polygon, limit: float) -> list[Width]:
    """Places of `too_thin` as far as they are told apart at once, in a tenth of its time; empty where that is."""
    return _places(_Region(body), limit, soon=True)


def narrow_gaps(body: shapely.Polygon, limit: float) -> list[Width]:
    """Places of `too_near`, in the same way."""
    return _places(_around(body), limit, soon=True)


def too_small(body: shapely.Polygon, limit: float) -> list[Width]:
    """Each pore whose largest disc is smaller than `limit` mm, the smallest first."""
    return sorted((one for one in map(_disc, pores(body)) if one.value < limit), key=lambda width: width.value)


def pores(body: shapely.Polygon) -> list[shapely.Polygon]:
    """The pores as polygons."""
    return [shapely.Polygon(ring) for ring in body.interiors]


def _disc(region: shapely.Polygon) -> Width:
    radius = shapely.maximum_inscribed_circle(region, tolerance=0.25 * EXACT)  # from its centre to the wall
    return Width(2 * float(radius.length), shapely.get_coordinates(radius)[0])


@dataclass(frozen=True)
class _Region:
    """Polygons whose widths are asked for; do pieces that come to a point count?"""

    figure: shapely.Geometry
    points: bool = True


def _around(body: shapely.Polygon) -> _Region:
    """Pores, and the space around the body as far as its size."""
    far = shapely.buffer(shapely.convex_hull(body), float(np.ptp(shapely.get_coordinates(body), axis=0).max()))
    return _Region(shapely.MultiPolygon([*pores(body), shapely.Polygon(far.exterior, [body.exterior])]), points=False)


def _least(region: _Region) -> Width | None:
    """By bisection, from small discs to large ones; the place is the narrowest where it breaks. None if it never does."""
    largest = float(np.ptp(shapely.get_coordinates(region.figure), axis=0).max()) / 3
    low, high = 0.0, EXACT
    while not _opened(region, high).breaks:
        if high >= largest:
            return None
        low, high = high, min(2 * high, largest)
    while high - low > EXACT:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if _opened(region, middle).breaks else (middle, high)
    return Width(low, _places(region, high)[0].place)


def _narrow(region: _Region, limit: float) -> list[Width]:
    """Places below the limit after the least of all: where little is left of the region its necks are not told apart."""
    found = _places(region, limit)
    least = _least(region) if found else None
    if least is None:
        return found
    return [least, *(one for one in found if np.linalg.norm(one.place - least.place) > limit)]


def _places(region: _Region, limit: float, soon: bool = False) -> list[Width]:
    """Where the region is narrower than the limit, the narrowest first; empty where it does not break.

    A neck that a disc just does not pass is reached by it from both sides; larger ones leave it, and others that are wide
    enough, which are then left out. `soon`: two discs are enough where they find anything.
    """
    first = _opened(region, limit)
    if not first.breaks:
        return []
    found = [_width(region.figure, piece) for piece in first.free]
    for stretch in STRETCHES:
        if soon and found and stretch > STRETCHES[1]:
            break
        for piece in _necks(_opened(region, stretch * limit), stretch * limit):
            width = _width(region.figure, piece)
            far = all(np.linalg.norm(width.place - one.place) > limit for one in found)
            if far and width.value <= 1.002 * limit + EXACT:
                found.append(width)
    for width in _saddles(region.figure, first.kept):
        if all(np.linalg.norm(width.place - one.place) > limit for one in found):
            found.append(width)
    return sorted(found, key=lambda width: width.value) or [_disc(max(_parts(region.figure), key=lambda part: part.area))]


@dataclass(frozen=True)
class _Opened:
    """What a disc reaches that goes wherever the eroded region is, and what not.

    breaks   a part of the region falls apart or is lost, or loses a hole or what ends free
    kept     what is left of each part when it is eroded
    lost     pieces that it does not reach, corners left out;  free  those that are long and end free
    """

    breaks: bool
    kept: list[list[shapely.Polygon]]
    reached: shapely.Geometry
    lost: list[shapely.Polygon]
    free: list[shapely.Polygon]


def _opened(region: _Region, width: float) -> _Opened:
    before = _parts(region.figure)
    kept = [_parts(part.buffer(-0.5 * width, quad_segs=ROUND)) for part in before]
    reached = shapely.MultiPolygon([one for parts in kept for one in parts]).buffer(0.501 * width, quad_segs=ROUND)
    pieces = np.array(_parts(region.figure.difference(reached)))
    shapely.prepare(reached)
    corners, piece = shapely.get_coordinates(shapely.segmentize(pieces, 0.25 * width), return_index=True)
    out = ~shapely.dwithin(reached, shapely.points(corners), 0.5 * STUB * width)
    lost = list(pieces[np.unique(piece[out])]) if len(pieces) else []
    free = [one for one in lost if _ends_free(one, reached, region.points)]
    whole = all(len(now) == 1 and len(now[0].interiors) == len(was.interiors) for now, was in zip(kept, before, strict=True))
    return _Opened(bool(free) or not whole, kept, reached, lost, free)


def _ends_free(piece: shapely.Polygon, reached: shapely.Geometry, points: bool) -> bool:
    reach = float(shapely.distance(shapely.points(shapely.get_coordinates(piece)), reached).max())
    radius = _radius(piece)
    return reach > SPIKE * radius and (points or float(piece.area) > SLOT * 2 * radius * reach)


def _necks(opened: _Opened, width: float) -> list[shapely.Polygon]:
    """Pieces between two places that the disc reaches, and parts that it does not reach at all."""
    return [one for one in opened.lost if len(_parts(one.buffer(0.01 * width).intersection(opened.reached))) != 1]


def _saddles(region: shapely.Geometry, kept: list[list[shapely.Polygon]]) -> list[Width]:
    """Between pieces into which a part falls: also necks that a disc nearly passes, before an end that is as narrow."""
    found = []
    for pieces in kept:
        for number, piece in enumerate(pieces[1:], start=1):
            between = shapely.get_coordinates(shapely.shortest_line(piece, shapely.MultiPolygon(pieces[:number]))).mean(axis=0)
            found.append(Width(2 * float(region.boundary.distance(shapely.Point(between))), between))
    return found


def _width(region: shapely.Geometry, piece: shapely.Polygon) -> Width:
    """Of a neck, the distance of its two walls; of what ends free, the largest disc in it."""
    walls = region.boundary.intersection(piece.buffer(1e-6))
    chains = shapely.get_parts(shapely.line_merge(shapely.MultiLineString(_lines(walls))))
    if len(chains) > 1:
        pairs = [shapely.shortest_line(a, b) for i, a in enumerate(chains) for b in chains[:i]]
        across = min(pairs, key=lambda line: float(line.length))
        return Width(float(across.length), shapely.get_coordinates(across).mean(axis=0))
    circle = shapely.maximum_inscribed_circle(piece)
    return Width(2 * float(circle.length), shapely.get_coordinates(circle)[0])


def _lines(walls: shapely.Geometry) -> list[shapely.LineString]:
    return [part for part in shapely.get_parts(walls) if part.geom_type == "LineString"]


def _parts(region: shapely.Geometry) -> list[shapely.Polygon]:
    return [part for part in shapely.get_parts(region) if part.geom_type == "Polygon" and not part.is_empty]


def _radius(part: shapely.Polygon) -> float:
    return float(shapely.maximum_inscribed_circle(part).length) if not part.is_empty else 0.0
