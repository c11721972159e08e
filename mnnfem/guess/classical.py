"""First guesses without a network: the nearest remembered solution, some of them interpolated, a table of them interpolated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy.interpolate import RBFInterpolator

from mnnfem.equilibrium import Start
from mnnfem.mesh import Floats
from mnnfem.warmstart import Library, leaning

AMPLIFIED = 3.0  # sum of the weights' sizes above which the controls lie too far outside of those remembered
EXACT = 1e-12  # by how much the weights may miss their conditions, in parts of the distances
LEAST = 1e-3  # of the largest distance: nearer ones weigh as if they were so near


class Guess(Protocol):
    """Where the solve of a body at points (n, d) mm under controls (c,) mm may start; None: at rest."""

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None: ...


def nothing(points: Floats, controls: Floats, material: Floats) -> None:
    """No guess: the solve starts at rest."""


class Rest(Library):
    """No guess, and nothing remembered: every solve starts at rest."""

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """None."""
        return None

    def add(self, solution: Start) -> None:
        """Forget it."""


class Previous(Library):
    """The nearest state carried along the geometry, node by node, without its factor."""

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """The state under its own controls."""
        near = self.nearest(controls)
        return near and Start(near.displacement, near.controls)


class Neighbours(Library):
    r"""The states nearest in controls, interpolated: u = sum w_k u_k, where sum w_k = 1 and sum w_k c_k = c.

    Of these weights the ones with the least sum of (w_k |c_k - c|)^2, over twice as many states as there are conditions, that
    at rest being one. What is linear in the controls is met, prescribed displacements among it. The nearest lends its factor,
    and is the start itself where there are too few states, or the controls lie far outside of them.
    """

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """The interpolated state under the whole of the controls, with the factor of the nearest."""
        near, conditions = self.nearest(controls), len(controls) + 1
        if len(self._solutions) < conditions:
            return near
        known = np.vstack([0.0 * controls, self.controls])
        distances = np.linalg.norm(known - controls, axis=1)
        chosen = np.argsort(distances, kind="stable")[: 2 * conditions]
        weights = _weights(known[chosen] - controls, distances[chosen])
        if weights is None:
            return near
        u = sum(w * self._solutions[k - 1].displacement for w, k in zip(weights, chosen, strict=True) if k)
        return leaning(Start(np.asarray(u), weights @ known[chosen]), near)


def _weights(off: Floats, distances: Floats) -> Floats | None:
    """Those of `Neighbours`, of states whose controls are off by (k, c); None where there are none of moderate size."""
    size = distances.max()
    if size == 0.0:
        return None
    scale = np.maximum(distances / size, LEAST)
    conditions, wanted = np.vstack([np.ones(len(off)), off.T / size]), np.eye(len(off.T) + 1)[0]
    weights: Floats = np.linalg.lstsq(conditions / scale, wanted, rcond=None)[0] / scale
    met = np.abs(conditions @ weights - wanted).max() <= EXACT
    return weights if met and np.abs(weights).sum() <= AMPLIFIED else None


class Interpolation:
    """A table of solutions, interpolated in their parameters by radial functions: piecewise linear or cubic in one parameter.

    parameters    (points, controls) -> (p,), None for what is beyond the table
    known         (k, p) parameters and displacements (k, size) mm of the table, all under the same controls
    kernel        of scipy's RBFInterpolator: "linear" or "cubic"
    """

    def __init__(
        self, parameters: Callable[[Floats, Floats], Floats | None], known: Floats, displacements: Floats, kernel: str = "cubic"
    ) -> None:
        self.parameters = parameters
        self._table = RBFInterpolator(known, displacements, kernel=kernel)

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """The interpolated state under the whole of the controls."""
        at = self.parameters(points, controls)
        return None if at is None else Start(self._table(at[None])[0], controls.copy())
