"""A learned basis: few Gauss-Newton steps on its coefficients solve an instance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from mnnfem.errors import InputError
from mnnfem.metapde.jets import Jets
from mnnfem.metapde.problem import Problem
from mnnfem.metapde.trunk import Trunk

SHARES = (1.0, 0.5, 0.2, 0.0)  # of a step that are tried
RIDGE = {torch.float32: 1e-7, torch.float64: 1e-11}  # of the normal equations, in shares of their mean diagonal


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

    From z = 0 the coefficients are found by steps of Gauss and Newton on the residual R at points of the instance,

        z <- z - (J^T J + ridge)^-1 J^T R,   J = dR/dz,

    each a dense solve as large as the basis, shortened where the residual would not fall. Learned is the residual that they
    leave, z being held: at the least residual the derivative through the coefficients vanishes (variable projection, Golub
    and Pereyra 1973), as long as it is taken at the same points; at others z, which is large, makes noise of it.

    steps   of the training;  others may be taken afterwards
    InputError for no steps.
    """

    def __init__(self, problem: Problem, trunk: Trunk, steps: int) -> None:
        super().__init__()
        if steps < 1:
            raise InputError(f"A learned basis takes at least one step, got {steps}.")
        self.problem, self.trunk, self.steps = problem, trunk, steps

    def fields(self, instances: torch.Tensor, points: torch.Tensor, jets: Jets) -> Affine:
        """The fields at points (b, n, d) of instances (b, p)."""
        problem, kind = self.problem, self.trunk.shifts.weight.dtype
        with torch.no_grad():
            frame = problem.frame(jets, jets.at(points), instances)
        features = self.trunk(jets, frame.coordinates.to(kind), problem.scaled(instances).to(kind))
        basis = jets.product(frame.envelope.to(kind), features)
        return Affine(points, frame.lift.squeeze(-1).to(kind), basis)

    def residual(self, fields: Affine, z: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        """R (b, n)."""
        kind = fields.lift.dtype
        return self.problem.residual(fields.jet(z), fields.points.to(kind), instances.to(kind))

    @torch.no_grad()
    def path(self, instances: torch.Tensor, fields: Affine, steps: int) -> Iterator[torch.Tensor]:
        """z after 0, 1, ... steps, (b, k), one after the other."""
        z = fields.basis.new_zeros(len(instances), fields.basis.shape[-1])
        yield z
        for _ in range(steps):
            z = z + self._shortened(fields, z, self._step(fields, z, instances), instances)
            yield z

    def loss(self, instances: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Root-mean-square residual after the steps, mean of the instances."""
        fields = self.fields(instances, points, self.problem.jets)
        *_, z = self.path(instances, fields, self.steps)
        return self.residual(fields, z, instances).square().mean(dim=1).sqrt().mean()

    @torch.no_grad()
    def values(self, instances: torch.Tensor, z: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """The solutions with coefficients (b, k) at points (b, n, d), (b, n)."""
        return self.problem.quantity(self.fields(instances, points, self.problem.seen).jet(z))

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
