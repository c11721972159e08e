"""A finger with a row of chambers that bends when air is pressed into them: half of it, up to its plane of symmetry."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from geometries.bricks import bricks
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry, Linear
from mnnfem.mesh import Floats, Ints, Mask, Mesh
from mnnfem.parameters import alike, joined


def pneumatic_finger(
    chambers: int = 7,
    pitch: float = 14.0,
    gap: float = 3.0,
    height: float = 17.0,
    width: float = 18.0,
    floor: float = 2.0,
    wall: float = 2.0,
    channel: float = 1.5,
    lid: float = 1.2,
    base: float = 6.0,
    length: tuple[float, float, float] = (6.0, 4.0, 7.0),
    rise: tuple[float, float, float] = (12.0, 7.0, 13.0),
    divisions: int = 1,
    design: Floats | None = None,
) -> Geometry:
    r"""A fast PneuNet (Mosadegh et al., Adv. Funct. Mater. 2014): hollow blocks in a row along x on a common floor, y up.

    Half of it, 0 <= z <= width / 2. A channel along the floor joins the chambers and opens in the base, x = 0: they are one
    cavity, open to the air line, and nothing that is printed is closed inside. Bricks of a grid whose lines follow the
    chambers' faces, in six tetrahedra each: nodes are linear in the design, and no design within bounds turns one over.

    chambers, pitch   how many, and their distance, mm
    gap               between two blocks, down to the lid of the channel, mm
    height, width     of the bar, mm;   base  mm of it before the first pitch
    floor, wall       thickness below the chambers and beside them, mm
    channel, lid      height of the channel and half its width; thickness above it in the gaps, mm
    length, rise      of a chamber along x and along y, mm: start, lower and upper bound
    divisions         elements per segment of the grid
    design            where the mesh is made, (2 chambers,): lengths, then rises; without it at the start

    Facets: base (x = 0), middle (z = 0), bottom, top, side, tip, gaps, cavity. Vertices: grip_0, grip_1 ... on the bottom of
    the middle, below each chamber's centre.
    """
    if chambers < 1 or divisions < 1:
        raise InputError("A finger has one chamber at least, and its grid one element per segment.")
    if not 0 < length[1] <= length[0] <= length[2] < pitch - gap or not gap > 0:
        raise InputError(
            f"Chambers need 0 < {length[1]:g} <= {length[0]:g} <= {length[2]:g} < {pitch - gap:g} mm, lengths and what a gap "
            f"of {gap:g} mm leaves of the pitch."
        )
    if not channel + lid < rise[1] <= rise[0] <= rise[2] < height - floor or not 0 < channel < 0.5 * width - wall:
        raise InputError(
            f"Chambers need {channel + lid:g} < {rise[1]:g} <= {rise[0]:g} <= {rise[2]:g} < {height - floor:g} mm: channel "
            f"and lid, rises, what is above the floor; and the channel to fit beside the wall, {channel:g} < "
            f"{0.5 * width - wall:g} mm."
        )
    numbers = range(chambers)
    parameters = joined(
        alike([f"length of chamber {k}" for k in numbers], length[0], length[1:], "chamber length", "mm"),
        alike([f"rise of chamber {k}" for k in numbers], rise[0], rise[1:], "chamber rise", "mm"),
    )
    made_at = parameters.start if design is None else design
    parameters.check(torch.from_numpy(made_at))

    kinds = ["base", *["wall", "chamber", "wall", "gap"] * chambers][:-1]
    steps = np.array([2 if kind in ("base", "chamber") else 1 for kind in kinds]) * divisions

    def along(lengths: Floats) -> Floats:
        """Where the grid's lines cross x."""
        starts = base + pitch * np.arange(chambers)
        centres = starts + 0.5 * pitch
        blocks = np.stack([starts + 0.5 * gap, centres - 0.5 * lengths, centres + 0.5 * lengths, starts + pitch - 0.5 * gap], 1)
        return _cut(np.array([0.0, *blocks.ravel()]), steps)

    def up(rises: Floats) -> Floats:
        """Where they cross y at each crossing of x, (x, y)."""
        tops = floor + _cut(np.array([rises[0], *np.repeat(rises, 4)]), steps)
        below = np.array([0.0, floor, floor + channel, floor + channel + lid])
        return np.stack([_cut(np.array([*below, top, height]), np.full(5, divisions)) for top in tops])

    z = _cut(np.array([0.0, channel, 0.5 * width - wall, 0.5 * width]), np.full(3, divisions))
    nodes, cells = bricks(_solid(np.repeat(kinds, steps), divisions))
    i, j, k = nodes.T

    def places(design: Floats) -> Floats:
        """Nodes (n, 3) mm."""
        lengths, rises = np.split(design, 2)
        return np.stack([along(lengths)[i], up(rises)[i, j], z[k]], axis=1)

    origin = places(np.zeros(2 * chambers))
    columns = [sp.csc_matrix((places(unit) - origin).reshape(-1, 1)) for unit in np.eye(2 * chambers)]
    points = places(made_at)
    gaps = np.repeat(np.array(kinds) == "gap", steps)
    on_gap = np.append(gaps, False) | np.append(False, gaps)  # of the lines across x
    in_gap = on_gap[i] & (j >= 3 * divisions)
    lines = np.cumsum(steps)[[kind == "chamber" for kind in kinds]] - divisions
    vertices = {f"grip_{n}": int(np.flatnonzero((nodes == (line, 0, 0)).all(axis=1))[0]) for n, line in enumerate(lines)}
    mesh = Mesh(points, cells, _facets(Mesh(points, cells, {}), nodes, in_gap), vertices)
    again = partial(
        pneumatic_finger, chambers, pitch, gap, height, width, floor, wall, channel, lid, base, length, rise, divisions
    )
    return Geometry(mesh, parameters, Linear(origin, sp.csr_matrix(sp.hstack(columns))), made_at, again)


def _cut(knots: Floats, steps: Ints) -> Floats:
    """Each stretch between two knots in so many equal steps."""
    numbers = np.concatenate([[0], np.cumsum(steps)])
    cut: Floats = np.interp(np.arange(numbers[-1] + 1), numbers, knots)
    return cut


def _solid(kinds: npt.NDArray[np.str_], divisions: int) -> Mask:
    """Which bricks of the grid are of rubber; `kinds` of its layers along x."""
    n, solid = divisions, np.ones((len(kinds), 5 * divisions, 3 * divisions), dtype=bool)
    solid[kinds == "chamber", n : 4 * n, : 2 * n] = False
    solid[kinds == "gap", 3 * n :] = False
    solid[: np.flatnonzero(kinds == "chamber")[-1], n : 2 * n, :n] = False
    return solid


def _facets(mesh: Mesh, nodes: Ints, in_gap: Mask) -> dict[str, Ints]:
    """The boundary's triangles by the grid's planes and by gaps; what is left is the cavity's."""
    boundary = mesh.boundary()
    ends = nodes.max(axis=0)
    planes = {
        "base": (0, 0),
        "middle": (2, 0),
        "bottom": (1, 0),
        "top": (1, ends[1]),
        "side": (2, ends[2]),
        "tip": (0, ends[0]),
    }
    found, left = {}, np.ones(len(boundary), dtype=bool)
    for name, (axis, at) in planes.items():
        on = (nodes[boundary][:, :, axis] == at).all(axis=1)
        found[name], left = boundary[on], left & ~on
    between = in_gap[boundary].all(axis=1) & left
    return {**found, "gaps": boundary[between], "cavity": boundary[left & ~between]}
