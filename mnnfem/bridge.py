"""Any physics with `solve` and `vjp` as a torch module: the one place where torch meets the mechanics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from mnnfem.ensemble import Ensemble
from mnnfem.errors import EquilibriumError, InputError, unknown_name


class Physics(Protocol):
    """State is a value that `solve` returns and `vjp` takes back; `observables` names mesh points worth watching.

    `edges` (e, 2), which may be none, are those of whose middles the displacement is told, too.
    """

    @property
    def observables(self) -> Mapping[str, Any]: ...
    @property
    def edges(self) -> Any: ...

    def check(self, points: Any, controls: Any, material: Any) -> None: ...
    def solve(self, points: Any, controls: Any, material: Any, start: Any = None) -> Any: ...
    def displacement(self, solution: Any) -> Any: ...
    def middles(self, solution: Any) -> Any: ...
    def vjp(self, solution: Any, seed: Any, middles: Any) -> Any: ...
    def keeps(self, start: Any) -> bool: ...
    def carrier(self, other: Any, was: Any, now: Any) -> Callable[[Any], Any]: ...


class Starts(Protocol):
    """Where a solve may start: gives a start or None, remembers solutions, carries all to another mesh, may learn."""

    def __call__(self, points: Any, controls: Any, material: Any) -> Any: ...
    def add(self, solution: Any) -> None: ...
    def carry(self, carrier: Callable[[Any], Any]) -> None: ...
    def study(self, design: Any) -> Any: ...


@dataclass(frozen=True)
class Response:
    """displacement (b, n, 2) mm, a row of NaN where a solve failed; outcome: each sample's solution or error.

    response["centre"] is the displacement of the named vertex, (b, 2), or of a named facet's points, (b, k, 2).
    points   where the mesh points are at rest, (n, 2) mm
    middles  (b, e, 2) mm, displacement of the middles of the walls' edges, which are parabolas through them; None if not known
    """

    displacement: torch.Tensor
    outcome: tuple[Any, ...]
    observables: Mapping[str, Any]
    points: torch.Tensor
    middles: torch.Tensor | None = None

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.displacement[:, self._index(name)]

    def at_rest(self, name: str) -> torch.Tensor:
        """Where what is named lies in the undeformed design, (2,) or (k, 2) mm; depends on the design."""
        return self.points[self._index(name)]

    def now(self, name: str) -> torch.Tensor:
        """Where it is in each sample, (b, 2) or (b, k, 2) mm."""
        return self.at_rest(name) + self[name]

    def _index(self, name: str) -> Any:
        if name not in self.observables:
            raise unknown_name("observable", name, self.observables)
        return self.observables[name]

    def of(self, samples: torch.Tensor) -> Response:
        """The response of some samples, by a mask (b,)."""
        chosen = tuple(one for one, wanted in zip(self.outcome, samples.tolist(), strict=True) if wanted)
        middles = None if self.middles is None else self.middles[samples]
        return Response(self.displacement[samples], chosen, self.observables, self.points, middles)

    def moved_to(self, displacement: torch.Tensor) -> Response:
        """The same samples with other displacements (b, n, 2)."""
        return Response(displacement, self.outcome, self.observables, self.points)

    @property
    def solved(self) -> torch.Tensor:
        """Mask (b,) of the samples that have an equilibrium."""
        return torch.tensor([not isinstance(one, EquilibriumError) for one in self.outcome])


class Bridge(torch.nn.Module):
    """Node coordinates (n, 2), controls (b, c) and material values (p,) or (r, p) -> displacements (b, n, 2), differentiable.

    The samples are dealt to the groups of an `ensemble`; every rank gets all displacements and the whole gradient, summed
    in the order of the samples, so that neither depends on the number of groups. All its ranks call with the same tensors.
    All tensors are float64 on the CPU. A failed solve raises its EquilibriumError, or with
    `skip_failures` fills its row with NaN and takes no part in the gradient. Gradients of first
    order only.
    """

    def __init__(self, physics: Physics, skip_failures: bool = False, ensemble: Ensemble | None = None) -> None:
        super().__init__()
        self.physics, self.skip_failures, self.ensemble = physics, skip_failures, ensemble or Ensemble.alone()

    def forward(
        self, points: torch.Tensor, controls: torch.Tensor, material: torch.Tensor, starts: Starts | None = None
    ) -> Response:
        """Solve every row of controls, each from what `starts` gives before the first is solved, if given.

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
        moved = _Solve.apply(points, controls, material, self, starts, outcome)
        return Response(moved[:, : len(points)], tuple(outcome), self.physics.observables, points, moved[:, len(points) :])


class _Solve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, points, controls, material, bridge, starts, outcome):  # type: ignore[no-untyped-def]
        x, c, p = points.numpy(), controls.numpy(), material.numpy()
        physics, ensemble = bridge.physics, bridge.ensemble
        begins = [starts(x, control, p) if starts else None for control in c]

        def solve(sample: int) -> Any:
            try:
                return physics.solve(x, c[sample], p, begins[sample])
            except EquilibriumError as failure:
                return failure

        found, groups = ensemble.share([begin is not None and physics.keeps(begin) for begin in begins], solve)
        outcome.extend(found)
        rows = np.full((len(c), len(x) + len(physics.edges), x.shape[1]), np.nan)
        for row, one in zip(rows, outcome, strict=True):
            if isinstance(one, EquilibriumError):
                if not bridge.skip_failures:
                    raise one
                continue
            row[: len(x)], row[len(x) :] = physics.displacement(one), physics.middles(one)
            if starts:
                starts.add(one)
        ctx.bridge, ctx.outcome, ctx.groups = bridge, outcome, groups
        ctx.shapes = points.shape, controls.shape, material.shape
        return torch.from_numpy(rows)

    @staticmethod
    def backward(ctx, seeds):  # type: ignore[no-untyped-def]
        if torch.is_grad_enabled():
            raise RuntimeError(
                "The bridge has first derivatives only: a second backward through an equilibrium (create_graph=True) "
                "needs Hessian products, which the adjoint does not give."
            )
        wanted = [
            seed.any() and not isinstance(one, EquilibriumError) for seed, one in zip(seeds.numpy(), ctx.outcome, strict=True)
        ]

        def pull(sample: int) -> Any:
            if not wanted[sample]:
                return None
            seed, middles = np.split(seeds[sample].numpy(), [ctx.shapes[0][0]])
            return ctx.bridge.physics.vjp(ctx.outcome[sample], np.ascontiguousarray(seed), np.ascontiguousarray(middles))

        points, controls, material = (np.zeros(shape) for shape in ctx.shapes)
        for sample, gradients in enumerate(ctx.bridge.ensemble.run(ctx.groups, pull)):
            if wanted[sample]:
                points += gradients.points
                controls[sample] = gradients.controls
                material += gradients.material
        return torch.from_numpy(points), torch.from_numpy(controls), torch.from_numpy(material), None, None, None
