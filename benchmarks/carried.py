"""First guesses found on another mesh of the same body, where they cost less, and carried to the one that is solved."""

from __future__ import annotations

from collections.abc import Callable

from mnnfem.body import Body
from mnnfem.equilibrium import Start
from mnnfem.errors import EquilibriumError
from mnnfem.guess.classical import Guess
from mnnfem.mesh import Floats
from mnnfem.transfer import Transfer


def solution(body: Body) -> Guess:
    """A body's equilibrium, without its factor; None where there is none."""

    def guess(points: Floats, controls: Floats, material: Floats) -> Start | None:
        try:
            return Start(body.solve(points, controls, material).displacement, controls.copy())
        except EquilibriumError:
            return None

    return guess


def carried(guess: Guess, carrier: Transfer, there: Callable[[Floats], Floats]) -> Guess:
    """What a guess gives on another mesh; `there` tells that one's nodes (m, d) mm from those of this one (n, d) mm."""

    def brought(points: Floats, controls: Floats, material: Floats) -> Start | None:
        start = guess(there(points), controls, material)
        return start and carrier(start)

    return brought
