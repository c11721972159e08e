"""The least value of a function of a bounded design, by scipy's L-BFGS-B and torch's gradient."""

from __future__ import annotations

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
