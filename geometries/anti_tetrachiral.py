"""An anti-tetrachiral panel: round nodes joined by straight ligaments tangent to them, turning by turns left and right."""

from __future__ import annotations

import numpy as np
import torch

from geometries.beams import Beams, Net, beam_geometry, net_of, with_plates
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.parameters import alike, joined

Range = tuple[float, float, float]


def tetrachiral_net(columns: int = 5, rows: int = 5, cell: float = 20.0, plated: bool = False) -> Net:
    """Nodes `cell` mm apart in `rows` rows of `columns`; if `plated`, a row of feet and a row of heads half a cell away."""
    if columns < 2 or rows < 2 or not cell > 0:
        raise InputError(f"The panel needs 2 columns, 2 rows and cells above 0 mm, got {columns}, {rows}, {cell:g} mm.")
    levels = np.arange(rows, dtype=np.float64)
    if plated:
        levels = np.array([-0.5, *levels, rows - 0.5])
    joints = [[(cell * i, cell * float(y)) for i in range(columns)] for y in levels]
    bars = [((j, i), (j, i + 1)) for j in range(len(joints)) for i in range(columns - 1)]
    bars += [((j, i), (j + 1, i)) for j in range(len(joints) - 1) for i in range(columns)]
    return net_of(joints, bars)


def anti_tetrachiral(
    columns: int = 5,
    rows: int = 5,
    cell: float = 20.0,
    radius: Range = (0.25, 0.16, 0.34),
    width: Range = (0.08, 0.05, 0.12),
    each: bool = False,
    divisions: int = 8,
    plates: float = 0.0,
) -> Geometry:
    """Discs of radius r whose neighbours turn against each other, so that the panel widens when pulled; parameters r, w.

    A ligament of width w lies flush with the rims of the two discs that it joins, its sides at r and r - w from the line
    between their centres: on the left of those that leave a node of even (column + row) rightwards or upwards, else on the
    right. The discs are polygons with an edge for every 15 degrees, or less.

    columns, rows, cell   of nodes, and how far apart they are, mm, see `tetrachiral_net`
    radius, width   start and bounds, over the cell
    each            a width for every ligament ('width a-b' of joints a and b), not one for all
    divisions       element edges along each side of a ligament;   plates  thickness of end plates at bottom and top, mm

    Facets: left, right, bottom, top (rims of nodes and ligaments, or plates), pores.
    """
    if not 0 < width[1] < width[2] < radius[1] < radius[2] < 0.5:
        raise InputError(
            f"Ligaments must be narrower than the least radius and discs stay apart: width {width[1]:g} to {width[2]:g}, "
            f"radius {radius[1]:g} to {radius[2]:g}, both over the cell, below 0.5."
        )
    net = tetrachiral_net(columns, rows, cell, plates > 0)
    bars, joints = net.graph.bars, torch.from_numpy(net.graph.joints)
    plated = int(plates > 0) * columns  # joints without a disc, at either end
    disc = torch.ones(len(joints), dtype=torch.float64)
    disc[:plated], disc[len(joints) - plated :] = 0.0, 0.0
    left = torch.from_numpy((bars[:, 0] // columns + bars[:, 0] % columns) % 2 == 0)[:, None]
    plate = torch.from_numpy((disc.numpy()[bars] == 0).all(axis=1))[:, None]
    names = [f"width {a}-{b}" for a, b in bars[~plate.numpy()[:, 0]]] if each else ["width"]
    parameters = joined(alike(["radius"], radius[0], radius[1:], "radius"), alike(names, width[0], width[1:], "width"))

    def beams(design: torch.Tensor) -> Beams:
        r = cell * design[0]
        w = torch.zeros(len(bars), dtype=torch.float64)
        w = w.masked_scatter(~plate[:, 0], cell * design[1:].expand(int((~plate).sum())))[:, None]
        near_far = torch.cat([r.expand_as(w), w - r], dim=1)
        tangent = torch.where(left, near_far, near_far.flip(1))
        return Beams(joints, torch.where(plate, with_plates(net, w[:, 0], plates), tangent), r * disc)

    return beam_geometry(net, parameters, beams, divisions)
