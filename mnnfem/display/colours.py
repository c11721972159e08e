"""A colour field carried by the material."""

from __future__ import annotations

import math

import torch

from mnnfem.errors import InputError


class Colours(torch.nn.Module):
    r"""Colours between 0 (dark) and 1 (bright) on a rectangle of material, on a grid of its own: no mesh is involved.

        c(X) = sigmoid(sum_ij N_i(X) N_j(Y) z_ij),   N the hat functions of the grid, X where the material is at rest.

    size (width, height) mm, lower left corner at the origin; spacing of the grid, mm; `logits` z (columns, rows) start at
    0, which is grey, 0.5. Places outside have the colour of the nearest border.
    """

    def __init__(self, size: tuple[float, float], spacing: float) -> None:
        super().__init__()
        if not 0 < spacing <= min(size):
            raise InputError(f"The colour grid needs a spacing above 0 and up to {min(size):g} mm, got {spacing:g} mm.")
        self.counts = [math.ceil(length / spacing - 1e-9) + 1 for length in size]
        self.spacing = spacing
        self.logits = torch.nn.Parameter(torch.zeros(*self.counts, dtype=torch.float64))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Colours (n,) of material points (n, 2) mm; differentiable in them too, as a design moves the material."""
        corner, share = [], []
        for axis, count in enumerate(self.counts):
            at = (points[:, axis] / self.spacing).clamp(0, count - 1)
            corner.append(at.detach().floor().long().clamp(max=count - 2))
            share.append(at - corner[-1])
        (i, j), (u, v), z = corner, share, self.logits
        below = (1 - u) * z[i, j] + u * z[i + 1, j]
        above = (1 - u) * z[i, j + 1] + u * z[i + 1, j + 1]
        return torch.sigmoid((1 - v) * below + v * above)
