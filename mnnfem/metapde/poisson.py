"""A nonlinear Poisson equation on wavy discs, with two Gaussian sources: instances, points, residual."""

from __future__ import annotations

import math

import torch

from mnnfem.metapde.jets import Jets
from mnnfem.metapde.problem import Frame

SOURCES, WAVES, GEOMETRY = slice(0, 6), slice(6, 11), slice(11, 13)  # of an instance's numbers
RIM, SHARE = 30.0, 1 / 4  # weight of the boundary's condition, and the share of the points that are on it


class Poisson:
    r"""div((1 + 0.1 u^2) grad u) = f in r < R(t), u = g on its boundary, polar coordinates r and t:

        R = 1 + c_1 cos 4t + c_2 cos 8t,   f = sum_i w_i exp(-|x - m_i|^2),   g = a_0 + sum_k a_k cos kt + b_k sin kt,

    with two sources, k = 1, 2, standard normal m and w, a and b uniform in (-1, 1) and c in (-0.2, 0.2).
    An instance is (m_1, w_1, m_2, w_2, a_0, a_1, b_1, a_2, b_2, c_1, c_2). Source: Qin et al., arXiv 2211.01604.
    """

    name, jets, seen = "poisson", Jets(2, (0, 1)), Jets(0)
    pieces, parameters, coordinates, frequency, restraint = 1, 13, 2, 2.0, 0.0

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Instances (count, 13), float64."""
        device = generator.device
        sources = torch.randn(count, 6, dtype=torch.float64, generator=generator, device=device)
        others = 2 * torch.rand(count, 7, dtype=torch.float64, generator=generator, device=device) - 1
        others[:, 5:] *= 0.2
        return torch.cat([sources, others], dim=1)

    def points(self, instances: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
        """Points (b, count, 2), the first on the boundary; of the others more to an area where that is near the middle."""
        share = torch.rand(2, len(instances), count, dtype=instances.dtype, generator=generator, device=instances.device)
        radius, angle = share[0].sqrt(), 2 * math.pi * share[1]
        radius[:, : rim(count)] = 1.0
        radius = radius * (1 + wave(angle, instances[:, None, GEOMETRY]))
        return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)

    def frame(self, jets: Jets, x: torch.Tensor, instances: torch.Tensor) -> Frame:
        """x, the instance in numbers of about 1, the harmonic function with the boundary's values on the unit circle, and 1."""
        squares, mixed = jets.product(x, x), jets.product(x[..., :1], x[..., 1:])
        waves = torch.cat([x, squares[..., :1] - squares[..., 1:], 2 * mixed], dim=-1)
        constant, *others = instances[:, WAVES].T[..., None, None, None]
        lift = sum(wave * of for wave, of in zip(waves.split(1, dim=-1), others, strict=True))
        one = torch.zeros_like(x[..., :1])
        told = torch.cat([instances[:, :11], instances[:, GEOMETRY] / 0.15], dim=1)
        all_of_one = torch.zeros(x[:, 0, :, :1].shape, dtype=torch.int64, device=x.device)
        return Frame(x, told, jets.plus(lift, constant), jets.plus(one, 1.0), all_of_one)

    def joined(self, jets: Jets, pieces: torch.Tensor) -> torch.Tensor:
        """There is one."""
        return pieces.squeeze(-1)

    def residual(self, jet: torch.Tensor, points: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        """(1 + 0.1 u^2) lap u + 0.2 u |grad u|^2 - f, the less the nearer to the boundary, and on that RIM (u - g).

        What is lacking near the boundary hardly changes u: Green's function falls to 0 there, and so does the weight.
        """
        u, slopes, laplacian = jet[:, 0], jet[:, 1:3], jet[:, 3]
        inside = (1 + 0.1 * u.square()) * laplacian + 0.2 * u * slopes.square().sum(dim=1) - source(points, instances)
        (x, y), held = points.unbind(-1), rim(points.shape[1])
        share = torch.hypot(x, y) / (1 + wave(torch.atan2(y, x), instances[:, None, GEOMETRY]))
        off = RIM * (u[:, :held] - boundary(points[:, :held], instances))
        return torch.cat([off, ((1 - share.square()) * inside)[:, held:]], dim=1)

    def quantity(self, jet: torch.Tensor) -> torch.Tensor:
        """u itself."""
        return jet[:, 0]


def wave(angle: torch.Tensor, geometry: torch.Tensor) -> torch.Tensor:
    """R - 1 at angles, of c (..., 2)."""
    return geometry[..., 0] * torch.cos(4 * angle) + geometry[..., 1] * torch.cos(8 * angle)


def source(points: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
    """f (b, n) at points (b, n, 2)."""
    two = instances[:, SOURCES].reshape(-1, 2, 1, 3)
    distance = (points[:, None] - two[..., :2]).square().sum(dim=-1)
    return (two[..., 2] * torch.exp(-distance)).sum(dim=1)


def boundary(points: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
    """g (b, n) at points (b, n, 2) of the boundary."""
    x, y = (points / points.norm(dim=-1, keepdim=True)).unbind(-1)
    waves = torch.stack([torch.ones_like(x), x, y, x * x - y * y, 2 * x * y], dim=-1)
    return (waves * instances[:, None, WAVES]).sum(dim=-1)


def rim(count: int) -> int:
    """How many of so many points are on the boundary."""
    return round(SHARE * count)
