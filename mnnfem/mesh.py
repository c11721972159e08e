"""gmsh model -> Mesh: plain arrays that every other room reads."""

from __future__ import annotations

import math
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
MEASURE = {2: "area", 3: "volume"}


@dataclass(frozen=True, eq=False)  # by identity, so that what is made of a mesh can be kept
class Mesh:
    """A mesh of simplices in d dimensions, 2 (triangles) or 3 (tetrahedra), with named boundaries and named vertices.

    points    (n, d) mm
    cells     (m, d + 1) vertices of each element, right-handed (triangles counter-clockwise)
    facets    name -> (k, d) vertices of boundary edges or triangles
    vertices  name -> index of one vertex
    """

    points: Floats
    cells: Ints
    facets: Mapping[str, Ints]
    vertices: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.dim not in (2, 3) or self.cells.shape[1] != self.dim + 1:
            raise InputError(
                f"Points of shape {self.points.shape} and cells of shape {self.cells.shape} are neither triangles "
                "in the plane (n, 2), (m, 3) nor tetrahedra in space (n, 3), (m, 4)."
            )
        inverted = np.flatnonzero(signed_measures(self.points, self.cells) <= 0)
        if inverted.size:
            raise InputError(
                f"The mesh has {inverted.size} elements of no or negative {MEASURE[self.dim]}, the first is element "
                f"{inverted[0]}; swap two of its vertices (triangles go counter-clockwise)."
            )

    @property
    def dim(self) -> int:
        """d, the number of coordinates of a point."""
        return self.points.shape[1]

    def facet(self, name: str) -> Ints:
        """Facets of the boundary called `name`, (k, d); InputError if there is none."""
        if name not in self.facets:
            raise unknown_name("facet", name, self.facets)
        return self.facets[name]

    def vertex(self, name: str) -> int:
        """Index of the vertex called `name`; InputError if there is none."""
        if name not in self.vertices:
            raise unknown_name("vertex", name, self.vertices)
        return self.vertices[name]

    def boundary(self) -> Ints:
        """Facets of one element only, (k, d): edges with the body on their left, triangles whose normal points out."""
        d = self.dim
        opposite = np.array([[j for j in range(d + 1) if j != i] for i in range(d + 1)])
        opposite[1::2, -2:] = opposite[1::2, :-3:-1]  # every other face of a simplex is turned the other way round
        facets = self.cells[:, opposite].reshape(-1, d)
        _, first, count = np.unique(np.sort(facets, axis=1), axis=0, return_index=True, return_counts=True)
        boundary: Ints = facets[first[count == 1]]
        return boundary

    def loops(self) -> list[Ints]:
        """A plane boundary as closed chains of vertices: the outline counter-clockwise, each hole clockwise."""
        after: dict[int, int] = {int(a): int(b) for a, b in self.boundary()}
        loops = []
        while after:
            loop = list(after.popitem())
            while loop[-1] != loop[0]:
                loop.append(after.pop(loop[-1]))
            loops.append(np.array(loop[:-1]))
        return loops


def signed_measures(points: Floats, cells: Ints) -> Floats:
    """Area (mm^2) or volume (mm^3) of each element, negative where it is inverted; points (n, d), cells (m, d + 1)."""
    sides = points[cells[:, 1:]] - points[cells[:, :1]]
    with np.errstate(invalid="ignore"):  # a point that is not a number gives no number, and no noise
        measures: Floats = np.linalg.det(sides) / math.factorial(points.shape[1])
    return measures


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
    """The current gmsh model's tetrahedra, or triangles if it has none; its physical groups one dimension lower are facets,
    physical points vertices.

    Returns the mesh and the gmsh tag of each of its points, (n,), ascending.
    """
    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    solid = gmsh.model.mesh.getElementsByType(4)[1]
    dim, connectivity = (3, solid) if len(solid) else (2, gmsh.model.mesh.getElementsByType(2)[1])
    used = np.unique(connectivity).astype(np.int64)
    points = coordinates.reshape(-1, 3)[np.argsort(tags)][np.searchsorted(np.sort(tags), used), :dim]

    facets: dict[str, Ints] = {}
    vertices: dict[str, int] = {}
    for group_dim, group in gmsh.model.getPhysicalGroups():
        name = gmsh.model.getPhysicalName(group_dim, group)
        entities = gmsh.model.getEntitiesForPhysicalGroup(group_dim, group)
        if group_dim == dim - 1:
            elements = [gmsh.model.mesh.getElementsByType(group_dim, entity)[1] for entity in entities]
            facets[name] = np.searchsorted(used, np.concatenate(elements).reshape(-1, dim).astype(np.int64))
        elif group_dim == 0:
            vertices[name] = int(np.searchsorted(used, gmsh.model.mesh.getElementsByType(15, entities[0])[1])[0])
    cells = np.searchsorted(used, connectivity.astype(np.int64)).reshape(-1, dim + 1)
    inverted = signed_measures(points, cells) < 0
    cells[inverted] = cells[inverted][:, [0, *range(1, dim - 1), dim, dim - 1]]
    return Mesh(np.ascontiguousarray(points), cells, facets, vertices), used
