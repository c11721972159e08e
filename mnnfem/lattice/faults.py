"""Bars that are too wide for the voids beside them: which, and how wide they may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import numpy as np
import shapely
import torch

from mnnfem.errors import InputError
from mnnfem.lattice.graph import bar_name
from mnnfem.mesh import Floats, Ints

HALVINGS = 30  # of the range of widths that is searched for the widest valid one


def crossing_edges(ends: Floats) -> Ints:
    """The first two of the edges `ends` (k, 2, 2) that meet other than end to end; none where loops are simple and apart."""
    lines = shapely.linestrings(ends)
    if shapely.is_simple(shapely.multilinestrings(lines)):
        return np.zeros(0, dtype=np.int64)
    a, b = shapely.STRtree(lines).query(lines, predicate="intersects")
    joined = (ends[a][:, :, None] == ends[b][:, None]).all(-1).any((1, 2))
    overlap = shapely.length(shapely.intersection(lines[a], lines[b])) > 0
    wrong = np.flatnonzero((a < b) & (~joined | overlap))
    found: Ints = np.array([a[wrong[0]], b[wrong[0]]]) if wrong.size else np.zeros(0, dtype=np.int64)
    return found


def refuse_widths(bars: Ints, widths: torch.Tensor, faults: Callable[[torch.Tensor], Ints]) -> NoReturn:
    """InputError that names a bar at fault with its width and the largest valid one, the others staying as they are.

    widths (b,) or (b, 2) as in `Lattice.points`;   faults  the bars at fault at given widths, none if these are valid
    """
    total = widths if widths.ndim == 1 else widths.sum(1)
    suspects = faults(widths)
    for bar in suspects[np.argsort(-total[suspects].numpy())]:
        alone = torch.zeros(len(widths), dtype=widths.dtype)
        alone[bar] = 1.0
        share = _largest(faults, widths, alone)
        if share > 0:
            raise InputError(
                f"{bar_name(bars, bar).capitalize()} is {total[bar]:.4g} mm wide, more than the voids beside it can bear: "
                f"with the other bars as they are it may be {np.floor(share * float(total[bar]) * 1e3) / 1e3:g} mm at most."
            )
    share = _largest(faults, widths, torch.ones(len(widths), dtype=widths.dtype))
    names = " and ".join(f"{bar_name(bars, bar)}, {total[bar]:.4g} mm wide," for bar in suspects[:2])
    advice = (
        f"Widths of {np.floor(share * 1e3) / 10:g} % of all these would fit."
        if share > 0
        else "Make fillets and discs smaller."
    )
    raise InputError(f"The sides of {names} run into each other, and no width of one bar alone would mend it. {advice}")


def _largest(faults: Callable[[torch.Tensor], Ints], widths: torch.Tensor, which: torch.Tensor) -> float:
    """Largest share of their widths that the bars `which` (b,) may have, to 1e-9; 0 if there is none."""

    def valid(share: float) -> bool:
        scale = 1 - which * (1 - share)
        return not faults(widths * (scale if widths.ndim == 1 else scale[:, None])).size

    low, high = 1e-3, 1.0
    if not valid(low):
        return 0.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if valid(middle) else (low, middle)
    return low
