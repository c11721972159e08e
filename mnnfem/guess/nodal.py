r"""Every degree of freedom of every porous cell, whitened by the stiffness that it feels: u = sum_c P_c K^(-1/2) z_c.

P_c puts the nodes of cell c, those of its edges included, among all. K is the mean over the cells of the rows and columns of
the reference stiffness that belong to these, so a unit of z_c is about a unit of energy of a field that vanishes outside. All
cells have their nodes at the same places and in the same order: one network and one root serve them all. The root is
the symmetric one, so an entry of z_c belongs to a node.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from mnnfem.errors import InputError
from mnnfem.guess.modal import inverse_root
from mnnfem.guess.reference import Reference
from mnnfem.mesh import Floats, Ints


@dataclass(frozen=True, eq=False)
class CellFields:
    """dofs (pores, k): the degrees of freedom of each cell, at the same places;  root (k, k): K^(-1/2)."""

    dofs: Ints
    root: Floats


def cell_fields(reference: Reference) -> CellFields:
    """Those of a family's porous cells. InputError where their nodes differ, or where all cells are held or driven."""
    family, dim = reference.family, reference.solid.mesh.dim
    dofs: list[Ints] = []
    first: Floats | None = None
    for centre in family.centres[list(family.porous)]:
        local = reference.nodes - centre
        inside = np.flatnonzero(np.abs(local).max(axis=1) <= 0.5 * family.side * (1 + 1e-9))
        first = local[inside] if first is None else first
        order = cKDTree(local[inside]).query(first)[1]
        if len(inside) != len(first) or len(np.unique(order)) < len(first):
            raise InputError(f"The cell at {centre} mm has other nodes than the first: mesh all cells of a family alike.")
        dofs.append((dim * inside[order][:, None] + np.arange(dim)).ravel())
    free = [own for own in dofs if reference.solid.free[own].all()]  # a held row's stiffness is no stiffness
    if not free:
        raise InputError("Every porous cell of the family is held or driven: its nodes tell no stiffness to whiten by.")
    mean = sum(reference.stiffness[own][:, own].toarray() for own in free) / len(free)
    return CellFields(np.array(dofs), inverse_root(mean))
