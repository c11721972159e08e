"""The digit display: star pores in groups, solid strips between them, and the seven windows on the strips."""

from __future__ import annotations

from functools import partial
from itertools import accumulate

import numpy as np

from geometries.star_blocks import QUARTERS, Block, Panel, sides
from geometries.star_panel import star_panel
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats

COLUMNS = (1, 0, 1, 1, 0, 1)  # cells (1) and strips (0) from the left
ROWS = (1, 0, 1, 1, 0, 1, 1, 0, 1)  # and from the bottom
STRIP_TICKS = 2


def display(
    cell: float = 60.0,
    strip: float = 30.0,
    divisions: int = 1,
    layers: int = 2,
    start: float = 0.5,
    bounds: tuple[float, float] = (0.3, 0.7),
    design: Floats | None = None,
) -> Geometry:
    r"""4 x 6 cells with a star pore each; solid strips draw a digital eight between them (Oktay et al., ICLR 2023).

    From the left: cell, strip, two cells, strip, cell; from the bottom: cell, strip, two cells, strip, two cells, strip,
    cell: 300 x 450 mm by default. `windows` are the places of the seven segments, on the strips. Pores, radii (16 each,
    row-wise from the lower left) and their linear map are those of `star_pores`.

    No radii within the bounds invert an element (`least_areas`): 12.6 mm^2 at least. Least angles are
    19 degrees at the start and were 5.4 at worst, at random corners of the box.

    cell, strip    sides of the cells, width of the strips, mm
    divisions      element edges per radius along a pore;   layers  elements from pore to cell edge
    start, bounds  of the radii
    design         where the panel is meshed freely, (384,); without it at the start radii, in patches

    Facets: left, right, bottom, top; corners (the quarter cell either side of each panel corner); pores; the six faces of
    two cells each, between the strips: left_lower, left_upper, right_lower, right_upper, bottom_middle, top_middle.
    """
    x, y = ([0, *accumulate(QUARTERS if wide else STRIP_TICKS for wide in widths)] for widths in (COLUMNS, ROWS))
    blocks, row = [], 0
    for j, high in enumerate(ROWS):
        column = 0
        for i, wide in enumerate(COLUMNS):
            name = f"pore {column}, {row}" if wide and high else ""
            blocks.append(Block(x[i], y[j], x[i + 1], y[j + 1], name, start, bounds))
            column += wide
        row += high
    faces = {
        **{f"{side}_lower": [(side, y[2], y[4])] for side in ("left", "right")},
        **{f"{side}_upper": [(side, y[5], y[7])] for side in ("left", "right")},
        **{f"{side}_middle": [(side, x[2], x[4])] for side in ("bottom", "top")},
    }
    faces.update(sides(x[-1], y[-1]))
    panel = Panel(_ticks(COLUMNS, cell, strip), _ticks(ROWS, cell, strip), blocks, faces, {}, divisions, layers)
    return star_panel(panel, design, partial(display, cell, strip, divisions, layers, start, bounds))


def windows(cell: float = 60.0, strip: float = 30.0) -> dict[str, Floats]:
    """Seven rectangles (4,) mm, name -> left, bottom, right, top: the middle third of the strips, as long as two cells.

    They are places of the undeformed display, not holes: what they show is the material behind them. Named as is the use:
    a on top, b and c on the right from above, d at the bottom, e and f on the left from below, g in the middle.
    """
    first, second = cell + strip / 3, 3 * cell + strip + strip / 3  # left edges of the upright windows
    flat = [n * cell + m * strip + strip / 3 for n, m in ((1, 0), (3, 1), (5, 2))]  # lower edges of the others
    lower, upper = cell + strip, 3 * cell + 2 * strip  # where the upright ones begin
    upright = {"b": (second, upper), "c": (second, lower), "e": (first, lower), "f": (first, upper)}
    lying = {"a": flat[2], "d": flat[0], "g": flat[1]}
    shown = {
        **{name: np.array([at, low, at + strip / 3, low + 2 * cell]) for name, (at, low) in upright.items()},
        **{name: np.array([lower, at, lower + 2 * cell, at + strip / 3]) for name, at in lying.items()},
    }
    return dict(sorted(shown.items()))


def _ticks(widths: tuple[int, ...], cell: float, strip: float) -> Floats:
    steps = [
        step for wide in widths for step in ([cell / QUARTERS] * QUARTERS if wide else [strip / STRIP_TICKS] * STRIP_TICKS)
    ]
    return np.concatenate([[0.0], np.cumsum(steps)])
