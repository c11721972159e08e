"""A panel of square cells, a round or an elliptic pore in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from geometries.panel import Panel
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry


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
    r"""Pores of radius a L, or ellipses of semi-axes a L and b L, the first turned by w from x; L is the cell's side:

        r(t) = L a b / sqrt((b cos(t - w))^2 + (a sin(t - w))^2).

    No pore reaches farther than `bounds[1]` L from its cell's centre, so ligaments keep (1 - 2 bounds[1]) L at least.

    columns, rows  cells in x and y;   cell  their side, mm;   solid  cells (column, row) without a pore
    elements       element edges around a pore, at even angles t
    elliptic       parameters a of all pores, then b, then w ("turn"); else a alone
    common         one a, b, w for all pores
    start, bounds  of a and b; w starts at 0 and goes from -pi/2 to pi/2

    Facets, vertex and how nodes follow: `Panel.geometry`.
    """
    if not 0 < bounds[0] <= start <= bounds[1] < 0.5:
        raise InputError(f"Semi-axes need 0 < {bounds[0]:g} <= {start:g} <= {bounds[1]:g} < 0.5 (lower, start, upper).")
    panel = Panel(columns, rows, cell, solid, elements, common)
    if not elliptic:
        return panel.geometry([panel.quantity("a", start, bounds)], lambda values, t: cell * values[0])

    def radius(values: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        a, b, turn = values
        return cell * a * b / torch.hypot(b * (t - turn).cos(), a * (t - turn).sin())

    axes = [panel.quantity(name, start, bounds) for name in ("a", "b")]
    return panel.geometry([*axes, panel.quantity("turn", 0.0, (-np.pi / 2, np.pi / 2), "rad")], radius)
