"""A plane body given by closed polygons that follow a design: checked, meshed, and moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import gmsh
import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.extension import Extended, Extension
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Ints, Mesh, gmsh_model, read_gmsh
from mnnfem.onerank import done_once
from mnnfem.parameters import Parameters
from mnnfem.polygons import Fault, Polygons, find_fault, refuse_misnumbered

TRIALS = 20  # bisections of the way from the start to a design that is refused


@dataclass(frozen=True, eq=False)
class Outline:
    """One plane body, the same points and polygons whatever the design.

    loops     indices of the points along each closed polygon: the outline counter-clockwise first, then holes clockwise
    facets    name -> (e, 2) indices of points: polygon edges, either way round
    at        design (p,) -> (k, 2) mm, where the points are; differentiable by torch
    vertices  name -> index of a point
    inner     (q,) points inside the body that the mesh must have as nodes
    names     what the loops are called, for messages
    """

    loops: tuple[Ints, ...]
    facets: Mapping[str, Ints]
    at: Callable[[torch.Tensor], torch.Tensor]
    vertices: Mapping[str, int] = field(default_factory=dict)
    inner: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    names: tuple[str, ...] = ()

    @cached_property
    def polygons(self) -> Polygons:
        """What the points are joined to."""
        return Polygons(self.loops, self.inner, self.names)

    def place(self, design: Floats) -> Floats:
        """Points (k, 2) mm of a design (p,)."""
        with torch.no_grad():
            points = self.at(torch.from_numpy(design))
        if points.dim() != 2 or points.shape[1] != 2 or points.dtype != torch.float64:
            raise InputError(f"`at` must give (k, 2) coordinates as float64, got {tuple(points.shape)} of {points.dtype}.")
        return points.numpy()


@dataclass(frozen=True, eq=False)
class Meshed:
    """The mesh of an outline, and its node at each of the outline's points, (k,)."""

    mesh: Mesh
    nodes: Ints


def outlined(outline: Outline, parameters: Parameters, design: Floats | None = None, size: float | None = None) -> Geometry:
    """The body meshed at a design (the start design) as `meshed` does, and moved from there by elastic extension.

    `build` meshes the same outline at another design.
    """
    made_at = parameters.start if design is None else np.asarray(design, dtype=np.float64)
    made = meshed(outline, parameters, made_at, size)
    build = partial(outlined, outline, parameters, size=size)
    return Geometry(made.mesh, parameters, Extended(Extension(made.mesh, made.nodes), outline.at), made_at, build)


def meshed(outline: Outline, parameters: Parameters, design: Floats, size: float | None = None) -> Meshed:
    """The outline at a design (p,), meshed by gmsh: each polygon edge one element edge, elements up to `size` mm between them.

    InputError, before meshing, for polygons that are open, cross, touch, are nested wrongly or run the wrong way
    round: which loop, where, which parameters move it there, and how far a design may go.
    """
    parameters.check(torch.from_numpy(design))
    points = outline.place(design)
    refuse_misnumbered(outline.polygons, outline.facets, len(points))
    for name, index in outline.vertices.items():
        if not 0 <= index < len(points):
            raise InputError(f"The vertex {name!r} is point {index}, but `at` gives the points 0 to {len(points) - 1}.")
    fault = find_fault(outline.polygons, points)
    if fault is not None:
        raise InputError(_advice(outline, parameters, design, fault))
    return done_once(lambda: _meshed(outline, points, size))


def _advice(outline: Outline, parameters: Parameters, design: Floats, fault: Fault) -> str:
    """The fault as sentences, with the parameters that move its points most, and how far towards it a design may go."""
    said = f"The outline bounds no body: {fault.sentence}."
    movers = _movers(outline, design, fault.points)
    if movers:
        said += f" What moves it there: {', '.join(f'{parameters.names[i]!r} ({design[i]:g})' for i in movers)}."
    if find_fault(outline.polygons, outline.place(parameters.start)) is not None:
        return f"{said} The start design bounds none either."
    way, sound, unsound = design - parameters.start, 0.0, 1.0
    for _ in range(TRIALS):
        middle = 0.5 * (sound + unsound)
        good = find_fault(outline.polygons, outline.place(parameters.start + middle * way)) is None
        sound, unsound = (middle, unsound) if good else (sound, middle)
    values = ", ".join(f"{parameters.names[i]} {parameters.start[i] + sound * way[i]:.4g}" for i in movers)
    return f"{said} Coming from the start design, stay below {sound:.2%} of the way to this one: {values}."


def _movers(outline: Outline, design: Floats, points: Ints, most: int = 4) -> list[int]:
    """The parameters that these points depend on, those that move them most first."""
    moving = torch.from_numpy(design.copy()).requires_grad_()
    placed = outline.at(moving)[torch.from_numpy(points.copy())]
    if not placed.requires_grad or not torch.isfinite(placed).all():
        return []
    slopes = [torch.autograd.grad(value, moving, retain_graph=True)[0].abs() for value in placed.ravel()]
    reach = torch.stack(slopes).sum(dim=0).numpy()
    return [int(i) for i in np.argsort(-reach, kind="stable")[:most] if reach[i] > 1e-6 * reach.max()]


def _meshed(outline: Outline, points: Floats, size: float | None) -> Meshed:
    with gmsh_model("outline"):
        geo = gmsh.model.geo
        for tag, (x, y) in enumerate(points, start=1):
            geo.addPoint(x, y, 0.0, tag=tag)
        curves, edges, loop_of_edge = [], outline.polygons.edges, outline.polygons.loop_of_edge
        for number in range(len(outline.loops)):
            lines = [geo.addLine(a + 1, b + 1) for a, b in edges[loop_of_edge == number].tolist()]
            for line in lines:
                geo.mesh.setTransfiniteCurve(line, 2)
            curves.append(geo.addCurveLoop(lines))
        surface = geo.addPlaneSurface(curves)
        geo.synchronize()
        lengths = np.linalg.norm(points[edges[:, 1]] - points[edges[:, 0]], axis=1)
        for index in map(int, outline.inner):  # as fine as the walls next to it
            nearest = np.argmin(np.linalg.norm(points[edges[:, 0]] - points[index], axis=1))
            gmsh.model.mesh.setSize([(0, index + 1)], lengths[nearest])
            gmsh.model.mesh.embed(0, [index + 1], 2, surface)
        if size is not None:
            gmsh.option.setNumber("Mesh.MeshSizeMax", size)
        try:
            gmsh.model.mesh.generate(2)
        except Exception as error:  # gmsh raises nothing more special
            raise InputError(
                f"gmsh cannot mesh the outline ({error}): are its edges far longer than its walls are thick?"
            ) from error
        at_point = np.array([gmsh.model.mesh.getNodes(0, tag)[0][0] for tag in range(1, len(points) + 1)])
        plain, tags = read_gmsh()
    nodes = np.searchsorted(tags, at_point.astype(np.int64))
    facets = {name: nodes[edges] for name, edges in outline.facets.items()}
    mesh = Mesh(plain.points, plain.cells, facets, {name: int(nodes[index]) for name, index in outline.vertices.items()})
    if len(mesh.boundary()) != len(edges):
        raise InputError(
            f"gmsh made {len(mesh.boundary())} boundary edges of {len(edges)} polygon edges: the outline is too narrow."
        )
    return Meshed(mesh, nodes)
