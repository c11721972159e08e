"""Rectangular panels of solid blocks and blocks with a star pore: drawn and meshed by gmsh, moved by the pores' radii."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import gmsh
import numpy as np
import shapely
import torch

from geometries.corner_offsets import with_corners
from geometries.star_blocks import QUARTERS, SIDES, Block, Panel
from geometries.star_curve import blended, pore_at
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Mask, Mesh, gmsh_model, read_gmsh
from mnnfem.onerank import done_once
from mnnfem.parameters import alike, joined

EIGHTHS: Floats = np.arange(1, 8, dtype=np.float64) / 8  # where a pore is sampled between two control points
FINEST = 2  # how much shorter edges become where a mesh made afresh is narrow; 1 and 4 give worse angles


def star_panel(
    panel: Panel, design: Floats | None, build: Callable[[Floats], Geometry], reach: float = 0.0, ticks: int = QUARTERS
) -> Geometry:
    """The panel meshed in patches at its start radii, or freely at others, and moved by the linear map of the radii.

    With a `reach`, corners of cells, `ticks` apart, are moved too, see `with_corners`.
    """
    blocks = [
        alike([f"radius {k} of {block.pore}" for k in range(len(block.ring))], block.start, block.bounds, "pore radius")
        for block in panel.porous
    ]
    parameters = joined(*blocks, kind="pore radius")
    radii = design if design is None or not reach else design[: len(parameters)]
    if radii is not None:
        if panel.quadrilaterals:
            raise InputError("A panel is meshed at a design in triangles alone: leave quadrilaterals out, or the design.")
        parameters.check(torch.from_numpy(radii))
    made_at = parameters.start if radii is None else radii
    ends = np.cumsum([len(block) for block in blocks])[:-1]
    shapes = dict(zip(panel.porous, np.split(made_at, ends), strict=True))
    mesh, on_pore = done_once(lambda: _meshed(panel, shapes, radii is not None))
    cells = [(panel.centre(block), panel.edge(block), shape) for block, shape in shapes.items()]
    motion = blended(mesh.points, on_pore, cells)
    points = motion.origin + (motion.matrix @ made_at).reshape(-1, 2)
    star = Geometry(Mesh(points, mesh.cells, mesh.facets, mesh.vertices), parameters, motion, made_at, build)
    return with_corners(star, panel, ticks, reach, design) if reach else star


def _meshed(panel: Panel, shapes: Mapping[Block, Floats], freely: bool) -> tuple[Mesh, Mask]:
    """The mesh, and which of its nodes lie on pores."""
    with gmsh_model("star_panel"):
        drawing = _Drawing(panel, shapes, freely)
        for block in panel.blocks:
            (drawing.pore if block.pore else drawing.solid)(block)
        gmsh.model.geo.synchronize()
        drawing.name_boundaries()
        gmsh.model.mesh.generate(2)
        rims = [gmsh.model.mesh.getNodes(1, rim, includeBoundary=True)[0] for group in drawing.rims.values() for rim in group]
        mesh, tags = read_gmsh()
    return mesh, np.isin(tags, np.concatenate(rims))


class _Drawing:
    """The panel in gmsh's own kernel: shared points and lines drawn once, blocks cut into four-sided patches or left whole."""

    def __init__(self, panel: Panel, shapes: Mapping[Block, Floats], freely: bool) -> None:
        self.panel, self.shapes, self.freely = panel, shapes, freely
        self.points: dict[tuple[int, int], int] = {}  # by ticks
        self.ticks: dict[int, tuple[int, int]] = {}  # the other way round
        self.lines: dict[tuple[int, int], int] = {}
        self.rims: dict[str, list[int]] = {}
        self.on_rims: dict[str, int] = {}  # named places of pores
        walls = []
        for block, radii in shapes.items():
            around = np.arange(8 * len(radii) + 1, dtype=np.float64) / 8
            walls.append(panel.centre(block) + pore_at(around, panel.edge(block), radii))
        self.walls = shapely.MultiLineString(walls)

    def solid(self, block: Block) -> None:
        """One patch between each two ticks."""
        for a in range(block.left, block.right):
            for b in range(block.bottom, block.top):
                ring = [self._point(*at) for at in ((a, b), (a + 1, b), (a + 1, b + 1), (a, b + 1))]
                self._patch(*(self._line(ring[n], ring[(n + 1) % 4], self.panel.divisions) for n in range(4)))

    def pore(self, block: Block) -> None:
        """A patch between each two control points, or one ring."""
        geo, centre, edge, radii = gmsh.model.geo, self.panel.centre(block), self.panel.edge(block), self.shapes[block]
        count = len(radii)
        outer = [self._point(*at) for at in block.ring]
        inner = [geo.addPoint(*p, 0.0) for p in centre + pore_at(np.arange(count, dtype=np.float64), edge, radii)]
        if block.points:
            self.on_rims.update({f"{block.points}_{k}": tag for k, tag in enumerate(inner)})
        around, pores, box = [], [], shapely.box(*(centre + edge[0]), *(centre - edge[0])).exterior
        for k in range(count):
            n = (k + 1) % count
            between = centre + pore_at(k + EIGHTHS, edge, radii)
            if self.freely:  # nodes at even t, where they stay in every mesh with as many: an area's slope is then the same
                elements = self._elements(between, box)
                shares = np.arange(1, elements) / elements
                chain = [inner[k], *(geo.addPoint(*p, 0.0) for p in centre + pore_at(k + shares, edge, radii)), inner[n]]
                pores += [geo.addLine(*ends) for ends in pairwise(chain)]
                for line in pores[-elements:]:
                    geo.mesh.setTransfiniteCurve(line, 2)
                around.append(self._line(outer[k], outer[n], self.panel.divisions))
            else:
                pores.append(geo.addSpline([inner[k], *(geo.addPoint(*p, 0.0) for p in between), inner[n]]))
                geo.mesh.setTransfiniteCurve(pores[k], self.panel.divisions + 1)
                out, back = (self._line(inner[m], outer[m], self.panel.layers) for m in (k, n))
                self._patch(self._line(outer[k], outer[n], self.panel.divisions), -back, -pores[k], out)
        self.rims.setdefault(block.facet, []).extend(pores)
        if self.freely:
            geo.addPlaneSurface([geo.addCurveLoop(around), geo.addCurveLoop(pores)])

    def name_boundaries(self) -> None:
        """Physical groups: pores, faces, vertices, places of pores."""
        groups = {name: list(rims) for name, rims in self.rims.items()}
        last = len(self.panel.x) - 1, len(self.panel.y) - 1
        for (a, b), tag in self.lines.items():
            if a not in self.ticks or b not in self.ticks:
                continue
            middle = 0.5 * (np.array(self.ticks[a]) + self.ticks[b])
            for name, stretches in self.panel.faces.items():
                for side, first, end in stretches:
                    axis, at = SIDES[side]
                    if middle[axis] == at % (last[axis] + 1) and first < middle[1 - axis] < end:
                        groups.setdefault(name, []).append(tag)
        for name, tags in groups.items():
            gmsh.model.addPhysicalGroup(1, tags, name=name)
        drawn = {name: self.points[ticks] for name, ticks in self.panel.vertices.items() if ticks in self.points}
        for name, tag in {**drawn, **self.on_rims}.items():
            gmsh.model.addPhysicalGroup(0, [tag], name=name)

    def _point(self, a: int, b: int) -> int:
        if (a, b) not in self.points:
            tag = gmsh.model.geo.addPoint(self.panel.x[a], self.panel.y[b], 0.0)
            self.points[a, b], self.ticks[tag] = tag, (a, b)
        return self.points[a, b]

    def _line(self, a: int, b: int, elements: int) -> int:
        if (b, a) in self.lines:
            return -self.lines[b, a]
        if (a, b) not in self.lines:
            self.lines[a, b] = gmsh.model.geo.addLine(a, b)
            if self.freely:
                ends = [(self.panel.x[i], self.panel.y[j]) for i, j in (self.ticks[a], self.ticks[b])]
                elements = self._elements(np.array(ends), self.walls)
            gmsh.model.geo.mesh.setTransfiniteCurve(self.lines[a, b], elements + 1)
        return self.lines[a, b]

    def _patch(self, *loop: int) -> None:
        surface = gmsh.model.geo.addPlaneSurface([gmsh.model.geo.addCurveLoop(list(loop))])
        if not self.freely:
            gmsh.model.geo.mesh.setTransfiniteSurface(surface, "Left")
            if self.panel.quadrilaterals:
                gmsh.model.geo.mesh.setRecombine(2, surface)

    def _elements(self, course: Floats, across: shapely.Geometry) -> int:
        """Edges along a course (k, 2) in a free mesh: as long as the material is wide there."""
        line, longest = shapely.LineString(course), float(np.diff(self.panel.x).max()) / self.panel.divisions
        width = float(np.clip(2 / self.panel.layers * line.distance(across), longest / FINEST, longest))
        return max(self.panel.divisions, int(np.ceil(line.length / width - 1e-6)))
