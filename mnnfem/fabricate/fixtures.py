"""What is made with a plane design for the experiment: clamping tabs with holes at driven faces, a tensile coupon."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import shapely

from mnnfem.errors import InputError
from mnnfem.fabricate.part import Part, drawn_part
from mnnfem.mesh import Floats, Mesh

APART = 3.0  # diameters of a hole between the middles of two, and 1.5 to the tab's ends
CHORD = 1e-3  # mm: how far the chords of an arc may lie off it
LONG, WIDE, NARROW, GAUGE, HOLLOW, ROUNDED = 75.0, 12.5, 4.0, 25.0, 8.0, 12.5  # mm, of ISO 37's dumbbell of type 2


def chords(radius: float, chord: float = CHORD) -> int:
    """How many chords a quarter circle has that lie off it by at most `chord` mm."""
    return max(2, ceil(0.25 * np.pi / np.arccos(max(1 - chord / radius, 0.5))))


@dataclass(frozen=True)
class Tabs:
    """Tabs `depth` mm deep with holes of `hole` mm in diameter, whose chords lie off their circles by at most `chord` mm."""

    depth: float
    hole: float = 4.0
    chord: float = CHORD


def with_tabs(part: Part, mesh: Mesh, points: Floats, scale: float, faces: Sequence[str], tabs: Tabs) -> Part:
    """The part with tabs at each of these facets of the plane mesh.

    points (n, 2) mm as simulated, before `scale`. InputError for a body in space, a facet that is not straight along x or y,
    and a tab that has no room for its holes.
    """
    if part.outline is None:
        raise InputError(f"{part.name} is a body in space: tabs are for plane designs.")
    depth, hole = tabs.depth, tabs.hole
    if hole >= 0.7 * depth:
        raise InputError(
            f"A tab of {depth:g} mm has no room for a hole of {hole:g} mm: make it deeper than {hole / 0.7:.3g} mm."
        )
    outline, added, scaled = part.outline, list[shapely.Geometry](), scale * (points - points.min(axis=0))
    for face in faces:
        tab, holes = _tab(scaled, scaled[np.unique(mesh.facet(face))], face, tabs)
        outline = outline.union(tab).difference(shapely.union_all(holes))
        added.append(tab.difference(shapely.union_all(holes)))
    if outline.geom_type != "Polygon":
        raise InputError(f"The tabs of {part.name} do not join it: {len(shapely.get_parts(outline))} pieces.")
    low = np.array(outline.bounds[:2])
    spare = shapely.transform(shapely.union_all(added), lambda places: places - low)
    return dataclasses.replace(drawn_part(outline, part.thickness, part.name, part.origin), added=spare)


def _tab(points: Floats, at: Floats, face: str, tabs: Tabs) -> tuple[shapely.Polygon, list[shapely.Polygon]]:
    """The rectangle outside a straight face, and its holes in a row."""
    depth, radius = tabs.depth, 0.5 * tabs.hole
    low, high = at.min(axis=0), at.max(axis=0)
    across = int(np.argmin(high - low))
    if (high - low)[across] > 1e-6 * (high - low).max():
        raise InputError(f"The facet {face!r} is not straight along x or y: a tab has no place there.")
    outward = 1.0 if at[0, across] > points[:, across].mean() else -1.0
    far = low[across] + outward * depth
    corners = np.array([low, high])
    corners[:, across] = sorted((low[across] - 1e-3 * outward, far))  # a little into the body, so that they join
    along = 1 - across
    count = max(1, int((high - low)[along] // (2 * APART * radius)))
    places = np.tile(0.5 * (low + high), (count, 1))
    places[:, across] = low[across] + 0.5 * outward * depth
    places[:, along] = low[along] + (np.arange(count) + 0.5) * (high - low)[along] / count
    holes = [shapely.Point(place).buffer(radius, quad_segs=chords(radius, tabs.chord)) for place in places]
    return shapely.box(*corners.ravel()), holes


def coupon(thickness: float, origin: str = "", chord: float = CHORD) -> Part:
    """A dumbbell of ISO 37, type 2 (75 mm long, 25 x 4 mm where it is narrow), to be pulled: the same print's material."""
    half, rows = 0.5 * NARROW, []
    shoulder = 0.5 * (WIDE - NARROW)
    x, turn = 0.5 * GAUGE, np.linspace(0, 1, chords(ROUNDED, chord) + 1)
    drop = shoulder * HOLLOW / (HOLLOW + ROUNDED)  # where the inner arc, of radius 8, meets the outer one, of 12.5
    angle = np.arccos(1 - drop / HOLLOW)
    rows += [(x + HOLLOW * np.sin(a), half + HOLLOW * (1 - np.cos(a))) for a in angle * turn]
    middle = x + (HOLLOW + ROUNDED) * np.sin(angle)
    rows += [(middle - ROUNDED * np.sin(a), 0.5 * WIDE - ROUNDED * (1 - np.cos(a))) for a in angle * turn[::-1][1:]]
    quarter = np.array([*rows, (0.5 * LONG, 0.5 * WIDE)])
    side = np.concatenate([(quarter * [-1, 1])[::-1], quarter])
    outline = shapely.Polygon(np.concatenate([side, (side * [1, -1])[::-1]]))
    return drawn_part(outline, thickness, "coupon", origin)
