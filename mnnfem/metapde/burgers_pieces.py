"""The pieces of a solution of Burgers' equation: where its first wave expands, and what is known of each from there on."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from mnnfem.metapde.jets import Jets

VISCOSITY = 0.01  # 1 / Re
MODES = (1, 2, 4)
PIECES = 3  # at most: u'' at t = 0 is sin pi x times a cubic of cos pi x
MIRRORS = ((1.0, 0.0), (-1.0, 0.0), (-1.0, 2.0), (1.0, 2.0), (1.0, -2.0))  # x itself, and images in the walls: factor and shift
ITSELF = ((0, 1, 0, 0, 1), (0, 0, 1, 1, 0))  # which of these repeat another, of what is even about either wall
SLOWEST, GENTLEST = 1.0, 3.0  # expansion of a piece, and compression at a cut, that are reckoned with at least
CELLS = 256  # to a unit of x, where extremes of u' are looked for
ABSENT = 100.0  # added to a potential that does not count, far above any


class Pieces(NamedTuple):
    """Intervals in which u at t = 0 expands, each (b, n). A piece is a potential p, seen in one of MIRRORS.

    middle   where it expands most;  left and right  where it is cut off, as there it is compressed most
    expands  u' in the middle
    even     1 for a piece that has its middle on a wall, or 0
    above    ABSENT in instances that have fewer pieces, and for what an even one already is itself, or 0
    factor, shift  of x
    """

    middle: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor
    expands: torch.Tensor
    even: torch.Tensor
    above: torch.Tensor
    factor: torch.Tensor
    shift: torch.Tensor

    @staticmethod
    def of(instances: torch.Tensor) -> Pieces:
        """Those of instances (b, 2) with their middles in [0, 1], each in all MIRRORS, n = PIECES len(MIRRORS)."""
        middle, left, right, there = _intervals(instances)
        expands = wave(instances, middle, 1).clamp_min(SLOWEST)
        walls = torch.stack([middle < 1e-6, middle > 1 - 1e-6], dim=-1).to(instances)
        each = (middle, left, right, expands, walls.sum(dim=-1))
        above = ABSENT * (walls @ instances.new_tensor(ITSELF) + ~there[..., None])
        factor, shift = instances.new_tensor(MIRRORS).repeat(PIECES, 1).expand(len(instances), -1, -1).unbind(dim=-1)
        repeated = [one.repeat_interleave(len(MIRRORS), dim=1) for one in each]
        return Pieces(*[*repeated, above.flatten(1), factor, shift])

    def at(self, index: torch.Tensor) -> Pieces:
        """Those of an index (b, m)."""
        return Pieces(*(one.gather(1, index) for one in self))

    def columns(self) -> Pieces:
        """As factors of jets, (b, 1, n, 1)."""
        return Pieces(*(one[:, None, :, None] for one in self))


def wave(instances: torch.Tensor, x: torch.Tensor, order: int) -> torch.Tensor:
    """The derivative of some order, from -1 to 1, of u at t = 0, at x (b, ...); -1 is the potential."""
    weights = torch.stack([torch.ones_like(instances[:, 0]), *instances.T])
    turned = (order + 1) * math.pi / 2  # each derivative turns a wave by a quarter
    waves = [(k * math.pi) ** order * -torch.cos(k * math.pi * x + turned) for k in MODES]
    return sum(of.reshape(-1, *[1] * (x.ndim - 1)) * one for of, one in zip(weights, waves, strict=True))


def spread(jets: Jets, t: torch.Tensor, piece: Pieces) -> torch.Tensor:
    """1 / (1 + expands t): how near the points of a piece were at t = 0."""
    rate, kept = piece.expands, 1 / (1 + piece.expands * t[:, :1])
    return jets.chained(t, kept, -rate * kept**2, 2 * rate**2 * kept**3)


def foot(jets: Jets, x: torch.Tensor, t: torch.Tensor, instances: torch.Tensor, piece: Pieces) -> torch.Tensor:
    """Where the characteristic through x and t began, were u linear there, as from the middle."""
    carried = x - wave(instances, piece.middle, 0) * t
    return jets.plus(jets.product(jets.plus(carried, -piece.middle), spread(jets, t, piece)), piece.middle)


def lift(jets: Jets, x: torch.Tensor, t: torch.Tensor, instances: torch.Tensor, piece: Pieces) -> torch.Tensor:
    """The potential of a piece to begin with, of jets x and t (b, c, n, 1): what its first values y would carry along,

        p_0(y) + t u^2 / 2 + nu log(1 + expands t),   u linear in y,

    exact for a parabola p_0, and at t = 0, where -2 nu log sum exp(-p / 2 nu) over all pieces is p_0, as each is p_0 but for
    `beyond` its cuts.
    """
    y = foot(jets, x, t, instances, piece)
    u = jets.plus(piece.expands * jets.plus(y, -piece.middle), wave(instances, piece.middle, 0))
    grown, rate = 1 + piece.expands * t[:, :1], piece.expands
    slower = VISCOSITY * jets.chained(t, torch.log(grown), rate / grown, -((rate / grown) ** 2))
    carried = jets.chained(y, *(wave(instances, y[:, :1], order) for order in (-1, 0, 1)))
    cuts = beyond(jets, y, piece.right, instances, 1) + beyond(jets, y, piece.left, instances, -1)
    return jets.plus(carried + jets.product(0.5 * t, jets.product(u, u)) + slower + cuts, piece.above)


def beyond(jets: Jets, y: torch.Tensor, cut: torch.Tensor, instances: torch.Tensor, side: int) -> torch.Tensor:
    r"""What rises from about 0 on one side of a cut to a parabola on the other, so that both sides' pieces make up p_0:

        2 nu log(1 + exp l(d)),   l = d sqrt(d^2 + 2 nu / c) c / nu,   c = -u' at the cut, d = side (y - cut).

    At the cut itself p_0'' = -c is just levelled.
    """
    steep = (-wave(instances, cut, 1)).clamp_min(GENTLEST)
    away, width, scale = side * jets.plus(y, -cut), 2 * VISCOSITY / steep, steep / VISCOSITY
    d = away[:, :1]
    root = (d**2 + width).sqrt()
    first, second = (2 * d**2 + width) / root, d * (2 * d**2 + 3 * width) / root**3
    level = jets.chained(away, scale * d * root, scale * first, scale * second)
    share = torch.sigmoid(level[:, :1])
    return 2 * VISCOSITY * jets.chained(level, torch.nn.functional.softplus(level[:, :1]), share, share * (1 - share))


def _intervals(instances: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Middle, left, right (b, PIECES), and whether it is there. Extremes of u' on a grid, each moved to its parabola's."""
    grid = torch.linspace(-2, 3, 5 * CELLS + 1, dtype=instances.dtype, device=instances.device)
    slope = wave(instances, grid.expand(len(instances), -1), 1)
    before, here, after = slope[:, :-2], slope[:, 1:-1], slope[:, 2:]
    off = (0.5 * (before - after) / (before - 2 * here + after)).nan_to_num().clamp(-0.5, 0.5)
    place, count = grid[1:-1] + off / CELLS, torch.arange(grid.numel() - 2, device=grid.device)
    most, least = (here >= before) & (here > after), (here <= before) & (here < after)
    inside = most & (grid[1:-1] > -0.5 / CELLS) & (grid[1:-1] < 1 + 0.5 / CELLS)
    first, index = (inside * (4 - grid[1:-1])).topk(PIECES, dim=1)
    index = torch.where(first > 0, index, len(count) // 2)[..., None]
    cuts = place[:, None]
    left = torch.where(least[:, None] & (count < index), cuts, -torch.inf).amax(dim=-1)
    right = torch.where(least[:, None] & (count > index), cuts, torch.inf).amin(dim=-1)
    return place.gather(1, index[..., 0]), left, right, first > 0
