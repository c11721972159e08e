"""First guesses without a network: the nearest solution, its tangent, a table of solutions interpolated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from scipy.interpolate import RBFInterpolator

from mnnfem.equilibrium import Start
from mnnfem.mesh import Floats
from mnnfem.warmstart import Library


class Guess(Protocol):
    """Where the solve of a body at points (n, d) mm under controls (c,) mm may start; None: at rest."""

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None: ...


def nothing(points: Floats, controls: Floats, material: Floats) -> None:
    """No guess: the solve starts at rest."""


class Predictor:
    """The remembered solution of the nearest controls with its factor, along whose tangent the solver goes to the new ones."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """The solution, None where the undeformed state is nearer."""
        return self.library.nearest(controls)


class Previous(Predictor):
    """The same state carried along the geometry, node by node, without its factor."""

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """The state under its own controls."""
        near = self.library.nearest(controls)
        return near and Start(near.displacement, near.controls)


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
