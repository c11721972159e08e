"""Design rules of a plane body, differentiable: how much material, and how narrow its ligaments and pores are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
import torch
from scipy.spatial import ConvexHull

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints, Mask, Mesh
from mnnfem.walls import Walls, walls_of

FACING = np.cos(np.radians(45.0))  # two sides of a wall or a pore face each other where they are nearer to parallel
FELT = 40.0  # a pair longer than exp(40 / sharpness) of the least has a weight below 1e-17


def relative_density(mesh: Mesh, points: torch.Tensor, hull: bool = False) -> torch.Tensor:
    """Area (volume) of the body over that of its bounding box, or of its convex hull, both as `mesh` was made.

    points (n, d) mm -> a scalar
    """
    if mesh.dim == 3:
        mesh.refuse_blocks("The density of a solid body")
    cells = mesh.triangles if mesh.dim == 2 else mesh.cells
    sides = points[torch.from_numpy(cells[:, 1:])] - points[torch.from_numpy(cells[:, :1])]
    measure = torch.linalg.det(sides).sum() / (2.0 if mesh.dim == 2 else 6.0)
    whole = ConvexHull(mesh.points).volume if hull else np.ptp(mesh.points, axis=0).prod()
    return measure / float(whole)


def least_gap(mesh: Mesh, points: torch.Tensor, sharpness: float = 1000.0) -> torch.Tensor:
    """Smooth least distance between two pores, mm: see `least_ligament`. InputError unless there are two."""
    walls, flat = _walls(mesh, points)
    holes = ~walls.turns[walls.loop]
    if len(walls.turns) < 3:
        raise InputError(f"A gap lies between two pores; the mesh has {len(walls.turns) - 1}.")
    return _smooth_least(_lengths(walls, points, _near(walls, flat, holes, sharpness)), sharpness)


def least_ligament(mesh: Mesh, points: torch.Tensor, sharpness: float = 1000.0) -> torch.Tensor:
    r"""Smooth least thickness of the material between two places of its boundary, mm: a scalar.

        D = (sum_i d_i^-p)^(-1/p),      n^(-1/p) d <= D <= d,      p = sharpness, d the least of n lengths d_i

    (n alike: a thousand make D 0.7 % too small at p = 1000, never too large). Between two loops, d_i is the distance
    of a vertex of one from an edge of the other: the least of them is that of the polygons. Where one loop runs along
    both sides of a wall, it is the length of the straight line from a vertex, at right angles to the boundary, to the
    side that it meets within 45 degrees of parallel.

    Pairs are sought anew at every call and then held: between loops the place on the edge is held too, as at a
    nearest point the length does not change with it, so the gradient is exact. First derivatives only.

    points (n, 2) mm, the mesh's. InputError for a body in space.
    """
    walls, flat = _walls(mesh, points)
    every = np.ones(len(walls.vertex), dtype=bool)
    parts = [_rays(walls, points, _facing(walls, flat, every, material=True))]
    if len(walls.turns) > 1:
        parts.append(_lengths(walls, points, _near(walls, flat, every, sharpness)))
    return _smooth_least(torch.cat(parts), sharpness)


def least_pore(mesh: Mesh, points: torch.Tensor, sharpness: float = 1000.0) -> torch.Tensor:
    """Smooth least width of a pore, mm: across its void, as `least_ligament` across a wall with one loop on both sides.

    Where a line meets the far side just at a vertex, as in round pores of evenly spaced vertices, the width has a kink,
    and the gradient is that to one side.
    """
    walls, flat = _walls(mesh, points)
    pairs = _facing(walls, flat, ~walls.turns[walls.loop], material=False)
    if not len(pairs.rows):
        raise InputError("No pore has two sides that face each other within 45 degrees: it has no least width.")
    return _smooth_least(_rays(walls, points, pairs), sharpness)


@dataclass(frozen=True)
class _Pairs:
    """Rows (q,) of `Walls`, the edges (q,) that they look at, and a number (q,): share along these, or side (1 material)."""

    rows: Ints
    edges: Ints
    number: Floats


def _walls(mesh: Mesh, points: torch.Tensor) -> tuple[Walls, Floats]:
    if mesh.dim != 2:
        raise InputError("Ligaments, pores and gaps are measured in the plane only: bound those of the plane body.")
    return walls_of(mesh), points.detach().numpy()


def _smooth_least(lengths: torch.Tensor, sharpness: float) -> torch.Tensor:
    return torch.exp(-torch.logsumexp(-sharpness * torch.log(lengths), dim=0) / sharpness)


def _near(walls: Walls, points: Floats, among: Mask, sharpness: float) -> _Pairs:
    """Vertices and nearest edges of each other loop, as near as the least distance between loops, or little more."""
    at = points[walls.vertex]
    lines = shapely.linestrings(points[walls.edges])
    mine, theirs = np.flatnonzero(among), np.flatnonzero(among)
    tree, dots = shapely.STRtree(lines[theirs]), shapely.points(at[mine])

    def within(distance: float) -> tuple[Ints, Ints, Floats]:
        v, e = tree.query(dots, predicate="dwithin", distance=distance)
        v, e = mine[v], theirs[e]
        other = walls.loop[v] != walls.loop[e]
        v, e = v[other], e[other]
        return v, e, shapely.distance(shapely.points(at[v]), lines[e])

    reach = float(np.median(shapely.length(lines)))
    while not (found := within(reach)[2]).size:
        reach *= 2
    v, e, distance = within(float(found.min()) * np.exp(FELT / sharpness))
    order = np.lexsort((distance, walls.loop[e], v))
    _, first = np.unique(np.stack([v, walls.loop[e]])[:, order], axis=1, return_index=True)
    v, e = v[order][first], e[order][first]
    start, chord = points[walls.edges[e, 0]], points[walls.edges[e, 1]] - points[walls.edges[e, 0]]
    return _Pairs(v, e, np.clip(((at[v] - start) * chord).sum(1) / (chord**2).sum(1), 0.0, 1.0))


def _lengths(walls: Walls, points: torch.Tensor, pairs: _Pairs) -> torch.Tensor:
    """Distances (q,) of vertices from fixed places on edges, mm."""
    start, end = (points[torch.from_numpy(walls.edges[pairs.edges, k])] for k in (0, 1))
    share = torch.from_numpy(pairs.number)[:, None]
    return (points[torch.from_numpy(walls.vertex[pairs.rows])] - (1 - share) * start - share * end).norm(dim=1)


def _facing(walls: Walls, points: Floats, among: Mask, material: bool) -> _Pairs:
    """Vertices whose ray through the material, or the void, first meets an edge of their own loop that faces them."""
    rows, side = np.flatnonzero(among), 1.0 if material else -1.0
    every = torch.from_numpy(points)
    normal = _normals(walls, every, rows).numpy() * side
    at, lines = points[walls.vertex[rows]], shapely.linestrings(points[walls.edges])
    far = 2.0 * np.ptp(points, axis=0).max()
    ray, edge = shapely.STRtree(lines).query(shapely.linestrings(np.stack([at, at + far * normal], 1)), predicate="intersects")
    apart = (edge != rows[ray]) & (walls.after[edge] != rows[ray])
    ray, edge = ray[apart], edge[apart]
    length = _rays(walls, every, _Pairs(rows[ray], edge, np.full(len(ray), side))).numpy()
    order = np.lexsort((length, ray))
    _, first = np.unique(ray[order], return_index=True)
    ray, edge = ray[order][first], edge[order][first]
    along = points[walls.edges[edge, 1]] - points[walls.edges[edge, 0]]
    facing = (normal[ray] * side * np.stack([along[:, 1], -along[:, 0]], 1)).sum(1) > FACING * np.linalg.norm(along, axis=1)
    kept = facing & (walls.loop[edge] == walls.loop[rows[ray]])
    return _Pairs(rows[ray[kept]], edge[kept], np.full(int(kept.sum()), side))


def _rays(walls: Walls, points: torch.Tensor, pairs: _Pairs) -> torch.Tensor:
    """Lengths (q,) mm from vertices, at right angles to the boundary, to the lines of edges."""
    at = points[torch.from_numpy(walls.vertex[pairs.rows])]
    start, end = (points[torch.from_numpy(walls.edges[pairs.edges, k])] for k in (0, 1))
    normal = _normals(walls, points, pairs.rows) * torch.from_numpy(pairs.number)[:, None]
    return _cross(start - at, end - start) / _cross(normal, end - start)


def _normals(walls: Walls, points: torch.Tensor, rows: Ints) -> torch.Tensor:
    """Unit bisectors (q, 2) of the two edges at each vertex, into the material."""
    before, here, after = (points[torch.from_numpy(walls.vertex[r])] for r in (walls.before[rows], rows, walls.after[rows]))
    tangent = sum((d / d.norm(dim=1, keepdim=True) for d in (here - before, after - here)), torch.zeros_like(here))
    tangent = tangent / tangent.norm(dim=1, keepdim=True)
    return torch.stack([-tangent[:, 1], tangent[:, 0]], dim=1)


def _cross(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
