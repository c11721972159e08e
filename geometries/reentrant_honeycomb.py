"""A re-entrant honeycomb: angle, ratio of lengths and widths of walls are the design, common or row by row."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from geometries.beams import Beams, Net, beam_geometry, net_of, with_plates
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.parameters import alike, joined

Range = tuple[float, float, float]
END = 0.65  # length of the struts at both ends over that of those between rows


def reentrant_net(columns: int = 5, rows: int = 6, pitch: float = 8.0, plated: bool = True) -> Net:
    """`rows` zigzags of 2 `columns` walls, each `pitch` mm wide, and struts, at 25 degrees and a ratio of 2.

    Its rows of joints are the feet of the lowest struts, linked if `plated`, the zigzags, and the heads of the highest.
    """
    if columns < 1 or rows < 2 or rows % 2 or not pitch > 0:
        raise InputError(
            f"A honeycomb needs 1 column, an even number of rows and a pitch above 0 mm, got {columns}, {rows}, {pitch:g}."
        )
    count = 2 * columns + 1
    bars = [((k, i), (k, i + 1)) for k in range(1, rows + 1) for i in range(count - 1)]
    bars += [((k, i), (k + 1, i)) for k in range(1, rows) for i in range(k % 2, count, 2)]
    for end, row in ((0, 1), (rows + 1, rows)):
        bars += [((end, n), (row, 2 * n)) for n in range(columns + 1)]
        bars += [((end, n), (end, n + 1)) for n in range(columns)] if plated else []
    angle, ratio = torch.full((rows,), 25.0, dtype=torch.float64), torch.full((rows + 1,), 2.0, dtype=torch.float64)
    joints = honeycomb_joints(columns, pitch, angle, ratio).numpy()
    sizes = np.cumsum([0, columns + 1, *[count] * rows, columns + 1])
    return net_of([[(x, y) for x, y in joints[a:b]] for a, b in itertools.pairwise(sizes)], bars)


def honeycomb_joints(columns: int, pitch: float, angle: torch.Tensor, ratio: torch.Tensor) -> torch.Tensor:
    r"""Joints (j, 2) mm of `reentrant_net`: the zigzags k = 1 .. rows have joints at

        x = i pitch,      y = base_k +- h_k,      h_k = pitch tan(angle_k) / 2,      base_k+1 = base_k + strut_k - h_k - h_k+1

    as a strut, of length ratio pitch (0.65 of that at both ends), stands on a valley of one row and holds a peak of the next.

    angle (rows,) of the walls with the horizontal, degrees;   ratio (rows + 1,) of the struts below each row and above the last
    """
    high = 0.5 * pitch * torch.tan(torch.deg2rad(angle))
    strut = pitch * ratio
    i = torch.arange(2 * columns + 1, dtype=angle.dtype)
    feet = torch.stack([i[::2] * pitch, torch.zeros_like(i[::2])], dim=1)
    joints, base = [feet], END * strut[0] - high[0]
    for k in range(len(angle)):
        joints.append(torch.stack([i * pitch, base + high[k] * (1 - 2 * ((i + k) % 2))], dim=1))
        if k + 1 < len(angle):
            base = base + strut[k + 1] - high[k] - high[k + 1]
    heads = (base - high[-1] + END * strut[-1]).expand(columns + 1)
    return torch.cat([*joints, torch.stack([i[::2] * pitch, heads], dim=1)])


def reentrant_honeycomb(
    columns: int = 5,
    rows: int = 6,
    pitch: float = 8.0,
    angle: Range = (25.0, 12.0, 32.0),
    ratio: Range = (2.0, 1.7, 2.3),
    wall: Range = (0.14, 0.08, 0.2),
    strut: Range = (0.14, 0.08, 0.2),
    graded: bool = False,
    divisions: int = 6,
    fillet: float = 0.0,
    plates: float = 4.0,
) -> Geometry:
    """Bow-tie cells that widen when pulled; parameters, one for all or (`graded`) for each row: angle, ratio, wall, strut.

    columns, rows, pitch   see `reentrant_net`, whose joints are those of the default's start
    angle, ratio    start and bounds: of the walls, degrees, and of the struts' length over the pitch
    wall, strut     start and bounds of the widths of both, over the pitch
    divisions       element edges along each side of a wall; struts have half as many again
    fillet          radius of the corners of voids, mm
    plates          thickness of the plates that close bottom and top, mm; with 0, the facets are the ends of the struts

    Facets: left, right, bottom, top, pores.
    """
    net = reentrant_net(columns, rows, pitch, plates > 0)
    counts = {"angle": rows, "ratio": rows + 1, "wall": rows, "strut": rows + 1}
    blocks = [
        alike([f"{name} {k}" for k in range(counts[name])] if graded else [name], start, (lower, upper), name)
        for name, (start, lower, upper) in {"angle": angle, "ratio": ratio, "wall": wall, "strut": strut}.items()
    ]
    row = np.repeat(np.arange(rows + 2), [columns + 1, *[2 * columns + 1] * rows, columns + 1])[net.graph.bars]
    level, first = row[:, 0] == row[:, 1], torch.from_numpy(np.minimum(row.min(axis=1), rows))
    walls, posts = torch.from_numpy(level & (row[:, 0] % (rows + 1) > 0)), torch.from_numpy(~level)

    def beams(design: torch.Tensor) -> Beams:
        values = torch.split(design, [len(block) for block in blocks])
        turn, long, thick, post = (value.expand(count) for value, count in zip(values, counts.values(), strict=True))
        widths = torch.where(posts, post[first], torch.where(walls, thick[(first - 1).clamp(0, rows - 1)], 0.0))
        joints = honeycomb_joints(columns, pitch, turn, long)
        return Beams(joints, with_plates(net, pitch * widths, plates))

    return beam_geometry(net, joined(*blocks), beams, np.where(level, divisions, -(-3 * divisions // 2)), fillet)
