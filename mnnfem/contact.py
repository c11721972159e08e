"""Walls that pass through each other: there is no contact model, so such states are at least found."""

from __future__ import annotations

import shapely

from mnnfem.mesh import Floats, Ints, Mesh


def crossed_loops(mesh: Mesh, points: Floats) -> list[Ints]:
    """Boundary loops (chains of vertices) that cross themselves at `points` (n, 2) mm, the deformed positions."""
    return [loop for loop in mesh.loops() if not shapely.LinearRing(points[loop]).is_simple]
