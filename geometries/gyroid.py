"""A gyroid sheet whose thickness is graded over a box of cells."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import scipy.sparse as sp
import torch

from geometries.extruded import staircases
from geometries.level_set import Surface, level_set
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry, Linear
from mnnfem.mesh import Floats, Ints, Mask, Mesh, right_handed, signed_measures
from mnnfem.parameters import alike

# Where cells begin in x, y and z. Cut here, the sheet meets the box's faces at 45 degrees at least and its edges at 39, and
# keeps 0.13 L from its corners; at phase 0 in all it would pass through them, at pi / 4 touch the faces.
PHASE: Floats = np.pi * np.array([0, 5 / 12, 1 / 9])
SWEEPS = 200  # of smoothing the directions
SIDES = ("left", "right"), ("bottom", "top"), ("back", "front")


def gyroid(
    columns: int = 2,
    rows: int = 2,
    storeys: int = 2,
    cell: float = 10.0,
    divisions: int = 12,
    layers: int = 2,
    common: bool = False,
    start: float = 0.06,
    bounds: tuple[float, float] = (0.03, 0.1),
    design: Floats | None = None,
) -> Geometry:
    r"""The sheet about cos x sin y + cos y sin z + cos z sin x = 0 in columns x rows x storeys cells (periods) of side L.

    A node at M on the mid-surface, the share -1 <= z <= 1 of the thickness t away from it, is at

        X = M + z t(M) / 2 d,      t(M) = L sum_c h_c(M) t_c,

    d the unit normal n and a part along the surface. Where M lies on a face or an edge of the box, d = P n / |P n|^2, P the
    projection on it, so that the box's faces stay flat and the thickness is t there too. h_c is trilinear between corners of
    cells, whose t_c are the design: X is linear in it. Where t is the same everywhere the volume is A t + t^3 / 12 int K dA,
    per cell near 3.09 L^2 t - 4 pi / 3 t^3 (the Euler characteristic of a period is -8).

    The mid-surface is that of `level_set`; each of the wedges above its triangles is cut into three tetrahedra as in
    `extruded`. Dihedral angles are 10 degrees at least at the start; in 200 random designs 7.1 within the box and 6.0 at its
    corners, 5.8 with all at the upper bound. The mean ratio is 0.31 at least and 0.64 on average.

    columns, rows, storeys   cells in x, y and z;   cell  their side L, mm
    divisions                cubes along a cell in which the surface is sought: elements are near L / divisions large
    layers                   elements through the thickness
    common                   one thickness everywhere
    start, bounds            of the thicknesses, fractions of L
    design                   where the mesh is made; without it at the start

    Facets: left, right, bottom, top, back (z = 0), front: where the box cuts the sheet; walls: both sides of the sheet.
    Thicknesses are ordered along x, then y, then z.
    """
    counts = columns, rows, storeys
    if min(*counts, layers) < 1 or divisions < 8 or not cell > 0:
        raise InputError("columns, rows, storeys and layers must be at least 1, divisions at least 8, and cell above 0 mm.")
    if not 0 < bounds[0] <= start <= bounds[1]:
        raise InputError(f"Thicknesses need 0 < {bounds[0]:g} <= {start:g} <= {bounds[1]:g} (lower, start, upper).")
    corners = [(i, j, k) for k in range(storeys + 1) for j in range(rows + 1) for i in range(columns + 1)]
    names = ["thickness"] if common else [f"thickness at corner {i}, {j}, {k}" for i, j, k in corners]
    parameters = alike(names, start, bounds, "thickness")
    made_at = parameters.start if design is None else design
    parameters.check(torch.from_numpy(made_at))

    period = np.float64(2 * np.pi)
    sheet = level_set(_value, _gradient, PHASE, np.array(counts) * divisions, period / divisions)
    places = (sheet.points - PHASE) / period  # counted in cells
    middle = places * cell
    shares = np.repeat(np.linspace(-0.5, 0.5, layers + 1), len(middle))
    graded = np.ones((len(middle), 1)) if common else _trilinear(places, counts)
    offsets = sp.csr_matrix(np.tile(graded, (layers + 1, 1)) * shares[:, None] * cell)
    directions = np.tile(_directions(sheet), (layers + 1, 1))
    blocks = [sp.diags(directions[:, axis]) @ offsets for axis in range(3)]
    order = np.arange(directions.size).reshape(3, -1).T.ravel()
    motion = Linear(np.tile(middle, (layers + 1, 1)), sp.csr_matrix(sp.vstack(blocks).tocsr()[order]))
    thin = motion(torch.full((len(names),), 1e-3, dtype=torch.float64)).numpy()  # too thin for an element to be inverted
    cells = right_handed(thin, staircases(sheet.triangles, len(middle), layers))
    if signed_measures(motion(torch.from_numpy(parameters.upper)).numpy(), cells).min() <= 0:
        raise InputError(
            f"A sheet {bounds[1]:g} cells thick would fold: take a lower upper bound, more layers or other divisions."
        )
    mesh = Mesh(motion(torch.from_numpy(made_at)).numpy(), cells, {})
    mesh = Mesh(mesh.points, cells, _facets(mesh.boundary(), sheet, layers))
    return Geometry(mesh, parameters, motion, made_at, partial(gyroid, *counts, cell, divisions, layers, common, start, bounds))


def _value(points: Floats) -> Floats:
    x, y, z = np.moveaxis(points, -1, 0)
    value: Floats = np.cos(x) * np.sin(y) + np.cos(y) * np.sin(z) + np.cos(z) * np.sin(x)
    return value


def _gradient(points: Floats) -> Floats:
    turned = [np.roll(points, -axis, axis=-1) for axis in range(3)]  # it is the same in x, y, z as in y, z, x
    slopes = [np.cos(p[..., 2]) * np.cos(p[..., 0]) - np.sin(p[..., 0]) * np.sin(p[..., 1]) for p in turned]
    return np.stack(slopes, axis=-1)


def _directions(sheet: Surface) -> Floats:
    """d, (n, 3), smooth: its part along the surface is brought near the mean of its neighbours' again and again."""
    normals = _gradient(sheet.points)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    within = normals * sheet.free
    step = within / (within**2).sum(axis=1, keepdims=True)
    directions: Floats = step
    for _ in range(SWEEPS):
        directions = (normals + sheet.mean @ (directions - normals)) * sheet.free
        directions += (1 - (directions * normals).sum(axis=1, keepdims=True)) * step
    return directions


def _trilinear(places: Floats, counts: tuple[int, ...]) -> Floats:
    """Weights of the cells' corners, (n, corners), at places (n, 3)."""
    hats = [np.clip(1 - np.abs(places[:, axis, None] - np.arange(count + 1)), 0, None) for axis, count in enumerate(counts)]
    weights: Floats = np.einsum("ni,nj,nk->nkji", *hats).reshape(len(places), -1)
    return weights


def _facets(boundary: Ints, sheet: Surface, layers: int) -> dict[str, Ints]:
    """The faces of the box, and the rest of the boundary."""
    ends: list[Mask] = [np.tile(mask, (layers + 1, 1))[boundary].min(axis=1) for mask in (sheet.low, sheet.high)]
    on = {SIDES[axis][end]: ends[end][:, axis] for axis, end in itertools.product(range(3), range(2))}
    rest = boundary[~np.concatenate(ends, axis=1).any(axis=1)]
    return {**{name: boundary[mask] for name, mask in on.items()}, "walls": rest}
