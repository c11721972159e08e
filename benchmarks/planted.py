"""Defects planted into sound parts, each with the name of the check that must find it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import shapely
import trimesh

from mnnfem.fabricate.part import Part, drawn_part
from mnnfem.fabricate.process import Process
from mnnfem.fabricate.widths import least_ligament
from mnnfem.mesh import Floats, Ints

Plant = Callable[[Part, Process, np.random.Generator], Part]


def surface_of(part: Part, vertices: Floats, faces: Ints) -> Part:
    """The part with another surface, and what the simulation says of it unchanged."""
    return dataclasses.replace(part, surface=trimesh.Trimesh(vertices, faces, process=False))


def arrays(part: Part) -> tuple[Floats, Ints]:
    """Copies of its vertices and faces."""
    return np.array(part.surface.vertices), np.array(part.surface.faces, dtype=np.int64)


def redrawn(part: Part, outline: shapely.Polygon) -> Part:
    """A plane part with another outline, that of the simulation too."""
    return drawn_part(outline, part.thickness, part.name)


def added(part: Part, body: trimesh.Trimesh) -> Part:
    """The part with another body beside, around or in it."""
    vertices, faces = arrays(part)
    more = np.asarray(body.faces, dtype=np.int64) + len(vertices)
    return surface_of(part, np.concatenate([vertices, np.asarray(body.vertices)]), np.concatenate([faces, more]))


def _thick(part: Part) -> tuple[Floats, float]:
    """Where the outline is thickest, (2,), and how far the boundary is from there."""
    assert part.outline is not None
    radius = shapely.maximum_inscribed_circle(part.outline)
    return shapely.get_coordinates(radius)[0], float(radius.length)


def _box(place: Floats, side: float) -> trimesh.Trimesh:
    box = trimesh.creation.box((side, side, side))
    box.apply_translation(place)
    return box


def _inside(part: Part, share: float) -> trimesh.Trimesh:
    place, radius = _thick(part)
    return _box(np.append(place, 0.5 * part.thickness), share * min(radius, part.thickness))


def a_face_left_out(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, faces = arrays(part)
    return surface_of(part, vertices, np.delete(faces, rng.integers(len(faces)), axis=0))


def a_face_turned(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, faces = arrays(part)
    row = rng.integers(len(faces))
    faces[row] = faces[row, ::-1]
    return surface_of(part, vertices, faces)


def inside_out(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, faces = arrays(part)
    return surface_of(part, vertices, faces[:, ::-1])


def a_face_twice(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, faces = arrays(part)
    return surface_of(part, vertices, np.concatenate([faces, faces[[rng.integers(len(faces))]]]))


def a_face_without_area(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, faces = arrays(part)
    a, b, c = faces[rng.integers(len(faces))]
    middle = len(vertices)
    split = (faces == [a, b, c]).all(axis=1)
    more = [[a, middle, c], [middle, b, c], [a, b, middle]]
    places = np.concatenate([vertices, vertices[[a, b]].mean(axis=0)[None]])
    return surface_of(part, places, np.concatenate([faces[~split], more]))


def a_vertex_that_is_no_number(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, faces = arrays(part)
    vertices[rng.integers(len(vertices)), 1] = np.nan
    return surface_of(part, vertices, faces)


def two_bodies_in_each_other(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, faces = arrays(part)
    return added(part, trimesh.Trimesh(vertices + 0.1 * np.ptp(vertices, axis=0), faces, process=False))


def a_body_in_another(part: Part, process: Process, rng: np.random.Generator) -> Part:
    return added(part, _inside(part, 0.4))


def a_void_without_a_way_out(part: Part, process: Process, rng: np.random.Generator) -> Part:
    box = _inside(part, 0.4)
    box.invert()
    return added(part, box)


def a_body_beside(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, _ = arrays(part)
    return added(part, _box(vertices.max(axis=0) + 5.0, 4.0))


def two_bodies_at_one_edge(part: Part, process: Process, rng: np.random.Generator) -> Part:
    """A tetrahedron above an edge of the upper face."""
    vertices, faces = arrays(part)
    top = faces[(vertices[faces][:, :, 2] > vertices[:, 2].max() - 1e-6).all(axis=1)]
    a, b, c = top[rng.integers(len(top))]
    middle, up = vertices[[a, b, c]].mean(axis=0), np.array([0, 0, 2.0])
    along = np.cross(up, vertices[b] - vertices[a])
    across = along / np.linalg.norm(along)
    places = np.stack([middle + up - 0.2 * across, middle + up + 0.2 * across])
    n = len(vertices)
    body = trimesh.Trimesh(
        np.concatenate([vertices, places]), [[a, b, n], [b, a, n + 1], [a, n + 1, n], [b, n, n + 1]], process=False
    )
    more = np.array(body.faces if body.volume > 0 else body.faces[:, ::-1])
    return surface_of(part, np.concatenate([vertices, places]), np.concatenate([faces, more]))


def two_bodies_at_one_vertex(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, faces = arrays(part)
    tops = np.flatnonzero(vertices[:, 2] > vertices[:, 2].max() - 1e-6)
    a, n = tops[rng.integers(len(tops))], len(vertices)
    places = vertices[a] + np.array([[0.5, 0, 2], [-0.3, 0.4, 2], [-0.3, -0.4, 2]])
    more = np.array([[a, n + 1, n], [a, n + 2, n + 1], [a, n, n + 2], [n, n + 1, n + 2]])
    return surface_of(part, np.concatenate([vertices, places]), np.concatenate([faces, more]))


def a_wall_through_another(part: Part, process: Process, rng: np.random.Generator) -> Part:
    """A column of vertices of the outline carried through the body to beyond its other side."""
    vertices, faces = arrays(part)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    column = np.flatnonzero(np.isclose(vertices[:, 0], low[0]))
    at = vertices[column[rng.integers(len(column))], 1]
    vertices[column[np.isclose(vertices[column, 1], at)], 0] = high[0] + 0.1 * (high - low)[0]
    return surface_of(part, vertices, faces)


def metres(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, faces = arrays(part)
    return surface_of(part, 1e-3 * vertices, faces)


def inches(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, faces = arrays(part)
    return surface_of(part, vertices / 25.4, faces)


def too_thick(part: Part, process: Process, rng: np.random.Generator) -> Part:
    vertices, faces = arrays(part)
    return surface_of(part, vertices * [1, 1, 1.01], faces)


def larger_than_the_bed(part: Part, process: Process, rng: np.random.Generator) -> Part:
    assert part.outline is not None
    factor = 1.02 * max(process.bed[:2]) / np.ptp(np.array(part.surface.vertices)[:, :2], axis=0).max()
    return redrawn(part, shapely.transform(part.outline, lambda places: factor * places))


def a_thin_wall(part: Part, process: Process, rng: np.random.Generator) -> Part:
    """The whole body smaller, until its least wall is 5 % below the limit."""
    assert part.outline is not None
    factor = 0.95 * process.wall / least_ligament(part.outline).value
    return redrawn(part, shapely.transform(part.outline, lambda places: factor * places))


def a_small_pore(part: Part, process: Process, rng: np.random.Generator) -> Part:
    """A round hole 5 % below the limit where there is most material; the body is made large enough to have room."""
    place, room = _thick(part)
    factor = max(1.0, 2 * (process.wall + process.pore) / room)
    assert part.outline is not None
    larger = shapely.transform(part.outline, lambda places: factor * places)
    return redrawn(part, larger.difference(shapely.Point(factor * place).buffer(0.475 * process.pore, quad_segs=32)))


def a_narrow_gap(part: Part, process: Process, rng: np.random.Generator) -> Part:
    """A cut through the thickest place to the outside, 10 % narrower than the limit."""
    place, room = _thick(part)
    factor = max(1.0, 2 * (process.wall + process.gap) / room)
    assert part.outline is not None
    larger = shapely.transform(part.outline, lambda places: factor * places)
    nearest = shapely.get_coordinates(shapely.shortest_line(larger.boundary, shapely.Point(factor * place)))
    outward = (nearest[0] - nearest[1]) / np.linalg.norm(nearest[0] - nearest[1])
    cut = shapely.LineString([nearest[1], nearest[0] + process.gap * outward]).buffer(0.45 * process.gap, cap_style="flat")
    return redrawn(part, larger.difference(cut))


def a_pore_filled(part: Part, process: Process, rng: np.random.Generator) -> Part:
    """Made from an outline without its first pore; the simulated body has it."""
    assert part.outline is not None
    filled = redrawn(part, shapely.Polygon(part.outline.exterior, part.outline.interiors[1:]))
    return dataclasses.replace(part, surface=filled.surface)


def a_part_in_the_air(part: Part, process: Process, rng: np.random.Generator) -> Part:
    """A table with something that hangs from its top."""
    boxes = [((0, 0, 0), (5, 20, 20)), ((0, 0, 20), (30, 20, 5)), ((20, 5, 8), (6, 6, 12.5))]
    bodies = [
        trimesh.creation.box(size, trimesh.transformations.translation_matrix(np.add(at, np.divide(size, 2))))
        for at, size in boxes
    ]
    table = trimesh.boolean.union(bodies, engine="manifold")
    return Part(trimesh.Trimesh(table.vertices, table.faces, process=False), "table")


PLANTED: dict[str, tuple[str, Plant]] = {
    "a face left out": ("open surface", a_face_left_out),
    "a face turned": ("orientation", a_face_turned),
    "all faces turned": ("inside out", inside_out),
    "a face twice": ("duplicate face", a_face_twice),
    "a face without area": ("degenerate face", a_face_without_area),
    "a vertex that is no number": ("not a number", a_vertex_that_is_no_number),
    "two bodies in each other": ("overlapping bodies", two_bodies_in_each_other),
    "a body in another": ("overlapping bodies", a_body_in_another),
    "a void without a way out": ("trapped void", a_void_without_a_way_out),
    "a body beside": ("bodies", a_body_beside),
    "two bodies at one edge": ("non-manifold edge", two_bodies_at_one_edge),
    "two bodies at one vertex": ("non-manifold vertex", two_bodies_at_one_vertex),
    "a wall through another": ("self-intersection", a_wall_through_another),
    "metres for millimetres": ("unit", metres),
    "inches for millimetres": ("unit", inches),
    "1 % too thick": ("volume", too_thick),
    "larger than the bed": ("bed", larger_than_the_bed),
    "a thin wall": ("ligament", a_thin_wall),
    "a small pore": ("pore", a_small_pore),
    "a narrow gap": ("gap", a_narrow_gap),
    "a pore filled": ("pores", a_pore_filled),
    "a part in the air": ("island", a_part_in_the_air),
}
