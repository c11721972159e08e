"""A body of the user's own, drawn in gmsh or CAD, whose named boundaries follow formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mnnfem.errors import InputError, unknown_name
from mnnfem.extension import Extended, Extension
from mnnfem.filling import filled
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Ints, Mesh
from mnnfem.model import read_model
from mnnfem.outline import Outline, outlined
from mnnfem.parameters import Parameters

Move = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Places = Callable[[torch.Tensor], torch.Tensor]


def from_file(
    path: str | Path,
    parameters: Parameters,
    moves: Mapping[str, Move],
    size: float | None = None,
    names: Mapping[str, Sequence[int]] | None = None,
) -> Geometry:
    r"""The body in a .geo, .step, .brep or .msh file, meshed by gmsh and moved by elastic extension.

        X = X0 + E (B(design) - X0_b),      B(design) = f(design, X0_b) on a boundary part with a formula f, X0_b elsewhere.

    path         see `read_model`, which says what is refused
    parameters   names, start and bounds of the design
    moves        name of a boundary part -> f(design (p,), X0 (k, d) mm) -> X (k, d) mm, by torch; f(start, X0) must be X0
    size         largest elements, mm
    names        for formats without physical names: name -> tags of curves (plane bodies) or surfaces (solid ones)

    Named points stay where they are, unless they lie on a boundary part that moves. Made afresh at another design, a plane
    body is meshed between its polygons, a solid one between its triangles; both keep the nodes of the boundary.
    """
    return moved_by(read_model(Path(path), size, names), parameters, moves, size)


def moved_by(mesh: Mesh, parameters: Parameters, moves: Mapping[str, Move], size: float | None = None) -> Geometry:
    """The same for a mesh that is there already."""
    boundary = np.unique(mesh.boundary())
    inner = np.setdiff1d(list(mesh.vertices.values()), boundary).astype(np.int64)
    nodes = np.concatenate([boundary, inner])
    at = _formula(mesh.points[nodes], _places(mesh, moves, nodes), parameters, moves)
    motion = Extended(Extension(mesh, nodes), at)
    number = np.zeros(len(mesh.points), dtype=np.int64)
    number[nodes] = np.arange(len(nodes))
    facets = {name: number[facet] for name, facet in mesh.facets.items()}
    vertices = {name: int(number[index]) for name, index in mesh.vertices.items()}
    if mesh.dim == 2:
        loops = _loops(mesh)
        outline = Outline(tuple(number[loop] for loop in loops), facets, at, vertices, number[inner], _titles(mesh, loops))
        build: Callable[[Floats], Geometry] = partial(outlined, outline, parameters, size=size)
    else:
        surface = Mesh(mesh.points[nodes], np.zeros((0, 4), dtype=np.int64), facets, vertices)
        build = partial(_refilled, surface, number[mesh.boundary()], number[inner], parameters, at)
    return Geometry(mesh, parameters, motion, parameters.start, build)


def _refilled(surface: Mesh, triangles: Ints, inner: Ints, parameters: Parameters, at: Places, design: Floats) -> Geometry:
    points = at(torch.from_numpy(design)).numpy()
    plain, nodes = filled(points, triangles, inner)
    vertices = {name: int(nodes[index]) for name, index in surface.vertices.items()}
    mesh = Mesh(plain.points, plain.cells, {name: nodes[facet] for name, facet in surface.facets.items()}, vertices)
    again = partial(_refilled, surface, triangles, inner, parameters, at)
    return Geometry(mesh, parameters, Extended(Extension(mesh, nodes), at), design, again)


def _places(mesh: Mesh, moves: Mapping[str, Move], nodes: Ints) -> dict[str, Ints]:
    """Where in `nodes` those of each moving part are."""
    places: dict[str, Ints] = {}
    for name in moves:
        if name not in mesh.facets:
            raise unknown_name("boundary to move", name, mesh.facets)
        own = np.flatnonzero(np.isin(nodes, mesh.facets[name]))
        for other, taken in places.items():
            shared = np.intersect1d(own, taken)
            if len(shared):
                raise InputError(
                    f"{name!r} and {other!r} share {len(shared)} nodes, which cannot follow both formulas: "
                    "move them as one part, or leave a part that stays between them."
                )
        places[name] = own
    return places


def _formula(points: Floats, places: Mapping[str, Ints], parameters: Parameters, moves: Mapping[str, Move]) -> Places:
    """Design -> places of the nodes, checked at the start."""
    fixed = torch.from_numpy(points)
    parts = [(move, torch.from_numpy(places[name])) for name, move in moves.items()]

    def at(design: torch.Tensor) -> torch.Tensor:
        placed = fixed
        for move, own in parts:
            placed = placed.index_copy(0, own, move(design, fixed[own]))
        return placed

    start = torch.from_numpy(parameters.start)
    for name, move in moves.items():
        own = fixed[torch.from_numpy(places[name])]
        placed = move(start, own)
        if placed.shape != own.shape or placed.dtype != torch.float64:
            raise InputError(
                f"The formula of {name!r} must give float64 of shape {tuple(own.shape)}, it gives {placed.dtype} of "
                f"shape {tuple(placed.shape)}."
            )
        off = float((placed - own).norm(dim=1).max())
        if not off <= 1e-9 * np.ptp(points, axis=0).max():
            raise InputError(
                f"At the start design the formula of {name!r} moves a node by {off:.4g} mm: it must leave all in place."
            )
    return at


def _loops(mesh: Mesh) -> list[Ints]:
    """The outline, then the holes."""
    loops = mesh.loops()
    areas = [_area(mesh.points[loop]) for loop in loops]
    outer = [index for index, area in enumerate(areas) if area > 0]
    if len(outer) > 1:
        raise InputError(f"The model has {len(outer)} bodies that do not touch: a geometry is one body.")
    return [loops[outer[0]], *(loop for index, loop in enumerate(loops) if index != outer[0])]


def _area(ring: Floats) -> float:
    x, y = ring.T
    return float(0.5 * (x * np.roll(y, -1) - y * np.roll(x, -1)).sum())


def _titles(mesh: Mesh, loops: Sequence[Ints]) -> tuple[str, ...]:
    """What each loop is called: the part that it lies on as a whole, if there is one."""
    titles = []
    for number, loop in enumerate(loops):
        on = [name for name, facet in mesh.facets.items() if np.isin(loop, facet).all()]
        titles.append(repr(on[0]) if on else f"hole {number}" if number else "the outline")
    return tuple(titles)
