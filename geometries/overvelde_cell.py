"""One junction between four pores of Overvelde and Bertoldi: what their 2 x 2 buckling pattern repeats."""

from __future__ import annotations

import math

import numpy as np
import torch

from geometries.overvelde_pores import pore_radius, refuse_wide
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.outline import Outline, outlined
from mnnfem.parameters import alike, joined

Range = tuple[float, float, float]
SIDES = ("bottom", "right", "top", "left")


def overvelde_cell(
    cell: float = 10.0,
    c1: Range = (0.0, -0.1, 0.2),
    c2: Range = (0.0, -0.05, 0.05),
    phi: Range = (0.4, 0.2, 0.5),
    elements: int = 48,
    across: int = 4,
) -> Geometry:
    """The square between four pore centres of an infinite `overvelde_pores`, with a quarter of a pore at each corner.

    Lines through pore centres are mirror lines of the lattice, and stay so in the pattern that it buckles into, where
    junctions turn by turns clockwise and counter-clockwise. (Cell edges, through the junctions, do not.)

    cell         distance of pore centres, mm
    c1, c2, phi  start and bounds: see `overvelde_pores`
    elements     element edges around a whole pore;   across  edges across a ligament

    Facets: left, right, bottom, top, the cut ligaments, where the neighbours go on; pores.
    """
    if not cell > 0 or elements < 8 or elements % 4 or across < 1:
        raise InputError(
            f"A cell needs a side above 0 mm, a multiple of 4 elements around a pore, 8 at least, and 1 across a ligament, "
            f"got {cell:g}, {elements} and {across}."
        )
    ranges = {"c1": c1, "c2": c2, "phi": phi}
    blocks = [alike([name], start, (lower, upper), name) for name, (start, lower, upper) in ranges.items()]
    refuse_wide(c1[1:], c2[1:], phi[1:])
    arc = elements // 4
    t = torch.arange(arc, -1, -1, dtype=torch.float64) * (2 * math.pi / elements)
    share = torch.arange(1, across, dtype=torch.float64)[:, None] / across

    def at(design: torch.Tensor) -> torch.Tensor:
        r = cell * pore_radius(design, t)
        pore = torch.stack([r * t.cos(), r * t.sin()], dim=1)  # of the lower left corner, clockwise around it
        end = torch.stack([cell - pore[0, 1], pore[0, 0]])  # where the next pore begins
        quarter = torch.cat([pore, (1 - share) * pore[-1] + share * end])
        parts = []
        for _ in range(4):
            parts.append(quarter)
            quarter = torch.stack([cell - quarter[:, 1], quarter[:, 0]], dim=1)  # a quarter turn about the middle
        return torch.cat(parts)

    number = np.arange(4 * (arc + across))
    edges = np.stack([number, np.roll(number, -1)], axis=1)
    piece = edges.reshape(4, arc + across, 2)
    facets = {**{name: piece[k, arc:] for k, name in enumerate(SIDES)}, "pores": piece[:, :arc].reshape(-1, 2)}
    return outlined(Outline((number,), facets, at, names=("the cell",)), joined(*blocks))
