"""A quarter of a honeycomb's cell, re-entrant, brick-like or hexagonal, between the lines that the honeycomb is mirrored at."""

from __future__ import annotations

import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.outline import Outline, outlined
from mnnfem.parameters import alike, joined

Range = tuple[float, float, float]
SIDES = ("bottom", "", "", "right", "top", "", "", "left")
PIECES = (1, 5, 6, 6, 1, 5, 6, 6)  # edges along each side, times `divisions`


def honeycomb_cell(
    pitch: float = 8.0,
    angle: Range = (25.0, -40.0, 32.0),
    ratio: Range = (2.0, 1.7, 2.3),
    wall: Range = (0.14, 0.08, 0.2),
    strut: Range = (0.14, 0.08, 0.2),
    divisions: int = 2,
) -> Geometry:
    r"""One wall between two halves of struts: what an infinite `reentrant_honeycomb` repeats, mirrored at all four sides.

    Struts lie along x = 0, from y = 0 to half their length, and along x = pitch, from y = H - half their length to H; the
    wall joins their ends,

        H = ratio pitch - pitch tan(angle),      angle > 0 re-entrant, 0 a brick wall, < 0 hexagons.

    pitch        half the width of a cell, mm
    angle        start and bounds: of the wall below the horizontal, degrees
    ratio        of a strut's length over the pitch;   wall, strut   of their widths over the pitch
    divisions    element edges across half a strut

    Facets: left, right, bottom, top, where the neighbours go on.
    """
    if not pitch > 0 or divisions < 1:
        raise InputError(f"A honeycomb needs a pitch above 0 mm and 1 division, got {pitch:g} and {divisions}.")
    ranges = {"angle": angle, "ratio": ratio, "wall": wall, "strut": strut}
    blocks = [alike([name], start, (lower, upper), name) for name, (start, lower, upper) in ranges.items()]
    counts = divisions * np.array(PIECES)
    side = torch.from_numpy(np.repeat(np.arange(8), counts))
    share = torch.from_numpy(np.concatenate([np.arange(count) / count for count in counts]))[:, None]

    def at(design: torch.Tensor) -> torch.Tensor:
        steep, (long, thick, wide) = torch.tan(torch.deg2rad(design[0])), design[1:]
        half, rise, zero, one = wide / 2, thick / 2 * (1 + steep**2).sqrt(), 0 * steep, 1 + 0 * steep
        high, joint = long - steep, long / 2
        corners = [
            (zero, zero),
            (half, zero),
            (half, joint - rise - half * steep),
            (one, joint - rise - steep),
            (one, high),
            (1 - half, high),
            (1 - half, joint + rise - (1 - half) * steep),
            (zero, joint + rise),
        ]
        at = pitch * torch.stack([torch.stack(corner) for corner in corners])
        return (1 - share) * at[side] + share * at[(side + 1) % 8]

    edges = np.stack([np.arange(len(side)), np.roll(np.arange(len(side)), -1)], axis=1)
    facets = {name: edges[side.numpy() == number] for number, name in enumerate(SIDES) if name}
    return outlined(Outline((edges[:, 0],), facets, at, names=("the cell",)), joined(*blocks))
