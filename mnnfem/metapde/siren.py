"""A neural field with sines between its layers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch


class Siren(torch.nn.Module):
    r"""Points (n, inputs) -> values (n, outputs), a smooth function of the points whose derivatives are of its own kind:

        h_1 = sin(frequency (W_1 (s . x) + b_1)),  h_k = sin(W_k h_(k-1) + b_k),  y = t . (W h + b),

    with learned scales s of the inputs and t of the outputs. Weights are drawn so that every h is spread alike, whatever the
    depth (Sitzmann et al., NeurIPS 2020; the scales: Qin et al., arXiv 2211.01604).

    widths      of the hidden layers
    frequency   how many radians the first layer turns over a unit of x
    generator   of the weights
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        widths: Sequence[int],
        generator: torch.Generator,
        frequency: float = 3.0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        self.frequency = frequency
        sizes = list(itertools.pairwise((inputs, *widths, outputs)))
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b, dtype=dtype) for a, b in sizes)
        self.input_scale = torch.nn.Parameter(torch.ones(inputs, dtype=dtype))
        self.output_scale = torch.nn.Parameter(torch.ones(outputs, dtype=dtype))
        for k, layer in enumerate(self.layers):
            fan = layer.weight.shape[1]
            spread = 1 / fan if k == 0 else math.sqrt(6 / fan)
            for one, bound in ((layer.weight, spread), (layer.bias, 1 / math.sqrt(fan))):
                torch.nn.init.uniform_(one, -bound, bound, generator=generator)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Values at points (..., inputs), (..., outputs)."""
        first, *others = self.layers
        found = self.frequency * first(self.input_scale * points)
        for layer in others:
            found = layer(torch.sin(found))
        return self.output_scale * found
