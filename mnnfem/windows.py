"""Windows fixed in space, and how much of each mesh point's colour is seen in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from mnnfem.mesh import Floats

SAMPLES = 25  # in each window
STEP = 7  # of the lattice of samples: prime to 25, so that every sample lies in a row and a column of its own
SHARPNESS = 100.0  # mm: 10 / (distance in cm), Oktay et al., ICLR 2023
NEAREST = 1e-3  # mm: distances are smoothed below it, where 1 / distance has no derivative


def lattice(rectangle: Floats) -> Floats:
    """SAMPLES points spread evenly over a rectangle (left, bottom, right, top) mm: a lattice of rank 1, (25, 2) mm."""
    k = np.arange(SAMPLES)
    left, bottom, right, top = rectangle
    along, across = (k + 0.5) / SAMPLES, ((STEP * k + SAMPLES // 2) % SAMPLES + 0.5) / SAMPLES
    if right - left < top - bottom:
        along, across = across, along
    return np.stack([left + along * (right - left), bottom + across * (top - bottom)], axis=1)


class Windows:
    """Rectangles by name, (4,) mm each: left, bottom, right, top.

    `samples` (w, 25, 2) mm are the places where one looks.
    """

    def __init__(self, rectangles: Mapping[str, Floats]) -> None:
        self.rectangles = dict(rectangles)
        self.samples = torch.from_numpy(np.stack([lattice(one) for one in self.rectangles.values()]))

    def weights(self, now: torch.Tensor) -> torch.Tensor:
        r"""How much of the colour of each mesh point is seen in each window, (w, n), rows of sum 1.

            w_ki = mean over the samples s of window k of softmax_i(10 / d_si),   d_si = |s - x_i| in cm,

        over all mesh points i, which are `now` at x_i (n, 2) mm: none is cut off, so nothing jumps as points come and go.
        Of a point 1 cm away, others far off count e^-10 each; where no material is near, the nearest is seen. What a window
        shows is weights @ colours, linear in these. Differentiable in `now`.
        """
        gaps = self.samples.reshape(-1, 1, 2) - now
        distance = (gaps.square().sum(dim=2) + NEAREST**2).sqrt()
        return torch.softmax(SHARPNESS / distance, dim=1).reshape(len(self.samples), SAMPLES, -1).mean(dim=1)

    def seen(self, points: torch.Tensor, displacement: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        """Mean colour in each window, (b, w), of material at `points` (n, 2) mm displaced by (b, n, 2) mm, colours (n,)."""
        return torch.stack([self.weights(points + one) @ colours for one in displacement])
