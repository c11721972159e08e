"""A family of bodies: one mesh, designs and controls within given ranges, and the design that belongs to given nodes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse.linalg as spla
from mpi4py import MPI

from mnnfem.body import Body
from mnnfem.boundary import Boundary
from mnnfem.continuation import Effort
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry, Linear
from mnnfem.material import Law
from mnnfem.mesh import Floats

SAME = 1e-9  # of a cell's side: nodes that are off by no more belong to the family


@dataclass(frozen=True)
class Cells:
    """Square cells in columns and rows, `side` mm wide, `solid` (column, row) the ones without a pore."""

    columns: int
    rows: int
    side: float
    solid: tuple[tuple[int, int], ...]

    def family(self, geometry: Geometry, boundary: Boundary, law: Law, radii: tuple[float, float] | None = None) -> Family:
        """Panels of these cells, by default of all radii that the geometry allows; controls as far as the boundary allows."""
        places = [(column, row) for row in range(self.rows) for column in range(self.columns)]
        parameters = geometry.parameters
        return Family(
            geometry=geometry,
            boundary=boundary,
            law=law,
            radii=radii or (float(parameters.lower.min()), float(parameters.upper.max())),
            reach=max(boundary.bounds),
            centres=(np.array(places) + 0.5) * self.side,
            porous=tuple(k for k, place in enumerate(places) if place not in self.solid),
            side=self.side,
        )


@dataclass(frozen=True)
class Instances:
    """Members of a family: designs (k, p) and controls (k, c) mm."""

    designs: Floats
    controls: Floats

    def __len__(self) -> int:
        return len(self.designs)

    def of(self, rows: slice) -> Instances:
        """Some of them."""
        return Instances(self.designs[rows], self.controls[rows])


@dataclass(frozen=True, eq=False)
class Family:
    """Panels of square cells, each with a pore of equally many radii or solid, whose nodes are a linear function of the radii.

    radii     (low, high), within which every radius is drawn
    reach     mm, largest absolute control
    centres   (cells, 2) mm of the cells;  porous: (pores,) which of them have a pore, in the order of the radii
    side      of a cell, mm
    """

    geometry: Geometry
    boundary: Boundary
    law: Law
    radii: tuple[float, float]
    reach: float
    centres: Floats
    porous: tuple[int, ...]
    side: float

    def body(self, effort: Effort = Effort(), factors: int = 1) -> Body:
        """A body of the family on one rank."""
        return Body(self.geometry.mesh, self.law, self.boundary, effort, MPI.COMM_SELF, factors)

    def sample(self, count: int, rng: np.random.Generator) -> Instances:
        """Designs and controls, all their numbers uniform and independent."""
        designs = rng.uniform(*self.radii, size=(count, len(self.geometry.parameters)))
        return Instances(designs, rng.uniform(-self.reach, self.reach, size=(count, len(self.boundary.controls))))

    @property
    def middle(self) -> Floats:
        """The design in the middle of the range, (p,)."""
        return np.full(len(self.geometry.parameters), 0.5 * sum(self.radii))

    @cached_property
    def _motion(self) -> Linear:
        if not isinstance(self.geometry.motion, Linear):
            raise InputError("First guesses are made for geometries whose nodes are a linear function of the design.")
        return self.geometry.motion

    def points(self, design: Floats) -> Floats:
        """Node coordinates (n, 2) mm of a design (p,)."""
        moved: Floats = self._motion.origin + (self._motion.matrix @ design).reshape(-1, 2)
        return moved

    @cached_property
    def _normal(self) -> spla.SuperLU:
        matrix = self._motion.matrix
        return spla.splu((matrix.T @ matrix).tocsc())

    def law_is(self, material: Floats) -> bool:
        """Whether these are the material values (p,) of the family."""
        values = self.law.values
        return material.shape == values.shape and bool(np.all(np.abs(material - values) <= SAME * np.abs(values)))

    def design_of(self, points: Floats) -> Floats | None:
        """The design (p,) whose nodes are at `points` (n, 2) mm; None where there is none within the range of radii."""
        if points.shape != self._motion.origin.shape:
            return None
        design: Floats = self._normal.solve(self._motion.matrix.T @ (points - self._motion.origin).ravel())
        low, high = self.radii
        within = np.all((design >= low - SAME) & (design <= high + SAME))
        return design if within and np.abs(self.points(design) - points).max() <= SAME * self.side else None
