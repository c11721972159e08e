"""Straight-line graphs in the plane: which bar follows which around every face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import shapely
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints


@dataclass(frozen=True, eq=False)
class Graph:
    """Joints linked by straight bars that meet at joints only; a lattice of beams or a network of springs.

    joints  (j, 2) mm;   bars  (b, 2) joints of each bar

    Every bar is two half-edges, 2 k from its first joint to its second and 2 k + 1 back. InputError unless the graph
    is connected, no two joints lie on top of each other, and bars meet at joints only.
    """

    joints: Floats
    bars: Ints

    def __post_init__(self) -> None:
        joints, bars = self.joints, self.bars
        if joints.ndim != 2 or joints.shape[1] != 2 or bars.ndim != 2 or bars.shape[1] != 2 or not len(bars):
            raise InputError(f"A graph needs joints (j, 2) and bars (b, 2), b > 0; got {joints.shape} and {bars.shape}.")
        if bars.min() < 0 or bars.max() >= len(joints):
            raise InputError(f"Bars may name joints 0 to {len(joints) - 1}; got {bars.min()} to {bars.max()}.")
        closed = np.flatnonzero(bars[:, 0] == bars[:, 1])
        if closed.size:
            raise InputError(f"Bar {closed[0]} links joint {bars[closed[0], 0]} to itself: leave it out.")
        check_apart(joints)
        check_connected(bars, len(joints))
        _check_crossings(joints, bars)

    @property
    def tail(self) -> Ints:
        """Joint (2 b,) that each half-edge leaves; `tail[h ^ 1]` is where it goes."""
        return self.bars.reshape(-1)

    def before(self) -> Ints:
        """The half-edge (2 b,) next clockwise of each about the joint that it leaves: itself at a dangling end."""
        along = self.joints[self.tail.reshape(-1, 2)[:, ::-1].reshape(-1)] - self.joints[self.tail]
        order = np.lexsort((np.arctan2(along[:, 1], along[:, 0]), self.tail))
        first = np.flatnonzero(np.diff(self.tail[order], prepend=-1))
        last = np.append(first[1:], len(order)) - 1
        earlier = np.roll(order, 1)
        earlier[first] = order[last]
        before = np.empty_like(order)
        before[order] = earlier
        return before

    def faces(self) -> list[Ints]:
        """The half-edges around each face, with the face on the right of them and the first bar's face first."""
        after = np.argsort(self.before())
        left, faces = set(range(len(after))), []
        while left:
            face = [min(left)]
            while (following := int(after[face[-1] ^ 1])) != face[0]:
                face.append(following)
            left -= set(face)
            faces.append(np.array(face))
        return faces


def bar_name(bars: Ints, bar: int) -> str:
    """How messages call a bar."""
    return f"bar {bar} (joints {bars[bar, 0]} and {bars[bar, 1]})"


def check_apart(joints: Floats) -> None:
    """InputError where two joints lie on top of each other, nearer than 1e-9 of the graph's size."""
    near = cKDTree(joints).query_pairs(1e-9 * float(np.ptp(joints, axis=0).max()))
    if near:
        a, b = min(near)
        raise InputError(
            f"Joints {a} and {b} lie on top of each other, at ({', '.join(f'{x:g}' for x in joints[a])}) mm: make them one."
        )


def _check_crossings(joints: Floats, bars: Ints) -> None:
    """InputError where two bars cross, overlap or touch away from a common joint."""
    lines = shapely.linestrings(joints[bars])
    near = 1e-9 * float(np.ptp(joints, axis=0).max())
    a, b = shapely.STRtree(lines).query(lines, predicate="dwithin", distance=near)
    a, b = a[a < b], b[a < b]
    common = bars[a][:, :, None] == bars[b][:, None, :]
    shared = common.any(axis=(1, 2))
    overlap = shapely.length(shapely.intersection(lines[a], lines[b])) > near
    wrong = np.flatnonzero(~shared | overlap)
    if wrong.size:
        one, other = int(a[wrong[0]]), int(b[wrong[0]])
        x, y = shapely.get_coordinates(shapely.shortest_line(lines[one], lines[other]))[0]
        raise InputError(
            f"{bar_name(bars, one).capitalize()} and {bar_name(bars, other)} cross or touch at ({x:.4g}, {y:.4g}) mm "
            "away from a common joint: put a joint there, or take one of them out."
        )


def check_connected(bars: Ints, count: int) -> None:
    """InputError unless bars link all of the joints 0 to count - 1 to each other."""
    links = sp.coo_matrix((np.ones(len(bars)), bars.T), shape=(count, count))
    parts, part = connected_components(links, directed=False)
    if parts > 1:
        away = np.flatnonzero(part != part[0])
        raise InputError(
            f"The graph has {parts} parts that no bar links: joint {away[0]} is not reached from joint 0. "
            "Link them, or leave joints without bars out."
        )
