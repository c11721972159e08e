"""Letters sunk into the upper face of a plane part, so that it can be told which design it is."""

from __future__ import annotations

import dataclasses
import itertools
import textwrap
from functools import reduce

import numpy as np
import shapely
import trimesh
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from mnnfem.errors import InputError
from mnnfem.fabricate.extrude import meshed
from mnnfem.fabricate.part import DEEP, Part
from mnnfem.mesh import Floats

FONT = FontProperties(family="DejaVu Sans Mono", weight="bold")  # comes with matplotlib: the same letters everywhere
FINE = 100.0  # size at which curves become chords
SMALLER = (1.0, 0.8, 0.6)  # of the wanted height, where there is no room for it
LINES = (1, 2, 3, 4)  # if not so either
LEADING = 1.5  # of the height, from line to line
EDGE, STEP = 1.0, 0.5  # mm: left around the letters; apart are the places that are tried


def engraved(part: Part, text: str, height: float) -> Part:
    """The part with a text whose capitals are `height` mm high, or down to 0.6 of that, in up to four lines.

    It lies where there is room for it, on what was not simulated if it can, as near to the lower left as can be, along x or
    turned to run along y.
    InputError for a body in space, one less than twice as thick as letters are deep, and one without room.
    """
    if part.outline is None:
        raise InputError(f"{part.name} is a body in space: labels are for plane designs.")
    if part.thickness < 2 * DEEP:
        raise InputError(f"{part.name} is {part.thickness:g} mm thick: letters are {DEEP:g} mm deep and need twice as much.")
    regions = [one.buffer(-EDGE) for one in (part.added, part.outline) if not one.is_empty]
    for inside, lines, share, turned in itertools.product(regions, LINES, SMALLER, (False, True)):
        figure = letters(text, share * height, lines, turned)
        place = _room(inside, figure)
        if place is not None:
            return _sunk(part, part.outline, shapely.transform(figure, lambda places: places + place))  # noqa: B023
    width, high = np.ptp(np.reshape(letters(text, height, 1).bounds, (2, 2)), axis=0)
    raise InputError(
        f"{part.name} has no room for {text!r}, {width:.3g} x {high:.3g} mm in one line, nor smaller in several: make room "
        "with --tabs, or take fewer or smaller letters."
    )


def letters(text: str, height: float, lines: int = 1, turned: bool = False) -> shapely.MultiPolygon:
    """A text whose capitals are `height` mm high, in so many lines, its lower left corner at the origin."""
    per_mm = np.ptp(TextPath((0, 0), "H", size=FINE, prop=FONT).vertices[:, 1]) / height
    parts = textwrap.wrap(text, -(-len(text) // lines))
    found = []
    for number, line in enumerate(parts):
        rings = TextPath((0, -number * LEADING * height * per_mm), line, size=FINE, prop=FONT).to_polygons(closed_only=True)
        polygons = [shapely.Polygon(ring / per_mm) for ring in rings if np.size(ring) > 6]
        found.append(reduce(shapely.symmetric_difference, polygons, shapely.MultiPolygon()))  # a ring in a ring is a hole
    figure = shapely.union_all(found)
    if turned:
        figure = shapely.transform(figure, lambda places: places[:, ::-1] * [-1.0, 1.0])
    low = np.array(figure.bounds[:2])
    return shapely.MultiPolygon(list(shapely.get_parts(shapely.transform(figure, lambda places: places - low))))


def _room(inside: shapely.Geometry, figure: shapely.MultiPolygon) -> Floats | None:
    """Where the rectangle around a figure lies within a region: how far to move it, mm, the lowest and then leftmost."""
    size = np.array(figure.bounds[2:])
    x0, y0, x1, y1 = inside.bounds
    x, y = np.meshgrid(np.arange(x0, x1 - size[0] + STEP, STEP), np.arange(y0, y1 - size[1] + STEP, STEP))
    corners = np.column_stack([x.ravel(), y.ravel()])
    shapely.prepare(inside)
    held = shapely.covers(inside, shapely.box(*corners.T, *(corners + size).T))
    return corners[np.argmax(held)] if held.any() else None


def _sunk(part: Part, outline: shapely.Polygon, figure: shapely.MultiPolygon) -> Part:
    """The part without these letters, its faces cut into triangles between the corners of outline and letters alone."""
    low, high = part.thickness - DEEP, part.thickness
    corners = np.concatenate(
        [
            _flat(outline, 0.0)[:, ::-1],
            _flat(outline - figure, high),
            _flat(figure, low),
            _walls(shapely.orient_polygons(outline), 0.0, high),
            _walls(shapely.orient_polygons(figure, exterior_cw=True), low, high),  # the body is around them
        ]
    )
    vertices, faces = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    volume = None if part.volume is None else part.volume - figure.area * DEEP
    surface = trimesh.Trimesh(vertices, faces.reshape(-1, 3), process=False)
    return dataclasses.replace(part, surface=surface, volume=volume, engraved=figure)


def _flat(figure: shapely.Geometry, height: float) -> Floats:
    """Triangles (k, 3, 3) of polygons at z = height mm, seen from above."""
    mesh = meshed(figure)
    return np.insert(mesh.points[mesh.cells], 2, height, axis=2)


def _walls(figure: shapely.Geometry, low: float, high: float) -> Floats:
    """Triangles (k, 3, 3) from z = low to z = high mm along rings that have the body on their left."""
    found = []
    for ring in (ring for one in shapely.get_parts(figure) for ring in (one.exterior, *one.interiors)):
        below, above = (np.insert(shapely.get_coordinates(ring), 2, z, axis=1) for z in (low, high))
        found += [np.stack([below[:-1], below[1:], above[1:]], axis=1), np.stack([below[:-1], above[1:], above[:-1]], axis=1)]
    return np.concatenate(found)
