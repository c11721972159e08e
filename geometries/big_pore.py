"""The shape-matching panel: star pores around one big pore, which takes up the middle of the panel."""

from __future__ import annotations

from functools import partial

import numpy as np

from geometries.star_blocks import QUARTERS, SIDES, Block, Panel, sides
from geometries.star_panel import star_panel
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats


def big_pore(
    cells: int = 7,
    middle: int = 3,
    cell: float = 50.0,
    divisions: int = 1,
    layers: int = 2,
    start: float = 0.5,
    bounds: tuple[float, float] = (0.1, 0.9),
    big_start: float = 0.8,
    big_bounds: tuple[float, float] = (0.1, 0.9),
    corners: float = 0.0,
    design: Floats | None = None,
) -> Geometry:
    r"""Cells x cells star pores, of which the middle ones are a single pore (Oktay et al., ICLR 2023, shape matching).

    The big pore is the closed quadratic B-spline of 16 middle radii, r_k E_k, where E_k divide the perimeter of the
    middle block evenly; all else is as in `star_pores`, the linear map of the radii too. By default there are
    40 x 16 radii, cell by cell and row-wise from the lower left, and after them 48 of the big pore.

    No radii within the bounds invert an element (`least_areas`): 2.2 mm^2 at least.

    cells, middle  cells along the panel's sides, and along the big pore's, both odd;   cell  a cell's side, mm
    divisions      element edges per radius along a pore;   layers  elements from a pore to the edge of its block
    start, bounds, big_start, big_bounds   of the radii of the small pores and of the big one
    corners        how far corners of cells may be moved, fractions of a cell, see `star_pores`: 64 offsets after the radii
    design         where the panel is meshed freely, (p,); without it at the start radii, in patches

    Facets: left, right, bottom, top; corners (the quarter cell either side of each panel corner); left_1, left_2,
    left_3, ... top_3, the faces of every second cell along the sides, numbered from the left or the bottom (12 by default);
    pores, the small ones; big_pore. Vertices: big_pore_0 ... big_pore_47, at t = 0 ... 47 of the big pore's spline.
    """
    if not 1 <= middle <= cells - 2 or cells % 2 == 0 or middle % 2 == 0:
        raise InputError(f"The big pore needs odd numbers 1 <= middle <= cells - 2, got middle {middle} and cells {cells}.")
    across = QUARTERS * cells
    low, high = (cells - middle) // 2, (cells + middle) // 2
    first, last = QUARTERS * low, QUARTERS * high
    blocks = [
        Block(QUARTERS * i, QUARTERS * j, QUARTERS * (i + 1), QUARTERS * (j + 1), f"pore {i}, {j}", start, bounds)
        for j in range(cells)
        for i in range(cells)
        if not (low <= i < high and low <= j < high)
    ]
    blocks.append(Block(first, first, last, last, "the big pore", big_start, big_bounds, "big_pore", "big_pore"))
    faces = {
        f"{side}_{number}": [(side, QUARTERS * n, QUARTERS * (n + 1))]
        for side in SIDES
        for number, n in enumerate(range(1, cells, 2), start=1)
    }
    ticks = np.arange(across + 1) * cell / QUARTERS
    panel = Panel(ticks, ticks, blocks, {**sides(across, across), **faces}, {}, divisions, layers)
    again = partial(big_pore, cells, middle, cell, divisions, layers, start, bounds, big_start, big_bounds, corners)
    return star_panel(panel, design, again, corners)
