"""A panel of square cells, one star-shaped pore in each: 16 radii per pore are the design."""

from __future__ import annotations

from collections.abc import Sequence

import gmsh
import numpy as np
import scipy.sparse as sp

from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Mesh, gmsh_model, read_gmsh

CONTROL_POINTS = 16
QUARTERS = CONTROL_POINTS // 4


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
        pore_nodes = _draw(columns, rows, cell, porous, start, divisions, layers)
        mesh, tags = read_gmsh()
    origin, motion = _blend(mesh.points, np.isin(tags, pore_nodes), porous, cell, edge, start)
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


def perimeter_at(t: Floats, edge: Floats) -> Floats:
    """E(t), (len(t), 2): the straight-sided perimeter through the points E_k."""
    k = np.floor(t)
    u = (t - k)[:, None]
    k = k.astype(int)
    at: Floats = (1 - u) * edge[k % CONTROL_POINTS] + u * edge[(k + 1) % CONTROL_POINTS]
    return at


def _draw(
    columns: int, rows: int, cell: float, porous: list[tuple[int, int]], start: float, divisions: int, layers: int
) -> Floats:
    """Draw and mesh the panel in gmsh; returns the tags of the nodes on the pores."""
    geo, pitch = gmsh.model.geo, cell / QUARTERS
    points: dict[tuple[int, int], int] = {}
    lines: dict[tuple[int, int], int] = {}

    def point(x: float, y: float) -> int:
        key = (round(x / pitch * 1024), round(y / pitch * 1024))
        if key not in points:
            points[key] = geo.addPoint(x, y, 0.0)
        return points[key]

    def line(a: int, b: int, nodes: int = divisions + 1) -> int:
        if (b, a) in lines:
            return -lines[b, a]
        if (a, b) not in lines:
            lines[a, b] = geo.addLine(a, b)
            geo.mesh.setTransfiniteCurve(lines[a, b], nodes)
        return lines[a, b]

    def patch(*loop: int) -> None:
        surface = geo.addPlaneSurface([geo.addCurveLoop(list(loop))])
        geo.mesh.setTransfiniteSurface(surface, "Left")

    edge, pores = perimeter(cell), []
    for i, j in [(i, j) for j in range(rows) for i in range(columns)]:
        centre = np.array([i + 0.5, j + 0.5]) * cell
        if (i, j) not in porous:
            x, y = ([c * cell + k * pitch for k in range(QUARTERS + 1)] for c in (i, j))
            for a in range(QUARTERS):
                for b in range(QUARTERS):
                    p = [point(x[a], y[b]), point(x[a + 1], y[b]), point(x[a + 1], y[b + 1]), point(x[a], y[b + 1])]
                    patch(*(line(p[n], p[(n + 1) % 4]) for n in range(4)))
            continue
        outer = [point(*(centre + e)) for e in edge]
        inner = [geo.addPoint(*p, 0.0) for p in centre + start * spline_weights(np.arange(16.0)) @ edge]
        for k in range(CONTROL_POINTS):
            n = (k + 1) % CONTROL_POINTS
            between = centre + start * spline_weights(k + np.linspace(0, 1, 9)[1:-1]) @ edge
            pore = geo.addSpline([inner[k], *(geo.addPoint(*p, 0.0) for p in between), inner[n]])
            geo.mesh.setTransfiniteCurve(pore, divisions + 1)
            pores.append(pore)
            spokes = (line(inner[n], outer[n], layers + 1), line(inner[k], outer[k], layers + 1))
            patch(line(outer[k], outer[n]), -spokes[0], -pore, spokes[1])
    geo.synchronize()
    for name, group in _sides(columns, rows, lines, {tag: key for key, tag in points.items()}).items():
        gmsh.model.addPhysicalGroup(1, group, name=name)
    gmsh.model.addPhysicalGroup(1, pores, name="pores")
    gmsh.model.addPhysicalGroup(2, [tag for _, tag in gmsh.model.getEntities(2)], name="solid")
    middle = (columns * QUARTERS * 512, rows * QUARTERS * 512)
    if middle in points:
        gmsh.model.addPhysicalGroup(0, [points[middle]], name="centre")
    gmsh.model.mesh.generate(2)
    return np.concatenate([gmsh.model.mesh.getNodes(1, pore, includeBoundary=True)[0] for pore in pores])


def _sides(
    columns: int, rows: int, lines: dict[tuple[int, int], int], keys: dict[int, tuple[int, int]]
) -> dict[str, list[int]]:
    """Lines of each named part of the panel's outline, found by their grid position in quarters of a cell."""
    sides: dict[str, list[int]] = {}
    for (a, b), tag in lines.items():
        if a not in keys or b not in keys:
            continue
        (ax, ay), (bx, by) = (np.array(keys[n]) / 1024 for n in (a, b))
        for name, at, along, end, count in (
            ("left", (ax, bx), (ay, by), 0, rows), ("right", (ax, bx), (ay, by), columns, rows),
            ("bottom", (ay, by), (ax, bx), 0, columns), ("top", (ay, by), (ax, bx), rows, columns),
        ):  # fmt: skip
            if at != (end * QUARTERS, end * QUARTERS):
                continue
            sides.setdefault(name, []).append(tag)
            middle = 0.5 * (along[0] + along[1])
            if QUARTERS < middle < (count - 1) * QUARTERS:
                sides.setdefault(f"{name}_middle", []).append(tag)
            if min(middle, count * QUARTERS - middle) < 1:
                sides.setdefault("corners", []).append(tag)
    return sides


def _blend(
    points: Floats, on_pore: np.ndarray, porous: list[tuple[int, int]], cell: float, edge: Floats, start: float
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
        pore = start * spline_weights(t) @ edge
        ray, out = perimeter_at(t, edge) - pore, local - pore
        side: Floats = ray[:, 0] * out[:, 1] - ray[:, 1] * out[:, 0]
        return side

    low, high = angle - 1.0, angle + 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        ahead = offset(middle) > 0
        low, high = np.where(ahead, middle, low), np.where(ahead, high, middle)
    t = 0.5 * (low + high)
    pore = start * spline_weights(t) @ edge
    ray = perimeter_at(t, edge) - pore
    s: Floats = ((local - pore) * ray).sum(1) / (ray**2).sum(1)
    return t, s
