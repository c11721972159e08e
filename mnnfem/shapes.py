"""Closed outlines of points: random ones, and how far two are apart whatever their place, size and turn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch

from mnnfem.bridge import Response

FEATURES, LENGTH_SCALE = 100, 0.8  # of the random fields; Oktay et al., ICLR 2023
FINE = 720  # angles at which an outline is known before it is resampled
SEEN = 10  # Fourier coefficients either side that a network sees of an outline
USUAL, USUAL_SEED = 300, 1  # outlines from which it is known how large these are as a rule


def fields(count: int, generator: torch.Generator) -> torch.Tensor:
    r"""Random functions on the unit circle at FINE even angles, (count, FINE):

        f(e) = sqrt(2 / m) sum_j w_j cos(v_j . e / l + b_j),    w_j ~ N(0, 1),  v_j ~ N(0, 1)^2,  b_j ~ U(0, 2 pi),

    near a Gaussian process of variance 1 and covariance exp(-|e - e'|^2 / 2 l^2), with m = FEATURES, l = LENGTH_SCALE.
    """
    weights, phases = (draw(count, FEATURES, dtype=torch.float64, generator=generator) for draw in (torch.randn, torch.rand))
    waves = torch.randn(count, FEATURES, 2, dtype=torch.float64, generator=generator) / LENGTH_SCALE
    arguments = waves @ _directions().T + 2 * math.pi * phases[:, :, None]
    return math.sqrt(2 / FEATURES) * torch.einsum("cj,cjk->ck", weights, arguments.cos())


def outlines(radii: torch.Tensor, points: int) -> torch.Tensor:
    """Star-shaped outlines, given by radii at FINE even angles (b, FINE), as `points` even in arc length: (b, points, 2).

    They start at angle 0, go counter-clockwise, and are `normalised`.
    """
    fine = radii[:, :, None] * _directions()
    fine = torch.cat([fine, fine[:, :1]], dim=1)
    reached = (fine[:, 1:] - fine[:, :-1]).norm(dim=2).cumsum(dim=1)
    reached = torch.cat([torch.zeros_like(reached[:, :1]), reached], dim=1)
    wanted = reached[:, -1:] * torch.arange(points, dtype=torch.float64) / points
    piece = (torch.searchsorted(reached, wanted, right=True) - 1).clamp(0, FINE - 1)
    low, high = reached.gather(1, piece), reached.gather(1, piece + 1)
    share = ((wanted - low) / (high - low))[:, :, None]
    first, second = (fine.gather(1, (piece + k)[:, :, None].expand(-1, -1, 2)) for k in (0, 1))
    return normalised(first + share * (second - first))


def normalised(outline: torch.Tensor) -> torch.Tensor:
    """Points (b, k, 2) about their mean, over their root-mean-square distance from it."""
    centred = outline - outline.mean(dim=1, keepdim=True)
    return centred / _size(centred)


def upright(outline: torch.Tensor) -> torch.Tensor:
    r"""The same closed outlines (b, k, 2), turned and begun where every turn and every start of one gives the same points.

    In complex numbers and with Fourier coefficients c_n, a turn by p and a start further on by s make c_n exp(i (p + n s)) of
    c_n. Here c_1 and c_-1 become real and positive, so that the longest axis of their ellipse lies along x and the outline
    begins at its end, and of the two ends the one for which the real part of c_2 + c_-2 is positive.
    """
    count = outline.shape[1]
    modes = torch.fft.fft(torch.view_as_complex(outline.contiguous()))
    numbers = torch.fft.fftfreq(count, 1 / count, dtype=torch.float64)
    first, last = modes[:, 1].angle(), modes[:, -1].angle()
    turn, start = -(first + last) / 2, (last - first) / 2
    modes = modes * torch.exp(1j * (turn[:, None] + start[:, None] * numbers))
    flipped = (modes[:, 2] + modes[:, -2]).real < 0
    modes = torch.where(flipped[:, None], modes * torch.exp(1j * math.pi * (1 + numbers)), modes)
    return torch.view_as_real(torch.fft.ifft(modes))


@dataclass(frozen=True)
class Match:
    """Distances (b,) of outlines to their targets, and the targets as they lie best on them, (b, k, 2) and normalised."""

    distance: torch.Tensor
    laid: torch.Tensor


def match(outline: torch.Tensor, target: torch.Tensor) -> Match:
    r"""The least distance over all cyclic re-indexings s, each after its best rotation; both (b, k, 2) and `normalised`.

        d = min_s  1/k sum_i |R_s x_i - y_{i+s}|_1,    R_s = argmin over rotations of sum_i |R x_i - y_{i+s}|^2,

    in complex numbers R_s = c / |c| with c = sum_i conj(x_i) y_{i+s}. Differentiable where one s is the best.
    """
    x, y = (torch.view_as_complex(one.contiguous()) for one in (outline, target))
    numbers = torch.arange(x.shape[1])
    shifted = y[:, (numbers[:, None] + numbers) % len(numbers)]
    overlap = (x.conj()[:, None] * shifted).sum(dim=2, keepdim=True)
    turn = overlap / overlap.abs()
    apart = torch.view_as_real(turn * x[:, None] - shifted).abs().sum(dim=3).mean(dim=2)
    distance, best = apart.min(dim=1)
    row = torch.arange(len(x))
    return Match(distance, torch.view_as_real(turn[row, best].conj() * shifted[row, best]))


@dataclass(frozen=True)
class ShapeMatching:
    """Give the outline through named vertices, in order, the shape of a random target; error as in `match`, no unit.

    Source: Oktay et al., ICLR 2023: 48 points of a big pore; targets of radius exp(random field).
    """

    points: tuple[str, ...]

    name = "shape_matching"
    unit = "radii"  # root-mean-square ones
    loop = True

    @property
    def inputs(self) -> int:
        """Two for each coefficient that is seen."""
        return 4 * _seen(len(self.points))

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Targets (count, k, 2), normalised."""
        return outlines(fields(count, generator).exp(), len(self.points))

    def batch(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """The same in pairs of opposites, whose random fields are f and -f."""
        found = fields(-(-count // 2), generator)
        return outlines(torch.cat([found, -found])[:count].exp(), len(self.points))

    def tour(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """A closed path of targets (count, k, 2): two fields f, g turned into each other, f cos a + g sin a."""
        first, second = fields(2, generator)
        angle = torch.arange(count, dtype=torch.float64)[:, None] * (2 * math.pi / count)
        return outlines((angle.cos() * first + angle.sin() * second).exp(), len(self.points))

    def features(self, targets: torch.Tensor) -> torch.Tensor:
        """What the network sees: c_n of the `upright` target, 0 < |n| <= SEEN, less its usual value, over its usual spread.

        The target's turn and start do not matter, so the network need not learn that; and what tells shapes apart is in
        coefficients that differ in size by orders of magnitude.
        """
        middle, spread = _usual(len(self.points))
        return (_coefficients(targets) - middle) / spread

    def errors(self, response: Response, targets: torch.Tensor) -> torch.Tensor:
        """Error of each sample (b,) against targets (b, k, 2)."""
        return match(normalised(self.watched(response)), targets).distance

    def watched(self, response: Response) -> torch.Tensor:
        """Where the vertices are, (b, k, 2) mm."""
        return torch.stack([response.now(name) for name in self.points], dim=1)

    def wanted(self, response: Response, targets: torch.Tensor) -> torch.Tensor:
        """The targets as they lie best on the outlines, with their middle and size, (b, k, 2) mm."""
        outline = self.watched(response)
        middle = outline.mean(dim=1, keepdim=True)
        return middle + _size(outline - middle) * match(normalised(outline), targets).laid

    def title(self, target: torch.Tensor) -> str:
        """A target in words: there are none for a shape."""
        return "target in orange"


def _coefficients(outline: torch.Tensor) -> torch.Tensor:
    """c_n of upright outlines (b, k, 2), real and imaginary parts: (b, 4 n)."""
    seen = _seen(outline.shape[1])
    modes = torch.fft.fft(torch.view_as_complex(upright(outline))) / outline.shape[1]
    return torch.view_as_real(torch.cat([modes[:, 1 : seen + 1], modes[:, -seen:]], dim=1)).flatten(1)


def _seen(points: int) -> int:
    """How many there are either side: as many as are looked at, or as few points have."""
    return min(SEEN, (points - 1) // 2)


@cache
def _usual(points: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of what is seen of random outlines, but of what is always the same."""
    found = _coefficients(outlines(fields(USUAL, torch.Generator().manual_seed(USUAL_SEED)).exp(), points))
    return found.mean(dim=0), found.std(dim=0).clamp(min=1e-3)


def _size(centred: torch.Tensor) -> torch.Tensor:
    return centred.square().sum(dim=2).mean(dim=1).sqrt()[:, None, None]


def _directions() -> torch.Tensor:
    angle = torch.arange(FINE, dtype=torch.float64) * (2 * math.pi / FINE)
    return torch.stack([angle.cos(), angle.sin()], dim=1)
