"""A body some of whose controls are not given but free: a side that stays straight under no resultant force."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnnfem.adjoint import Gradients
from mnnfem.body import Body
from mnnfem.equilibrium import Record, Solution, Start
from mnnfem.errors import EquilibriumError, InputError
from mnnfem.mesh import Floats, Ints
from mnnfem.transfer import Transfer

ITERATIONS = 40
TOLERANCE = 1e-10  # of the free controls, in sizes of the body


@dataclass(frozen=True)
class Relaxation:
    """An equilibrium with its free controls where their reactions vanish; controls (g,) mm: those that were given."""

    state: Solution
    controls: Floats

    @property
    def record(self) -> Record:
        """The last solve's."""
        return self.state.record


@dataclass(frozen=True)
class RelaxedStart:
    """A start that was carried over from another mesh."""

    state: Start
    controls: Floats


class Relaxed:
    r"""A physics of the controls that are left: the others c_f are found by Newton's method for

        r_f = dPi/dc_f = 0,      Pi(X, c, p) the energy of equilibria,

    a minimum of the energy. Gradients are exact: dc_f = -(d2Pi/dc_f2)^-1 (dr_f/dX dX + ...).

    body   with a drive for each control;  free  the numbers of the free ones
    """

    def __init__(self, body: Body, free: Sequence[int]) -> None:
        count = len(body.solid.lifts)
        if not set(free) < set(range(count)):
            raise InputError(f"Some of the controls 0 to {count - 1} may be free, and not all of them, got {list(free)}.")
        self.body, self.free = body, np.array(free)
        self.given = np.setdiff1d(np.arange(count), self.free)

    @property
    def observables(self) -> Mapping[str, Any]:
        """The body's."""
        return self.body.observables

    def check(self, points: Floats, controls: Floats, material: Floats) -> None:
        """InputError for inputs that cannot be solved."""
        if controls.shape != self.given.shape:
            raise InputError(
                f"{len(self.given)} controls are given, the others are free; got an array of shape {controls.shape}."
            )
        self.body.check(points, self._whole(controls, np.zeros(len(self.free))), material)

    def keeps(self, start: Relaxation | RelaxedStart) -> bool:
        """Whether a solve from `start` finds its factor here."""
        return self.body.keeps(start.state)

    def solve(
        self, points: Floats, controls: Floats, material: Floats, start: Relaxation | RelaxedStart | None = None
    ) -> Relaxation:
        """The equilibrium under the given controls (g,) mm; EquilibriumError if there is none, or none without reactions."""
        self.check(points, controls, material)
        free = start.state.controls[self.free] if start else np.zeros(len(self.free))
        state = self.body.solve(points, self._whole(controls, free), material, start.state if start else None)
        size, bounds = self.body.solid.extent, self._bounds()
        for _ in range(ITERATIONS):
            reaction = self.body.energy_gradients(state).controls[self.free]
            stiffness, directions = np.linalg.eigh(self._slopes(state)[1])
            # Where the energy is not convex, its fall decides, not Newton's zero.
            curved = np.maximum(np.abs(stiffness), 1e-6 * np.abs(stiffness).max())
            step = -directions @ ((directions.T @ reaction) / curved)
            if np.abs(step).max() <= TOLERANCE * size and stiffness[0] > 0:
                return Relaxation(state, controls.copy())
            state = self._descend(state, np.clip(step, -bounds, bounds))
        raise EquilibriumError(
            f"the free controls have found no place without reactions in {ITERATIONS} steps ({reaction.max():.3g} N/mm left)",
            1.0,
            advice="Use smaller controls, or larger bounds of the free ones.",
            kind="stalled",
        )

    def _descend(self, state: Solution, step: Floats) -> Solution:
        """The equilibrium a step of the free controls away, or a shorter one where the energy rises."""
        solid, energy = self.body.solid, state.record.energy
        for length in 0.5 ** np.arange(12):
            controls, bounds = state.controls.copy(), self._bounds()
            controls[self.free] = np.clip(controls[self.free] + length * step, -bounds, bounds)
            found = self.body.solve(state.points, controls, state.material, state)
            if found.record.energy <= energy + 1e-9 * max(abs(energy), 1e-6 * solid.energy_floor):
                return found
        raise EquilibriumError("the energy rises along the free controls' way down", 1.0, kind="stalled")

    def displacement(self, solution: Relaxation) -> Floats:
        """Displacement of the mesh points, (n, d) mm."""
        return self.body.displacement(solution.state)

    @property
    def edges(self) -> Ints:
        """The body's."""
        return self.body.edges

    def middles(self, solution: Relaxation) -> Floats:
        """Displacement of the middles of `edges`, (e, d) mm."""
        return self.body.middles(solution.state)

    def vjp(self, solution: Relaxation, seed: Floats, middles: Floats | None = None) -> Gradients:
        """Gradients of the function of derivatives `seed` (n, d) and `middles` (e, d), see `Body`; the free controls follow."""
        gradients = self.body.vjp(solution.state, seed, middles)
        slopes, stiffness = self._slopes(solution.state)
        weights = np.linalg.solve(stiffness, gradients.controls[self.free])
        controls = gradients.controls - sum(w * one.controls for w, one in zip(weights, slopes, strict=True))
        return Gradients(
            points=gradients.points - sum(w * one.points for w, one in zip(weights, slopes, strict=True)),
            controls=controls[self.given],
            material=gradients.material - sum(w * one.material for w, one in zip(weights, slopes, strict=True)),
        )

    def carrier(self, other: Relaxed, was: Floats, now: Floats) -> Callable[[Relaxation | RelaxedStart], RelaxedStart]:
        """What turns solutions on another mesh into starts here, as `Body.carrier`."""
        transfer = Transfer(other.body.solid, was, self.body.solid, now)
        return lambda one: RelaxedStart(transfer(one.state), one.controls)

    def _slopes(self, state: Solution) -> tuple[list[Gradients], Floats]:
        """Gradients of the free controls' reactions, and those in the free controls as a symmetric matrix (f, f)."""
        slopes = [self.body.reaction_gradients(state, int(control)) for control in self.free]
        matrix = np.array([one.controls[self.free] for one in slopes])
        return slopes, 0.5 * (matrix + matrix.T)

    def _whole(self, given: Floats, free: Floats) -> Floats:
        controls = np.empty(len(self.given) + len(self.free))
        controls[self.given], controls[self.free] = given, free
        return controls

    def _bounds(self) -> Floats:
        drives = self.body.solid.boundary.drives
        return np.array([drives[int(number)].bound for number in self.free])
