"""How a body is discretised."""

from __future__ import annotations

from dataclasses import dataclass

from mnnfem.errors import InputError
from mnnfem.material import Law, OwnLaw
from mnnfem.mesh import Mesh

PLANES = ("strain", "stress")


@dataclass(frozen=True)
class Formulation:
    """How a body is discretised.

    degree             of the displacements, 1 or 2
    plane              "strain" or "stress", for a body in the plane
    mixed              whether the pressure is a field of its own, which keeps bodies that hardly change in volume from locking
    quadrature_degree  of the energy; without it 4 for degree 2, and 1 for degree 1, whose F is constant in a triangle or
                       tetrahedron, but 2 for quadrilaterals and hexahedra
    """

    degree: int = 2
    plane: str = "strain"
    mixed: bool = False
    quadrature_degree: int | None = None

    def __post_init__(self) -> None:
        if self.degree not in (1, 2):
            raise InputError(f"Displacements are of degree 1 or 2, got {self.degree}.")
        if self.plane not in PLANES:
            raise InputError(f"A body in the plane is in plane {' or '.join(PLANES)}, got plane={self.plane!r}.")
        if self.mixed and self.degree != 2:
            raise InputError(f"The mixed form has displacements of degree 2, pressures of degree 1: got degree {self.degree}.")
        if self.mixed and self.plane == "stress":
            raise InputError("The mixed form is for plane strain and space: in plane stress nothing locks, leave mixed out.")

    def check(self, law: Law, dim: int) -> None:
        """InputError for a law, or a number of dimensions, that has no such form."""
        if self.plane == "stress" and dim == 3:
            raise InputError("Plane stress is for a body in the plane: leave plane out for one in space.")
        if self.mixed and isinstance(law, OwnLaw):
            raise InputError("The mixed form needs a law that tells its two parts apart, as `material` and `rubbers` have.")

    def quadrature(self, mesh: Mesh) -> int:
        """The degree of the quadrature that is used."""
        return self.quadrature_degree or (4 if self.degree == 2 else 1 if mesh.kind.simplex else 2)
