"""Cells of a VTU file -> the triangles that are seen of them."""

from __future__ import annotations

import numpy as np
import pyvista

from mnnfem.errors import InputError
from mnnfem.mesh import Ints

# By VTK's numbers of cells: linear, and quadratic with the same corners in front.
PLANE = {5: ((0, 1, 2),), 9: ((0, 1, 2), (0, 2, 3))}
PLANE |= {22: PLANE[5], 28: PLANE[9]}
SPACE: dict[int, tuple[tuple[int, ...], ...]] = {
    10: ((0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)),
    12: ((0, 4, 7, 3), (1, 2, 6, 5), (0, 1, 5, 4), (3, 7, 6, 2), (0, 3, 2, 1), (4, 5, 6, 7)),
}
SPACE |= {24: SPACE[10], 25: SPACE[12]}
# The smaller triangles between all nodes of quadratic ones.
FINE_PLANE = {
    22: ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)),
    28: ((0, 4, 8), (0, 8, 7), (4, 1, 5), (4, 5, 8), (8, 5, 2), (8, 2, 6), (7, 8, 6), (7, 6, 3)),
}
MIDDLES = {24: {(0, 1): 4, (1, 2): 5, (0, 2): 6, (0, 3): 7, (1, 3): 8, (2, 3): 9}}


def seen(grid: pyvista.UnstructuredGrid, fine: bool) -> Ints:
    """Triangles (t, 3) of nodes: a plane body whole, of a solid one the surface, outwards; `fine` with the middle nodes.

    InputError for cells of other kinds.
    """
    found = []
    for kind, cells in grid.cells_dict.items():
        if kind in PLANE:
            found.append(cells[:, (FINE_PLANE if fine and kind in FINE_PLANE else PLANE)[kind]].reshape(-1, 3))
        elif kind in SPACE:
            found.append(_surface(int(kind), cells, fine and kind in MIDDLES))
        else:
            raise InputError(f"Cells of VTK's kind {kind} are not drawn.")
    return np.concatenate(found).astype(np.int64)


def _surface(kind: int, cells: Ints, fine: bool) -> Ints:
    """Sides of one cell only, in triangles."""
    local = np.array(SPACE[kind])
    corners = np.sort(cells[:, local].reshape(-1, local.shape[1]), axis=1)
    _, first, count = np.unique(corners, axis=0, return_index=True, return_counts=True)
    cell, side = np.divmod(first[count == 1], len(local))
    if local.shape[1] == 4:
        parts = [local[:, [0, 1, 2]], local[:, [0, 2, 3]]]
    elif fine:
        a, b, c = local.T
        ab, bc, ca = (_middles(kind, one, other) for one, other in ((a, b), (b, c), (c, a)))
        parts = [np.stack(part, axis=1) for part in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    else:
        parts = [local]
    triangles: Ints = np.concatenate([cells[cell[:, None], part[side]] for part in parts])
    return triangles


def _middles(kind: int, ends: Ints, others: Ints) -> Ints:
    pairs = np.sort(np.stack([ends, others], axis=1), axis=1)
    return np.array([MIDDLES[kind][int(a), int(b)] for a, b in pairs])
