"""What is wrong with a body that shall be made: a name, a sentence, places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnnfem.errors import InputError
from mnnfem.mesh import Floats

TOLD = 3  # places that a sentence names


@dataclass(frozen=True, eq=False)
class Finding:
    """One defect.

    check     its class, as "open surface" or "ligament"
    sentence  what, where, how much, and what change mends it
    places    (k, 3) mm, all of them; none where the whole body is meant
    """

    check: str
    sentence: str
    places: Floats

    @classmethod
    def at(cls, check: str, what: str, places: Floats, mend: str) -> Finding:
        """What is wrong, at places (k, 2 or 3) mm, the first of which are told, and what mends it."""
        where = np.zeros((len(places), 3))
        where[:, : places.shape[1]] = places
        told = ", ".join(place_of(place) for place in where[:TOLD])
        rest = f" and {len(where) - TOLD} more" if len(where) > TOLD else ""
        near = f" at {told}{rest}" if len(where) else ""
        return cls(check, f"{what}{near}; {mend}.", where)


def place_of(place: Floats) -> str:
    """A place for people."""
    return f"({', '.join(f'{float(coordinate):.4g}' for coordinate in place)}) mm"


def refuse(findings: Sequence[Finding], what: str) -> None:
    """InputError with every sentence if there are any."""
    if findings:
        lines = "\n".join(f"  {one.check}: {one.sentence}" for one in findings)
        raise InputError(f"{what} is not ready to be made, {len(findings)} checks fail:\n{lines}")
