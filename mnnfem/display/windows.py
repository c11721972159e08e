"""Windows fixed in space, and how much of each mesh point's colour is seen in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from mnnfem.mesh import Floats, Mesh

SAMPLES = 25  # in each window
STEP = 7  # of the lattice of samples: prime to 25, so that every sample lies in a row and a column of its own
SHARPNESS = 100.0  # mm: 10 / (distance in cm), Oktay et al., ICLR 2023
REACH = 50.0  # mm
NEAREST = 1e-3  # mm: distances are smoothed below it, where 1 / distance has no derivative


def lattice(rectangle: Floats) -> Floats:
    """SAMPLES points spread evenly over a rectangle (left, bottom, right, top) mm: a lattice of rank 1, (25, 2) mm."""
    k = np.arange(SAMPLES)
    left, bottom, right, top = rectangle
    along, across = (k + 0.5) / SAMPLES, ((STEP * k + SAMPLES // 2) % SAMPLES + 0.5) / SAMPLES
    if right - left < top - bottom:
        along, across = across, along
    return np.stack([left + along * (right - left), bottom + across * (top - bottom)], axis=1)


def marks(mesh: Mesh, at_points: torch.Tensor) -> torch.Tensor:
    """Positions or displacements (..., n, 2) of the mesh points, and of the middles of the elements: (..., n + m, 2).

    Colours that are learned at the mesh points alone are free in between, where a finer mesh has points too.
    """
    middles = at_points[..., torch.from_numpy(mesh.cells), :].mean(dim=-2)
    return torch.cat([at_points, middles], dim=-2)


class Windows:
    """Rectangles by name, (4,) mm each: left, bottom, right, top.

    `boxes` (w, 4) are the same; `samples` (w, 25, 2) mm are the places where one looks.
    """

    def __init__(self, rectangles: Mapping[str, Floats]) -> None:
        self.rectangles = dict(rectangles)
        self.boxes = torch.from_numpy(np.stack(list(self.rectangles.values())))
        self.samples = torch.from_numpy(np.stack([lattice(one) for one in self.rectangles.values()]))

    def weights(self, now: torch.Tensor) -> torch.Tensor:
        r"""How much of the colour of each material point is seen in each window, (w, n), rows of sum 1.

            w_ki = mean over the samples s of window k of softmax_i(10 / d_si),   d_si = |s - x_i| in cm,

        over the material points i that are `now`, at x_i (n, 2) mm, within REACH of the window, or the nearest if none is.
        What a window shows is weights @ colours, linear in these. Differentiable in `now`, but for a jump where a point comes
        within reach: of a sample that has material 1 cm away, exp(2 - 10) = 3e-4 changes hands.
        """
        rows = []
        for box, samples in zip(self.boxes, self.samples, strict=True):
            outside = torch.maximum(box[:2] - now.detach(), now.detach() - box[2:]).clamp(min=0).norm(dim=1)
            near = torch.nonzero(outside <= max(REACH, float(outside.min())))[:, 0]
            gaps = samples[:, None] - now[near]
            distance = (gaps.square().sum(dim=2) + NEAREST**2).sqrt()
            shares = torch.softmax(SHARPNESS / distance, dim=1).mean(dim=0)
            rows.append(torch.zeros(len(now), dtype=torch.float64).index_copy(0, near, shares))
        return torch.stack(rows)

    def seen(self, points: torch.Tensor, displacement: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        """Mean colour in each window, (b, w), of material at `points` (n, 2) mm displaced by (b, n, 2) mm, colours (n,)."""
        return torch.stack([self.weights(points + one) @ colours for one in displacement])
