"""A body to be made: its surface, and what the simulation says that it is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
import trimesh

from mnnfem.errors import InputError
from mnnfem.fabricate.extrude import drawn_out, meshed
from mnnfem.fabricate.mirrored import boundary_surface
from mnnfem.mesh import Floats, Mesh, signed_measures

DEEP = 0.6  # mm of letters


@dataclass(frozen=True, eq=False)
class Part:
    """A body as it shall be made, its least corner at the origin.

    surface   mm
    name      of the design;  origin  what it came from: for metadata
    volume    that of the simulated body, mm^3;  pores  through it (its genus);  size  (3,) mm: None where nothing says so
    outline   what a plane body was drawn out from, mm; None for other bodies
    added     of the outline, what was not simulated, such as tabs
    engraved  letters that are sunk into its upper face by `DEEP` mm, within the outline
    """

    surface: trimesh.Trimesh
    name: str
    origin: str = ""
    volume: float | None = None
    pores: int | None = None
    size: Floats | None = None
    outline: shapely.Polygon | None = None
    added: shapely.Geometry = field(default_factory=shapely.MultiPolygon)
    engraved: shapely.MultiPolygon = field(default_factory=shapely.MultiPolygon)

    @property
    def thickness(self) -> float:
        """Along z, mm."""
        return float(np.ptp(np.asarray(self.surface.vertices)[:, 2]))

    def figure(self, height: float) -> shapely.Geometry | None:
        """What a plane body is at z = height mm; None for other bodies."""
        if self.outline is None or height < self.thickness - DEEP:
            return self.outline
        return self.outline - self.engraved


def plane_part(mesh: Mesh, points: Floats, thickness: float, name: str, scale: float = 1.0, origin: str = "") -> Part:
    """A plane body at node coordinates `points` (n, 2) mm, drawn out to `thickness` mm; `scale` is of the plane alone.

    Nothing is refused here: the checks tell all that is wrong.
    """
    if not (thickness > 0 and scale > 0):
        raise InputError(f"Thickness and scale must be above 0, got {thickness:g} mm and {scale:g}.")
    scaled = scale * (points - points.min(axis=0))
    loops = mesh.loops()
    areas = [float(shapely.Polygon(scaled[loop]).area) for loop in loops]
    outer = int(np.argmax(areas))
    holes = [scaled[loop] for k, loop in enumerate(loops) if k != outer]
    return Part(
        surface=drawn_out(mesh, scaled, thickness),
        name=name,
        origin=origin,
        volume=float(signed_measures(scaled, mesh.cells).sum()) * thickness,
        pores=len(loops) - 1,
        size=np.append(np.ptp(scaled, axis=0), thickness),
        outline=shapely.Polygon(scaled[loops[outer]], holes),
    )


def drawn_part(outline: shapely.Polygon, thickness: float, name: str, origin: str = "") -> Part:
    """A polygon, in mm, drawn out to `thickness` mm: what is added to a design, or made beside it."""
    moved = shapely.transform(outline, lambda places: places - np.array(outline.bounds[:2]))
    mesh = meshed(moved)
    return Part(
        surface=drawn_out(mesh, mesh.points, thickness),
        name=name,
        origin=origin,
        volume=float(moved.area) * thickness,
        pores=len(moved.interiors),
        size=np.append(np.reshape(moved.bounds, (2, 2))[1], thickness),
        outline=moved,
    )


def solid_part(mesh: Mesh, points: Floats, name: str, scale: float = 1.0, origin: str = "", plane: str = "") -> Part:
    """A solid body at node coordinates `points` (n, 3) mm, with its image behind the facet `plane` if one is named."""
    if not scale > 0:
        raise InputError(f"The scale must be above 0, got {scale:g}.")
    scaled = scale * (points - points.min(axis=0))
    surface, halves = boundary_surface(mesh, scaled, plane), 2 if plane else 1
    surface.apply_translation(-surface.bounds[0])
    return Part(
        surface=surface,
        name=name,
        origin=origin,
        volume=halves * float(signed_measures(scaled, mesh.cells).sum()),
        pores=None if plane else _handles(mesh),
        size=surface.extents,
    )


def _handles(mesh: Mesh) -> int:
    """Genus of a solid's surface, from its elements: the surface's Euler number is twice the solid's."""
    cells = np.sort(mesh.cells, axis=1)
    edges = np.unique(np.concatenate([cells[:, pair] for pair in ([0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3])]), axis=0)
    sides = np.unique(np.concatenate([cells[:, side] for side in ([0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3])]), axis=0)
    euler = len(np.unique(cells)) - len(edges) + len(sides) - len(cells)
    return 1 - euler
