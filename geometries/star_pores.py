"""A panel of square cells, one star-shaped pore in each: 16 radii per pore are the design."""

from __future__ import annotations

from collections.abc import Sequence

import gmsh
import numpy as np
import scipy.sparse as sp

from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Mask, Mesh, gmsh_model, read_gmsh

CONTROL_POINTS = 16
QUARTERS = CONTROL_POINTS // 4
KNOTS: Floats = np.arange(CONTROL_POINTS, dtype=np.float64)
# r_k / rho of the roundest pore at a corner, a quarter and the middle of each side: least largest |P(t)| - rho.
ROUND: Floats = np.array([1.42531, 1.82519, 2.06395])
EIGHTHS: Floats = np.arange(1, 8, dtype=np.float64) / 8  # where a pore is sampled between two control points


def star_pores(
    columns: int = 5,
    rows: int = 5,
    cell: float = 50.0,
    solid: Sequence[tuple[int, int]] = ((2, 2),),
    divisions: int = 1,
    layers: int = 2,
    start: float = 0.5,
    bounds: tuple[float, float] = (0.1, 0.9),
) -> Geometry:
    r"""The panel of the neuromechanical autoencoder (Oktay et al., ICLR 2023).

    In a cell with centre c the pore is the closed quadratic B-spline P(t), 0 <= t < 16, whose control
    points are r_k E_k: E_k, k = 0..15, divide the cell's perimeter evenly from its lower left corner
    (relative to c), and r_k are the radii. With E(t) the perimeter itself, the node that sits at (t, s)
    follows

        X = c + (1 - s) sum_k b_k(t) r_k E_k + s E(t),      s = 0 on the pore, 1 on the cell's edge,

    linear in the radii. gmsh meshes the panel once at the start radii; (t, s) of each node is read off
    that mesh. A spline lies in the hull of its control points, so a radius r leaves at least
    (1 - r) cell / 2 of material to the cell's edge: two pores at 0.9 leave a ligament of 5 mm.

    No radii within the bounds invert an element: on the default mesh the least area of any triangle over the
    whole box is 2.2 mm^2, at the start 18 (see `least_areas`, which proves it). The least angle is 19 degrees
    at the start and was 0.6 at worst, at random corners of the box.

    columns, rows  cells in x and y;   cell  its side, mm;   solid  cells (column, row) without a pore
    divisions      element edges per radius along the pore;   layers  elements from pore to cell edge
    start, bounds  start value and bounds of the radii (fractions of the centre-to-perimeter distance)

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
    edge = perimeter(cell)
    with gmsh_model("star_pores"):
        drawing = _Drawing(cell, edge, start, divisions, layers)
        for j in range(rows):
            for i in range(columns):
                (drawing.pore_cell if (i, j) in porous else drawing.solid_cell)(i, j)
        gmsh.model.geo.synchronize()
        drawing.name_boundaries(columns, rows)
        gmsh.model.mesh.generate(2)
        pore_nodes = [gmsh.model.mesh.getNodes(1, pore, includeBoundary=True)[0] for pore in drawing.pores]
        mesh, tags = read_gmsh()
    origin, motion = _blend(mesh.points, np.isin(tags, np.concatenate(pore_nodes)), porous, cell, edge, start)
    count = motion.shape[1]
    points = origin + (motion @ np.full(count, start)).reshape(-1, 2)
    return Geometry(
        mesh=Mesh(points, mesh.cells, mesh.facets, mesh.vertices),
        origin=origin,
        motion=motion,
        start=np.full(count, start),
        lower=np.full(count, bounds[0]),
        upper=np.full(count, bounds[1]),
        parameter="pore radius",
    )


def perimeter(cell: float) -> Floats:
    """E_k, (16, 2) mm: even points of the square's perimeter about its centre, from the lower left, counter-clockwise."""
    side = np.linspace(-0.5, 0.5, QUARTERS, endpoint=False) * cell
    half = np.full(QUARTERS, cell / 2)
    return np.concatenate([np.stack(p, 1) for p in ((side, -half), (half, side), (-side, half), (-half, -side))])


def spline_weights(t: Floats) -> Floats:
    """Weights b_k(t), (len(t), 16), of the closed uniform quadratic B-spline; control point k is felt most at t = k."""
    nearest = np.floor(t + 0.5)
    u = t + 0.5 - nearest
    weights = np.zeros((len(t), CONTROL_POINTS))
    values = (0.5 * (1 - u) ** 2, 0.5 + u - u**2, 0.5 * u**2)
    for shift, value in zip((-1, 0, 1), values, strict=True):
        weights[np.arange(len(t)), (nearest.astype(int) + shift) % CONTROL_POINTS] += value
    return weights


def pore_at(t: Floats, edge: Floats, radius: float) -> Floats:
    """P(t), (len(t), 2) mm about the cell's centre: the pore whose radii are all `radius`."""
    at: Floats = radius * spline_weights(t) @ edge
    return at


def round_radii(rho: float) -> Floats:
    """Radii r_k, (16,), of one pore as round as these splines can be; `rho` is its radius over the cell's side.

    |P(t)| is within 0.22 % of `rho` everywhere (the circle's own radii rho cell / |E_k| are 2.7 % out). The
    largest of them is 2.06 rho: bounds of 0.9 allow pores up to rho = 0.436.
    """
    radii: Floats = rho * np.tile(ROUND[[0, 1, 2, 1]], 4)
    return radii


def perimeter_at(t: Floats, edge: Floats) -> Floats:
    """E(t), (len(t), 2): the straight-sided perimeter through the points E_k."""
    k = np.floor(t)
    u = (t - k)[:, None]
    k = k.astype(int)
    at: Floats = (1 - u) * edge[k % CONTROL_POINTS] + u * edge[(k + 1) % CONTROL_POINTS]
    return at


class _Drawing:
    """The panel in gmsh's own kernel: every cell cut into four-sided patches, shared points and lines drawn once."""

    def __init__(self, cell: float, edge: Floats, start: float, divisions: int, layers: int) -> None:
        self.cell, self.edge, self.start, self.divisions, self.layers = cell, edge, start, divisions, layers
        self.points: dict[tuple[int, int], int] = {}  # by position in quarters of a cell
        self.lines: dict[tuple[int, int], int] = {}
        self.pores: list[int] = []

    def solid_cell(self, i: int, j: int) -> None:
        """4 x 4 square patches."""
        for a in range(QUARTERS * i, QUARTERS * (i + 1)):
            for b in range(QUARTERS * j, QUARTERS * (j + 1)):
                ring = [self._point(a, b), self._point(a + 1, b), self._point(a + 1, b + 1), self._point(a, b + 1)]
                self._patch(*(self._line(ring[n], ring[(n + 1) % 4], self.divisions) for n in range(4)))

    def pore_cell(self, i: int, j: int) -> None:
        """16 patches around the pore, one between each two control points."""
        geo, centre = gmsh.model.geo, np.array([i + 0.5, j + 0.5]) * self.cell
        corners = np.round((centre + self.edge) / self.cell * QUARTERS).astype(int).tolist()
        outer = [self._point(*corner) for corner in corners]
        inner = [geo.addPoint(*p, 0.0) for p in centre + pore_at(KNOTS, self.edge, self.start)]
        for k in range(CONTROL_POINTS):
            n = (k + 1) % CONTROL_POINTS
            between = centre + pore_at(k + EIGHTHS, self.edge, self.start)
            pore = geo.addSpline([inner[k], *(geo.addPoint(*p, 0.0) for p in between), inner[n]])
            geo.mesh.setTransfiniteCurve(pore, self.divisions + 1)
            self.pores.append(pore)
            out, back = (self._line(inner[m], outer[m], self.layers) for m in (k, n))
            self._patch(self._line(outer[k], outer[n], self.divisions), -back, -pore, out)

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

    def _point(self, a: int, b: int) -> int:
        if (a, b) not in self.points:
            self.points[a, b] = gmsh.model.geo.addPoint(a * self.cell / QUARTERS, b * self.cell / QUARTERS, 0.0)
        return self.points[a, b]

    def _line(self, a: int, b: int, elements: int) -> int:
        if (b, a) in self.lines:
            return -self.lines[b, a]
        if (a, b) not in self.lines:
            self.lines[a, b] = gmsh.model.geo.addLine(a, b)
            gmsh.model.geo.mesh.setTransfiniteCurve(self.lines[a, b], elements + 1)
        return self.lines[a, b]

    def _patch(self, *loop: int) -> None:
        surface = gmsh.model.geo.addPlaneSurface([gmsh.model.geo.addCurveLoop(list(loop))])
        gmsh.model.geo.mesh.setTransfiniteSurface(surface, "Left")


def _blend(
    points: Floats, on_pore: Mask, porous: list[tuple[int, int]], cell: float, edge: Floats, start: float
) -> tuple[Floats, sp.csr_matrix]:
    """Origin (n, 2) and motion (2 n, 16 pores) of the linear map, from the node positions at the start radii."""
    origin, count = points.copy(), len(porous) * CONTROL_POINTS
    motion = sp.lil_matrix((2 * len(points), count))
    for number, (i, j) in enumerate(porous):
        centre = np.array([i + 0.5, j + 0.5]) * cell
        local = points - centre
        inside = np.flatnonzero(np.abs(local).max(axis=1) < cell / 2 * (1 - 1e-9))
        t, s = _place(local[inside], edge, start)
        s[on_pore[inside]] = 0.0
        origin[inside] = centre + s[:, None] * perimeter_at(t, edge)
        weights = (1 - s)[:, None] * spline_weights(t)
        columns = slice(number * CONTROL_POINTS, (number + 1) * CONTROL_POINTS)
        for d in (0, 1):
            motion[2 * inside + d, columns] = weights * edge[:, d]
    return origin, motion.tocsr()


def _place(local: Floats, edge: Floats, start: float) -> tuple[Floats, Floats]:
    """(t, s) of nodes given about the cell's centre, by bisection on the blending ray through each node."""
    reach = np.abs(local).max(axis=1)
    shadow = local / reach[:, None] * np.abs(edge).max()
    angle = np.argmin(np.linalg.norm(shadow[:, None] - edge[None], axis=2), axis=1).astype(float)

    def offset(t: Floats) -> Floats:
        pore = pore_at(t, edge, start)
        ray, out = perimeter_at(t, edge) - pore, local - pore
        side: Floats = ray[:, 0] * out[:, 1] - ray[:, 1] * out[:, 0]
        return side

    low, high = angle - 1.0, angle + 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        ahead = offset(middle) > 0
        low, high = np.where(ahead, middle, low), np.where(ahead, high, middle)
    t = 0.5 * (low + high)
    pore = pore_at(t, edge, start)
    ray = perimeter_at(t, edge) - pore
    s: Floats = ((local - pore) * ray).sum(1) / (ray**2).sum(1)
    return t, s
