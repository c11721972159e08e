"""A panel of square cells with the pores of Overvelde and Bertoldi, from round over square to cross-shaped."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch

from geometries.panel import Panel
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry

Bounds = tuple[float, float]
SAMPLES = 361  # angles of an eighth of a pore at which ligaments are looked at


def overvelde_pores(
    columns: int = 4,
    rows: int = 4,
    cell: float = 10.0,
    solid: Sequence[tuple[int, int]] = (),
    elements: int = 48,
    common: bool = True,
    c1: Bounds = (-0.25, 0.1),
    c2: Bounds = (-0.15, 0.05),
    phi: Bounds = (0.3, 0.5),
) -> Geometry:
    r"""Pores given by two coefficients and the porosity phi (Overvelde and Bertoldi, JMPS 64 (2014) 351):

        r(t) = r0 (1 + c1 cos 4t + c2 cos 8t),      r0 = L sqrt(2 phi / (pi (2 + c1^2 + c2^2))),

    so that a pore's area is phi L^2 whatever c1 and c2 are (of the smooth curve; the polygon of `elements` edges
    around the round pore has 0.29 % less at 48). The design starts round, at the middle porosity.

    columns, rows  cells in x and y;   cell  their side L, mm;   solid  cells (column, row) without a pore
    elements       element edges around a pore, at even angles t
    common         one c1, c2, phi for all pores; else c1 of all pores, then c2, then phi
    c1, c2, phi    bounds. InputError where they hold a pore that is none or that leaves its cell

    Facets, vertex and how nodes follow: `Panel.geometry`.
    """

    for bounds, start, name in ((c1, 0.0, "c1"), (c2, 0.0, "c2"), (phi, sum(phi) / 2, "phi")):
        if not bounds[0] <= start <= bounds[1]:
            raise InputError(f"The bounds of {name} must hold its start value {start:g}, got {bounds[0]:g} to {bounds[1]:g}.")
    refuse_wide(c1, c2, phi)
    panel = Panel(columns, rows, cell, solid, elements, common)
    quantities = [panel.quantity("c1", 0.0, c1), panel.quantity("c2", 0.0, c2), panel.quantity("phi", sum(phi) / 2, phi)]
    return panel.geometry(quantities, lambda values, t: cell * pore_radius(values, t))


def pore_radius(values: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """r(t) / L of values c1, c2, phi, (3,) or (3, k), at the angles t (k,)."""
    a, b, porosity = values
    mean = (2 * porosity / (math.pi * (2 + a**2 + b**2))).sqrt()
    return mean * (1 + a * (4 * t).cos() + b * (8 * t).cos())


def refuse_wide(c1: Bounds, c2: Bounds, phi: Bounds) -> None:
    """InputError unless every pore of the box stays off its centre and inside its cell.

    As r0 <= L sqrt(phi / pi), r is below a function that is linear in c1 and in c2: the corners of the box are the worst.
    """
    t = np.linspace(0, math.pi / 4, SAMPLES)
    for a, b in itertools.product(c1, c2):
        shape = 1 + a * np.cos(4 * t) + b * np.cos(8 * t)
        reach = (math.sqrt(phi[1] / math.pi) * shape * 2 * np.cos(t)).max()
        if shape.min() <= 0:
            raise InputError(f"At c1 {a:g}, c2 {b:g} a pore crosses its own centre: keep |c1| + |c2| below 1.")
        if reach >= 1:
            most = phi[1] / reach**2
            raise InputError(
                f"At c1 {a:g}, c2 {b:g}, phi {phi[1]:g} pores may leave their cells, by {reach - 1:.2%} of half a side: "
                f"bound phi by {most:.3g} at most, or c1 and c2 nearer to 0."
            )
