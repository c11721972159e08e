"""What is asked of a field in one instance of a problem: a loss, as a function of the field's parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

Parameters = dict[str, torch.Tensor]
Sample = dict[str, torch.Tensor]  # what tells the instance, and the points at which its loss is taken
Field = Callable[[torch.Tensor], torch.Tensor]  # points (n, d) -> values (n, k)
Objective = Callable[[Field, Sample], torch.Tensor]  # a scalar; for many instances at once it is mapped over them


def loss_of(field: torch.nn.Module, objective: Objective) -> Callable[[Parameters, Sample], torch.Tensor]:
    """The objective as a function of the parameters of `field`."""

    def loss(parameters: Parameters, sample: Sample) -> torch.Tensor:
        return objective(partial(torch.func.functional_call, field, parameters), sample)

    return loss


def nth(samples: Sample, k: int, dim: int = 0) -> Sample:
    """One of several samples that are stacked along a dimension."""
    return {name: one.select(dim, k) for name, one in samples.items()}
