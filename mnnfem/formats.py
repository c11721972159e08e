"""Meshes with their names in files of other programs: VTU by meshio, MSH by gmsh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import gmsh
import meshio
import numpy as np

from mnnfem.errors import InputError, unknown_name
from mnnfem.kinds import KINDS
from mnnfem.mesh import Floats, Ints, Mask, Mesh, gmsh_model, read_gmsh

POINT = 15  # in gmsh
FACET, VERTEX = "facet ", "vertex "


def write_mesh(path: Path, mesh: Mesh) -> None:
    """Write a mesh, its named facets and its named vertices, as the suffix says: .vtu or .msh.

    VTU: facets and vertices are cells beside the elements, and one array of 0 and 1 per name ("facet left", "vertex
    centre") marks those that belong to it. MSH 4.1: one physical group per name, and "body".
    """
    write, _ = _format(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, mesh)
    except OSError as problem:
        raise InputError(f"The mesh cannot be written to {path}: {problem.strerror}.") from None


def read_mesh(path: Path) -> Mesh:
    """The mesh in a file that `write_mesh` wrote, the numbers of its points and elements unchanged.

    For a model of your own, and what is refused of it, see `mnnfem.model`. InputError for a file that is not there or
    holds no elements.
    """
    _, read = _format(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    return read(path)


def _format(path: Path) -> tuple[Callable[[Path, Mesh], None], Callable[[Path], Mesh]]:
    formats = {".vtu": (_write_vtu, _read_vtu), ".msh": (_write_msh, _read_msh)}
    if path.suffix.lower() not in formats:
        raise unknown_name("mesh format", path.suffix or path.name, formats)
    return formats[path.suffix.lower()]


def _named(mesh: Mesh) -> tuple[Ints, dict[str, Ints]]:
    """Every facet that has a name, once, (k, d), and which of them each name has."""
    listed = np.concatenate([np.zeros((0, len(mesh.kind.facets[0])), dtype=np.int64), *mesh.facets.values()])
    _, first, number = np.unique(np.sort(listed, axis=1), axis=0, return_index=True, return_inverse=True)
    ends = np.cumsum([len(facets) for facets in mesh.facets.values()])[:-1]
    return listed[first], dict(zip(mesh.facets, np.split(number, ends), strict=True)) if mesh.facets else {}


def _space(mesh: Mesh) -> Floats:
    points: Floats = np.pad(mesh.points, ((0, 0), (0, 3 - mesh.dim)))
    return points


def _write_vtu(path: Path, mesh: Mesh) -> None:
    facets, members = _named(mesh)
    places = np.array(list(mesh.vertices.values()), dtype=np.int64).reshape(-1, 1)
    blocks = [block for block in (mesh.cells, facets, places) if len(block)]
    ends = np.cumsum([len(block) for block in blocks])
    marks = {FACET + name: len(mesh.cells) + numbers for name, numbers in members.items()}
    marks |= {VERTEX + name: ends[-1] - len(places) + np.array([k]) for k, name in enumerate(mesh.vertices)}
    data = {name: np.split(np.isin(np.arange(ends[-1]), marked).astype(np.uint8), ends[:-1]) for name, marked in marks.items()}
    kinds = {id(mesh.cells): mesh.kind.meshio, id(facets): mesh.kind.side[0], id(places): "vertex"}
    blocks_named = [(kinds[id(block)], block) for block in blocks]
    meshio.write(path, meshio.Mesh(_space(mesh), blocks_named, cell_data=data))


def _read_vtu(path: Path) -> Mesh:
    try:
        found = meshio.read(path)
    except Exception as error:  # meshio's own and those of the parsers under it
        raise InputError(f"{path} cannot be read: {error}.") from error
    there = [block.type for block in found.cells]
    kind = next((kind for kind in reversed(KINDS.values()) if kind.meshio in there), None)  # of the highest dimension
    if kind is None:
        raise InputError(f"{path} holds none of {', '.join(kind.plural for kind in KINDS.values())}.")

    def marked(prefix: str, block: str) -> dict[str, Ints]:
        parts = {name[len(prefix) :]: data for name, data in found.cell_data.items() if name.startswith(prefix)}
        return {name: _cells_of(found, block, [part != 0 for part in data]) for name, data in parts.items()}

    cells = _cells_of(found, kind.meshio, [np.ones(len(block.data), dtype=bool) for block in found.cells])
    points = np.ascontiguousarray(found.points[:, : kind.dim], dtype=np.float64)
    vertices = {name: int(index[0, 0]) for name, index in marked(VERTEX, "vertex").items()}
    return Mesh(points, cells, marked(FACET, kind.side[0]), vertices)


def _cells_of(found: meshio.Mesh, kind: str, marks: Sequence[Mask]) -> Ints:
    """Points of the marked cells of a kind, (k, points of one)."""
    cells = [block.data[mark] for block, mark in zip(found.cells, marks, strict=True) if block.type == kind]
    return np.concatenate(cells).astype(np.int64)


def _write_msh(path: Path, mesh: Mesh) -> None:
    facets, members = _named(mesh)
    names = list(members)
    # A gmsh entity belongs to groups as a whole: one for each set of names that facets have
    of_facet = (
        np.stack([np.isin(np.arange(len(facets)), members[name]) for name in names], axis=1) if names else np.zeros((0, 0))
    )
    patterns, pattern_of = np.unique(of_facet, axis=0, return_inverse=True)
    with gmsh_model("mesh"):
        model = gmsh.model
        body = model.addDiscreteEntity(mesh.dim)
        model.mesh.addNodes(mesh.dim, body, np.arange(1, len(mesh.points) + 1), _space(mesh).ravel())
        model.mesh.addElementsByType(body, mesh.kind.gmsh, [], (mesh.cells + 1).ravel())
        parts = []
        for number in range(len(patterns)):
            parts.append(model.addDiscreteEntity(mesh.dim - 1))
            own = facets[pattern_of.ravel() == number] + 1
            model.mesh.addElementsByType(parts[-1], mesh.kind.side[1], [], own.ravel())
        for column, name in enumerate(names):
            model.addPhysicalGroup(
                mesh.dim - 1, [part for part, has in zip(parts, patterns, strict=True) if has[column]], name=name
            )
        for name, index in mesh.vertices.items():
            point = model.addDiscreteEntity(0)
            model.mesh.addElementsByType(point, POINT, [], [index + 1])
            model.addPhysicalGroup(0, [point], name=name)
        model.addPhysicalGroup(mesh.dim, [body], name="body")
        gmsh.option.setNumber("Mesh.Binary", 1)
        try:
            gmsh.write(str(path))
        except Exception as error:  # gmsh raises nothing more special
            raise InputError(f"The mesh cannot be written to {path}: {error}.") from error


def _read_msh(path: Path) -> Mesh:
    with gmsh_model("mesh"):
        try:
            gmsh.merge(str(path))
        except Exception as error:  # gmsh raises nothing more special
            raise InputError(f"gmsh cannot read {path}: {error}.") from error
        if not any(len(gmsh.model.mesh.getElementsByType(kind.gmsh)[0]) for kind in KINDS.values()):
            raise InputError(f"{path} holds none of {', '.join(kind.plural for kind in KINDS.values())}.")
        return read_gmsh()[0]
