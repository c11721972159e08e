"""MAML: an initialisation from which few gradient steps solve an instance, learned through these steps."""

from __future__ import annotations

import math

import torch

from mnnfem.errors import InputError
from mnnfem.metapde.objective import Objective, Parameters, Sample, loss_of, nth

DECAY = 0.1  # of the weight of the loss after each step before the last


class Maml(torch.nn.Module):
    r"""A field whose parameters p_0 are an initialisation, with rates a > 0 for each step and parameter, learned as well:

        p_(k+1) = p_k - a_k . grad L(p_k; inner_k),    meta loss = sum_k w_k L(p_k; outer),  w_k ~ DECAY^(steps - k),  k > 0.

    first_order   the gradients of the steps count as constants, which saves their second derivatives and leaves a bias
    Source: Finn, Abbeel, Levine, ICML 2017; rates: Li et al., arXiv 1707.09835; weights: Qin et al., arXiv 2211.01604.
    InputError for no steps or a rate that is not positive.
    """

    def __init__(
        self, field: torch.nn.Module, objective: Objective, steps: int, rate: float, first_order: bool = False
    ) -> None:
        super().__init__()
        if steps < 1 or not rate > 0:
            raise InputError(f"MAML takes at least one step, at a rate above 0: got {steps} steps at rate {rate:g}.")
        self.field, self.steps, self.first_order = field, steps, first_order
        self._loss = loss_of(field, objective)
        raw = rate + math.log(-math.expm1(-rate))  # softplus(raw) = rate
        self.raw_rates = torch.nn.ParameterList(one.new_full((steps, *one.shape), raw) for one in field.parameters())

    def path(self, inner: Sample) -> list[Parameters]:
        """p_1, p_2, ... of one instance; `inner` has a sample for each step, (steps, ...)."""
        names, start = zip(*self.field.named_parameters(), strict=True)
        rates = [torch.nn.functional.softplus(one) for one in self.raw_rates]
        found = [dict(zip(names, start, strict=True))]
        for k in range(self.steps):
            slope = torch.func.grad(self._loss)(found[-1], nth(inner, k))
            if self.first_order:
                slope = {name: one.detach() for name, one in slope.items()}
            found.append({name: found[-1][name] - rate[k] * slope[name] for name, rate in zip(names, rates, strict=True)})
        return found[1:]

    def meta_loss(self, inner: Sample, outer: Sample) -> torch.Tensor:
        """The mean over instances, whose samples are stacked: `inner` (instances, steps, ...), `outer` (instances, ...)."""
        weights = [DECAY ** (self.steps - 1 - k) for k in range(self.steps)]

        def one(inner: Sample, outer: Sample) -> torch.Tensor:
            losses = [weight * self._loss(found, outer) for weight, found in zip(weights, self.path(inner), strict=True)]
            return torch.stack(losses).sum() / sum(weights)

        each: torch.Tensor = torch.func.vmap(one)(inner, outer)
        return each.mean()

    def adapted(self, inner: Sample) -> Parameters:
        """The parameters after the last step, of one instance."""
        return self.path(inner)[-1]
