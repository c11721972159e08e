"""Burgers' equation in space and time, by its potential: instances, points, residual."""

from __future__ import annotations

import math

import torch

from mnnfem.metapde.burgers_pieces import MIRRORS, PIECES, VISCOSITY, Pieces, foot, lift, spread
from mnnfem.metapde.jets import Jets
from mnnfem.metapde.problem import Frame

EARLY = 0.05  # time
AGES = math.log1p(1 / EARLY)
NEAR = 4  # pieces and images that count at a point: a shock that meets a wall is where two pieces meet their images


class Burgers:
    r"""u_t + u u_x = nu u_xx for x and t in (0, 1), u = 0 at both ends, u = sin pi x + a sin 2 pi x + b sin 4 pi x at t = 0,

    a and b uniform in (-2, 2). What is sought is a potential p, u = p_x, of which shocks are mere kinks:

        p_t + p_x^2 / 2 = nu p_xx,   p even about both ends.

    It is a minimum of smooth pieces, rounded: p = -2 nu log sum_k exp(-p_k / 2 nu). By Hopf and Cole p lacks in the equation
    just what the p_k lack, each weighted by its share exp(-p_k / 2 nu) of the sum, so a piece has to solve it only where it is
    the least, and a shock is where two cross. Images of the pieces in the walls make p even.

    Shocks are there soon and then decay as 1 / t, so times are drawn, seen and weighed on a logarithmic scale beyond EARLY.
    An instance is (a, b), a point (x, t). Source of the family: Qin et al., arXiv 2211.01604.
    """

    name, jets, seen = "burgers", Jets(2, (0,)), Jets(2)
    pieces, parameters, coordinates, frequency, restraint = PIECES, 6, 2, 2.0, 1e-7

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Instances (count, 2), float64."""
        return 4 * torch.rand(count, 2, dtype=torch.float64, generator=generator, device=generator.device) - 2

    def points(self, instances: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
        """Points (b, count, 2)."""
        points = torch.rand(len(instances), count, 2, dtype=instances.dtype, generator=generator, device=instances.device)
        points[..., 1] = EARLY * torch.expm1(AGES * points[..., 1])
        return points

    def frame(self, jets: Jets, x: torch.Tensor, instances: torch.Tensor) -> Frame:
        """The NEAR least pieces: their characteristics' feet and the logarithm of t, both from -1 to 1."""
        every = Pieces.of(instances)
        near = _nearest(x[:, 0], instances, every)
        place, time = x.repeat_interleave(NEAR, dim=2).split(1, dim=-1)
        own = every.at(near.flatten(1))
        told = _numbers(instances, own)
        piece = own.columns()
        place = jets.plus(piece.factor * place, piece.shift)
        size = (piece.right - piece.left) / 2
        start = jets.plus(foot(jets, place, time, instances, piece), -(piece.left + piece.right) / 2) * (1 / size)
        grown = 1 + piece.expands * time[:, :1]
        rate, ages = piece.expands / grown, torch.log1p(piece.expands)
        age = jets.chained(time, 2 * torch.log(grown) / ages - 1, 2 * rate / ages, -2 * rate**2 / ages)
        envelope = jets.plus(-spread(jets, time, piece), 1.0) * (piece.expands * size**2 / 4)
        first = lift(jets, place, time, instances, piece)
        return Frame(torch.cat([_bounded(jets, start, piece.even), age], dim=-1), told, first, envelope, near // len(MIRRORS))

    def joined(self, jets: Jets, pieces: torch.Tensor) -> torch.Tensor:
        """Their rounded minimum."""
        return jets.softmin(pieces, 2 * VISCOSITY)

    def residual(self, jet: torch.Tensor, points: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        """(EARLY + t) (p_t + p_x^2 / 2 - nu p_xx)."""
        u, later, second = jet[:, 1], jet[:, 2], jet[:, 3]
        return (EARLY + points[..., 1]) * (later + u.square() / 2 - VISCOSITY * second)

    def quantity(self, jet: torch.Tensor) -> torch.Tensor:
        """u."""
        return jet[:, 1]


def _nearest(points: torch.Tensor, instances: torch.Tensor, every: Pieces) -> torch.Tensor:
    """Which of the pieces are the NEAR least at points (b, n, 2), to begin with, (b, n, NEAR), in their order."""
    piece = every.columns()
    place, time = (one.mT[:, None] for one in points.split(1, dim=-1))
    least = lift(Jets(0), piece.factor * place + piece.shift, time, instances, piece)
    return least[:, 0].mT.topk(NEAR, largest=False).indices.sort().values


def _bounded(jets: Jets, start: torch.Tensor, even: torch.Tensor) -> torch.Tensor:
    """From -1 to 1, as start is from -inf to inf, or |start| from 0 where it is even."""
    within = torch.tanh(start[:, :1])
    bounded = jets.chained(start, within, 1 - within**2, -2 * within * (1 - within**2))
    return (1 - even) * bounded + even * jets.plus(2 * jets.product(bounded, bounded), -1.0)


def _numbers(instances: torch.Tensor, own: Pieces) -> torch.Tensor:
    """What tells a piece (b, n) of an instance, (b, n, 6), each about 1 in size."""
    ours = [one[:, None].expand_as(own.middle) for one in instances.T]
    sides = [4 * (own.right - own.middle) - 1, 4 * (own.middle - own.left) - 1]
    return torch.stack([*ours, 2 * own.middle - 1, *sides, torch.log(own.expands) - 2], dim=-1)
