"""Corners of a beam lattice: where the sides of two bars that follow each other around a joint end, by formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mnnfem.lattice.graph import Graph
from mnnfem.mesh import Floats, Ints

MITRE, BEVEL, TAPER, FILLET, DISC = range(5)
STRAIGHT = np.radians(20.0)  # neighbours this near to collinear are joined by a taper
SHARP = np.radians(276.0)  # outer corners beyond this are cut off, as their mitre would run away
FILLET_STEP, RIM_STEP = np.radians(30.0), np.radians(15.0)  # turn of one edge of an arc, at most


@dataclass(frozen=True, eq=False)
class Sectors:
    r"""How the sides of neighbouring bars are joined, one sector for each half-edge: from `before` it, counter-clockwise.

    With unit directions a (before) and b of the two bars, theta apart, the left side of a and the right side of b, at
    distances l and r from the lines between joints, meet at

        x_a = (l cos theta + r) / sin theta along a,      x_b = (r cos theta + l) / sin theta along b.

    MITRE   takes that point.
    FILLET  theta < 160 degrees, `radius` > 0: both sides end radius cot(theta / 2) farther out, at an arc of that radius.
    TAPER   within 20 degrees of straight, where the point runs away if l != r: both sides end (|l| + |r|) / 2 out.
    BEVEL   theta > 276 degrees, and at dangling ends, which so are square: both sides end at x = 0.
    DISC    joints with a disc of radius R: both sides end on its rim, x = sqrt(R^2 - l^2) and sqrt(R^2 - r^2).

    The graph as given settles which of them each sector gets, and how many edges, so that no point comes or goes.

    tail    (h,) joint that each half-edge leaves;   before (h,) see `Graph.before`
    kind    (h,) one of the five;   edges (h,) of the boundary in each sector;   radius mm, of fillets
    """

    tail: Ints
    before: Ints
    kind: Ints
    edges: Ints
    radius: float


@dataclass(frozen=True)
class Ends:
    """Where sides end.

    first, last  (h, 2) mm, of each sector;   along (h, 2) unit vector of each half-edge
    centre       (h, 2) mm, and turn (h,) rad, of arcs; of no meaning in other sectors
    """

    first: torch.Tensor
    last: torch.Tensor
    centre: torch.Tensor
    turn: torch.Tensor
    along: torch.Tensor


def sectors_of(graph: Graph, widths: Floats, fillet: float, discs: Floats | None) -> Sectors:
    """The sectors of a graph; widths (b,) or (b, 2) and discs (j,) mm settle how many edges the arcs of discs get."""
    tail, before, theta = graph.tail, graph.before(), angles(graph)
    right = offsets(torch.from_numpy(widths)).numpy()
    kind = np.full(len(tail), MITRE)
    kind[(theta < np.pi) & (fillet > 0)] = FILLET
    kind[np.abs(theta - np.pi) < STRAIGHT] = TAPER
    kind[theta > SHARP] = BEVEL
    turn = np.pi - theta
    if discs is not None:
        disc = discs[tail] > 0
        kind[disc] = DISC
        spread = [np.arcsin(np.clip(side[disc] / discs[tail][disc], -1, 1)) for side in (right[before ^ 1], right)]
        turn[disc] = (theta[disc] - spread[0] - spread[1]) % (2 * np.pi)
    edges = np.ones(len(tail), dtype=np.int64)
    arcs = np.isin(kind, (FILLET, DISC))
    step = np.where(kind[arcs] == DISC, RIM_STEP, FILLET_STEP)
    edges[arcs] = np.maximum(np.ceil(turn[arcs] / step - 1e-9), 2)
    edges[kind == MITRE] = 0
    return Sectors(tail, before, kind, edges, fillet)


def angles(graph: Graph) -> Floats:
    """theta, (2 b,) rad: the angle of each half-edge's sector, above 0 and up to 2 pi (a dangling end)."""
    x, y = directions(torch.from_numpy(graph.joints), graph.tail).numpy().T
    before = graph.before()
    theta = np.angle((x + 1j * y) * (x - 1j * y)[before]) % (2 * np.pi)
    theta[before == np.arange(len(before))] = 2 * np.pi
    return theta


def ends(sectors: Sectors, joints: torch.Tensor, widths: torch.Tensor, discs: torch.Tensor | None) -> Ends:
    """The ends of all sides, differentiable by torch; see `Sectors` for the equations and `Lattice.points` for shapes."""
    kind, tail, before = (torch.from_numpy(each) for each in (sectors.kind, sectors.tail, sectors.before))
    joint, b, right = joints[tail], directions(joints, sectors.tail), offsets(widths)
    a, left, zero = b[before], right[before ^ 1], torch.zeros_like(right)
    sine, cosine = (left_of(a) * b).sum(1), (a * b).sum(1)
    meet, filleted = (kind == MITRE) | (kind == FILLET), kind == FILLET
    sine = torch.where(meet, sine, 1.0)  # elsewhere it may be 0, and would spoil the gradient
    setback = torch.where(filleted, sectors.radius * (1 + cosine) / sine, zero)
    apart = torch.where(kind == TAPER, 0.5 * (left.abs() + right.abs()), zero)
    out_a = torch.where(meet, (left * cosine + right) / sine + setback, apart)
    out_b = torch.where(meet, (right * cosine + left) / sine + setback, apart)
    if discs is not None:
        out_a = torch.where(kind == DISC, _on_rim(discs[tail], left), out_a)
        out_b = torch.where(kind == DISC, _on_rim(discs[tail], right), out_b)
    first = joint + out_a[:, None] * a + left[:, None] * left_of(a)
    last = joint + out_b[:, None] * b - right[:, None] * left_of(b)
    centre = torch.where(filleted[:, None], first + sectors.radius * left_of(a), joint)
    arc = filleted | (kind == DISC)
    u, v = (torch.where(arc[:, None], end - centre, b) for end in (first, last))
    turn = torch.atan2((left_of(u) * v).sum(1), (u * v).sum(1))
    return Ends(first, last, centre, torch.where((kind == DISC) & (turn < 0), turn + 2 * np.pi, turn), b)


def directions(joints: torch.Tensor, tail: Ints) -> torch.Tensor:
    """Unit vector along each half-edge, (h, 2)."""
    leave, arrive = torch.from_numpy(tail), torch.from_numpy(tail[np.arange(len(tail)) ^ 1])
    along = joints[arrive] - joints[leave]
    return along / along.norm(dim=1, keepdim=True)


def offsets(widths: torch.Tensor) -> torch.Tensor:
    """Distance (2 b,) of the right side of each half-edge from the line between its joints."""
    if widths.ndim == 1:
        return 0.5 * widths.repeat_interleave(2)
    return widths.flip(1).reshape(-1)


def left_of(vectors: torch.Tensor) -> torch.Tensor:
    """Plane vectors (.., 2) turned by a quarter, counter-clockwise."""
    return torch.stack([-vectors[..., 1], vectors[..., 0]], dim=-1)


def _on_rim(radius: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """How far along a bar its side meets the rim; a tangent, whose place does not move along, keeps a gradient of 0."""
    square = radius**2 - offset**2
    cuts = square > 1e-12 * radius**2
    return torch.where(cuts, torch.where(cuts, square, 1.0).sqrt(), 0.0)
