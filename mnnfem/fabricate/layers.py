"""A surface cut into layers: what each layer is, and what begins in the air."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
import trimesh

from mnnfem.fabricate.crossing import normals_of
from mnnfem.mesh import Floats

NUDGE = 1e-7  # of the height: a cut does not pass through a vertex


def section(surface: trimesh.Trimesh, height: float) -> shapely.Geometry:
    """The plane figure at z = height mm, a Polygon or MultiPolygon; what is inside is told by counting walls from outside.

    Every triangle that the plane cuts gives a segment, its ends computed from the edge alone, so two triangles give the
    same end to the bit.
    """
    vertices, faces = np.asarray(surface.vertices), np.asarray(surface.faces)
    z = vertices[:, 2] - height
    z = np.where(np.abs(z) < NUDGE * np.ptp(vertices[:, 2]), NUDGE * np.ptp(vertices[:, 2]), z)
    above = z > 0
    cut = faces[above[faces].any(axis=1) & ~above[faces].all(axis=1)]
    if not len(cut):
        return shapely.MultiPolygon()
    ends = np.sort(np.stack([cut, np.roll(cut, -1, axis=1)], axis=2), axis=2)  # (k, 3, 2): the edges, lower vertex first
    low, high = z[ends[:, :, 0]], z[ends[:, :, 1]]
    share = np.divide(low, low - high, out=np.zeros_like(low), where=(low > 0) != (high > 0))
    at = vertices[ends[:, :, 0], :2] + share[:, :, None] * (vertices[ends[:, :, 1], :2] - vertices[ends[:, :, 0], :2])
    segments = at[(low > 0) != (high > 0)].reshape(-1, 2, 2)
    return shapely.build_area(shapely.multilinestrings(shapely.linestrings(segments)))


def heights(surface: trimesh.Trimesh, layer: float) -> Floats:
    """The middles of the layers, mm."""
    low, high = np.asarray(surface.vertices)[:, 2].min(), np.asarray(surface.vertices)[:, 2].max()
    middles: Floats = low + layer * (np.arange(max(1, round((high - low) / layer))) + 0.5)
    return middles


def islands(figures: Sequence[shapely.Geometry], levels: Floats) -> Floats:
    """Places (k, 3) mm where a part of a layer has nothing below it, the first layer excepted."""
    found: list[Floats] = []
    for below, figure, level in zip(figures, figures[1:], levels[1:], strict=False):
        parts = shapely.get_parts(figure)
        in_air = shapely.get_coordinates(shapely.point_on_surface(parts[~shapely.intersects(below, parts)]))
        found.append(np.column_stack([in_air, np.full(len(in_air), level)]))
    return np.concatenate(found) if found else np.zeros((0, 3))


def outline_of(surface: trimesh.Trimesh) -> shapely.Polygon | None:
    """The figure that a prism was drawn out from along z; None for any other body."""
    vertices = np.asarray(surface.vertices)
    corners = vertices[np.asarray(surface.faces)]
    low, high = vertices[:, 2].min(), vertices[:, 2].max()
    near = 1e-5 * np.ptp(vertices, axis=0).max()
    normals = normals_of(corners)
    walls = np.abs(normals[:, 2]) < 1e-5 * np.linalg.norm(normals, axis=1)
    ends = (np.abs(corners[:, :, 2] - low) < near).all(axis=1) | (np.abs(corners[:, :, 2] - high) < near).all(axis=1)
    if high - low < near or not (walls | ends).all():
        return None
    figure = shapely.simplify(section(surface, 0.5 * (low + high)), 0.0)
    return figure if figure.geom_type == "Polygon" and not figure.is_empty else None
