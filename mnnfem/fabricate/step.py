"""A part as STEP: solids of plane faces with their exact edges, in millimetres, through gmsh's OpenCASCADE."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gmsh
import numpy as np
import shapely

from mnnfem.errors import InputError
from mnnfem.fabricate.part import DEEP, Part
from mnnfem.mesh import Ints, gmsh_model

MOST = 5_000  # triangles of a body that is no prism: they take a minute
STAMP = re.compile(rb"(FILE_NAME\('[^']*',)'[^']*'")
PRODUCT = re.compile(rb"Open CASCADE STEP translator [\d.]+\s+\d+")


def write_step(path: Path, part: Part) -> None:
    """Write the part: its outline drawn out, or each of its triangles a plane face. The same part gives the same bytes.

    InputError where a body in space has more than `MOST` triangles.
    """
    with gmsh_model("step"):
        if part.outline is not None and part.engraved.is_empty:
            _prism(part.outline, part.thickness)
        elif part.outline is not None:
            _with_letters(part.outline, part.engraved, part.thickness)
        elif len(part.surface.faces) > MOST:
            raise InputError(f"STEP of {len(part.surface.faces):,} triangles is left out, as more than {MOST:,} are too slow.")
        else:
            _faceted(part)
        gmsh.model.occ.synchronize()
        gmsh.option.setString("Geometry.OCCTargetUnit", "MM")
        with _silent():
            gmsh.write(str(path))
    name = re.sub("[^A-Za-z0-9 _.,-]", "_", part.name).encode()
    written = STAMP.sub(rb"\1'1970-01-01T00:00:00'", path.read_bytes())  # neither the time nor how many were written before
    path.write_bytes(PRODUCT.sub(name, written))


def step_volume(path: Path) -> float:
    """Volume of the solids of a STEP file, mm^3, as it is read again."""
    with gmsh_model("step"):
        gmsh.option.setString("Geometry.OCCTargetUnit", "MM")
        with _silent():
            bodies = gmsh.model.occ.importShapes(str(path))
        gmsh.model.occ.synchronize()
        return float(sum(gmsh.model.occ.getMass(dim, tag) for dim, tag in bodies if dim == 3))


@contextmanager
def _silent() -> Iterator[None]:
    """OpenCASCADE tells of every file on standard output, past Python."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _prism(outline: shapely.Polygon, thickness: float) -> None:
    loops = [_loop(_points(ring, 0.0))[1] for ring in (outline.exterior, *outline.interiors)]
    gmsh.model.occ.extrude([(2, gmsh.model.occ.addPlaneSurface(loops))], 0.0, 0.0, thickness)


def _points(ring: shapely.LinearRing, height: float) -> list[int]:
    """The corners of a ring at z = height mm, all rings in one sense: gmsh turns holes itself."""
    return [gmsh.model.occ.addPoint(x, y, height) for x, y in shapely.get_coordinates(ring)[:: 1 if ring.is_ccw else -1][:-1]]


def _loop(points: list[int]) -> tuple[list[int], int]:
    """The lines around, and their loop."""
    lines = [gmsh.model.occ.addLine(a, b) for a, b in zip(points, [*points[1:], points[0]], strict=True)]
    return lines, gmsh.model.occ.addCurveLoop(lines)


def _with_letters(outline: shapely.Polygon, engraved: shapely.MultiPolygon, thickness: float) -> None:
    """Face by face, as booleans take minutes here: both ends, the walls, and of each letter walls, floor and islands."""
    sunk = thickness - DEEP
    outer = [_walls(ring, 0.0, thickness) for ring in (outline.exterior, *outline.interiors)]
    letters = [[_walls(ring, sunk, thickness) for ring in (one.exterior, *one.interiors)] for one in engraved.geoms]
    top = [high for _, high, _ in outer] + [rings[0][1] for rings in letters]
    loops = [[low for low, _, _ in outer], top]
    for rings in letters:
        loops += [[low for low, _, _ in rings], *([high] for _, high, _ in rings[1:])]
    sides = [side for rings in (outer, *letters) for _, _, walls in rings for side in walls]
    sides += [gmsh.model.occ.addPlaneSurface(one) for one in loops]
    gmsh.model.occ.addVolume([gmsh.model.occ.addSurfaceLoop(sides)])


def _walls(ring: shapely.LinearRing, bottom: float, top: float) -> tuple[int, int, list[int]]:
    """The loops of a ring at both heights, and the plane faces between them."""
    low, high = (_points(ring, z) for z in (bottom, top))
    (below, low_loop), (above, high_loop) = _loop(low), _loop(high)
    up = [gmsh.model.occ.addLine(a, b) for a, b in zip(low, high, strict=True)]
    walls = [
        gmsh.model.occ.addPlaneSurface([gmsh.model.occ.addCurveLoop([a, after, -b, -before])])
        for a, b, before, after in zip(below, above, up, [*up[1:], up[0]], strict=True)
    ]
    return low_loop, high_loop, walls


def _faceted(part: Part) -> None:
    faces: Ints = np.asarray(part.surface.faces, dtype=np.int64)
    tags = [gmsh.model.occ.addPoint(*vertex) for vertex in np.asarray(part.surface.vertices)]
    lines: dict[tuple[int, int], int] = {}
    sides = []
    for face in faces:
        loop = []
        for a, b in zip(face, np.roll(face, -1), strict=True):
            low, high = min(int(a), int(b)), max(int(a), int(b))
            if (low, high) not in lines:
                lines[low, high] = gmsh.model.occ.addLine(tags[low], tags[high])
            loop.append(lines[low, high] if low == a else -lines[low, high])
        sides.append(gmsh.model.occ.addPlaneSurface([gmsh.model.occ.addCurveLoop(loop)]))
    gmsh.model.occ.addVolume([gmsh.model.occ.addSurfaceLoop(sides)])
