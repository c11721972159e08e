"""A learned basis: few Gauss-Newton steps on its coefficients solve an instance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from mnnfem.errors import InputError
from mnnfem.metapde.jets import Jets
from mnnfem.metapde.problem import Problem
from mnnfem.metapde.trunk import Trunk

DAMPINGS = (1e-6, 1e-5, 1e-4, 1e-2)  # of a step that are tried, in shares of the mean diagonal of its normal equations,
RIDGE = {torch.float32: 1e-7, torch.float64: 1e-11}  # and the least of them


@dataclass(frozen=True, eq=False)
class Affine:
    """Pieces lift + basis z at points (b, n, d): jets (b, c, n, m) and (b, c, n, m, k), and which they are, (b, n, m)."""

    points: torch.Tensor
    lift: torch.Tensor
    basis: torch.Tensor
    piece: torch.Tensor

    def jet(self, z: torch.Tensor) -> torch.Tensor:
        """Of the pieces with coefficients (b, pieces k), (b, c, n, m)."""
        each = z.reshape(len(z), -1, self.basis.shape[-1]).mT
        every = (self.basis.flatten(1, 3) @ each).unflatten(1, self.lift.shape[1:])
        return self.lift + every.take_along_dim(self.piece[:, None, ..., None], dim=-1).squeeze(-1)

    def jacobian(self, slope: torch.Tensor, pieces: int) -> torch.Tensor:
        """Of what has a slope (b, c, n, m) in the jet, by z, (b, n, pieces k)."""
        own = torch.nn.functional.one_hot(self.piece, pieces).to(slope.dtype)
        return (own.mT @ torch.einsum("bcnm,bcnmk->bnmk", slope, self.basis)).flatten(2)


class Basis(torch.nn.Module):
    r"""Functions phi_k(x; q), learned so that the instances q of a problem are solved well by pieces lift + sum_k z_k phi_k.

    From z = 0 the coefficients are found by steps of Gauss and Newton on the residual R at points of the instance,

        z <- z - (J^T J + damping)^-1 J^T R,   J = dR/dz,

    each a dense solve as large as the coefficients are many, for some dampings of which the best is kept (Levenberg and
    Marquardt). Learned is the residual that they leave, z being held: at the least residual the derivative through the
    coefficients vanishes (variable projection, Golub and Pereyra 1973), as long as it is taken at the same points; at others
    z, which is large, makes noise of it. Where the steps end before that, the problem's restraint of z makes for a least that
    they do reach.

    steps   of the training;  others may be taken afterwards
    InputError for no steps.
    """

    def __init__(self, problem: Problem, trunk: Trunk, steps: int) -> None:
        super().__init__()
        if steps < 1:
            raise InputError(f"A learned basis takes at least one step, got {steps}.")
        self.problem, self.trunk, self.steps = problem, trunk, steps

    def fields(self, instances: torch.Tensor, points: torch.Tensor, jets: Jets) -> Affine:
        """The pieces at points (b, n, d) of instances (b, p)."""
        kind = self.trunk.shifts.weight.dtype
        with torch.no_grad():
            frame = self.problem.frame(jets, jets.at(points), instances)
        features = self.trunk(jets, frame.coordinates.to(kind), frame.told.to(kind))
        basis = jets.product(frame.envelope.to(kind), features)
        near = frame.piece.shape[1:]
        return Affine(points, frame.lift.squeeze(-1).to(kind).unflatten(2, near), basis.unflatten(2, near), frame.piece)

    def residual(self, fields: Affine, z: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        """R (b, n)."""
        return self._residual_of(fields.jet(z), fields, instances)

    @torch.no_grad()
    def path(self, instances: torch.Tensor, fields: Affine, steps: int, restraint: float = 0.0) -> Iterator[torch.Tensor]:
        """z after 0, 1, ... steps, (b, k), one after the other, to the least mean R^2 + restraint |z|^2."""
        z = fields.basis.new_zeros(len(instances), self.problem.pieces * fields.basis.shape[-1])
        yield z
        for _ in range(steps):
            tried = torch.cat([z + self._steps(fields, z, instances, restraint), z[None]])
            left = torch.stack([self._objective(fields, one, instances, restraint) for one in tried])
            best = left.nan_to_num(torch.inf).argmin(dim=0)
            z = tried[best, torch.arange(len(z), device=z.device)]
            yield z

    def loss(self, instances: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Root-mean-square residual after the steps, and what the restraint adds, mean of the instances."""
        fields = self.fields(instances, points, self.problem.jets)
        *_, z = self.path(instances, fields, self.steps, self.problem.restraint)
        return self._objective(fields, z, instances, self.problem.restraint).sqrt().mean()

    def values(self, seen: Affine, z: torch.Tensor) -> torch.Tensor:
        """The solutions with coefficients (b, k), (b, n), from the fields of what is `seen` of the problem."""
        return self.problem.quantity(self.problem.joined(self.problem.seen, seen.jet(z)))

    def _residual_of(self, jet: torch.Tensor, fields: Affine, instances: torch.Tensor) -> torch.Tensor:
        kind, problem = jet.dtype, self.problem
        return problem.residual(problem.joined(problem.jets, jet), fields.points.to(kind), instances.to(kind))

    def _objective(self, fields: Affine, z: torch.Tensor, instances: torch.Tensor, restraint: float) -> torch.Tensor:
        return self.residual(fields, z, instances).square().mean(dim=1) + restraint * z.square().sum(dim=1)

    def _steps(self, fields: Affine, z: torch.Tensor, instances: torch.Tensor, restraint: float) -> torch.Tensor:
        """For each damping, (dampings, b, k)."""
        with torch.enable_grad():
            jet = fields.jet(z).detach().requires_grad_()
            residual = self._residual_of(jet, fields, instances)
            (slope,) = torch.autograd.grad(residual.sum(), jet)
        jacobian, residual = fields.jacobian(slope, self.problem.pieces).double(), residual.detach().double()
        held = restraint * residual.shape[1]
        normal, one = jacobian.mT @ jacobian, torch.eye(z.shape[1], dtype=torch.float64, device=z.device)
        normal += held * one
        right = jacobian.mT @ residual[..., None] + held * z[..., None]
        dampings = right.new_tensor([RIDGE[z.dtype], *DAMPINGS])[:, None] * normal.diagonal(dim1=1, dim2=2).mean(dim=1)
        found = torch.linalg.solve(normal + dampings[..., None, None] * one, right.expand(len(dampings), *right.shape))
        return -found.squeeze(-1).to(z.dtype).nan_to_num(0.0, 0.0, 0.0)
