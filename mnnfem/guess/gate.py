"""Whether a first guess is worth to start from, told without a solution: by its energy, its forces and its elements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnnfem.equilibrium import Start
from mnnfem.guess.classical import Guess
from mnnfem.guess.reference import Reference
from mnnfem.mesh import Floats

TINY = 1e-300  # mJ/mm, of a body at rest


@dataclass(frozen=True)
class Limits:
    """What a guess must keep to. Where panels buckle, guesses paid whose energy was up to 0.17 above the equilibrium's; the
    predictors along the tangent at rest, 1.1 above it, did not.

    excess   most of its energy above the equilibrium's, a share, as its forces tell it (see `Verdict`)
    det_f    least det F over the quadrature points
    """

    excess: float = 0.5
    det_f: float = 0.1


@dataclass(frozen=True)
class Verdict:
    """What a guess is worth.

    energy    mJ/mm; not finite where elements turn over
    excess    R K^-1 R / 2 over the energy, with the free forces R and the reference stiffness K: where K is the tangent, the
              energy that Newton's step would save
    det_f     least det F
    """

    energy: float
    excess: float
    det_f: float

    def within(self, limits: Limits) -> bool:
        """Whether it is worth to start there: near balance, and no element near turning over."""
        return self.excess <= limits.excess and self.det_f >= limits.det_f


class Gated:
    """A guess of which only what is within limits passes; else the solve starts at rest.

    reference   of the family, and of the solid that is solved
    """

    def __init__(self, guess: Guess, reference: Reference, limits: Limits = Limits()) -> None:
        self.guess, self.reference, self.limits = guess, reference, limits

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """The guess, or None."""
        start = self.guess(points, controls, material)
        passes = start is not None and self.judged(start, points, material).within(self.limits)
        return start if passes else None

    def judged(self, start: Start, points: Floats, material: Floats) -> Verdict:
        """What a guess is worth at these points (n, d) mm and material (p,)."""
        solid, reference, u = self.reference.solid, self.reference, start.displacement
        solid.set_inputs(points, material, start.controls)
        energy, det_f = solid.energy(u), solid.least_det_f(u)[0]
        if not np.isfinite(energy):
            return Verdict(energy, np.inf, det_f)
        force = solid.on_free(solid.residual(u))
        return Verdict(energy, 0.5 * solid.dot(force, reference.solve(force)) / max(energy, TINY), det_f)


class Preferred(Gated):
    """A guess where it is worth more than the start that another gives, and is within limits; else the other's.

    Both are judged under the whole of the controls: the other's state goes there by the linear-elastic answer of the family's
    middle design, the undeformed one where it gives none. What is nearer to balance and not higher in energy is worth more.
    """

    def __init__(self, guess: Guess, other: Guess, reference: Reference, limits: Limits = Limits()) -> None:
        super().__init__(guess, reference, limits)
        self.other = other

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """The better of the two, as they can be told without a solution."""
        start, other = self.guess(points, controls, material), self.other(points, controls, material)
        if start is None:
            return other
        own, lifts = self.judged(start, points, material), self.reference.lifts
        if not own.within(self.limits):
            return other
        moved = controls @ lifts if other is None else other.displacement + (controls - other.controls) @ lifts
        rival = self.judged(Start(moved, controls), points, material)
        worse = own.energy > rival.energy or own.excess > rival.excess  # never where the rival's elements have turned over
        return other if worse else start
