"""A function of each sample of a batch, dealt to groups of ranks: values and gradients on all ranks, whichever group had it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from mnnfem.ensemble import Ensemble


def dealt(
    ensemble: Ensemble, function: Callable[..., torch.Tensor], shared: torch.Tensor, rows: Sequence[torch.Tensor]
) -> torch.Tensor:
    """function(shared, row, ...) of every sample, (b,), from tensors whose first axis is the samples' (b, ...).

    The function gives one number. It is evaluated once, with its first derivatives, by one group; sums over the samples are
    in their order, so that neither value nor gradient depends on the number of groups. Collective: all ranks call with the
    same tensors.
    """
    values: torch.Tensor = _Dealt.apply(ensemble, function, shared, *rows)
    return values


class _Dealt(torch.autograd.Function):
    @staticmethod
    def forward(ctx, ensemble, function, shared, *rows):  # type: ignore[no-untyped-def]
        def work(sample: int) -> Any:
            inputs = [tensor.detach().requires_grad_() for tensor in (shared, *(row[sample] for row in rows))]
            with torch.enable_grad():
                value = function(*inputs)
            slopes = torch.autograd.grad(value, inputs, allow_unused=True, materialize_grads=True)
            return value.item(), [slope.numpy() for slope in slopes]

        found, _ = ensemble.share([False] * len(rows[0]), work)
        ctx.slopes = [[torch.from_numpy(slope) for slope in slopes] for _, slopes in found]
        return torch.tensor([value for value, _ in found], dtype=shared.dtype)

    @staticmethod
    def backward(ctx, weights):  # type: ignore[no-untyped-def]
        whole, *apart = (
            [w * slope for w, slope in zip(weights, of_one, strict=True)] for of_one in zip(*ctx.slopes, strict=True)
        )
        return None, None, sum(whole), *(torch.stack(one) for one in apart)
