"""The way off a saddle, and which of two mirror branches to take."""

from __future__ import annotations

import numpy as np

from mnnfem.solid import Solid
from mnnfem.state import State
from mnnfem.tangent import Tangent


def kick(solid: Solid, tangent: Tangent, state: State, imperfection: int) -> State | None:
    """A state of lower energy along the lowest mode of a state that is not stable; None if there is none.

    Where both sides fall alike, as at a symmetric bifurcation, the sign of `imperfection` chooses.
    """
    mode = tangent.lowest_mode(state.u)
    if not mode.curvature < 0:
        return None
    for length in 0.04 * solid.extent * 0.5 ** np.arange(20):
        step = imperfection * length * mode.shape
        chosen, other = (solid.energy(state.u + side * step) for side in (1, -1))
        fall, other_fall = (state.energy - value if np.isfinite(value) else -np.inf for value in (chosen, other))
        if max(fall, other_fall) > 0:
            side, energy = (1, chosen) if fall >= 0.9 * other_fall else (-1, other)
            return State.at(solid, state.u + side * step, energy)
    return None
