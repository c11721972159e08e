"""A panel of square cells, one star-shaped pore in each: 16 radii per pore are the design."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import gmsh
import numpy as np
import shapely
import torch

from geometries.star_curve import CONTROL_POINTS, KNOTS, QUARTERS, blended, perimeter, pore_at
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Mask, Mesh, gmsh_model, read_gmsh
from mnnfem.onerank import done_once
from mnnfem.parameters import alike

EIGHTHS: Floats = np.arange(1, 8, dtype=np.float64) / 8  # where a pore is sampled between two control points
EIGHTHS_AROUND: Floats = np.arange(8 * CONTROL_POINTS + 1, dtype=np.float64) / 8
FINEST = 2  # how much shorter edges become where a mesh made afresh is narrow; 1 and 4 give worse angles


def star_pores(
    columns: int = 5,
    rows: int = 5,
    cell: float = 50.0,
    solid: Sequence[tuple[int, int]] = ((2, 2),),
    divisions: int = 1,
    layers: int = 2,
    start: float = 0.5,
    bounds: tuple[float, float] = (0.1, 0.9),
    radii: Floats | None = None,
) -> Geometry:
    r"""The panel of the neuromechanical autoencoder (Oktay et al., ICLR 2023).

    In a cell with centre c the pore is the closed quadratic B-spline P(t), 0 <= t < 16, whose control
    points are r_k E_k: E_k, k = 0..15, divide the cell's perimeter evenly from its lower left corner
    (relative to c), and r_k are the radii. With E(t) the perimeter itself, the node that sits at (t, s)
    follows

        X = c + (1 - s) sum_k b_k(t) r_k E_k + s E(t),      s = 0 on the pore, 1 on the cell's edge,

    linear in the radii. gmsh meshes the panel once, in patches, at the start radii; (t, s) of each node is read off
    that mesh. At other `radii`, (16 pores,), it meshes freely between pores and cell edges, for better angles. A spline
    lies in the hull of its control points, so a radius r leaves at least (1 - r) cell / 2 of material to the cell's
    edge: two pores at 0.9 leave a ligament of 5 mm.

    No radii within the bounds invert an element: on the default mesh the least area of any triangle over the
    whole box is 2.2 mm^2, at the start 18 (see `least_areas`, which proves it). The least angle is 19 degrees
    at the start and was 0.6 at worst, at random corners of the box.

    columns, rows  cells in x and y;   cell  its side, mm;   solid  cells (column, row) without a pore
    divisions      element edges per radius along the pore;   layers  elements from pore to cell edge
    start, bounds  start value and bounds of the radii (fractions of the centre-to-perimeter distance)
    radii          where the panel is meshed freely, (16 pores,); without it at the start radii, in patches

    Facets: left, right, bottom, top; left_middle ... top_middle (without the corner cells); corners (the
    quarter cell either side of each panel corner); pores. Vertex: centre. Radii are ordered cell by cell,
    row-wise from the lower left, solid cells left out.
    """
    if not 0 < bounds[0] <= start <= bounds[1] < 1:
        raise InputError(f"Radii need 0 < {bounds[0]:g} <= {start:g} <= {bounds[1]:g} < 1 (lower, start, upper).")
    if min(columns, rows, divisions, layers) < 1 or cell <= 0:
        raise InputError("columns, rows, divisions and layers must be at least 1 and cell above 0 mm.")
    porous = [(i, j) for j in range(rows) for i in range(columns) if (i, j) not in set(map(tuple, solid))]
    if not porous:
        raise InputError("Every cell of the panel is solid: there is no pore to design.")
    names = [f"radius {k} of pore {i}, {j}" for i, j in porous for k in range(CONTROL_POINTS)]
    parameters = alike(names, start, bounds, kind="pore radius")
    if radii is not None:
        parameters.check(torch.from_numpy(radii))
    made_at = parameters.start if radii is None else radii
    shapes, edge = made_at.reshape(-1, CONTROL_POINTS), perimeter(cell)
    drawn = dict(zip(porous, shapes, strict=True))
    mesh, on_pore = done_once(lambda: _meshed(columns, rows, cell, edge, drawn, divisions, layers, radii is not None))
    motion = blended(mesh.points, on_pore, porous, cell, edge, shapes)
    points = motion.origin + (motion.matrix @ made_at).reshape(-1, 2)
    return Geometry(
        mesh=Mesh(points, mesh.cells, mesh.facets, mesh.vertices),
        parameters=parameters,
        motion=motion,
        made_at=made_at,
        build=partial(star_pores, columns, rows, cell, solid, divisions, layers, start, bounds),
    )


def _meshed(
    columns: int,
    rows: int,
    cell: float,
    edge: Floats,
    radii: dict[tuple[int, int], Floats],
    divisions: int,
    layers: int,
    freely: bool,
) -> tuple[Mesh, Mask]:
    """The mesh, and which of its nodes lie on pores."""
    with gmsh_model("star_pores"):
        drawing = _Drawing(cell, edge, radii, divisions, layers, freely)
        for j in range(rows):
            for i in range(columns):
                (drawing.pore_cell if (i, j) in radii else drawing.solid_cell)(i, j)
        gmsh.model.geo.synchronize()
        drawing.name_boundaries(columns, rows)
        gmsh.model.mesh.generate(2)
        pore_nodes = [gmsh.model.mesh.getNodes(1, pore, includeBoundary=True)[0] for pore in drawing.pores]
        mesh, tags = read_gmsh()
    return mesh, np.isin(tags, np.concatenate(pore_nodes))


class _Drawing:
    """The panel in gmsh's own kernel: shared points and lines drawn once, cells cut into four-sided patches or left whole."""

    def __init__(
        self, cell: float, edge: Floats, radii: dict[tuple[int, int], Floats], divisions: int, layers: int, freely: bool
    ) -> None:
        self.cell, self.edge, self.radii = cell, edge, radii
        self.divisions, self.layers, self.freely = divisions, layers, freely
        outlines = [self._centre(*at) + pore_at(EIGHTHS_AROUND, edge, pore) for at, pore in radii.items()]
        self.walls = shapely.MultiLineString(outlines)
        self.points: dict[tuple[int, int], int] = {}  # by position in quarters of a cell
        self.places: dict[int, tuple[float, float]] = {}  # mm, of those points by their tag
        self.lines: dict[tuple[int, int], int] = {}
        self.pores: list[int] = []

    def solid_cell(self, i: int, j: int) -> None:
        """4 x 4 square patches."""
        for a in range(QUARTERS * i, QUARTERS * (i + 1)):
            for b in range(QUARTERS * j, QUARTERS * (j + 1)):
                ring = [self._point(a, b), self._point(a + 1, b), self._point(a + 1, b + 1), self._point(a, b + 1)]
                self._patch(*(self._line(ring[n], ring[(n + 1) % 4], self.divisions) for n in range(4)))

    def pore_cell(self, i: int, j: int) -> None:
        """16 patches around the pore, one between each two control points, or one ring."""
        geo, centre, radii = gmsh.model.geo, self._centre(i, j), self.radii[i, j]
        corners = np.round((centre + self.edge) / self.cell * QUARTERS).astype(int).tolist()
        outer = [self._point(*corner) for corner in corners]
        inner = [geo.addPoint(*p, 0.0) for p in centre + pore_at(KNOTS, self.edge, radii)]
        rim, pores, box = [], [], shapely.box(*(centre - self.cell / 2), *(centre + self.cell / 2)).exterior
        for k in range(CONTROL_POINTS):
            n = (k + 1) % CONTROL_POINTS
            between = centre + pore_at(k + EIGHTHS, self.edge, radii)
            pores.append(geo.addSpline([inner[k], *(geo.addPoint(*p, 0.0) for p in between), inner[n]]))
            geo.mesh.setTransfiniteCurve(pores[k], self._elements(between, box) + 1)
            if self.freely:
                rim.append(self._line(outer[k], outer[n], self.divisions))
            else:
                out, back = (self._line(inner[m], outer[m], self.layers) for m in (k, n))
                self._patch(self._line(outer[k], outer[n], self.divisions), -back, -pores[k], out)
        self.pores += pores
        if self.freely:
            geo.addPlaneSurface([geo.addCurveLoop(rim), geo.addCurveLoop(pores)])

    def name_boundaries(self, columns: int, rows: int) -> None:
        """Physical groups: the sides, their middles, the corners, the pores, and the centre."""
        where = {tag: key for key, tag in self.points.items()}
        groups: dict[str, list[int]] = {"pores": self.pores}
        sides = (("left", 0, 0, rows), ("right", 0, columns, rows), ("bottom", 1, 0, columns), ("top", 1, rows, columns))
        for (a, b), tag in self.lines.items():
            if a not in where or b not in where:
                continue
            for name, axis, end, count in sides:
                if where[a][axis] != end * QUARTERS or where[b][axis] != end * QUARTERS:
                    continue
                middle = 0.5 * (where[a][1 - axis] + where[b][1 - axis])
                groups.setdefault(name, []).append(tag)
                if QUARTERS < middle < (count - 1) * QUARTERS:
                    groups.setdefault(f"{name}_middle", []).append(tag)
                if min(middle, count * QUARTERS - middle) < 1:
                    groups.setdefault("corners", []).append(tag)
        for name, tags in groups.items():
            gmsh.model.addPhysicalGroup(1, tags, name=name)
        middle_point = self.points.get((columns * QUARTERS // 2, rows * QUARTERS // 2))
        if middle_point is not None:
            gmsh.model.addPhysicalGroup(0, [middle_point], name="centre")

    def _centre(self, i: int, j: int) -> Floats:
        centre: Floats = np.array([i + 0.5, j + 0.5]) * self.cell
        return centre

    def _point(self, a: int, b: int) -> int:
        if (a, b) not in self.points:
            x, y = a * self.cell / QUARTERS, b * self.cell / QUARTERS
            self.points[a, b] = gmsh.model.geo.addPoint(x, y, 0.0)
            self.places[self.points[a, b]] = x, y
        return self.points[a, b]

    def _line(self, a: int, b: int, elements: int) -> int:
        if (b, a) in self.lines:
            return -self.lines[b, a]
        if (a, b) not in self.lines:
            self.lines[a, b] = gmsh.model.geo.addLine(a, b)
            if self.freely:
                elements = self._elements(np.array([self.places[a], self.places[b]]), self.walls)
            gmsh.model.geo.mesh.setTransfiniteCurve(self.lines[a, b], elements + 1)
        return self.lines[a, b]

    def _patch(self, *loop: int) -> None:
        surface = gmsh.model.geo.addPlaneSurface([gmsh.model.geo.addCurveLoop(list(loop))])
        if not self.freely:
            gmsh.model.geo.mesh.setTransfiniteSurface(surface, "Left")

    def _elements(self, course: Floats, across: shapely.Geometry) -> int:
        """Edges along a course (k, 2): as long as the material is wide there where it is meshed freely."""
        if not self.freely:
            return self.divisions
        line, longest = shapely.LineString(course), self.cell / QUARTERS / self.divisions
        width = float(np.clip(2 / self.layers * line.distance(across), longest / FINEST, longest))
        return max(self.divisions, int(np.ceil(line.length / width)))
