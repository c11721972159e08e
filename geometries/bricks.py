"""Bodies of bricks on a grid, each brick cut into six tetrahedra so that neighbours fit."""

from __future__ import annotations

import itertools

import numpy as np

from mnnfem.mesh import Ints, Mask

# The six ways along the edges of a cube from its lowest corner to its highest, (6, 4, 3)
KUHN: Ints = np.array(
    [[[p.index(i) < n for i in range(3)] for n in range(4)] for p in itertools.permutations(range(3))], dtype=int
)


def bricks(solid: Mask) -> tuple[Ints, Ints]:
    """Of the bricks (nx, ny, nz) that are there: places (n, 3) of their nodes, and right-handed tetrahedra (6 h, 4)."""
    lines = tuple(count + 1 for count in solid.shape)
    corners = np.argwhere(solid)[:, None, None] + KUHN[None]
    numbers: Ints = np.ravel_multi_index(tuple(np.moveaxis(corners, -1, 0)), lines).reshape(-1, 4)
    odd = np.tile(np.linalg.det(np.diff(KUHN, axis=1)) < 0, int(solid.sum()))
    numbers[odd] = numbers[odd][:, [0, 1, 3, 2]]
    used, cells = np.unique(numbers, return_inverse=True)
    return np.stack(np.unravel_index(used, lines), axis=1), cells.reshape(-1, 4)
