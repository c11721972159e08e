"""Kinds of elements: which vertices make their facets, which corners their measure, and how others number them."""

from __future__ import annotations

from dataclasses import dataclass

Numbers = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Kind:
    """One kind of straight element; vertices in the order of gmsh and VTK: around, and of hexahedra below before above.

    name        in one word, as dolfinx and basix have it;  plural: for people
    dim         d of its space
    facets      vertices of each, the element on their left, or their normals pointing out
    corners     the simplices whose measures, times d!, are its Jacobians where these have their least value
    dolfinx     its vertices in the order of dolfinx, which counts along the axes
    mirrored    the same element, the other way round
    meshio, gmsh   name and number of the kind there
    """

    name: str
    plural: str
    dim: int
    facets: Numbers
    corners: Numbers
    dolfinx: tuple[int, ...]
    mirrored: tuple[int, ...]
    meshio: str
    gmsh: int

    @property
    def simplex(self) -> bool:
        """Whether it is a triangle or a tetrahedron."""
        return len(self.corners) == 1

    @property
    def side(self) -> tuple[str, int]:
        """Name in meshio and number in gmsh of its facets' kind."""
        return SIDES[self.dim, len(self.facets[0])]


SIDES = {(2, 2): ("line", 1), (3, 3): ("triangle", 2), (3, 4): ("quad", 3)}  # by dimension and vertices
TRIANGLE = Kind("triangle", "triangles", 2, ((1, 2), (2, 0), (0, 1)), ((0, 1, 2),), (0, 1, 2), (0, 2, 1), "triangle", 2)
QUADRILATERAL = Kind(
    name="quadrilateral",
    plural="quadrilaterals",
    dim=2,
    facets=((0, 1), (1, 2), (2, 3), (3, 0)),
    corners=((0, 1, 3), (1, 2, 0), (2, 3, 1), (3, 0, 2)),
    dolfinx=(0, 1, 3, 2),
    mirrored=(0, 3, 2, 1),
    meshio="quad",
    gmsh=3,
)
TETRAHEDRON = Kind(
    name="tetrahedron",
    plural="tetrahedra",
    dim=3,
    facets=((1, 2, 3), (0, 3, 2), (0, 1, 3), (0, 2, 1)),
    corners=((0, 1, 2, 3),),
    dolfinx=(0, 1, 2, 3),
    mirrored=(0, 1, 3, 2),
    meshio="tetra",
    gmsh=4,
)
HEXAHEDRON = Kind(
    name="hexahedron",
    plural="hexahedra",
    dim=3,
    facets=((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)),
    corners=(
        (0, 1, 3, 4),
        (1, 2, 0, 5),
        (2, 3, 1, 6),
        (3, 0, 2, 7),
        (4, 7, 5, 0),
        (5, 4, 6, 1),
        (6, 5, 7, 2),
        (7, 6, 4, 3),
    ),
    dolfinx=(0, 1, 3, 2, 4, 5, 7, 6),
    mirrored=(4, 5, 6, 7, 0, 1, 2, 3),
    meshio="hexahedron",
    gmsh=5,
)
KINDS = {(kind.dim, len(kind.dolfinx)): kind for kind in (TRIANGLE, QUADRILATERAL, TETRAHEDRON, HEXAHEDRON)}
