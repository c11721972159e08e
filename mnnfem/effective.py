"""A periodic cell as a material: its mean stress and stiffness, with gradients, and the moduli that they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnnfem.adjoint import Gradients
from mnnfem.body import Body
from mnnfem.equilibrium import Solution
from mnnfem.errors import InputError
from mnnfem.mesh import Floats
from mnnfem.periodic import Entry


@dataclass(frozen=True)
class Effective:
    """The material that a periodic cell is, about an equilibrium.

    stress      mean first Piola-Kirchhoff stress of the k driven entries, (k,) MPa, per volume of the cell, its voids included
    stiffness   its derivatives by these entries of the mean displacement gradient, (k, k) MPa, symmetric; the others are as
                they are kept: at 0, or without mean stress
    entries     (i, j) of each
    """

    stress: Floats
    stiffness: Floats
    entries: tuple[Entry, ...]

    def young(self, axis: int) -> float:
        """Young's modulus along an axis, MPa: of a pull with nothing on the other driven entries. Small strains, at rest."""
        return float(1 / self._compliance[self._place(axis), self._place(axis)])

    def poisson(self, axis: int, across: int) -> float:
        """Poisson's ratio: minus the strain across over that along a pull."""
        pulled, narrowed = self._place(axis), self._place(across)
        return float(-self._compliance[narrowed, pulled] / self._compliance[pulled, pulled])

    @property
    def _compliance(self) -> Floats:
        return np.asarray(np.linalg.inv(self.stiffness), dtype=np.float64)

    def _place(self, axis: int) -> int:
        if (axis, axis) not in self.entries:
            raise InputError(f"The cell is not driven along axis {axis}: drive entry ({axis}, {axis}) of its mean strain.")
        return self.entries.index((axis, axis))


def volume(body: Body) -> float:
    """Of a cell with its voids, mm^d: the lattice's vectors' parallelepiped."""
    ties = body.solid.dofs.ties
    if ties is None:
        raise InputError("Only a periodic cell has effective properties: give its boundary pairs of sides that repeat.")
    sides = ties.lattice
    if len(sides) < body.solid.mesh.dim:
        raise InputError(
            f"The cell repeats in {len(sides)} of {body.solid.mesh.dim} directions, so it has no volume: pair all sides."
        )
    return float(np.abs(np.linalg.det(sides)))


def effective(body: Body, solution: Solution) -> Effective:
    """Mean stress and stiffness at an equilibrium of a periodic cell; one solve for each driven entry. InputError elsewhere."""
    whole, periodic = volume(body), body.solid.boundary.periodic
    assert periodic is not None
    count = len(periodic.strains)
    stress = np.asarray(body.energy_gradients(solution).controls[:count] / whole)
    rows = [body.reaction_gradients(solution, number).controls[:count] / whole for number in range(count)]
    return Effective(stress, np.array(rows).reshape(count, count), tuple(strain.entry for strain in periodic.strains))


def stress_gradients(body: Body, solution: Solution, number: int) -> Gradients:
    """Gradients of the mean stress of a driven entry, MPa per unit of the input; sides that repeat move alike."""
    return _per_volume(body, body.reaction_gradients(solution, number))


def stiffness_gradients(body: Body, solution: Solution, number: int, other: int) -> Gradients:
    """Gradients of the stiffness's entry (number, other), MPa per unit of the input."""
    return _per_volume(body, body.curvature.stiffness(solution, number, other))


def _per_volume(body: Body, found: Gradients) -> Gradients:
    whole = volume(body)
    return Gradients(*(np.asarray(one / whole) for one in (found.points, found.controls, found.material)))
