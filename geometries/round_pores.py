"""A panel of square cells, a round or an elliptic pore in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from geometries.panel import Panel
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.parameters import alike, joined


def round_pores(
    columns: int = 4,
    rows: int = 4,
    cell: float = 10.0,
    solid: Sequence[tuple[int, int]] = (),
    elements: int = 32,
    elliptic: bool = False,
    common: bool = False,
    start: float = 0.35,
    bounds: tuple[float, float] = (0.15, 0.45),
) -> Geometry:
    r"""Pores of radius a, or ellipses of semi-axes a and b, the first turned by w from x, one set for each or for all:

        r(t) = L a b / sqrt((b cos(t - w))^2 + (a sin(t - w))^2),      L the cell's side.

    No pore reaches farther than `bounds[1]` L from its cell's centre, so ligaments keep (1 - 2 bounds[1]) L at least.

    columns, rows  cells in x and y;   cell  the side L, mm;   solid  cells (column, row) without a pore
    elements       element edges around a pore
    elliptic       parameters a of all pores, then b, then w; else a alone
    common         one set for all pores
    start, bounds  of a and b, fractions of L; w starts at 0 and goes from -pi/2 to pi/2

    Facets and vertex: see `Panel.geometry`.
    """
    if not 0 < bounds[0] <= start <= bounds[1] < 0.5:
        raise InputError(f"Semi-axes need 0 < {bounds[0]:g} <= {start:g} <= {bounds[1]:g} < 0.5 (lower, start, upper).")
    panel = Panel(columns, rows, cell, solid, elements)
    axes = [alike(panel.names(name, common), start, bounds, "semi-axis") for name in ("a", "b")[: 1 + elliptic]]
    turns = [alike(panel.names("turn", common), 0.0, (-np.pi / 2, np.pi / 2), "turn", "rad")] if elliptic else []

    def radius(design: torch.Tensor) -> torch.Tensor:
        if not elliptic:
            return panel.cell * design[:, None].expand(-1, panel.elements)
        a, b, turn = design.reshape(3, -1, 1)
        t = panel.angles - turn
        return panel.cell * a * b / ((b * t.cos()) ** 2 + (a * t.sin()) ** 2).sqrt()

    return panel.geometry(joined(*axes, *turns), radius)
