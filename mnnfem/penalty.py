"""Walls that come too near each other, pass through each other, or are near folding into themselves: a penalty."""

from __future__ import annotations

import numpy as np
import torch

from mnnfem.clearance import facing_points
from mnnfem.course import Course, course_of
from mnnfem.errors import InputError
from mnnfem.mesh import Mesh
from mnnfem.walls import walls_of

CREASE = 0.6  # of its length at rest: a free surface that is shorter is near folding into itself
FOLDING = 4.0  # how many clearances near it counts for, for each length at rest that it is shorter, each radian of a corner
NARROWED = 0.5  # of its width, or angle, at rest: a void that is wider than that costs nothing, however narrow it was made
CHORD = 2e-4  # of the body's size: the farthest that a chord may be from its curved edge
LEAST = 3  # chords of an edge: where walls face each other, its vertices may not


def overlap_penalty(
    mesh: Mesh,
    points: torch.Tensor,
    displacement: torch.Tensor,
    clearance: float = 0.0,
    middles: torch.Tensor | None = None,
    crease: float = CREASE,
) -> torch.Tensor:
    r"""How far walls are from keeping a clearance, how deep they have passed, and how near they are to folding: (b,) mm^3.

        P = sum_v l_v max(0, t_v - g_v)^2 + sum_e l_e (f max(0, crease - s_e))^2 + sum_v l_v (f max(0, NARROWED A_v - a_v))^2,
        t_v = min(clearance, NARROWED G_v),  f = FOLDING clearance  ->  integrals along the wall,

    over the points v along the boundary that face another wall across a void: g_v is the distance from it, less than 0
    inside its material, at x = points + displacement, and G_v the width of the void between the same two places at rest. l_v
    is half of the two chords at v in `mesh.points`, a fixed weight. Of two walls that meet, both count. s_e is the length of
    chord e over that at rest: rubber's free surface loses its stability to wrinkles at 0.54 (Biot 1963) and to creases at 0.65
    (Hong, Zhao and Suo 2009), folds that only a finer mesh shows. They begin at a void's corners: a_v is the void's angle
    between the two chords at v, A_v that at rest, at most pi. What has closed to 0.38 of its angle is shut on a mesh of four
    times the elements. With no clearance P is the integral of the depth squared of what has passed, and 0 where nothing has.

    Edges are parabolas through their middles, seen as chords; straight, and seen at their vertices alone, without middles:
    then what has passed in the bulge of an edge, on a coarse mesh 1 mm and more, costs nothing.

    P is once continuously differentiable as long as points keep the wall that they are paired with and edges their number
    of chords. Its gradient is exact: the nearest place on the other wall moves with both.

    points (n, 2) mm, displacement (b, n, 2) and middles (b, e, 2) mm, in the order of `walls_of(mesh).edges`: the rows that
    were solved, not those of NaN. InputError for a body in space.
    """
    if mesh.dim != 2:
        raise InputError(
            "Walls that pass through each other are found in the plane only: leave the penalty out for a body in space."
        )
    ends = points[torch.from_numpy(walls_of(mesh).edges)]
    return torch.stack(
        [
            _penalty(
                mesh, points, points + moved, None if middles is None else ends.mean(dim=1) + middles[k], clearance, crease
            )
            for k, moved in enumerate(displacement)
        ]
    )


def _penalty(
    mesh: Mesh, points: torch.Tensor, deformed: torch.Tensor, middles: torch.Tensor | None, clearance: float, crease: float
) -> torch.Tensor:
    curved = () if middles is None else (middles.detach().numpy(), CHORD, LEAST)
    course = course_of(walls_of(mesh), deformed.detach().numpy(), *curved)
    near = facing_points(course, clearance)
    rows, start, end = (torch.from_numpy(one) for one in (near.rows, near.edges, course.after[near.edges]))
    now, rest = _places(course, deformed, middles), _places(course, points, None)
    chord = now[end] - now[start]
    along = ((now[rows] - now[start]) * chord).sum(dim=1) / chord.square().sum(dim=1)
    share = along.clamp(0, 1)[:, None]

    def width(places: torch.Tensor) -> torch.Tensor:
        return (places[rows] - (1 - share) * places[start] - share * places[end]).norm(dim=1)

    gap = width(now) * torch.where(torch.from_numpy(near.depth > 0), -1.0, 1.0)
    short = ((NARROWED * width(rest)).clamp(max=clearance) - gap).clamp(min=0)
    made = _places(course, torch.from_numpy(mesh.points), None)
    length = _lengths(course, made)
    weight, folding = 0.5 * (length + length[torch.from_numpy(course.before)]), FOLDING * clearance
    pressed = (crease - _lengths(course, now) / _lengths(course, rest)).clamp(min=0)
    made_open = _corners(course, rest).remainder(2 * torch.pi).clamp(max=torch.pi)
    closed = (NARROWED * made_open - _opening(course, now)).clamp(min=0)
    return weight[rows] @ short.square() + length @ (folding * pressed).square() + weight @ (folding * closed).square()


def _opening(course: Course, places: torch.Tensor) -> torch.Tensor:
    """Angle (k,) of the void at the course's points, rad: below 0 where the chords there have passed through each other."""
    angles = _corners(course, places)
    turns = torch.from_numpy(2 * np.pi - course.angles) - angles.detach()
    return angles + 2 * torch.pi * (turns / (2 * torch.pi)).round()


def _corners(course: Course, places: torch.Tensor) -> torch.Tensor:
    """Angle (k,) from the chord behind to the one ahead, across the void, but for whole turns, rad."""
    ahead, behind = (places[torch.from_numpy(there)] - places for there in (course.after, course.before))
    across = behind[:, 0] * ahead[:, 1] - behind[:, 1] * ahead[:, 0]
    return torch.atan2(across, (ahead * behind).sum(dim=1))


def _lengths(course: Course, places: torch.Tensor) -> torch.Tensor:
    """Of the chords (k,) from each of the course's points to the next, mm."""
    return (places[torch.from_numpy(course.after)] - places).norm(dim=1)


def _places(course: Course, points: torch.Tensor, middles: torch.Tensor | None) -> torch.Tensor:
    """Where the course's points are, (k, 2) mm, from mesh points (n, 2) and middles of the walls' edges (e, 2), if curved."""
    edge, share = torch.from_numpy(course.edge), torch.from_numpy(course.share)[:, None]
    start, end = (points[torch.from_numpy(course.walls.edges[:, k])][edge] for k in (0, 1))
    straight = (1 - share) * start + share * end
    if middles is None:
        return straight
    return straight + 4 * share * (1 - share) * (middles[edge] - 0.5 * (start + end))
