"""Any physics with `solve` and `vjp` as a torch module: the one place where torch meets the mechanics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch

from mnnfem.errors import EquilibriumError, InputError, unknown_name


class Physics(Protocol):
    """State is a value that `solve` returns and `vjp` takes back; `observables` names mesh points worth watching."""

    @property
    def observables(self) -> Mapping[str, Any]: ...

    def check(self, points: Any, controls: Any, material: Any) -> None: ...
    def solve(self, points: Any, controls: Any, material: Any, start: Any = None) -> Any: ...
    def displacement(self, solution: Any) -> Any: ...
    def vjp(self, solution: Any, seed: Any) -> Any: ...
    def carrier(self, other: Any, was: Any, now: Any) -> Callable[[Any], Any]: ...


class Starts(Protocol):
    """Where a solve may start: remembers solutions, gives one that is near, carries all to another mesh."""

    def nearest(self, controls: Any) -> Any: ...
    def add(self, solution: Any) -> None: ...
    def carry(self, carrier: Callable[[Any], Any]) -> None: ...


@dataclass(frozen=True)
class Response:
    """displacement (b, n, 2) mm, a row of NaN where a solve failed; outcome: each sample's solution or error.

    response["centre"] is the displacement of the named vertex, (b, 2), or of a named facet's points, (b, k, 2). points are
    where the material is at rest, (n, 2) mm: what is carried by the material is addressed by these.
    """

    displacement: torch.Tensor
    outcome: tuple[Any, ...]
    observables: Mapping[str, Any]
    points: torch.Tensor

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self.observables:
            raise unknown_name("observable", name, self.observables)
        return self.displacement[:, self.observables[name]]

    def of(self, samples: torch.Tensor) -> Response:
        """The response of some samples, by a mask (b,)."""
        chosen = tuple(one for one, wanted in zip(self.outcome, samples.tolist(), strict=True) if wanted)
        return replace(self, displacement=self.displacement[samples], outcome=chosen)

    def moved_to(self, displacement: torch.Tensor) -> Response:
        """The same samples with other displacements (b, n, 2)."""
        return replace(self, displacement=displacement)

    @property
    def solved(self) -> torch.Tensor:
        """Mask (b,) of the samples that have an equilibrium."""
        return torch.tensor([not isinstance(one, EquilibriumError) for one in self.outcome])


class Bridge(torch.nn.Module):
    """Node coordinates (n, 2), controls (b, c) and material values (p,) -> displacements (b, n, 2), differentiable.

    All tensors are float64 on the CPU. A failed solve raises its EquilibriumError, or with
    `skip_failures` fills its row with NaN and takes no part in the gradient. Gradients of first
    order only.
    """

    def __init__(self, physics: Physics, skip_failures: bool = False) -> None:
        super().__init__()
        self.physics, self.skip_failures = physics, skip_failures

    def forward(
        self, points: torch.Tensor, controls: torch.Tensor, material: torch.Tensor, starts: Starts | None = None
    ) -> Response:
        """Solve every row of controls, each from the state that `starts` has nearest, if given.

        Raises InputError before any solve for a wrong shape, dtype, device or value.
        """
        if controls.ndim != 2:
            raise InputError(f"Controls come as a batch (samples, controls), got shape {tuple(controls.shape)}.")
        for name, tensor in (("points", points), ("controls", controls), ("material", material)):
            if tensor.dtype != torch.float64 or tensor.device.type != "cpu":
                raise InputError(f"{name} must be a float64 tensor on the CPU, got {tensor.dtype} on {tensor.device}.")
        for row in controls:
            self.physics.check(*(t.detach().numpy() for t in (points, row, material)))
        outcome: list[Any] = []
        displacement = _Solve.apply(points, controls, material, self, starts, outcome)
        return Response(displacement, tuple(outcome), self.physics.observables, points)


class _Solve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, points, controls, material, bridge, starts, outcome):  # type: ignore[no-untyped-def]
        x, p = points.numpy(), material.numpy()
        rows = np.full((len(controls), *x.shape), np.nan)
        for row, control in zip(rows, controls.numpy(), strict=True):
            start = starts.nearest(control) if starts else None
            try:
                outcome.append(bridge.physics.solve(x, control, p, start))
            except EquilibriumError as failure:
                if not bridge.skip_failures:
                    raise
                outcome.append(failure)
                continue
            row[:] = bridge.physics.displacement(outcome[-1])
            if starts:
                starts.add(outcome[-1])
        ctx.physics, ctx.outcome = bridge.physics, outcome
        ctx.shapes = points.shape, controls.shape, material.shape
        return torch.from_numpy(rows)

    @staticmethod
    def backward(ctx, seeds):  # type: ignore[no-untyped-def]
        if torch.is_grad_enabled():
            raise RuntimeError(
                "The bridge has first derivatives only: a second backward through an equilibrium (create_graph=True) "
                "needs Hessian products, which the adjoint does not give."
            )
        points, controls, material = (np.zeros(shape) for shape in ctx.shapes)
        for number, (solution, seed) in enumerate(zip(ctx.outcome, seeds.numpy(), strict=True)):
            if isinstance(solution, EquilibriumError) or not seed.any():
                continue
            gradients = ctx.physics.vjp(solution, np.ascontiguousarray(seed))
            points += gradients.points
            controls[number] = gradients.controls
            material += gradients.material
        return torch.from_numpy(points), torch.from_numpy(controls), torch.from_numpy(material), None, None, None
