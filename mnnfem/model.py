"""A gmsh, STEP or mesh file of the user's own -> Mesh, or a sentence that says what keeps it from being a body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import gmsh
import numpy as np

from mnnfem.errors import InputError, unknown_name
from mnnfem.mesh import Floats, Mesh, gmsh_model, read_gmsh

SUFFIXES = (".geo", ".step", ".stp", ".brep", ".msh")
PART = {1: "curve", 2: "surface"}
SHOWN = 12  # parts that a message lists


def read_model(
    path: Path, size: float | None = None, names: Mapping[str, Sequence[int]] | None = None, named: bool = True
) -> Mesh:
    """The body in a file: meshed by gmsh with elements up to `size` mm, or as it stands in a .msh.

    names   further names for parts of the boundary: tags of curves (plane bodies) or of surfaces (solid ones), for
            formats such as STEP that have no physical groups
    named   refuse a boundary of which parts have no name

    Plane bodies lie in a plane z = const. InputError, before meshing where
    that can be told then, for files that cannot be read, open outlines and shells, parts that hang on at an edge or a
    point only, boundaries without names, and elements other than triangles and tetrahedra of straight edges.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise unknown_name("model format", path.suffix or path.name, SUFFIXES)
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    with gmsh_model(path.stem):
        try:
            gmsh.merge(str(path))
            gmsh.model.geo.synchronize()
            if path.suffix.lower() not in (".geo", ".msh"):  # such formats list what bodies share once for each
                gmsh.model.occ.removeAllDuplicates()
                gmsh.model.occ.synchronize()
        except Exception as error:  # gmsh raises nothing more special
            raise InputError(f"gmsh cannot read {path}: {error}.") from error
        if path.suffix.lower() != ".msh":
            _refuse_open(path)
            _name(path, names or {}, named)
            if size is not None:
                gmsh.option.setNumber("Mesh.MeshSizeMax", size)
            try:
                gmsh.model.mesh.generate(gmsh.model.getDimension())
            except Exception as error:
                raise InputError(f"gmsh cannot mesh {path}: {error}.") from error
        _refuse_elements(path)
        mesh, _ = read_gmsh()
    if named:
        _refuse_unnamed(path, mesh)
    refuse_pinched(mesh, str(path))
    return mesh


def refuse_pinched(mesh: Mesh, what: str) -> None:
    """InputError where parts of the body meet in a point (plane) or an edge (solid) only: its boundary is no manifold there."""
    boundary = mesh.boundary()
    ridges = boundary.T.reshape(-1, 1) if mesh.dim == 2 else np.sort(boundary[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2))
    found, times = np.unique(ridges, axis=0, return_counts=True)
    for ridge in found[times != 2][:1]:
        where, how = _place(mesh.points[ridge].mean(axis=0)), "a point" if mesh.dim == 2 else "an edge"
        raise InputError(
            f"{what} is not manifold: parts of it meet in {how} only, near {where}. Join them there, or take them apart."
        )


def _refuse_open(path: Path) -> None:
    """Of a model that is not meshed yet."""
    dim = gmsh.model.getDimension()
    if dim < 2:
        curves = gmsh.model.getEntities(1)
        ends = [tag for curve in curves for _, tag in gmsh.model.getBoundary([curve], combined=False, oriented=False)]
        loose = [_place(gmsh.model.getValue(0, tag, [])) for tag in sorted(set(ends)) if ends.count(tag) == 1]
        gaps = f" These ends of curves meet no other: {', '.join(loose[:SHOWN])}." if loose else ""
        raise InputError(
            f"{path} has no surface, so it bounds no body: close its outline and make a plane surface of it.{gaps}"
        )
    if dim == 2:
        boxes = np.array([gmsh.model.getBoundingBox(2, tag) for _, tag in gmsh.model.getEntities(2)])
        spread = np.ptp(boxes[:, [2, 5]])
        if spread > 1e-6 * np.ptp(boxes.reshape(-1, 3), axis=0).max():
            raise InputError(
                f"The surfaces of {path} span {spread:.4g} mm in z. For a solid body, sew them into a closed shell and make a "
                "volume of it; for a plane one, turn them into a plane z = const."
            )
    for _, part in gmsh.model.getEntities(dim - 1):
        bodies = len(gmsh.model.getAdjacencies(dim - 1, part)[0])
        if bodies not in (1, 2):
            what = "hangs on no body: remove it" if not bodies else "bounds three bodies or more: it is not manifold"
            raise InputError(f"{PART[dim - 1].capitalize()} {part} of {path}, near {_where(dim - 1, part)}, {what}.")
    for _, ridge in gmsh.model.getEntities(dim - 2):
        parts = [part for part in gmsh.model.getAdjacencies(dim - 2, ridge)[0] if _outside(dim - 1, int(part))]
        if len(parts) > 2:
            kind, where = ("point", "edge")[dim - 2], _where(dim - 2, ridge)
            raise InputError(
                f"{path} is not manifold: {len(parts)} boundary {PART[dim - 1]}s meet at the {kind} near {where}. "
                f"Bodies must share a whole {PART[dim - 1]}, or nothing."
            )


def _name(path: Path, names: Mapping[str, Sequence[int]], all_of_them: bool) -> None:
    """Give the names asked for, and refuse a model with boundary parts that have none."""
    dim = gmsh.model.getDimension()
    there = [tag for _, tag in gmsh.model.getEntities(dim - 1)]
    for name, tags in names.items():
        missing = sorted(set(tags) - set(there))
        if missing:
            raise InputError(f"{name!r} names {PART[dim - 1]} {missing[0]}, but {path} has {PART[dim - 1]}s {there}.")
        gmsh.model.addPhysicalGroup(dim - 1, list(tags), name=name)
    groups = [group for at, group in gmsh.model.getPhysicalGroups() if at == dim - 1 and gmsh.model.getPhysicalName(at, group)]
    named = {int(tag) for group in groups for tag in gmsh.model.getEntitiesForPhysicalGroup(dim - 1, group)}
    bare = [tag for tag in there if tag not in named and _outside(dim - 1, tag)]
    if bare and all_of_them:
        listed = [f"{tag} near {_where(dim - 1, tag)}" for tag in bare[:SHOWN]] + ["..."] * (len(bare) > SHOWN)
        raise InputError(
            f"{len(bare)} boundary {PART[dim - 1]}s of {path} have no name: {', '.join(listed)}. Give them physical names in "
            f'gmsh, Physical {PART[dim - 1].capitalize()}("name") = {{tags}};, or by names={{"name": [tags]}}.'
        )


def _refuse_elements(path: Path) -> None:
    kinds, _, _ = gmsh.model.mesh.getElements(gmsh.model.getDimension())
    for kind in kinds:
        name = gmsh.model.mesh.getElementProperties(kind)[0]
        if kind not in (2, 4):
            raise InputError(f"{path} has elements {name!r}: take triangles or tetrahedra of first order.")
    if 2 not in kinds and 4 not in kinds:
        raise InputError(f"{path} holds neither triangles nor tetrahedra.")
    if 4 not in kinds:
        heights = gmsh.model.mesh.getNodes(2, includeBoundary=True)[1].reshape(-1, 3)
        spread = np.ptp(heights[:, 2])
        if spread > 1e-6 * np.ptp(heights, axis=0).max():
            raise InputError(f"The triangles of {path} span {spread:.4g} mm in z: a plane body lies in a plane z = const.")


def _refuse_unnamed(path: Path, mesh: Mesh) -> None:
    named = {frozenset(map(int, facet)) for name, facets in mesh.facets.items() if name for facet in facets}
    boundary = mesh.boundary()
    bare = [facet for facet in boundary if frozenset(map(int, facet)) not in named]
    if bare:
        where = _place(mesh.points[bare[0]].mean(axis=0))
        raise InputError(
            f"{len(bare)} of {len(boundary)} boundary facets of {path} belong to no physical group with a name, the first near "
            f"{where}: name every part of the boundary before meshing."
        )


def _outside(dim: int, part: int) -> bool:
    return len(gmsh.model.getAdjacencies(dim, part)[0]) == 1


def _where(dim: int, part: int) -> str:
    low, high = np.array(gmsh.model.getBoundingBox(dim, part)).reshape(2, 3)
    return _place(0.5 * (low + high))


def _place(point: Floats) -> str:
    return f"({', '.join(f'{x:.4g}' for x in point)}) mm"
