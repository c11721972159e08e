"""A cubic lattice of cubes and tapered struts in space, its nodes a linear function of the cubes' half sides."""

from __future__ import annotations

from functools import partial

import numpy as np
import scipy.sparse as sp
import torch

from geometries.bricks import bricks
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry, Linear
from mnnfem.mesh import Floats, Ints, Mask, Mesh
from mnnfem.parameters import alike

SIDES = ("left", "right"), ("bottom", "top"), ("back", "front")


def strut_lattice(
    columns: int = 3,
    rows: int = 3,
    storeys: int = 3,
    cell: float = 10.0,
    across: int = 2,
    along: int = 2,
    common: bool = False,
    start: float = 0.2,
    bounds: tuple[float, float] = (0.1, 0.35),
    design: Floats | None = None,
) -> Geometry:
    r"""Columns x rows x storeys cubic cells of side L with a cube in the middle of each and struts between neighbours.

    Cube i has the half side a_i = r_i L about its cell's centre c_i. A strut along x from cube i to the next, j, has the cubes'
    faces for ends and tapers between: its node at (q, v, w), 0 <= q <= 1 along and -1 <= v, w <= 1 across, is at

        (1 - q) (c_i + a_i (1, v, w)) + q (c_j + a_j (-1, v, w)),

    linear in the half sides. At the panel's faces struts of constant section end flush, so the faces stay where they are.
    The volume is the sum of (2 a_i)^3, 4/3 (L - a_i - a_j) (a_i^2 + a_i a_j + a_j^2), and 4 a_i^2 (L/2 - a_i) for each end.
    Blocks of hexahedra, each cut into six tetrahedra along its diagonal from the lowest corner to the highest (Kuhn),
    so that the mesh conforms. Where half sides differ the sides of a strut stay plane, and the volume is exact. Dihedral angles
    are 36 degrees at least at the start, and were 12 in 200 random designs.

    columns, rows, storeys   cells in x, y and z;   cell  the side L, mm
    across, along            elements across a cube, and along half a strut
    common                   one half side for all cubes
    start, bounds            of the half sides, fractions of L
    design                   where the mesh is made; without it at the start

    Facets: left, right, bottom, top, back (z = 0), front: the ends of the struts; walls: all else. Vertex: centre, where a
    cube is and `across` is even. Half sides are ordered along x, then y, then z.
    """
    counts, sizes = (columns, rows, storeys), (across, along)
    if min(*counts, *sizes) < 1 or not cell > 0:
        raise InputError("columns, rows, storeys, across and along must be at least 1 and cell above 0 mm.")
    if not 0 < bounds[0] <= start <= bounds[1] < 0.5:
        raise InputError(f"Half sides need 0 < {bounds[0]:g} <= {start:g} <= {bounds[1]:g} < 0.5 (lower, start, upper).")
    index = [(i, j, k) for k in range(storeys) for j in range(rows) for i in range(columns)]
    names = ["half side"] if common else [f"half side of cube {i}, {j}, {k}" for i, j, k in index]
    parameters = alike(names, start, bounds, "half side")
    made_at = parameters.start if design is None else design
    parameters.check(torch.from_numpy(made_at))

    grid = tuple(count * (across + 2 * along) for count in counts)
    at, cells = bricks(_solid(grid, across, along))
    motion = _motion(at, counts, cell, across, along)
    if common:
        motion = Linear(motion.origin, sp.csr_matrix(motion.matrix.sum(axis=1)))
    points = motion(torch.from_numpy(made_at)).numpy()
    middle = np.flatnonzero((2 * at == grid).all(axis=1))
    inside = (np.array(counts) % 2).all() and across % 2 == 0
    bare = Mesh(points, cells, {}, {"centre": int(middle[0])} if inside else {})
    mesh = Mesh(points, bare.cells, _facets(bare.boundary(), at, grid), bare.vertices)
    return Geometry(mesh, parameters, motion, made_at, partial(strut_lattice, *counts, cell, *sizes, common, start, bounds))


def _solid(grid: tuple[int, ...], across: int, along: int) -> Mask:
    """Which hexahedra of the grid are material: those within a cube's stretch along two axes at least."""
    places = (np.arange(count) % (across + 2 * along) for count in grid)
    x, y, z = np.ix_(*(((place >= along) & (place < along + across)).astype(int) for place in places))
    solid: Mask = x + y + z >= 2
    return solid


def _motion(at: Ints, counts: tuple[int, ...], cell: float, across: int, along: int) -> Linear:
    """The motion of the nodes at these places (n, 3) of the grid, one parameter per cube."""
    pitch = across + 2 * along
    owner = np.minimum(at // pitch, np.array(counts) - 1)
    local = at - owner * pitch - along  # 0 .. across in the cube of their cell, beyond it in a strut
    own, others = 2 * local / across - 1, np.zeros(at.shape)
    neighbour, origin = owner.copy(), (owner + 0.5) * cell
    for axis in range(3):
        for side, out in ((-1, -local[:, axis]), (1, local[:, axis] - across)):
            strut = out > 0
            own[strut, axis] = side
            inner = strut & (owner[:, axis] + side >= 0) & (owner[:, axis] + side < counts[axis])
            q = out[inner, None] / (2 * along)
            others[inner] = q * own[inner]
            others[inner, axis] *= -1
            own[inner] *= 1 - q
            origin[inner, axis] += q[:, 0] * side * cell
            neighbour[inner, axis] += side
            end = strut & ~inner
            own[end, axis] *= 1 - out[end] / along
            origin[end, axis] += out[end] / along * side * cell / 2
    rows = np.arange(at.size).reshape(at.shape)
    columns = [np.ravel_multi_index(tuple(cubes.T), counts, order="F") for cubes in (owner, neighbour)]
    index = np.concatenate([rows.ravel()] * 2), np.repeat(np.concatenate(columns), 3)
    values = np.concatenate([own.ravel(), others.ravel()]) * cell
    return Linear(origin, sp.csr_matrix((values, index), shape=(at.size, int(np.prod(counts)))))


def _facets(boundary: Ints, at: Ints, grid: tuple[int, ...]) -> dict[str, Ints]:
    """The faces of the panel, and the rest of the boundary."""
    on = {
        name: (at[boundary][:, :, axis] == end).all(axis=1)
        for axis, names in enumerate(SIDES)
        for name, end in zip(names, (0, grid[axis]), strict=True)
    }
    return {**{name: boundary[mask] for name, mask in on.items()}, "walls": boundary[~np.any(list(on.values()), axis=0)]}
