"""A rectangular panel of square cells with one pore in each, given by the pore's distance from the centre along rays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Ints
from mnnfem.outline import Outline, outlined
from mnnfem.parameters import Parameters


@dataclass(frozen=True)
class Panel:
    """Columns x rows square cells of side `cell` mm; no pore in the cells `solid`; `elements` edges around each pore."""

    columns: int
    rows: int
    cell: float
    solid: Sequence[tuple[int, int]]
    elements: int

    def __post_init__(self) -> None:
        if min(self.columns, self.rows) < 1 or not self.cell > 0:
            raise InputError("A panel needs one column and one row at least, and cells above 0 mm.")
        if self.elements < 8 or self.elements % 4:
            raise InputError(f"The elements around a pore must be a multiple of 4, and 8 at least, got {self.elements}.")
        if not self.porous:
            raise InputError("Every cell of the panel is solid: there is no pore to design.")

    @property
    def porous(self) -> list[tuple[int, int]]:
        """Cells (column, row) with a pore, row-wise from the lower left."""
        solid = set(map(tuple, self.solid))
        return [(i, j) for j in range(self.rows) for i in range(self.columns) if (i, j) not in solid]

    @property
    def angles(self) -> torch.Tensor:
        """Angles t of the rays on which a pore's nodes lie, (elements,) rad."""
        return torch.arange(self.elements, dtype=torch.float64) * (2 * np.pi / self.elements)

    def names(self, quantity: str, common: bool) -> list[str]:
        """Names of a quantity that all pores share, or that each has of its own."""
        return [quantity] if common else [f"{quantity} of pore {i}, {j}" for i, j in self.porous]

    def geometry(self, parameters: Parameters, radius: Callable[[torch.Tensor], torch.Tensor]) -> Geometry:
        """The panel whose pores have `radius`(design): (pores or 1, elements) mm from the cell's centre along the rays.

        Facets: left, right, bottom, top; left_middle ... top_middle (without the corner cells); corners (the quarter
        cell either side of each panel corner); pores. Vertex: centre, where there is material.
        """
        rim = rectangle(self.columns, self.rows, self.cell, divisions=4 * -(-self.elements // 12))
        middle = 0.5 * self.cell * np.array([[self.columns, self.rows]])
        hollow = self.columns % 2 and self.rows % 2 and (self.columns // 2, self.rows // 2) in self.porous
        inner = len(rim.points) + np.arange(0 if hollow else 1)
        fixed = torch.from_numpy(np.concatenate([rim.points, middle[: len(inner)]]))
        rays = torch.stack([self.angles.cos(), self.angles.sin()], dim=1)
        centres = torch.from_numpy((np.array(self.porous) + 0.5) * self.cell)

        def at(design: torch.Tensor) -> torch.Tensor:
            pores = centres[:, None] + radius(design)[:, :, None] * rays
            return torch.cat([fixed, pores.reshape(-1, 2)])

        pores = len(fixed) + np.arange(len(centres) * self.elements).reshape(-1, self.elements)
        walls = np.stack([pores, np.roll(pores, -1, axis=1)], axis=-1).reshape(-1, 2)
        outline = Outline(
            loops=(np.arange(len(rim.points)), *pores[:, ::-1]),
            facets={**rim.facets, "pores": walls},
            at=at,
            vertices={"centre": int(inner[0])} if inner.size else {},
            inner=inner,
            names=("the outline", *(f"pore {i}, {j}" for i, j in self.porous)),
        )
        return outlined(outline, parameters)


@dataclass(frozen=True, eq=False)
class Rim:
    """Points (k, 2) mm around a rectangle, counter-clockwise from the lower left, and its named edges."""

    points: Floats
    facets: dict[str, Ints]


def rectangle(columns: int, rows: int, cell: float, divisions: int) -> Rim:
    """The rectangle around columns x rows cells, `divisions` edges (a multiple of 4) to a cell's side."""
    x, y = (np.arange(count * divisions) * (cell / divisions) for count in (columns, rows))
    width, height = columns * cell, rows * cell
    sides = {
        "bottom": np.column_stack([x, np.zeros_like(x)]),
        "right": np.column_stack([np.full_like(y, width), y]),
        "top": np.column_stack([width - x, np.full_like(x, height)]),
        "left": np.column_stack([np.zeros_like(y), height - y]),
    }
    points = np.concatenate(list(sides.values()))
    numbers = np.arange(len(points))
    edges = np.stack([numbers, np.roll(numbers, -1)], axis=1)
    facets: dict[str, Ints] = {}
    corners = []
    first = 0
    for name, side in sides.items():
        own = edges[first : first + len(side)]
        first += len(side)
        facets[name] = own
        if len(own) > 2 * divisions:
            facets[f"{name}_middle"] = own[divisions:-divisions]
        corners += [own[: divisions // 4], own[-(divisions // 4) :]]
    return Rim(points, {**facets, "corners": np.concatenate(corners)})
