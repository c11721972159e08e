"""Values with their derivatives in the point, carried along by the chain rule."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Jets:
    """Which derivatives are carried: the slopes along all d axes, and the sum of the second ones along some of them.

    A jet is a tensor (b, c, n, w) of b instances with n points each and w quantities. Its channels c are the value, d slopes
    and, unless `second` is empty, that sum: the Laplacian where it has all axes.

    dim     d, coordinates of a point, or 0 for the value alone
    second  axes of the second derivatives
    """

    dim: int
    second: tuple[int, ...] = ()

    @property
    def channels(self) -> int:
        """c."""
        return 1 + self.dim + bool(self.second)

    def sine(self, jet: torch.Tensor) -> torch.Tensor:
        """Of a sine of each quantity."""
        sine = torch.sin(jet[:, :1])
        return self.chained(jet, sine, torch.cos(jet[:, :1]), -sine)

    def chained(self, jet: torch.Tensor, value: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Of a function of each quantity, of which value and derivatives there are given, (b, 1, n, w)."""
        _, slopes, curvature = self._parts(jet)
        parts = [value, first * slopes]
        if self.second:
            parts.append(first * curvature + second * self._along(slopes).square().sum(dim=1, keepdim=True))
        return torch.cat(parts, dim=1)

    def product(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Of a product of quantities, one by one or one with all."""
        (a, da, dda), (b, db, ddb) = self._parts(one), self._parts(other)
        parts = [a * b, a * db + b * da]
        if self.second:
            parts.append(a * ddb + b * dda + 2 * (self._along(da) * self._along(db)).sum(dim=1, keepdim=True))
        return torch.cat(parts, dim=1)

    def softmin(self, jet: torch.Tensor, width: float) -> torch.Tensor:
        """Of -width log sum exp(-p / width) over the quantities p, (b, c, n): of their minimum, rounded."""
        value, slopes, curvature = self._parts(jet)
        share = torch.softmax(-value / width, dim=-1)
        along = (share * slopes).sum(dim=-1)
        parts = [-width * torch.logsumexp(-value / width, dim=-1), along]
        if self.second:
            bent, mean = self._along(slopes).square(), self._along(along).square()
            parts.append((share * (curvature - bent.sum(dim=1, keepdim=True) / width)).sum(dim=-1))
            parts[-1] = parts[-1] + mean.sum(dim=1, keepdim=True) / width
        return torch.cat(parts, dim=1)

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Of the coordinates of points (b, n, d) themselves, as far as slopes are carried."""
        slopes = torch.eye(points.shape[-1], dtype=points.dtype, device=points.device)[: self.dim, None]
        jet = points.new_zeros(len(points), self.channels, *points.shape[1:])
        jet[:, 0], jet[:, 1 : 1 + self.dim] = points, slopes
        return jet

    def plus(self, jet: torch.Tensor, numbers: torch.Tensor | float) -> torch.Tensor:
        """Of quantities to which numbers that are no functions of the point are added, as (b, 1, 1, w) or one."""
        return torch.cat([jet[:, :1] + numbers, jet[:, 1:]], dim=1)

    def _parts(self, jet: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return jet[:, :1], jet[:, 1 : 1 + self.dim], jet[:, 1 + self.dim :]

    def _along(self, slopes: torch.Tensor) -> torch.Tensor:
        return slopes[:, list(self.second)]
