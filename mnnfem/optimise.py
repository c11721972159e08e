"""The least value of a function of a bounded design: by scipy's L-BFGS-B in few steps, by torch's Adam in small ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import OptimizeResult, minimize

from mnnfem.mesh import Floats
from mnnfem.parameters import Parameters

FIRST = 0.125  # length of the first step over the side of the box: farther, it leaps out of the valley that it starts in


def least(
    value: Callable[[torch.Tensor], torch.Tensor],
    parameters: Parameters,
    start: Floats,
    iterations: int = 40,
    enough: float = -np.inf,
) -> Floats:
    """The design (p,) within its bounds where `value` (p,) -> (), differentiable, is least, or first at most `enough`.

    Parameters are scaled to their bounds, and values so that the first step, which L-BFGS-B makes as long as the gradient
    in a bounded box, is an eighth of the box. The iterate is a design, so `value` may mesh the body anew between two
    calls: what is kept of the curvature then belongs to values that differ by the error of the meshes.
    """
    design = start.astype(np.float64)
    fixed = parameters.upper == parameters.lower
    lower, unit = parameters.lower, np.where(fixed, 1.0, FIRST * (parameters.upper - parameters.lower))

    first: list[float] = []

    def scaled(x: Floats) -> tuple[float, Floats]:
        leaf = torch.from_numpy(np.clip(lower + unit * x, lower, parameters.upper)).requires_grad_()
        found = value(leaf)
        found.backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        slope: Floats = leaf.grad.numpy() * unit
        first.append(float(np.linalg.norm(slope)) or 1.0)
        slope /= first[0]
        return float(found.detach()) / first[0], slope

    def stop(intermediate_result: OptimizeResult) -> None:
        if intermediate_result.fun * first[0] <= enough:
            raise StopIteration

    bounds = np.stack([np.zeros(len(lower)), (parameters.upper - lower) / unit], axis=1)
    options = {"maxiter": iterations, "ftol": 0.0, "gtol": 1e-9}
    x = (design - lower) / unit
    found = minimize(scaled, x, jac=True, method="L-BFGS-B", bounds=bounds, callback=stop, options=options)
    return np.clip(lower + unit * found.x, lower, parameters.upper)


def descend(
    value: Callable[[torch.Tensor], torch.Tensor], parameters: Parameters, start: Floats, steps: int, rate: float
) -> Floats:
    """The best of `steps` designs (p,) along Adam's way down, each about `rate` of the box from the last.

    For values whose equilibria are far from linear in the design: each solve then starts near its end. The rate falls along a
    cosine.
    """
    lower, span = torch.from_numpy(parameters.lower), torch.from_numpy(parameters.upper - parameters.lower)
    share = ((torch.from_numpy(start) - lower) / span.where(span > 0, 1.0)).requires_grad_()
    optimiser = torch.optim.Adam([share], lr=rate)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    least_value, best = math.inf, start
    for _ in range(steps):
        design = lower + share * span
        found = value(design)
        if found.item() < least_value:
            least_value, best = found.item(), design.detach().numpy().copy()
        optimiser.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        decay.step()
        with torch.no_grad():
            share.clamp_(0.0, 1.0)
    return np.clip(best, parameters.lower, parameters.upper)
