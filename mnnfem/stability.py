"""Saddles: their lowest mode, and the way off them."""

from __future__ import annotations

import numpy as np
from mpi4py import MPI

from mnnfem.mesh import Floats
from mnnfem.minimise import Minimiser


def lowest_mode(minimiser: Minimiser, steps: int = 30) -> Floats:
    """Lowest eigenvector of K v = lambda M v, largest entry 1 in size, from the factor of K + shift M.

    Lanczos on (K + shift M)^-1 M in the M inner product, reorthogonalised; its largest eigenvalue is
    1 / (lambda + shift). The start is fixed and lopsided: it has a share of every mode, is the same for
    any number of ranks, and decides the mode's sign.
    """
    solid = minimiser.solid
    scaled = solid.dofs.from_points(solid.mesh.points / np.abs(solid.mesh.points).max())
    start = solid.on_free(np.tile(0.618 ** np.arange(solid.dofs.dim), solid.dofs.owned) + scaled)
    basis = [start / solid.dot(start, solid.mass * start) ** 0.5]
    projected = np.zeros((steps, steps))
    for k in range(steps):
        image = minimiser.solve(solid.mass * basis[k])
        for _ in range(2):
            for j, vector in enumerate(basis):
                share = solid.dot(vector, solid.mass * image)
                projected[j, k] += share
                image = image - share * vector
        size = solid.dot(image, solid.mass * image) ** 0.5
        if k + 1 == steps or size < 1e-12 * projected[0, 0]:
            break
        projected[k + 1, k] = size
        basis.append(image / size)
    count = len(basis)
    _, vectors = np.linalg.eigh(0.5 * (projected + projected.T)[:count, :count])
    mode: Floats = np.einsum("k,ki->i", vectors[:, -1], np.array(basis))
    peak = float(solid.comm.allreduce(np.abs(mode).max(initial=0.0), op=MPI.MAX))
    mode *= (1.0 if solid.dot(start, solid.mass * mode) >= 0 else -1.0) / peak
    return mode


def kick(minimiser: Minimiser, u: Floats, imperfection: int) -> Floats | None:
    """A state of lower energy along the lowest mode of an unstable state u; None if there is none.

    Where both sides fall alike, as at a symmetric bifurcation, the sign of `imperfection` chooses.
    """
    solid = minimiser.solid
    minimiser.factorise(u, shifted=True)
    mode = imperfection * lowest_mode(minimiser)
    energy = solid.energy(u)
    for length in 0.04 * solid.extent * 0.5 ** np.arange(20):
        chosen, other = (solid.energy(u + side * length * mode) for side in (1, -1))
        fall, other_fall = (energy - value if np.isfinite(value) else -np.inf for value in (chosen, other))
        if max(fall, other_fall) > 0:
            side = 1 if fall >= 0.99 * other_fall else -1
            return u + side * length * mode
    return None
