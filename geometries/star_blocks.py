"""Where the blocks of a panel of star pores lie, and what its boundaries are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geometries.star_curve import perimeter
from mnnfem.errors import InputError
from mnnfem.mesh import Floats

QUARTERS = 4  # ticks to a cell's side: 16 radii around it
SIDES = {"left": (0, 0), "right": (0, -1), "bottom": (1, 0), "top": (1, -1)}  # axis across, first or last tick


@dataclass(frozen=True)
class Block:
    """A rectangle between ticks of the panel: solid, or a square with one star pore.

    left, bottom, right, top   numbers of ticks, in x and y
    pore      its name, for the names of its radii; none: the block is solid
    start, bounds   of its radii
    facet     name of the pore's wall;   points   of its places t = 0, 1, ...: this word and their number; none by default
    """

    left: int
    bottom: int
    right: int
    top: int
    pore: str = ""
    start: float = 0.5
    bounds: tuple[float, float] = (0.1, 0.9)
    facet: str = "pores"
    points: str = ""

    @property
    def ring(self) -> list[tuple[int, int]]:
        """Ticks around it, from the lower left, counter-clockwise: one radius points to each."""
        across, up = range(self.left, self.right), range(self.bottom, self.top)
        lower, upper = [(a, self.bottom) for a in across], [(a + 1, self.top) for a in reversed(across)]
        return [*lower, *((self.right, b) for b in up), *upper, *((self.left, b + 1) for b in reversed(up))]


@dataclass(frozen=True, eq=False)
class Panel:
    """Where everything is.

    x, y        ticks, mm: the corners of the panel, of its blocks, and of the elements' patches
    blocks      what lies between them, in the order of the design
    faces       name -> stretches (side, first tick, last tick) of the panel's sides
    vertices    name -> (tick in x, tick in y), left out where a pore is
    divisions   element edges per tick;   layers  elements from a pore to its block's edge
    quadrilaterals   whether patches are cut into these, not into triangles
    """

    x: Floats
    y: Floats
    blocks: Sequence[Block]
    faces: Mapping[str, Sequence[tuple[str, int, int]]]
    vertices: Mapping[str, tuple[int, int]]
    divisions: int
    layers: int
    quadrilaterals: bool = False

    def __post_init__(self) -> None:
        if min(self.divisions, self.layers) < 1 or np.any(np.diff(self.x) <= 0) or np.any(np.diff(self.y) <= 0):
            raise InputError("columns, rows, divisions and layers must be at least 1 and cell above 0 mm.")
        for block in self.porous:
            low, high = block.bounds
            if not 0 < low <= block.start <= high < 1:
                raise InputError(f"Radii need 0 < {low:g} <= {block.start:g} <= {high:g} < 1 (lower, start, upper).")
        if not self.porous:
            raise InputError("Every cell of the panel is solid: there is no pore to design.")

    @property
    def porous(self) -> list[Block]:
        """The blocks with a pore."""
        return [block for block in self.blocks if block.pore]

    def centre(self, block: Block) -> Floats:
        """Of a block, (2,) mm."""
        return 0.5 * np.array([self.x[block.left] + self.x[block.right], self.y[block.bottom] + self.y[block.top]])

    def edge(self, block: Block) -> Floats:
        """E_k of a block with a pore, about its centre, mm."""
        return perimeter(float(self.x[block.right] - self.x[block.left]), len(block.ring))


def sides(columns: int, rows: int) -> dict[str, list[tuple[str, int, int]]]:
    """Faces of a panel of so many ticks: its sides, and corners, the stretches from its corners to the next ticks."""
    ends = [(side, first, first + 1) for side, (axis, _) in SIDES.items() for first in (0, (rows, columns)[axis] - 1)]
    return {"corners": ends, **{side: [(side, 0, (rows, columns)[axis])] for side, (axis, _) in SIDES.items()}}
