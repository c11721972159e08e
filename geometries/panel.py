"""A rectangular panel of square cells, a pore in each that every ray from the cell's centre meets once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Ints, Mesh
from mnnfem.outline import Outline, meshed
from mnnfem.parameters import Parameters, alike, joined

Radius = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Panel:
    """columns x rows cells of side `cell` mm, those of `solid` without a pore, `elements` edges around each pore.

    common    the pores share one set of parameters
    """

    columns: int
    rows: int
    cell: float
    solid: Sequence[tuple[int, int]]
    elements: int
    common: bool

    def __post_init__(self) -> None:
        if min(self.columns, self.rows) < 1 or not self.cell > 0:
            raise InputError("A panel needs one column and one row at least, and cells above 0 mm.")
        if self.elements < 8 or self.elements % 4:
            raise InputError(f"The elements around a pore must be a multiple of 4, and 8 at least, got {self.elements}.")
        if not self.porous:
            raise InputError("Every cell of the panel is solid: there is no pore to design.")

    @cached_property
    def porous(self) -> list[tuple[int, int]]:
        """Cells (column, row) with a pore, row-wise from the lower left."""
        solid = set(map(tuple, self.solid))
        return [(i, j) for j in range(self.rows) for i in range(self.columns) if (i, j) not in solid]

    @cached_property
    def centres(self) -> Floats:
        """Their centres, (pores, 2) mm."""
        return (np.array(self.porous) + 0.5) * self.cell

    def quantity(self, name: str, start: float, bounds: tuple[float, float], unit: str = "") -> Parameters:
        """A quantity that all pores share, or that each has of its own."""
        names = [name] if self.common else [f"{name} of pore {i}, {j}" for i, j in self.porous]
        return alike(names, start, bounds, name, unit)

    def geometry(self, quantities: Sequence[Parameters], radius: Radius) -> Geometry:
        r"""The panel whose pores lie r = radius(values, t) mm from their cell's centre c, at the angles t:

            X = c + ((1 - s) r + s R(t)) (cos t, sin t),      s = 0 on the pore, 1 on the cell's edge, R mm away.

        A node keeps its (t, s), so a pore that stays inside its cell turns no part of it over; only an element that is
        coarse beside the pore's course can invert. values (quantities, k) and t (k,) rad belong to k nodes at a time.

        Facets: left, right, bottom, top; left_middle ... top_middle (without the corner cells); corners (the quarter
        cell either side of each panel corner); pores. Vertex: centre, where there is material.
        """
        parameters = joined(*quantities, kind="pore")
        return self._built(parameters, len(quantities), radius, parameters.start)

    def _built(self, parameters: Parameters, count: int, radius: Radius, design: Floats) -> Geometry:
        def radii(design: torch.Tensor, pore: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return radius(design.reshape(count, -1).expand(count, len(self.porous) if self.common else -1)[:, pore], t)

        mesh = meshed(self._outline(radii), parameters, design).mesh
        motion = self._rays(mesh, radii, torch.from_numpy(design))
        return Geometry(mesh, parameters, motion, design, lambda other: self._built(parameters, count, radius, other))

    def _outline(self, radii: Callable[..., torch.Tensor]) -> Outline:
        rim = rectangle(self.columns, self.rows, self.cell, divisions=4 * -(-self.elements // 12))
        middle = 0.5 * self.cell * np.array([[self.columns, self.rows]])
        hollow = self.columns % 2 and self.rows % 2 and (self.columns // 2, self.rows // 2) in self.porous
        inner = len(rim.points) + np.arange(0 if hollow else 1)
        fixed = torch.from_numpy(np.concatenate([rim.points, middle[: len(inner)]]))
        pore = torch.arange(len(self.porous)).repeat_interleave(self.elements)
        t = (torch.arange(self.elements, dtype=torch.float64) * (2 * np.pi / self.elements)).repeat(len(self.porous))
        centres, rays = torch.from_numpy(self.centres)[pore], torch.stack([t.cos(), t.sin()], dim=1)
        loops = len(fixed) + np.arange(len(t)).reshape(-1, self.elements)
        return Outline(
            loops=(np.arange(len(rim.points)), *loops[:, ::-1]),
            facets={**rim.facets, "pores": np.stack([loops, np.roll(loops, -1, axis=1)], axis=-1).reshape(-1, 2)},
            at=lambda design: torch.cat([fixed, centres + radii(design, pore, t)[:, None] * rays]),
            vertices={"centre": int(inner[0])} if inner.size else {},
            inner=inner,
            names=("the outline", *(f"pore {i}, {j}" for i, j in self.porous)),
        )

    def _rays(self, mesh: Mesh, radii: Callable[..., torch.Tensor], made_at: torch.Tensor) -> _Rays:
        nearest = np.linalg.norm(mesh.points[:, None] - self.centres, ord=np.inf, axis=2)
        pore = nearest.argmin(axis=1)
        nodes = np.flatnonzero(nearest.min(axis=1) < 0.5 * self.cell * (1 - 1e-9))
        local, pore = (mesh.points - self.centres[pore])[nodes], torch.from_numpy(pore[nodes])
        ray, t = local / np.linalg.norm(local, axis=1, keepdims=True), torch.from_numpy(np.arctan2(local[:, 1], local[:, 0]))
        far, near = 0.5 * self.cell / np.abs(ray).max(axis=1), radii(made_at, pore, t).numpy()
        share = np.clip((far - np.linalg.norm(local, axis=1)) / (far - near), 0.0, 1.0)
        return _Rays(mesh, nodes, lambda design: radii(design, pore, t), share[:, None] * ray, made_at)


@dataclass(frozen=True, eq=False)
class _Rays:
    """X = X as made + (r(design) - r(made_at)) pull at `nodes`; pull = (1 - s) (cos t, sin t)."""

    mesh: Mesh
    nodes: Ints
    radii: Callable[[torch.Tensor], torch.Tensor]
    pull: Floats
    made_at: torch.Tensor

    def __call__(self, design: torch.Tensor) -> torch.Tensor:
        grown = self.radii(design) - self.radii(self.made_at)
        moved = grown[:, None] * torch.from_numpy(self.pull)
        return torch.from_numpy(self.mesh.points).index_add(0, torch.from_numpy(self.nodes), moved)


@dataclass(frozen=True, eq=False)
class Rim:
    """Points (k, 2) mm around a rectangle, counter-clockwise from the lower left, and its named edges."""

    points: Floats
    facets: dict[str, Ints]


def rectangle(columns: int, rows: int, cell: float, divisions: int) -> Rim:
    """The rectangle around columns x rows cells, `divisions` edges (a multiple of 4) to a cell's side."""
    x, y = (np.arange(count * divisions) * (cell / divisions) for count in (columns, rows))
    width, height = columns * cell, rows * cell
    sides = {
        "bottom": np.column_stack([x, np.zeros_like(x)]),
        "right": np.column_stack([np.full_like(y, width), y]),
        "top": np.column_stack([width - x, np.full_like(x, height)]),
        "left": np.column_stack([np.zeros_like(y), height - y]),
    }
    points = np.concatenate(list(sides.values()))
    numbers = np.arange(len(points))
    edges = np.stack([numbers, np.roll(numbers, -1)], axis=1)
    facets: dict[str, Ints] = {}
    corners = []
    first = 0
    for name, side in sides.items():
        own = edges[first : first + len(side)]
        first += len(side)
        facets[name] = own
        if len(own) > 2 * divisions:
            facets[f"{name}_middle"] = own[divisions:-divisions]
        corners += [own[: divisions // 4], own[-(divisions // 4) :]]
    return Rim(points, {**facets, "corners": np.concatenate(corners)})
