"""A family of one's own: a strip with lens-shaped holes, the width and the height of each its parameters."""

from __future__ import annotations

import numpy as np
import torch

from mnnfem.geometry import Geometry
from mnnfem.outline import Outline, outlined
from mnnfem.parameters import alike, joined


def lenses(count: int = 3, pitch: float = 10.0, points: int = 16) -> Geometry:
    """`count` holes in a row, y = +-h (1 - (x / w)^2) about their centres; w and h are fractions of the pitch, mm."""
    widths = alike([f"width {k}" for k in range(count)], 0.3, (0.2, 0.4), "width")
    heights = alike([f"height {k}" for k in range(count)], 0.2, (0.1, 0.4), "height")
    length, side = count * pitch, 4 * count
    x, y = np.linspace(0, length, side + 1)[:-1], np.linspace(0, pitch, 5)[:-1]
    rim = np.concatenate([
        np.column_stack([x, 0 * x]),
        np.column_stack([length + 0 * y, y]),
        np.column_stack([length - x, pitch + 0 * x]),
        np.column_stack([0 * y, pitch - y]),
    ])  # fmt: skip
    corners = np.cumsum([0, side, 4, side, 4])
    numbers = np.arange(len(rim))
    edges = np.stack([numbers, np.roll(numbers, -1)], axis=1)
    sides = {name: edges[corners[k] : corners[k + 1]] for k, name in enumerate(("bottom", "right", "top", "left"))}
    holes = len(rim) + np.arange(count * points).reshape(count, points)
    centres = torch.tensor([[(k + 0.5) * pitch, 0.5 * pitch] for k in range(count)], dtype=torch.float64)
    angle = torch.arange(points, dtype=torch.float64) * (2 * torch.pi / points)
    cosine, sign = angle.cos(), angle.sin().sign() * (angle.sin().abs() > 1e-9)

    def at(design: torch.Tensor) -> torch.Tensor:
        width, height = pitch * design[:count, None], pitch * design[count:, None]
        lens = torch.stack([width * cosine, height * sign * (1 - cosine**2)], dim=2)
        return torch.cat([torch.from_numpy(rim), (centres[:, None] + lens).reshape(-1, 2)])

    outline = Outline((numbers, *holes[:, ::-1]), {**sides}, at, names=("the strip", *(f"hole {k}" for k in range(count))))
    return outlined(outline, joined(widths, heights))
