"""LEAP: an initialisation from which the paths of training to the solutions of all instances are short."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from mnnfem.errors import InputError
from mnnfem.metapde.objective import Objective, Parameters, Sample, loss_of, nth

Optimiser = Callable[[Iterable[torch.Tensor]], torch.optim.Optimizer]


class Leap:
    r"""A field whose parameters p_0 are an initialisation. Its meta gradient, the mean over instances of

        - sum_k (df_k grad f_k(p_k) + dp_k) / sqrt(df_k^2 + |dp_k|^2),    df_k = f_(k+1)(p_(k+1)) - f_k(p_k),

    is that of the lengths of the paths (p_k, f_k) that an optimiser takes from p_0, each point pulled towards the next, which
    is held, and the derivatives of p_k in p_0 taken as 1: first order, so paths may be long. Where the loss rises, df_k
    counts as a fall, so that the initialisation is drawn downhill all the same.

    optimiser   makes that of the steps, such as `partial(torch.optim.Adam, lr=1e-3)`: of operations on single numbers, as the
                instances' parameters are stacked
    Source: Flennerhag et al., ICLR 2019. InputError for no steps.
    """

    def __init__(self, field: torch.nn.Module, objective: Objective, steps: int, optimiser: Optimiser) -> None:
        if steps < 1:
            raise InputError(f"LEAP takes at least one step, got {steps}.")
        self.field, self.steps, self.optimiser = field, steps, optimiser
        self._losses = torch.func.vmap(loss_of(field, objective))

    def meta_backward(self, inner: Sample) -> torch.Tensor:
        """Set the gradients of the field's parameters; returns each instance's last loss, (instances,).

        `inner` has samples for each instance and step and one to end with: (instances, steps + 1, ...).
        """
        _, last, pulled = self._paths(inner)
        for name, one in self.field.named_parameters():
            one.grad = pulled[name].mean(dim=0)
        return last

    def adapted(self, inner: Sample) -> Parameters:
        """The parameters after the last step of each instance, (instances, ...)."""
        return self._paths(inner)[0]

    def _paths(self, inner: Sample) -> tuple[Parameters, torch.Tensor, Parameters]:
        count = len(next(iter(inner.values())))
        names = [name for name, _ in self.field.named_parameters()]
        now = [one.detach().expand(count, *one.shape).clone().requires_grad_() for one in self.field.parameters()]
        optimiser = self.optimiser(now)
        pulled = [torch.zeros_like(one) for one in now]
        loss, slopes = self._slopes(names, now, nth(inner, 0, 1))
        for k in range(1, self.steps + 1):
            before = [one.detach().clone() for one in now]
            for one, slope in zip(now, slopes, strict=True):
                one.grad = slope
            optimiser.step()
            moved = [one.detach() - old for one, old in zip(now, before, strict=True)]
            reached, next_slopes = self._slopes(names, now, nth(inner, k, 1))
            fall = -(reached - loss).abs()
            length = (fall.square() + sum(one.flatten(1).square().sum(dim=1) for one in moved)).sqrt()
            for total, slope, one in zip(pulled, slopes, moved, strict=True):
                total -= _rows(1 / length, one) * (_rows(fall, one) * slope + one)
            loss, slopes = reached, next_slopes
        return dict(zip(names, (one.detach() for one in now), strict=True)), loss, dict(zip(names, pulled, strict=True))

    def _slopes(self, names: list[str], now: list[torch.Tensor], sample: Sample) -> tuple[torch.Tensor, list[torch.Tensor]]:
        losses = self._losses(dict(zip(names, now, strict=True)), sample)
        return losses.detach(), list(torch.autograd.grad(losses.sum(), now))


def _rows(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, *[1] * (like.dim() - 1))
