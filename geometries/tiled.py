"""Any plane outline repeated in columns and rows, its holes designed by their sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely
import torch
from shapely.geometry.polygon import orient

from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Ints
from mnnfem.model import read_model
from mnnfem.outline import Outline, outlined
from mnnfem.parameters import alike
from mnnfem.polygons import find_fault

LARGEST, ROOM, TRIALS = 2.0, 0.4, 20  # sizes tried for the upper bound; the share of the way there that is allowed


def tiled(
    tile: shapely.Polygon | str | Path,
    columns: int = 3,
    rows: int = 3,
    pitch: tuple[float, float] | None = None,
    size: float | None = None,
    bounds: tuple[float, float] | None = None,
) -> Geometry:
    r"""Copies of a tile, shifted by its width and height, joined to one body.

        X = c_k + s_k (X0 - c_k)      on hole k, c_k its centroid, s_k its size, 1 at the start.

    Holes of the tile and those that copies leave between them are all designed; the outline stays.

    tile           a polygon, mm, or a .step, .brep or .geo file with one plane face
    columns, rows  copies in x and y
    pitch          their distance in x and y, mm; the tile's own width and height without it
    size           longest edges of the outline, mm; a twelfth of the lesser pitch without it
    bounds         of the sizes; without them from 0.5 to 0.4 of the way from 1 to where holes so large would touch: as
                   far as the elements of square and round holes keep their shape (mean ratio 0.29 in 200 random designs)

    Facets: left, right, bottom, top, as far as the outline has edges on the sides of the box around it; holes.
    InputError if the copies join in points only, or not at all, or leave no hole.
    """
    if min(columns, rows) < 1:
        raise InputError(f"A tile is repeated in one column and one row at least, got {columns} and {rows}.")
    polygon = _face(Path(tile), size) if isinstance(tile, str | Path) else tile
    if not isinstance(polygon, shapely.Polygon) or not polygon.is_valid or polygon.is_empty:
        raise InputError(f"The tile is no simple polygon: {shapely.is_valid_reason(polygon)}.")
    low_x, low_y, high_x, high_y = polygon.bounds
    step = np.array(pitch or (high_x - low_x, high_y - low_y))
    body = _joined(polygon, columns, rows, step)
    body = orient(shapely.segmentize(body, float(step.min() / 12 if size is None else size)))
    rings = [shapely.get_coordinates(ring)[:-1] for ring in (body.exterior, *body.interiors)]
    if len(rings) == 1:
        raise InputError("The tiles leave no hole between them and have none: there is nothing to design.")
    ends = np.cumsum([len(ring) for ring in rings])
    loops = tuple(np.arange(end - len(ring), end) for ring, end in zip(rings, ends, strict=True))
    points = np.concatenate(rings)
    centres = np.concatenate([shapely.get_coordinates(shapely.Polygon(ring).centroid) for ring in rings])
    hole = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    about, arms = torch.from_numpy(centres[hole]), torch.from_numpy(points - centres[hole])

    def at(design: torch.Tensor) -> torch.Tensor:
        return about + torch.cat([design.new_ones(1), design])[torch.from_numpy(hole), None] * arms

    names = [f"size of hole {number}" for number in range(len(rings) - 1)]
    outline = Outline(
        loops, _facets(points, loops), at, names=("the outline", *(name.removeprefix("size of ") for name in names))
    )
    return outlined(outline, alike(names, 1.0, bounds or _bounds(outline, len(names)), "size"), size=size)


def _face(path: Path, size: float | None) -> shapely.Polygon:
    mesh = read_model(path, size, named=False)
    if mesh.dim == 3:
        raise InputError(f"{path} holds a solid: a tile is one plane face.")
    rings = sorted((mesh.points[loop] for loop in mesh.loops()), key=lambda ring: -shapely.Polygon(ring).area)
    return shapely.Polygon(rings[0], rings[1:])


def _joined(polygon: shapely.Polygon, columns: int, rows: int, step: Floats) -> shapely.Polygon:
    shifts = [step * (i, j) for j in range(rows) for i in range(columns)]
    copies = [shapely.transform(polygon, lambda x, shift=shift: x + shift) for shift in shifts]
    body = shapely.union_all(copies, grid_size=1e-9 * float(step.max()))
    if not isinstance(body, shapely.Polygon):
        raise InputError(
            f"{columns} x {rows} tiles at a pitch of {step[0]:g} x {step[1]:g} mm make {len(shapely.get_parts(body))} bodies: "
            "neighbours must share an edge. Take a smaller pitch, or a tile that reaches the sides of its box."
        )
    return body


def _facets(points: Floats, loops: tuple[Ints, ...]) -> dict[str, Ints]:
    edges = [np.stack([loop, np.roll(loop, -1)], axis=1) for loop in loops]
    facets = {"holes": np.concatenate(edges[1:])}
    near = 1e-6 * np.ptp(points, axis=0).max()
    for axis, names in enumerate((("left", "right"), ("bottom", "top"))):
        for name, end in zip(names, (points[:, axis].min(), points[:, axis].max()), strict=True):
            on = (np.abs(points[edges[0], axis] - end) < near).all(axis=1)
            if on.any():
                facets[name] = edges[0][on]
    return facets


def _bounds(outline: Outline, holes: int) -> tuple[float, float]:
    """Sizes that all holes may have at once."""
    low, high = 1.0, LARGEST
    for _ in range(TRIALS):
        middle = 0.5 * (low + high)
        sound = find_fault(outline.polygons, outline.place(np.full(holes, middle))) is None
        low, high = (middle, high) if sound else (low, middle)
    return 0.5, 1 + ROOM * (low - 1)
