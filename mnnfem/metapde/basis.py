"""A learned basis: few Gauss-Newton steps on its coefficients solve an instance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from mnnfem.errors import InputError
from mnnfem.metapde.jets import Jets
from mnnfem.metapde.maml import DECAY
from mnnfem.metapde.problem import Problem
from mnnfem.metapde.trunk import Trunk

SHARES = (1.0, 0.5, 0.2, 0.0)  # of a step that are tried
RIDGE = {torch.float32: 1e-8, torch.float64: 1e-11}  # of the normal equations, in shares of their mean diagonal


@dataclass(frozen=True, eq=False)
class Affine:
    """Fields u = lift + basis z at points: jets (b, c, n) and (b, c, n, k), and the points (b, n, d)."""

    points: torch.Tensor
    lift: torch.Tensor
    basis: torch.Tensor

    def jet(self, z: torch.Tensor) -> torch.Tensor:
        """Of the field with coefficients (b, k)."""
        return self.lift + (self.basis @ z[:, None, :, None]).squeeze(-1)


class Basis(torch.nn.Module):
    r"""Functions phi_k(x; q), learned so that the instances q of a problem are solved well by u = lift + sum_k z_k phi_k.

    From a guess z_0(q) the coefficients are found by steps of Gauss and Newton on the residual R at points of the instance,

        z <- z - (J^T J + ridge)^-1 J^T R,   J = dR/dz,

    each a dense solve as large as the basis, shortened where the residual would not fall. Learned is the residual at other
    points after each step, weighted as by MAML, the steps being held: at its least the derivative through the coefficients
    vanishes (variable projection, Golub and Pereyra 1973), so nothing has to be differentiated twice.

    steps   of the training;  others may be taken afterwards
    InputError for no steps.
    """

    def __init__(self, problem: Problem, trunk: Trunk, steps: int) -> None:
        super().__init__()
        if steps < 1:
            raise InputError(f"A learned basis takes at least one step, got {steps}.")
        self.problem, self.trunk, self.steps = problem, trunk, steps

    def fields(self, instances: torch.Tensor, points: torch.Tensor, jets: Jets) -> tuple[Affine, torch.Tensor]:
        """The fields at points (b, n, d) of instances (b, p), and the guess of their coefficients (b, k)."""
        problem, kind = self.problem, self.trunk.start.weight.dtype
        with torch.no_grad():
            frame = problem.frame(jets, jets.at(points), instances)
        features, start = self.trunk(jets, frame.coordinates.to(kind), problem.scaled(instances).to(kind))
        basis = jets.product(frame.envelope.to(kind), features)
        return Affine(points, frame.lift.squeeze(-1).to(kind), basis), start

    def residual(self, fields: Affine, z: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        """R (b, n)."""
        kind = fields.lift.dtype
        return self.problem.residual(fields.jet(z), fields.points.to(kind), instances.to(kind))

    @torch.no_grad()
    def path(self, instances: torch.Tensor, points: torch.Tensor, steps: int) -> Iterator[torch.Tensor]:
        """z_0, z_1, ... (b, k), one after the other."""
        fields, z = self.fields(instances, points, self.problem.jets)
        yield z
        for _ in range(steps):
            z = z + self._shortened(fields, z, self._step(fields, z, instances), instances)
            yield z

    def meta_loss(self, instances: torch.Tensor, inner: torch.Tensor, outer: torch.Tensor) -> torch.Tensor:
        """Root-mean-square residual at `outer` after each step taken at `inner`, the later the weightier; mean of instances."""
        path = list(self.path(instances, inner, self.steps))
        moved = [one - path[0] for one in path]
        fields, start = self.fields(instances, outer, self.problem.jets)
        weights = [DECAY ** (self.steps - k) for k in range(self.steps + 1)]
        losses = [self.residual(fields, start + one, instances).square().mean(dim=1).sqrt().mean() for one in moved]
        return torch.stack([weight * loss for weight, loss in zip(weights, losses, strict=True)]).sum() / sum(weights)

    @torch.no_grad()
    def values(self, instances: torch.Tensor, z: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """The solutions with coefficients (b, k) at points (b, n, d), (b, n)."""
        fields, _ = self.fields(instances, points, self.problem.seen)
        return self.problem.quantity(fields.jet(z))

    def _shortened(self, fields: Affine, z: torch.Tensor, step: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        """Of a step, that of its SHARES with the least residual in each instance."""
        tried = torch.stack([share * step for share in SHARES])
        left = torch.stack([self.residual(fields, z + one, instances).square().sum(dim=1) for one in tried])
        best = left.nan_to_num(torch.inf).argmin(dim=0)
        return tried[best, torch.arange(len(z), device=z.device)]

    def _step(self, fields: Affine, z: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            jet = fields.jet(z).detach().requires_grad_()
            kind = jet.dtype
            residual = self.problem.residual(jet, fields.points.to(kind), instances.to(kind))
            (slope,) = torch.autograd.grad(residual.sum(), jet)
        jacobian = torch.einsum("bcn,bcnk->bnk", slope, fields.basis)
        jacobian, residual = jacobian.double(), residual.detach().double()
        normal = jacobian.mT @ jacobian
        size = normal.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None]
        normal += RIDGE[kind] * size * torch.eye(normal.shape[1], dtype=torch.float64, device=normal.device)
        right = jacobian.mT @ residual[..., None]
        return -torch.linalg.solve(normal, right).squeeze(-1).to(kind).nan_to_num(0.0, 0.0, 0.0)
