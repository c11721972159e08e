"""A family's middle design at rest: the stiffness by which outputs are whitened, and its answers to the controls."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from mnnfem.factor import Cholesky
from mnnfem.guess.family import Family
from mnnfem.mesh import Floats
from mnnfem.solid import Solid


class Reference:
    """The tangent K of a solid at rest at a family's middle design.

    stiffness   K (size, size), rows and columns of prescribed degrees of freedom replaced by the identity
    lifts       (c, size), the linear-elastic displacement under a unit of each control, mm
    energies    (c, c) mJ/mm^3, E = c energies c / 2 is the linear-elastic energy under controls c
    nodes       (owned, 2) mm, where the nodes of the displacement are
    """

    def __init__(self, family: Family, solid: Solid) -> None:
        self.family, self.solid = family, solid
        rest = np.zeros(solid.size)
        solid.set_inputs(family.points(family.middle), family.law.values, np.zeros(len(family.boundary.controls)))
        self.nodes: Floats = solid.space.tabulate_dof_coordinates()[: solid.dofs.owned, : solid.mesh.dim].copy()
        matrix = solid.tangent(rest)
        self._factor = Cholesky(solid.comm)
        self._factor.factorise(matrix)
        rows, columns, values = matrix.getValuesCSR()
        self.stiffness = sp.csr_matrix((values, columns, rows), shape=(solid.size, solid.size))
        forces = np.array([solid.tangent_action(rest, lift) for lift in solid.lifts])
        self.lifts: Floats = np.array([lift - self.solve(force) for lift, force in zip(solid.lifts, forces, strict=True)])
        self.energies: Floats = self.lifts @ forces.T

    def solve(self, force: Floats) -> Floats:
        """K^-1 of the free part of a force (size,)."""
        return self._factor.solve(self.solid.on_free(force))

    def energy(self, controls: Floats) -> Floats:
        """Linear-elastic energy under controls (..., c) mm, mJ/mm."""
        found: Floats = 0.5 * np.einsum("...i,ij,...j->...", controls, self.energies, controls)
        return found
