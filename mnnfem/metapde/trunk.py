"""A sine network whose waves are shifted by the instance: the functions of which a solution is a sum."""

from __future__ import annotations

import itertools
import math

import torch

from mnnfem.metapde.jets import Jets


class Trunk(torch.nn.Module):
    r"""Jets of coordinates, and the instance q, -> jets of features h_depth, by

        h_1 = sin(frequency (W_1 x + b_1) + s_1(q)),  h_k = sin(W_k h_(k-1) + b_k + s_k(q)),

    with shifts s by a small network of q. Weights are drawn as in `Siren`; the shifts are small at first.

    inputs      coordinates of a point;  parameters  of an instance, each about 1 in size
    width       of the hidden layers, the last of which are the features
    Source: shifts alone as in Mehta et al., ICCV 2021.
    """

    def __init__(
        self,
        inputs: int,
        parameters: int,
        width: int,
        depth: int,
        generator: torch.Generator,
        frequency: float = 3.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.frequency, self.width = frequency, width
        sizes = list(itertools.pairwise((inputs, *[width] * depth)))
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b, dtype=dtype) for a, b in sizes)
        self.reader = torch.nn.Sequential(
            torch.nn.Linear(parameters, width, dtype=dtype),
            torch.nn.SiLU(),
            torch.nn.Linear(width, width, dtype=dtype),
            torch.nn.SiLU(),
        )
        self.shifts = torch.nn.Linear(width, depth * width, dtype=dtype)
        for k, layer in enumerate(self.layers):
            fan = layer.weight.shape[1]
            _uniform(layer, 1.0 if k == 0 else math.sqrt(6 / fan), generator)
        for layer, share in ((self.reader[0], 1.0), (self.reader[2], 1.0), (self.shifts, 0.3)):
            _uniform(layer, share * math.sqrt(3 / layer.weight.shape[1]), generator)

    def forward(self, jets: Jets, coordinates: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        """Features (b, c, n, width) of coordinates (b, c, n, inputs) and instances (b, p), or (b, n, p): one for each point."""
        told = instances.reshape(len(instances), -1, instances.shape[-1])
        shifts = self.shifts(self.reader(told)).unflatten(-1, (-1, self.width)).unbind(dim=2)
        jet = self.frequency * coordinates
        for k, (layer, shift) in enumerate(zip(self.layers, shifts, strict=True)):
            bias = (self.frequency if k == 0 else 1.0) * layer.bias
            jet = torch.nn.functional.linear(jet, layer.weight)
            jet = jets.sine(jets.plus(jet, (bias + shift)[:, None]))
        return jet


def _uniform(layer: torch.nn.Linear, bound: float, generator: torch.Generator) -> None:
    for one, most in ((layer.weight, bound), (layer.bias, 1 / math.sqrt(layer.weight.shape[1]))):
        torch.nn.init.uniform_(one, -most, most, generator=generator)
