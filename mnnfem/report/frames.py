"""Stored fields -> the surface of the body in each frame of the path, as arrays."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyvista

from mnnfem.errors import InputError
from mnnfem.fabricate.crossing import normals_of
from mnnfem.mesh import Floats, Ints, right_handed
from mnnfem.report.skin import seen

DISPLACEMENT = "displacement (mm)"
FINE = 9000  # nodes up to which quadratic elements are drawn as the smaller ones between all of their nodes
SHARP = np.cos(np.radians(35.0))  # of the normals on either side: edges of a solid body that are drawn


@dataclass(frozen=True, eq=False)
class Frames:
    """A surface that moves.

    rest          (n, 3) mm;  moved  displacement of each frame (f, n, 3) mm
    faces         (k, 3), of a plane body the whole of it;  edges (e, 2) to be drawn, of a plane body its boundary, on its left
    fields        values of each frame by name with unit, (f, n)
    plane         whether all of it is in the plane z = 0
    """

    rest: Floats
    moved: Floats
    faces: Ints
    edges: Ints
    fields: dict[str, Floats]
    plane: bool

    @property
    def most_moved(self) -> int:
        """The frame with the largest displacement."""
        return int(np.argmax(np.linalg.norm(self.moved, axis=2).max(axis=1)))

    def every(self, step: int) -> Frames:
        """Every so-manieth frame, the first one always."""
        fields = {name: values[::step] for name, values in self.fields.items()}
        return dataclasses.replace(self, moved=self.moved[::step], fields=fields)


def read_frames(series: Path) -> Frames:
    """The frames of a PVD file. InputError where it or a file of it cannot be used."""
    files = _files(series)
    grids = [_grid(file) for file in files]
    first = grids[0]
    if any(grid.n_points != first.n_points or DISPLACEMENT not in grid.point_data for grid in grids):
        raise InputError(f"The files of {series} are not of one mesh, or have no {DISPLACEMENT!r}.")
    triangles = seen(first, first.n_points <= FINE)
    kept, faces = np.unique(triangles, return_inverse=True)
    faces = faces.reshape(-1, 3)
    rest = np.asarray(first.points, dtype=np.float64)[kept]
    plane = bool(np.ptp(rest[:, 2]) == 0)
    if plane:
        faces = right_handed(rest[:, :2], faces)
    fields: dict[str, Floats] = {}
    for name in first.cell_data:
        if np.asarray(first.cell_data[name]).ndim == 1:
            at_nodes = [_at_nodes(grid, name)[kept] for grid in grids]
            fields[name] = np.stack(at_nodes)
    moved = np.stack([np.asarray(grid.point_data[DISPLACEMENT], dtype=np.float64)[kept] for grid in grids])
    return Frames(rest, moved, faces, boundary_edges(faces) if plane else sharp_edges(rest, faces), fields, plane)


def boundary_edges(faces: Ints) -> Ints:
    """Edges of one face only, (e, 2), that face on their left."""
    edges = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    _, first, count = np.unique(np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True)
    found: Ints = edges[first[count == 1]]
    return found


def sharp_edges(rest: Floats, faces: Ints) -> Ints:
    """Edges (e, 2) between two faces that meet at an angle, or of one face only."""
    corners = rest[faces]
    normals = normals_of(corners)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, number, count = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    around = np.zeros((len(unique), 3))
    np.add.at(around, number.ravel(), np.repeat(normals, 3, axis=0))
    length = np.linalg.norm(around, axis=1)  # of two unit normals: 2 cos(half of the angle between them)
    found: Ints = unique[(count != 2) | (length < np.sqrt(2 + 2 * SHARP))]
    return found


def _at_nodes(grid: pyvista.UnstructuredGrid, name: str) -> Floats:
    """Values of the cells, their mean at each node, (n,)."""
    values = np.asarray(grid.cell_data[name], dtype=np.float64)
    of_cells = np.concatenate([one.ravel() for one in grid.cells_dict.values()])
    sizes = np.concatenate([np.full(len(one), one.shape[1]) for one in grid.cells_dict.values()])
    total, count = (np.bincount(of_cells, one, grid.n_points) for one in (np.repeat(values, sizes), None))
    mean: Floats = total / np.maximum(count, 1)
    return mean


def _files(series: Path) -> list[Path]:
    try:
        found = [series.parent / str(one.get("file")) for one in ElementTree.parse(series).iter("DataSet")]
    except (OSError, ElementTree.ParseError) as problem:
        raise InputError(f"{series} cannot be read ({problem}).") from None
    there = [file for file in found if file.is_file()]
    if not there:
        raise InputError(f"None of the {len(found)} files that {series} names is there.")
    return there


def _grid(file: Path) -> pyvista.UnstructuredGrid:
    try:
        grid = pyvista.read(file)
    except Exception as problem:  # whatever a reader makes of a file that was cut off
        raise InputError(f"{file} cannot be read ({problem}).") from None
    if not isinstance(grid, pyvista.UnstructuredGrid) or not grid.n_cells:
        raise InputError(f"{file} holds no mesh.")
    return grid
