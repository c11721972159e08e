"""Meshes with their names in files of other programs: VTU for ParaView and meshio, MSH for gmsh."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gmsh
import numpy as np
import pyvista

from mnnfem.errors import InputError, unknown_name
from mnnfem.mesh import Floats, Ints, Mask, Mesh, gmsh_model, read_gmsh

VTK_TYPES = {1: 1, 2: 3, 3: 5, 4: 10}  # by nodes: vertex, line, triangle, tetrahedron
GMSH_TYPES = {1: 15, 2: 1, 3: 2, 4: 4}
FACET, VERTEX = "facet ", "vertex "


def write_mesh(path: Path, mesh: Mesh) -> None:
    """Write a mesh, its named facets and its named vertices, as the suffix says: .vtu or .msh.

    VTU: facets and vertices are cells beside the elements, and one array of 0 and 1 per name ("facet left", "vertex centre")
    marks those that belong to it. MSH 4.1: one physical group per name, and "body".
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
    holds no triangles or tetrahedra.
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
    listed = np.concatenate([np.zeros((0, mesh.dim), dtype=np.int64), *mesh.facets.values()])
    _, first, number = np.unique(np.sort(listed, axis=1), axis=0, return_index=True, return_inverse=True)
    ends = np.cumsum([len(facets) for facets in mesh.facets.values()])[:-1]
    return listed[first], dict(zip(mesh.facets, np.split(number, ends), strict=True)) if mesh.facets else {}


def _space(mesh: Mesh) -> Floats:
    points: Floats = np.pad(mesh.points, ((0, 0), (0, 3 - mesh.dim)))
    return points


def _write_vtu(path: Path, mesh: Mesh) -> None:
    facets, members = _named(mesh)
    places = np.array(list(mesh.vertices.values()), dtype=np.int64).reshape(-1, 1)
    blocks = [mesh.cells, facets, places]
    cells = np.concatenate([np.insert(block, 0, block.shape[1], axis=1).ravel() for block in blocks])
    types = np.repeat([VTK_TYPES[block.shape[1]] for block in blocks], [len(block) for block in blocks])
    grid = pyvista.UnstructuredGrid(cells, types.astype(np.uint8), _space(mesh))
    for name, numbers in members.items():
        grid.cell_data[FACET + name] = np.isin(np.arange(len(types)), len(mesh.cells) + numbers).astype(np.uint8)
    for number, name in enumerate(mesh.vertices):
        grid.cell_data[VERTEX + name] = (np.arange(len(types)) == len(types) - len(places) + number).astype(np.uint8)
    grid.save(path)


def _read_vtu(path: Path) -> Mesh:
    grid = pyvista.read(path)
    if not isinstance(grid, pyvista.UnstructuredGrid):
        raise InputError(f"{path} holds no unstructured grid.")
    dim = 3 if VTK_TYPES[4] in grid.celltypes else 2
    cells, points = grid.cells_dict.get(VTK_TYPES[dim + 1]), np.asarray(grid.points, dtype=np.float64)[:, :dim]
    if cells is None:
        raise InputError(f"{path} holds neither triangles nor tetrahedra.")
    marks = {name: np.asarray(grid.cell_data[name]) != 0 for name in grid.cell_data}
    facets = {name[len(FACET) :]: _cells_of(grid, mark, dim) for name, mark in marks.items() if name.startswith(FACET)}
    points_named = {name[len(VERTEX) :]: _cells_of(grid, mark, 1) for name, mark in marks.items() if name.startswith(VERTEX)}
    vertices = {name: int(index[0, 0]) for name, index in points_named.items()}
    return Mesh(np.ascontiguousarray(points), cells.astype(np.int64), facets, vertices)


def _cells_of(grid: pyvista.UnstructuredGrid, mark: Mask, size: int) -> Ints:
    """Points of the marked cells of so many points, (k, size)."""
    kind = VTK_TYPES[size]
    points = grid.cells_dict.get(kind, np.zeros((0, size)))[mark[grid.celltypes == kind]]
    return points.astype(np.int64)


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
        model.mesh.addElementsByType(body, GMSH_TYPES[mesh.dim + 1], [], (mesh.cells + 1).ravel())
        parts = []
        for number in range(len(patterns)):
            parts.append(model.addDiscreteEntity(mesh.dim - 1))
            own = facets[pattern_of.ravel() == number] + 1
            model.mesh.addElementsByType(parts[-1], GMSH_TYPES[mesh.dim], [], own.ravel())
        for column, name in enumerate(names):
            model.addPhysicalGroup(
                mesh.dim - 1, [part for part, has in zip(parts, patterns, strict=True) if has[column]], name=name
            )
        for name, index in mesh.vertices.items():
            point = model.addDiscreteEntity(0)
            model.mesh.addElementsByType(point, GMSH_TYPES[1], [], [index + 1])
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
        if not len(gmsh.model.mesh.getElementsByType(2)[0]):
            raise InputError(f"{path} holds neither triangles nor tetrahedra.")
        return read_gmsh()[0]
