"""gmsh model -> Mesh: plain arrays that every other room reads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import gmsh
import numpy as np
import numpy.typing as npt

from mnnfem.errors import InputError, unknown_name
from mnnfem.kinds import HEXAHEDRON, KINDS, TRIANGLE, Kind

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
MEASURE = {2: "area", 3: "volume"}


@dataclass(frozen=True, eq=False)  # by identity, so that what is made of a mesh can be kept
class Mesh:
    """A mesh of one kind of elements in d dimensions, 2 or 3, with named boundaries and named vertices.

    points    (n, d) mm
    cells     (m, k) vertices of each element, right-handed: triangles and quadrilaterals counter-clockwise, tetrahedra, and
              hexahedra as in `kinds`
    facets    name -> (k, d) vertices of boundary edges or triangles; (k, 4) where these are four-sided
    vertices  name -> index of one vertex
    """

    points: Floats
    cells: Ints
    facets: Mapping[str, Ints]
    vertices: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.points.shape[1], self.cells.shape[1]) not in KINDS:
            raise InputError(
                f"Points of shape {self.points.shape} and cells of shape {self.cells.shape} are neither triangles or "
                "quadrilaterals in the plane (n, 2), (m, 3 or 4) nor tetrahedra or hexahedra in space (n, 3), (m, 4 or 8)."
            )
        inverted = np.flatnonzero(least_measures(self.points, self.cells) <= 0)
        if inverted.size:
            raise InputError(
                f"The mesh has {inverted.size} elements of no or negative {MEASURE[self.dim]}, at a corner at least; the first "
                f"is element {inverted[0]}: swap two of its vertices (triangles go counter-clockwise), or make it convex."
            )

    @property
    def dim(self) -> int:
        """d, the number of coordinates of a point."""
        return self.points.shape[1]

    @property
    def kind(self) -> Kind:
        """Of its elements."""
        return KINDS[self.dim, self.cells.shape[1]]

    @property
    def triangles(self) -> Ints:
        """Triangles (t, 3) of a plane mesh, its quadrilaterals in two."""
        return self.cells if self.kind.simplex else np.concatenate([self.cells[:, [0, 1, 2]], self.cells[:, [0, 2, 3]]])

    def refuse_blocks(self, what: str) -> None:
        """InputError for quadrilaterals and hexahedra, where `what` is for triangles and tetrahedra alone."""
        if not self.kind.simplex:
            simplices = {2: "triangles", 3: "tetrahedra"}[self.dim]
            raise InputError(f"{what} takes {simplices}; this mesh has {self.kind.plural}. Mesh the body with {simplices}.")

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
        """Facets of one element only, (k, d or 4): edges with the body on their left, faces whose normal points out."""
        numbers = np.array(self.kind.facets)
        facets = self.cells[:, numbers].reshape(-1, numbers.shape[1])
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
    """Area (mm^2) or volume (mm^3) of each element, (m,), negative where it is inverted; points (n, d), cells (m, k)."""
    kind = KINDS[points.shape[1], cells.shape[1]]
    if kind is HEXAHEDRON:
        return _hexahedra(points[cells])
    parts = [cells] if kind.simplex else [cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]]
    measures: Floats = np.sum([_simplices(points, part) for part in parts], axis=0)
    return measures


def least_measures(points: Floats, cells: Ints) -> Floats:
    """The least measure of the simplices at each element's corners, (m,): not above 0 where it is inverted there."""
    corners = KINDS[points.shape[1], cells.shape[1]].corners
    least: Floats = np.min([_simplices(points, cells[:, list(corner)]) for corner in corners], axis=0)
    return least


def right_handed(points: Floats, cells: Ints) -> Ints:
    """The elements (m, k), those of negative measure turned the other way round."""
    inverted = signed_measures(points, cells)[:, None] < 0
    turned: Ints = np.where(inverted, cells[:, KINDS[points.shape[1], cells.shape[1]].mirrored], cells)
    return turned


def _simplices(points: Floats, cells: Ints) -> Floats:
    sides = points[cells[:, 1:]] - points[cells[:, :1]]
    with np.errstate(invalid="ignore"):  # a point that is not a number gives no number, and no noise
        measures: Floats = np.linalg.det(sides) / math.factorial(points.shape[1])
    return measures


def _hexahedra(corners: Floats) -> Floats:
    """Volumes (m,) of trilinear hexahedra, corners (m, 8, 3), by two points of Gauss along each axis: exact."""
    places = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)])
    volumes = np.zeros(len(corners))
    for at in itertools.product((0.5 - 12**-0.5, 0.5 + 12**-0.5), repeat=3):
        shares = np.where(places == 1, at, 1 - np.array(at))  # (8, 3), whose product is the vertex's function
        slopes = [np.where(places[:, i] == 1, 1, -1) * np.delete(shares, i, axis=1).prod(axis=1) for i in range(3)]
        with np.errstate(invalid="ignore"):
            volumes += np.linalg.det(np.einsum("ik,mkd->mid", np.array(slopes), corners)) / 8
    return volumes


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
    """The current gmsh model's elements of its highest dimension; its physical groups one dimension lower are facets,
    physical points vertices. InputError where they are of two kinds.

    Returns the mesh and the gmsh tag of each of its points, (n,), ascending.
    """
    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    found = {kind: gmsh.model.mesh.getElementsByType(kind.gmsh)[1] for kind in KINDS.values()}
    dim = max((kind.dim for kind, numbers in found.items() if len(numbers)), default=2)
    kinds = [kind for kind, numbers in found.items() if kind.dim == dim and len(numbers)] or [TRIANGLE]
    if len(kinds) > 1:
        raise InputError(f"The mesh has both {kinds[0].plural} and {kinds[1].plural}: mesh it with elements of one kind.")
    kind, connectivity = kinds[0], found[kinds[0]]
    used = np.unique(connectivity).astype(np.int64)
    points = coordinates.reshape(-1, 3)[np.argsort(tags)][np.searchsorted(np.sort(tags), used), :dim]

    facets: dict[str, Ints] = {}
    vertices: dict[str, int] = {}
    for group_dim, group in gmsh.model.getPhysicalGroups():
        name = gmsh.model.getPhysicalName(group_dim, group)
        entities = gmsh.model.getEntitiesForPhysicalGroup(group_dim, group)
        if group_dim == dim - 1:
            elements = [gmsh.model.mesh.getElementsByType(kind.side[1], entity)[1] for entity in entities]
            facets[name] = np.searchsorted(used, np.concatenate(elements).reshape(-1, len(kind.facets[0])).astype(np.int64))
        elif group_dim == 0:
            vertices[name] = int(np.searchsorted(used, gmsh.model.mesh.getElementsByType(15, entities[0])[1])[0])
    cells = np.searchsorted(used, connectivity.astype(np.int64)).reshape(-1, len(kind.dolfinx))
    return Mesh(np.ascontiguousarray(points), right_handed(points, cells), facets, vertices), used
