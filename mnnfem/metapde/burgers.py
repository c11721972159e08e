"""Burgers' equation in space and time, by its potential: instances, points, residual."""

from __future__ import annotations

import math

import torch

from mnnfem.metapde.jets import Jets
from mnnfem.metapde.problem import Frame

VISCOSITY = 0.01  # 1 / Re
EARLY = 0.05  # time
AGES = math.log1p(1 / EARLY)
MODES = (1, 2, 4)
WALL, SHARE = 0.5, 1 / 8  # weight of the walls' condition, and the share of the points that are on them


class Burgers:
    r"""u_t + u u_x = nu u_xx for x and t in (0, 1), u = 0 at both ends, u = sin pi x + a sin 2 pi x + b sin 4 pi x at t = 0,

    a and b uniform in (-2, 2). What is sought is a potential p, u = p_x, of which shocks are mere kinks:

        p_t + p_x^2 / 2 = nu p_xx,   p_x = 0 at the ends.

    Shocks are there soon and then decay as 1 / t, so times are drawn, seen and weighed on a logarithmic scale beyond EARLY.
    An instance is (a, b), a point (x, t). Source of the family: Qin et al., arXiv 2211.01604.
    """

    name, jets, seen = "burgers", Jets(2, (0,)), Jets(2)
    parameters, coordinates, frequency = 2, 2, 8.0

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Instances (count, 2), float64."""
        return 4 * torch.rand(count, 2, dtype=torch.float64, generator=generator, device=generator.device) - 2

    def scaled(self, instances: torch.Tensor) -> torch.Tensor:
        """Numbers of about 1 in size."""
        return instances

    def points(self, instances: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
        """Points (b, count, 2), the first of them on the walls."""
        points = torch.rand(len(instances), count, 2, dtype=instances.dtype, generator=generator, device=instances.device)
        points[..., 1] = EARLY * torch.expm1(AGES * points[..., 1])
        points[:, : walls(count), 0] = points[:, : walls(count), 0].round()
        return points

    def frame(self, jets: Jets, x: torch.Tensor, instances: torch.Tensor) -> Frame:
        """x and the logarithm of t, both from -1 to 1, p at t = 0, which fades away, and what grows as that fades."""
        place, time = x.split(1, dim=-1)
        later = EARLY + time[:, :1]
        age = jets.chained(time, 2 * torch.log(later / EARLY) / AGES - 1, 2 / AGES / later, -2 / AGES / later**2)
        fading = torch.exp(-time[:, :1] / EARLY)
        left = jets.chained(time, fading, -fading / EARLY, fading / EARLY**2)
        weights = torch.stack([torch.ones_like(instances[:, 0]), *instances.T])[..., None, None, None]
        waves = [jets.sine(jets.plus(k * math.pi * place, math.pi / 2)) / (k * math.pi) for k in MODES]
        start = -sum(of * wave for of, wave in zip(weights, waves, strict=True))
        coordinates = torch.cat([jets.plus(2 * place, -1.0), age], dim=-1)
        return Frame(coordinates, jets.product(left, start), jets.plus(-left, 1.0))

    def residual(self, jet: torch.Tensor, points: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        """(EARLY + t) (p_t + p_x^2 / 2 - nu p_xx), and on the walls WALL p_x."""
        u, later, second = jet[:, 1], jet[:, 2], jet[:, 3]
        inside = (EARLY + points[..., 1]) * (later + u.square() / 2 - VISCOSITY * second)
        held = walls(points.shape[1])
        return torch.cat([WALL * u[:, :held], inside[:, held:]], dim=1)

    def quantity(self, jet: torch.Tensor) -> torch.Tensor:
        """u."""
        return jet[:, 1]


def walls(count: int) -> int:
    """How many of so many points are on the walls."""
    return round(SHARE * count)
