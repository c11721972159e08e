"""Panels of star pores whose cells' corners are designed too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from geometries.star_blocks import Panel
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry, Linear
from mnnfem.mesh import MEASURE, Floats, Mesh, signed_measures
from mnnfem.parameters import alike, joined


@dataclass(frozen=True, eq=False)
class Cornered:
    """X = linear(r) + shift o + weights (r * (bend o)): linear in the radii r (p,), and in the offsets o (q, 2) of corners.

    weights (n, p): (1 - s) b_k(t);  shift (n, q) mm: how a node follows the corners at r = 0;  bend (p, q) mm: how E_k does
    """

    linear: Linear
    weights: torch.Tensor
    shift: torch.Tensor
    bend: torch.Tensor

    def __call__(self, design: torch.Tensor) -> torch.Tensor:
        """Node coordinates (n, 2) mm of radii, then x and y of each offset."""
        radii, offsets = design[: len(self.bend)], design[len(self.bend) :].reshape(-1, 2)
        swung = torch.sparse.mm(self.bend, offsets)
        return self.linear(radii) + torch.sparse.mm(self.shift, offsets) + torch.sparse.mm(self.weights, radii[:, None] * swung)


def with_corners(star: Geometry, panel: Panel, ticks: int, reach: float, design: Floats | None) -> Geometry:
    r"""The panel with an offset of each grid corner inside it, of up to `reach` cells in x and in y.

        X = c + (1 - s) sum_k b_k(t) r_k (E_k - c) + s E(t),

    as in `star_pores`, where E, E_k follow the corners of the cell, linearly between two of them, and its centre c their
    mean: bilinear in radii and offsets. Offsets are fractions of a cell, so that one learning rate suits them and the radii.
    Solid cells follow bilinearly. Corners inside a big pore are none.

    No element was inverted in 200 random designs of a reach of 0.2. From 0.25 on cells may fold: at 0.45, which the
    neuromechanical autoencoder allows, 6 % of random designs of 7 x 7 star pores do, and 94 % with all at their bounds.
    Such a design is refused where a mesh is made at it.

    star     the panel at the radii of the design;   ticks  of the panel to a cell's side
    design   radii and offsets, (p + 2 q,), where it is made; without it at the star's, offsets 0
    """
    if not isinstance(star.motion, Linear) or not 0 < reach < 0.5:
        raise InputError(f"Corners of cells may be moved by less than half a cell, got {reach:g}.")
    cell = float(panel.x[ticks] - panel.x[0])
    inside = [(b.left, b.bottom, b.right, b.top) for b in panel.porous]
    corners = [
        (a, b)
        for b in range(ticks, len(panel.y) - 1, ticks)
        for a in range(ticks, len(panel.x) - 1, ticks)
        if not any(left < a < right and low < b < high for left, low, right, high in inside)
    ]
    if not corners:
        raise InputError("The panel has no corners of cells inside it: take two columns and two rows at least.")
    at = np.array([(panel.x[a], panel.y[b]) for a, b in corners])
    names = [f"{axis} of corner {a // ticks}, {b // ticks}" for a, b in corners for axis in "xy"]
    parameters = joined(star.parameters, alike(names, 0.0, (-reach, reach), "corner offset"))
    if design is not None:
        parameters.check(torch.from_numpy(design))
    made_at = np.append(star.made_at, np.zeros(len(names))) if design is None else design
    motion = _cornered(star.motion, panel, ticks, lambda points: cell * _hats(points, at, cell))
    points = motion(torch.from_numpy(made_at)).numpy()
    folded = np.flatnonzero(signed_measures(points, star.mesh.cells) <= 0)
    if folded.size:
        where = points[star.mesh.cells[folded[0]]].mean(axis=0)
        raise InputError(
            f"At this design {folded.size} elements have no or negative {MEASURE[2]}, the first near ({where[0]:.4g}, "
            f"{where[1]:.4g}) mm: corners of a cell are moved too far towards each other. Take offsets nearer to 0."
        )
    mesh = Mesh(points, star.mesh.cells, star.mesh.facets, star.mesh.vertices)
    return Geometry(mesh, parameters, motion, made_at, star.build)


def _cornered(linear: Linear, panel: Panel, ticks: int, hats: Callable[[Floats], Floats]) -> Cornered:
    # the linear map's rows hold weights times E_k - c: both components give the weights back
    edges = np.concatenate([panel.edge(block) for block in panel.porous])
    squares = sp.diags(1 / (edges**2).sum(axis=1))
    weights = (linear.matrix[::2] @ sp.diags(edges[:, 0]) + linear.matrix[1::2] @ sp.diags(edges[:, 1])) @ squares
    shift, bend = hats(linear.origin), []
    for block in panel.porous:
        centre, half = panel.centre(block), np.abs(panel.edge(block)).max()
        follows = hats(centre + panel.edge(block)[::ticks]).mean(axis=0)
        bend.append(hats(centre + panel.edge(block)) - follows)
        local = linear.origin - centre
        depth = np.abs(local).max(axis=1)
        own = np.flatnonzero(depth < half * (1 - 1e-9))
        share = (depth[own] / half)[:, None]
        onto = centre + local[own] / np.maximum(share, 1e-12)
        shift[own] = (1 - share) * follows + share * hats(onto)
    return Cornered(linear, *(_sparse(sp.coo_matrix(matrix)) for matrix in (weights, shift, np.concatenate(bend))))


def _hats(points: Floats, corners: Floats, cell: float) -> Floats:
    """Bilinear weights of the corners at points, (n, q)."""
    hats: Floats = np.clip(1 - np.abs(points[:, None] - corners) / cell, 0, None).prod(axis=-1)
    return hats


def _sparse(matrix: sp.coo_matrix) -> torch.Tensor:
    index = torch.from_numpy(np.stack([matrix.row, matrix.col]).astype(np.int64))
    return torch.sparse_coo_tensor(index, torch.from_numpy(matrix.data), matrix.shape, check_invariants=True).coalesce()
