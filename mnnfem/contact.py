"""Walls that pass through each other: there is no contact model, so such states are found, and how deep they are.

The walls are taken as straight between the mesh's vertices: the bulge of quadratic edges is not seen. On a 5x5
panel with an edge per radius, driven by up to 40 mm a side, it is 0.06 to 0.22 mm at the median of the edges and
at most 3.1 mm; of 22 states in 210 whose curved walls cross, 19 are found. Twice the edges, a quarter of the bulge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import shapely
from scipy.sparse.csgraph import connected_components

from mnnfem.mesh import Floats, Ints, Mesh
from mnnfem.walls import Complexes, Walls, walls_of

TOUCH = 1e-9  # of the body's size: walls less deep than that touch


@dataclass(frozen=True)
class Overlap:
    """One place where walls have passed through each other, at its deepest boundary vertex.

    vertex  index into `Mesh.points`;  loop  its boundary loop, index into `Mesh.loops()`
    at      (x, y) mm, deformed;       depth  mm, from the vertex to the nearest point of the wall it has passed
    """

    loop: int
    vertex: int
    at: tuple[float, float]
    depth: float

    def __str__(self) -> str:
        return f"{self.depth:.3g} mm deep at ({self.at[0]:.1f}, {self.at[1]:.1f}) mm, vertex {self.vertex}"


@dataclass(frozen=True)
class Passed:
    """Boundary vertices inside other material, and the nearest point (1 - share) a + share b of the wall they have passed.

    rows, edges  (p,) rows of `Walls`: the vertices, and the edges a -> b that are nearest;  share (p,);  depth (p,) mm
    """

    rows: Ints
    edges: Ints
    share: Floats
    depth: Floats


def overlaps(mesh: Mesh, deformed: Floats) -> tuple[Overlap, ...]:
    """Where walls have passed through each other at `deformed` (n, 2) mm, the deepest first; walls that touch have not.

    Edges that cross without a vertex in other material (thin walls, coarse mesh) count with the least distance
    of an end of one from the other. A mesh in space has no such test: nothing is found there.
    """
    if mesh.points.shape[1] != 2 or not walls_of(mesh).crossed(deformed):
        return ()
    walls = walls_of(mesh)
    z, passed = walls.at(deformed), passed_vertices(walls, deformed)
    found = [
        Overlap(int(walls.loop[row]), int(walls.vertex[row]), (float(z[row].real), float(z[row].imag)), depth)
        for row, depth in [*_deepest_of_each(walls, passed), *_crossing_edges(walls, z, passed.rows)]
    ]
    return tuple(sorted(found, key=lambda one: -one.depth))


def passed_vertices(walls: Walls, deformed: Floats) -> Passed:
    """Vertices inside other material, each with the nearest point of a wall that is not its own."""
    z = walls.at(deformed)
    rows = np.flatnonzero(_covered(walls, z, walls.angles(deformed)) > 0)
    gaps, shares = _gaps(walls, z, rows)
    edges = _other_wall(walls, rows, gaps)
    pick = np.arange(len(rows))
    depth = gaps[pick, edges]
    deep = depth > TOUCH * walls.size
    return Passed(rows[deep], edges[deep], shares[pick, edges][deep], depth[deep])


def _covered(walls: Walls, z: Complexes, angles: Floats) -> Ints:
    """How often other material covers each vertex, (k,).

    The boundary's winding number about a point counts the material there, as det F > 0. Seen from a vertex, the
    edges that do not meet there turn by the material's own angle, and by 2 pi more for each further cover.
    """
    above = z.imag >= z.imag[:, None]
    row, edge = np.nonzero(above != above[:, walls.after])
    elsewhere = (edge != row) & (walls.after[edge] != row)
    row, edge = row[elsewhere], edge[elsewhere]
    turn = ((z[edge] - z[row]).conj() * (z[walls.after[edge]] - z[row])).imag
    # Angles are between those of the two neighbours, and 2 pi for each edge that passes the ray to the left, where they jump.
    passes = np.where(above[row, edge], turn > 0, -1.0 * (turn < 0))
    seen = np.angle(z[walls.before] - z + 0.0) - np.angle(z[walls.after] - z + 0.0)  # -0 would lie beyond the jump
    covers = np.bincount(row, passes, len(z)) + (seen - angles) / (2 * np.pi)
    return np.rint(covers).astype(np.int64)


def _gaps(walls: Walls, z: Complexes, rows: Ints) -> tuple[Floats, Floats]:
    """Distances (p, k) of vertices from edges, mm, and where along each edge its nearest point is, 0 to 1."""
    along, rays = z[walls.after] - z, z[rows, None] - z
    shares: Floats = np.clip((rays * along.conj()).real / np.abs(along) ** 2, 0.0, 1.0)
    return np.abs(rays - shares * along), shares


def _other_wall(walls: Walls, rows: Ints, gaps: Floats) -> Ints:
    """Nearest edge (p,) of another wall: beyond the vertex's own run, and not the back of its own wall."""
    run = _runs(walls, rows)
    own = run[rows, None]
    others = np.where((run == own) | (run[walls.after] == own), np.inf, gaps)
    nearest: Ints = others.argmin(axis=1)
    pending = np.flatnonzero(np.isfinite(others.min(axis=1)))
    while pending.size:
        pending = pending[walls.joined(rows[pending], nearest[pending])]
        others[pending, nearest[pending]] = np.inf
        nearest[pending] = others[pending].argmin(axis=1)
        pending = pending[np.isfinite(others[pending, nearest[pending]])]
    # A loop inside out, or a body all in sight of itself: all but the vertex's own edges may be what it has passed.
    alone = np.flatnonzero(~np.isfinite(others.min(axis=1)))
    edges = np.arange(len(run))
    meets = (edges == rows[alone, None]) | (walls.after == rows[alone, None])
    nearest[alone] = np.where(meets, np.inf, gaps[alone]).argmin(axis=1)
    return nearest


def _runs(walls: Walls, rows: Ints) -> Ints:
    """Number of the unbroken run of `rows` along the boundary that each vertex is in, (k,); -1 for the others."""
    inside = np.zeros(len(walls.vertex), dtype=bool)
    inside[rows] = True
    linked = rows[inside[walls.after[rows]]]
    _, run = connected_components(_graph(linked, walls.after[linked], len(inside)), directed=False)
    return np.where(inside, run, -1)


def _deepest_of_each(walls: Walls, passed: Passed) -> list[tuple[int, float]]:
    """Row and depth of the deepest vertex of each overlap: runs that have passed each other are one overlap."""
    run = _runs(walls, passed.rows)
    mine = np.tile(run[passed.rows], 2)
    theirs = np.concatenate([run[passed.edges], run[walls.after[passed.edges]]])
    pairs = _graph(mine[theirs >= 0], theirs[theirs >= 0], len(run))
    _, group = connected_components(pairs, directed=False)
    deepest: dict[int, tuple[int, float]] = {}
    for k in np.argsort(passed.depth):
        deepest[group[run[passed.rows[k]]]] = (int(passed.rows[k]), float(passed.depth[k]))
    return list(deepest.values())


def _graph(a: Ints, b: Ints, count: int) -> sp.coo_matrix:
    return sp.coo_matrix((np.ones(len(a)), (a, b)), shape=(count, count))


def _crossing_edges(walls: Walls, z: Complexes, passed: Ints) -> list[tuple[int, float]]:
    """Edges that cross though none of their ends has passed: row of the end nearest to the other edge, and how near."""
    lines = shapely.linestrings(np.stack([z.real, z[walls.after].real], 1), np.stack([z.imag, z[walls.after].imag], 1))
    a, b = shapely.STRtree(lines).query(lines)
    kept = (a < b) & (walls.after[a] != b) & (walls.after[b] != a)
    ends = np.stack([a, walls.after[a], b, walls.after[b]])[:, kept]
    across = np.stack([b, b, a, a])[:, kept]
    side = ((z[walls.after[across]] - z[across]).conj() * (z[ends] - z[across])).imag
    crossing = (side[0] * side[1] < 0) & (side[2] * side[3] < 0) & ~np.isin(ends, passed).any(axis=0)
    ends, across = ends[:, crossing], across[:, crossing]
    away = shapely.distance(shapely.points(z[ends].real, z[ends].imag), lines[across])
    pick = away.argmin(axis=0), np.arange(away.shape[1])
    return [(int(row), float(depth)) for row, depth in zip(ends[pick], away[pick], strict=True) if depth > TOUCH * walls.size]
