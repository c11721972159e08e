"""A controller that chooses among learned states."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mnnfem.controller import Bounded

SHARPNESS = 20.0  # by which the network's logits are multiplied: at 1 one test image in sixteen is between two states
PACE = 30.0  # by which the states are faster than the network
WITHIN = 1 - 1e-6  # of the bounds: tanh does not reach them


class Choice(Bounded):
    r"""States weighed by a network: (b, inputs) -> (b, controls) mm, between the states and so within the bounds.

        controls = opening sum_k w_k s_k,   w = softmax(SHARPNESS network(features)),   s_k = bounds tanh(PACE table_k).

    A regression answers an ambiguous image with controls between two states, which show no digit. Here that takes two logits
    within some 4 / SHARPNESS of each other, so nearly every image has one state. The network is taught without SHARPNESS.

    Adam's steps have the length of its rate whatever the slope is. So at one rate for all parameters the states move, before
    tanh, PACE times as fast as the weights: at the default rates a tenth as fast as the ten digits' controls did before.

    network: (b, inputs) -> logits (b, k), float64; states (k, controls) mm; bounds (controls,) mm.
    """

    def __init__(self, network: torch.nn.Module, states: torch.Tensor, bounds: Sequence[float]) -> None:
        super().__init__(bounds)
        self.network = network
        shares = (states.detach() / self.bounds).clamp(-WITHIN, WITHIN)
        self.table = torch.nn.Parameter(torch.atanh(shares) / PACE)

    def states(self) -> torch.Tensor:
        """The controls of each state as they are now, (k, controls) mm."""
        return self.bounds * torch.tanh(PACE * self.table)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        shares = torch.softmax(SHARPNESS * self.network(features), dim=1)
        return self.opening * shares @ self.states()
