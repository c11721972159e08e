"""The depth of walls that pass through each other, as a penalty that a loss can hold."""

from __future__ import annotations

import torch

from mnnfem.contact import passed_vertices
from mnnfem.course import course_of
from mnnfem.errors import InputError
from mnnfem.mesh import Mesh
from mnnfem.walls import walls_of


def overlap_penalty(mesh: Mesh, points: torch.Tensor, displacement: torch.Tensor) -> torch.Tensor:
    r"""How much of the walls has passed through other walls, and how deep: (b,) mm^3.

        P = sum_v l_v |x_v - q_v|^2  ->  integral of depth^2 along the wall,   x = points + displacement

    over the boundary vertices v inside other material; l_v is half of the two edges at v in `mesh.points`, a
    fixed weight, and q_v the nearest point of the other wall. Of two walls that meet, both count. P is 0 where
    nothing has passed, and once continuously differentiable as long as vertices keep the wall they are paired
    with. Its gradient is exact: at the nearest point the distance does not change with the place along the
    wall, so that place is held fixed (envelope theorem). First derivatives only.

    Only vertices count, and edges are taken as straight: what has passed in the bulge of a quadratic edge alone, as in
    15 of 116 states of the sample in `contact.py`, costs nothing here, though the state's record tells it. On a coarse
    mesh that can be 1 mm deep. To see it, the middles of the edges would have to be part of the displacement that the
    bridge returns, and of the adjoint's seed.

    points (n, 2) mm, displacement (b, n, 2) mm: the rows that were solved, not those of NaN. InputError for a body in space.
    """
    if mesh.points.shape[1] != 2:
        raise InputError(
            "Walls that pass through each other are found in the plane only: leave the penalty out for a body in space."
        )
    walls = walls_of(mesh)
    sums = []
    for deformed in points + displacement:
        flat = deformed.detach().numpy()
        if not course_of(walls, flat).crossed:
            sums.append((0.0 * deformed).sum())
            continue
        passed = passed_vertices(walls, flat)
        share = torch.from_numpy(passed.share)[:, None]
        vertex, start, end = (
            deformed[torch.from_numpy(walls.vertex[rows])] for rows in (passed.rows, passed.edges, walls.after[passed.edges])
        )
        gap = vertex - (1 - share) * start - share * end
        sums.append(torch.from_numpy(walls.length[passed.rows]) @ (gap**2).sum(dim=1))
    return torch.stack(sums)
