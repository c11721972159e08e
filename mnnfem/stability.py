"""The way off a saddle, and which of two mirror branches to take."""

from __future__ import annotations

import numpy as np
from mpi4py import MPI

from mnnfem.mesh import Floats
from mnnfem.solid import Solid
from mnnfem.state import State
from mnnfem.tangent import Tangent

SHARE = 0.1  # costs a hundredth of the energy that the kick frees, and is far above what rounding grows to


def kick(solid: Solid, tangent: Tangent, state: State, imperfection: int) -> State | None:
    """A state of lower energy along the lowest mode of a state that is not stable; None if there is none.

    Where both sides fall alike, as at a symmetric bifurcation, the sign of `imperfection` chooses. A share of
    `lopsided` that is the same for both signs decides what symmetry the mode itself would leave to rounding.
    """
    mode = tangent.lowest_mode(state.u)
    if not mode.curvature < 0:
        return None
    freed = -solid.dot(mode.shape, solid.tangent_action(state.u, mode.shape))
    share = SHARE * freed**0.5 * lopsided(solid, tangent, state.u)
    for length in 0.04 * solid.extent * 0.5 ** np.arange(20):
        chosen, other = (state.u + length * (side * imperfection * mode.shape + share) for side in (1, -1))
        energy, other_energy = solid.energy(chosen), solid.energy(other)
        fall, other_fall = (state.energy - value if np.isfinite(value) else -np.inf for value in (energy, other_energy))
        if max(fall, other_fall) > 0:
            if fall >= 0.9 * other_fall:
                return State.at(solid, chosen, energy)
            return State.at(solid, other, other_energy)
    return None


def lopsided(solid: Solid, tangent: Tangent, u: Floats) -> Floats:
    """Displacement of unit energy (by the factored matrix) under body forces along the axis of the prescribed motion.

    They grow along that axis. Mirrored across it the displacement stays as it is: so the two signs of an imperfection
    lead to exact mirror images, as often as the branch divides. Turned end for end it does not: so no division is left
    to rounding.
    """
    dim, points = solid.dofs.dim, solid.mesh.points
    moved = solid.comm.allreduce((np.where(solid.prescribed, u, 0.0).reshape(-1, dim) ** 2).sum(axis=0), op=MPI.SUM)
    axis = int(np.argmax(moved >= (1 - 1e-9) * moved.max()))  # of equal ones the first, on any number of ranks
    forces = np.zeros_like(points)
    forces[:, axis] = (points[:, axis] - points[:, axis].min()) / np.ptp(points[:, axis])
    load = solid.on_free(solid.mass * solid.dofs.from_points(forces))
    shape = tangent.solve(load)
    return shape / solid.dot(load, shape) ** 0.5
