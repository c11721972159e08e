"""gmsh model -> Mesh: plain arrays that every other room reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import gmsh
import numpy as np
import numpy.typing as npt

from mnnfem.errors import InputError, unknown_name

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)  # by identity, so that what is made of a mesh can be kept
class Mesh:
    """A triangle mesh with named boundaries and named vertices.

    points    (n, 2) mm
    cells     (m, 3) vertices of each triangle, counter-clockwise
    facets    name -> (k, 2) vertices of boundary edges
    vertices  name -> index of one vertex
    """

    points: Floats
    cells: Ints
    facets: Mapping[str, Ints]
    vertices: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        inverted = np.flatnonzero(signed_areas(self.points, self.cells) <= 0)
        if inverted.size:
            raise InputError(
                f"The mesh has {inverted.size} triangles of no or negative area, the first is element "
                f"{inverted[0]}; number the vertices counter-clockwise."
            )

    def facet(self, name: str) -> Ints:
        """Edges of the boundary called `name`, (k, 2); InputError if there is none."""
        if name not in self.facets:
            raise unknown_name("facet", name, self.facets)
        return self.facets[name]

    def vertex(self, name: str) -> int:
        """Index of the vertex called `name`; InputError if there is none."""
        if name not in self.vertices:
            raise unknown_name("vertex", name, self.vertices)
        return self.vertices[name]

    def boundary(self) -> Ints:
        """Edges that belong to one triangle only, (k, 2), with the body on their left."""
        edges = self.cells[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        _, first, count = np.unique(np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True)
        boundary: Ints = edges[first[count == 1]]
        return boundary

    def loops(self) -> list[Ints]:
        """The boundary as closed chains of vertices: the outline counter-clockwise, each hole clockwise."""
        after: dict[int, int] = {int(a): int(b) for a, b in self.boundary()}
        loops = []
        while after:
            loop = list(after.popitem())
            while loop[-1] != loop[0]:
                loop.append(after.pop(loop[-1]))
            loops.append(np.array(loop[:-1]))
        return loops


def signed_areas(points: Floats, cells: Ints) -> Floats:
    """Area of each triangle, mm^2, negative where it is inverted; points (n, 2), cells (m, 3)."""
    a, b, c = (points[cells[:, i]] for i in range(3))
    areas: Floats = 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    return areas


def least_angles(points: Floats, cells: Ints) -> Floats:
    """Smallest interior angle of each triangle, degrees."""
    corners = points[cells]
    u, v = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
    cross = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    angles: Floats = np.degrees(np.arctan2(cross, (u * v).sum(-1))).min(axis=1)
    return angles


@contextmanager
def gmsh_model(name: str) -> Iterator[None]:
    """A fresh, silent gmsh model, closed at the end whatever happens."""
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.model.add(name)
        yield
    finally:
        gmsh.finalize()


def read_gmsh() -> tuple[Mesh, Ints]:
    """The current gmsh model's triangles, physical curves (facets) and physical points (vertices).

    Returns the mesh and the gmsh tag of each of its points, (n,), ascending.
    """
    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    _, connectivity = gmsh.model.mesh.getElementsByType(2)
    used = np.unique(connectivity).astype(np.int64)
    points = coordinates.reshape(-1, 3)[np.argsort(tags)][np.searchsorted(np.sort(tags), used), :2]

    facets: dict[str, Ints] = {}
    vertices: dict[str, int] = {}
    for dim, group in gmsh.model.getPhysicalGroups():
        name = gmsh.model.getPhysicalName(dim, group)
        entities = gmsh.model.getEntitiesForPhysicalGroup(dim, group)
        if dim == 1:
            edges = [gmsh.model.mesh.getElementsByType(1, entity)[1] for entity in entities]
            facets[name] = np.searchsorted(used, np.concatenate(edges).reshape(-1, 2).astype(np.int64))
        elif dim == 0:
            vertices[name] = int(np.searchsorted(used, gmsh.model.mesh.getNodes(0, entities[0])[0])[0])
    cells = np.searchsorted(used, connectivity.astype(np.int64)).reshape(-1, 3)
    inverted = signed_areas(points, cells) < 0
    cells[inverted] = cells[inverted][:, [0, 2, 1]]
    return Mesh(np.ascontiguousarray(points), cells, facets, vertices), used
