"""Has a mesh been moved too far from where it was made?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnnfem.mesh import MEASURE, Floats, Mesh
from mnnfem.quality import mean_ratios, measure_ratios

TINY = 1e-300  # a limit of which the sign alone decides


@dataclass(frozen=True)
class Breach:
    """The worst element of a mesh that has been moved too far.

    element  its index;  place (d,) mm of its middle;  quality: its mean ratio, and that which it was made with
    size     its area or volume over that which it was made with: det of the map, below 0 if inverted
    """

    element: int
    place: tuple[float, ...]
    quality: float
    made_with: float
    size: float

    @property
    def sentence(self) -> str:
        """What is wrong, where, with which numbers."""
        at = ", ".join(f"{x:.2f}" for x in self.place)
        state = "is inverted" if self.size <= 0 else "has been moved too far"
        return (
            f"element {self.element} at ({at}) mm {state}: quality {self.quality:.3f}, made with {self.made_with:.3f}; "
            f"{MEASURE[len(self.place)]} {self.size:.1%} of what it was"
        )


@dataclass(frozen=True)
class Guard:
    """Watches the elements of a mesh that a design moves.

    quality  least mean ratio of an element, unless it was made with less than twice that
    size     least measure of an element over that in the mesh as made
    At 0 only inverted elements are told of.
    """

    quality: float = 0.03
    size: float = 0.02

    def breach(self, mesh: Mesh, points: Floats) -> Breach | None:
        """The element that breaks its limit by most at `points` (n, d) mm, or None where none does."""
        quality, size, made = (
            mean_ratios(points, mesh.cells),
            measure_ratios(mesh, points),
            mean_ratios(mesh.points, mesh.cells),
        )
        limit = np.maximum(np.minimum(self.quality, 0.5 * made), TINY)
        margin = np.minimum(quality / limit, size / max(self.size, TINY))
        worst = int(np.argmin(margin))
        if margin[worst] >= 1:
            return None
        place = tuple(float(x) for x in points[mesh.cells[worst]].mean(axis=0))
        return Breach(worst, place, float(quality[worst]), float(made[worst]), float(size[worst]))
