"""Momentum whose matrices are made orthogonal: every direction of a weight matrix is learned at the same speed."""

from __future__ import annotations

from collections.abc import Iterable

import torch

MOMENTUM = 0.95
QUINTIC, ROUNDS = (3.4445, -4.7750, 2.0315), 5  # of x -> a x + b x^3 + c x^5: takes singular values from (0, 1] to about 1
SIZE = 0.2  # root mean square of a step's entries at a rate of 1: about that of Adam's steps


class Muon(torch.optim.Optimizer):
    r"""For parameters (..., m, n): W <- W - rate 0.2 max(m, n)^(1/2) U V^T, where U S V^T is the momentum, Nesterov's.

    Source: Jordan et al., Muon, 2024; the step's size: Liu et al., arXiv 2502.16982.
    """

    def __init__(self, parameters: Iterable[torch.Tensor], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step by the gradients that there are."""
        for group in self.param_groups:
            for weights in group["params"]:
                gradient, state = weights.grad, self.state[weights]
                momentum = state.setdefault("momentum", torch.zeros_like(weights))
                momentum.lerp_(gradient, 1 - MOMENTUM)
                way = orthogonal(gradient.lerp(momentum, MOMENTUM))
                weights.add_(way, alpha=-group["lr"] * SIZE * max(way.shape[-2:]) ** 0.5)


def momenta(weights: torch.Tensor) -> dict[str, torch.Tensor]:
    """What is kept of a parameter, in its shapes and types."""
    return {"momentum": weights}


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """About U V^T of matrices U S V^T (..., m, n), by products alone: singular values end between 0.7 and 1.2."""
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = matrices if wide else matrices.mT
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + torch.finfo(x.dtype).tiny)
    a, b, c = QUINTIC
    for _ in range(ROUNDS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide else x.mT
