"""A two-part mould in which a plane part is cast from silicone: a tray with the pores as pillars, and a lid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
import trimesh

from mnnfem.errors import InputError, package_for
from mnnfem.fabricate.part import DEEP as LETTERS_DEEP
from mnnfem.fabricate.part import Part
from mnnfem.mesh import Floats

WALL, FLOOR, LID = 8.0, 4.0, 5.0  # mm: frame around the part, under it, above it
KEY, OTHER_KEY, DEEP, LOOSE = 2.0, 2.6, 3.0, 0.15  # mm: radii of the keys, one unlike the others; depth; room in their sockets
FILL, VENT = 3.0, 0.8  # mm: radii of the holes; they are made smaller where the part is narrow
STRAIGHT = 1e-7  # mm: corners nearer than this to the line of their neighbours are left out
ROUND = 48  # sides of keys and holes


@dataclass(frozen=True, eq=False)
class Mould:
    """The two parts of a mould, the body that it holds, and what stays open, mm; together they are a box.

    lower   floor, frame and pillars, with sockets;  upper  lid with keys, fill hole and vents
    body    the cavity: the part as it is before the material shrinks;  open  holes, and room around the keys
    box     its volume, mm^3
    """

    lower: trimesh.Trimesh
    upper: trimesh.Trimesh
    body: trimesh.Trimesh
    open: trimesh.Trimesh
    box: float

    @property
    def missing(self) -> float:
        """What the volumes of all four lack of the box's, over that."""
        parts = (self.lower, self.upper, self.body, self.open)
        return float(sum(part.volume for part in parts)) / self.box - 1


def mould(part: Part, shrink: float = 0.0) -> Mould:
    """The mould of a plane part from a material that shrinks by `shrink` (a fraction of every length) when it cures.

    The parting plane is the part's upper face; pillars stand on the floor and meet the lid, without draft; letters reach down
    from the lid. It is filled through the hole where the part is widest, and vented near its four corners. InputError for a
    body in space.
    """
    if part.outline is None:
        raise InputError(f"{part.name} is a body in space: a mould of two parts is made of plane designs.")
    if not 0 <= shrink < 0.5:
        raise InputError(
            f"Silicones shrink by 0 to a few per cent of their length, got {shrink:g}; write 0.01 for one per cent."
        )
    kit = package_for("Moulds", "manifold3d", "manifold3d")
    larger = 1 / (1 - shrink)
    outline, text = (shapely.transform(one, lambda places: larger * places) for one in (part.outline, part.engraved))
    outline = shapely.simplify(outline, STRAIGHT)
    top = FLOOR + larger * part.thickness
    low, high = np.array(outline.bounds[:2]) - WALL, np.array(outline.bounds[2:]) + WALL
    block, roof = _block(kit, low, high, 0.0, top), _block(kit, low, high, top, top + LID)
    whole, letters = _drawn(kit, outline, FLOOR, top), _drawn(kit, text, top - larger * LETTERS_DEEP, top)
    keys = [(place, radius) for place, radius in zip(_keys(low, high), (KEY, KEY, KEY, OTHER_KEY), strict=True)]
    pegs = [_pin(kit, place, radius, top - DEEP, top) for place, radius in keys]
    sockets = [_pin(kit, place, radius + LOOSE, top - DEEP - LOOSE, top) for place, radius in keys]
    holes = [_pin(kit, place, radius, top, top + LID) for place, radius in _holes(outline - text)]
    lower = kit.Manifold.batch_boolean([block, whole, *sockets], kit.OpType.Subtract)
    lid = kit.Manifold.batch_boolean([roof, *holes], kit.OpType.Subtract)
    upper = kit.Manifold.batch_boolean([lid, letters, *pegs], kit.OpType.Add)
    room = [socket - peg for socket, peg in zip(sockets, pegs, strict=True)]
    spared = kit.Manifold.batch_boolean([*holes, *room], kit.OpType.Add)
    box = float(np.prod(high - low)) * (top + LID)
    return Mould(_surface(lower), _surface(upper), _surface(whole - letters), _surface(spared), box)


def _keys(low: Floats, high: Floats) -> list[Floats]:
    """Middles (2,) of the frame's corners."""
    return [np.array([x, y]) for x in (low[0] + WALL / 2, high[0] - WALL / 2) for y in (low[1] + WALL / 2, high[1] - WALL / 2)]


def _holes(outline: shapely.Polygon) -> list[tuple[Floats, float]]:
    """Places (2,) and radii of the fill hole and of four vents, each within the part."""
    widest = shapely.maximum_inscribed_circle(outline)
    fill, room = shapely.get_coordinates(widest)[0], 0.9 * float(widest.length)
    found = [(fill, min(FILL, room))]
    vent = min(VENT, 0.3 * room)
    inside = outline.buffer(-1.1 * vent)
    x0, y0, x1, y1 = outline.bounds
    for corner in ((x0, y0), (x0, y1), (x1, y0), (x1, y1)):
        place = shapely.get_coordinates(shapely.shortest_line(inside, shapely.Point(corner)))[0]
        if all(np.linalg.norm(place - other) > 1.5 * (radius + vent) for other, radius in found):
            found.append((place, vent))
    return found


def _block(kit: Any, low: Floats, high: Floats, bottom: float, top: float) -> Any:
    return kit.Manifold.cube([*(high - low), top - bottom]).translate([*low, bottom])


def _pin(kit: Any, place: Floats, radius: float, bottom: float, top: float) -> Any:
    return kit.Manifold.cylinder(top - bottom, radius, radius, ROUND).translate([*place, bottom])


def _drawn(kit: Any, figure: shapely.Geometry, bottom: float, top: float) -> Any:
    rings = [ring for polygon in shapely.get_parts(figure) for ring in (polygon.exterior, *polygon.interiors)]
    if not rings:
        return kit.Manifold()
    plane = kit.CrossSection([shapely.get_coordinates(ring)[:-1] for ring in rings], kit.FillRule.EvenOdd)
    return kit.Manifold.extrude(plane, top - bottom).translate([0.0, 0.0, bottom])


def _surface(body: Any) -> trimesh.Trimesh:
    mesh = body.to_mesh64()
    return trimesh.Trimesh(np.asarray(mesh.vert_properties)[:, :3], np.asarray(mesh.tri_verts), process=False)
