r"""Smooth fields of a whole body, whitened by its stiffness: what coarse forces on its cells do to it.

The forces F are polynomials 1, x, y, xy in each cell and component. Their static answers V = K^-1 F span nearly what as many
lowest modes do, and B = V (F^T V)^(-1/2) is orthonormal in energy: B^T K B = 1. Of all such bases it is the one nearest to the
answers themselves (Loewdin, J. Chem. Phys. 18, 1950), so that a column still belongs to its cell, and it is unique, where
eigenvectors of a symmetric body are not.
"""

from __future__ import annotations

import numpy as np

from mnnfem.guess.reference import Reference
from mnnfem.mesh import Floats


def static_modes(reference: Reference) -> Floats:
    """Fields (size, cells, 8), mm per square root of mJ/mm: eight of each cell of the family, zero where prescribed."""
    family, solid, dim = reference.family, reference.solid, reference.solid.mesh.dim
    forces: list[Floats] = []
    for centre in family.centres:
        x, y = ((reference.nodes - centre) / (0.5 * family.side)).T
        inside = (np.abs(x) <= 1 + 1e-9) & (np.abs(y) <= 1 + 1e-9)
        for shape in (np.ones_like(x), x, y, x * y):
            along = (np.outer(inside * shape, component).ravel() for component in np.eye(dim))
            forces += [solid.on_free(solid.mass * one) for one in along]
    answers = np.array([reference.solve(force) for force in forces])
    return (inverse_root(np.array(forces) @ answers.T) @ answers).T.reshape(solid.size, len(family.centres), -1)


def inverse_root(matrix: Floats) -> Floats:
    """The symmetric A^(-1/2) of a symmetric positive-definite A."""
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    root: Floats = (vectors / np.sqrt(values)) @ vectors.T
    return root
