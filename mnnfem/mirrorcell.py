"""A cell between four mirror lines, strained: Poisson's ratio of the lattice that it repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from mpi4py import MPI

from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.bridge import Bridge
from mnnfem.equilibrium import Record
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.guard import Guard
from mnnfem.material import Law
from mnnfem.mesh import Floats, Mesh
from mnnfem.plant import Plant, Renewal
from mnnfem.relaxed import Relaxed
from mnnfem.warmstart import Library

LARGEST = 0.7  # strain that a control may reach


@dataclass(frozen=True)
class Strained:
    """A cell under its strain.

    ratio         -lateral strain / axial strain, differentiable in the design
    mesh          whose facets and cells they are;  points (n, 2) mm, of the undeformed nodes;  displacement (n, 2) mm
    record        of the last solve;  renewal: what the guard did before it
    """

    ratio: torch.Tensor
    mesh: Mesh
    points: Floats
    displacement: Floats
    record: Record
    renewal: Renewal | None


class MirrorCell:
    """A cell with facets left, bottom, right and top on lines that its lattice is mirrored at, also when it is strained.

    Rollers on the left and below, the top moved by `strain` times the height, the right side straight and free of
    resultant: exactly one cell of the infinite lattice under uniaxial stress, among all states with these mirror lines.

    plant   geometry and physics of the present mesh
    """

    def __init__(self, geometry: Geometry, law: Law, strain: float, guard: Guard = Guard()) -> None:
        if strain == 0:
            raise InputError("Poisson's ratio at no strain is none: give a strain other than 0, a small one for the limit.")
        self.law, self.strain, self._starts = law, strain, Library(capacity=1)
        self.plant = Plant(geometry, self._physics, guard)

    def _physics(self, mesh: Mesh) -> Relaxed:
        width, height = LARGEST * np.ptp(mesh.points, axis=0)
        drives = Drive("top", (None, 1.0), float(height)), Drive("right", (1.0, None), float(width))
        boundary = Boundary((), drives, rollers=(("left", 0), ("bottom", 1)))
        return Relaxed(Body(mesh, self.law, boundary, comm=MPI.COMM_SELF, factors=2), free=(1,))

    def __call__(self, design: torch.Tensor) -> Strained:
        """The strained cell of a design (p,), from the state of the last one. EquilibriumError where there is none."""
        renewal = self.plant.renew(design, self._starts)
        points, facets = self.plant.geometry.points(design), self.plant.geometry.mesh.facets
        width, height = (points[facets[name][0, 0], axis] for axis, name in enumerate(("right", "top")))
        control = (self.strain * height).reshape(1, 1)
        response = Bridge(self.plant.physics)(points, control, torch.from_numpy(self.law.values), self._starts)
        return Strained(
            ratio=-response["right"][0, :, 0].mean() / width / self.strain,
            mesh=self.plant.geometry.mesh,
            points=points.detach().numpy(),
            displacement=response.displacement[0].detach().numpy(),
            record=response.outcome[0].record,
            renewal=renewal,
        )
