"""A plane design before and after -> SVG of its outlines, side by side on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from mnnfem.boundary import Boundary
from mnnfem.mesh import Floats, Ints, Mesh
from mnnfem.reopen import Designed, Run

GAP = 0.06  # between the two and around them, of the body's width


def design_svg(run: Run, design: Designed) -> str:
    """The body that the training began with and the one that it ended with; held edges dark, driven ones red."""
    start = run.geometry.mesh
    size = np.ptp(start.points, axis=0)
    gap, (width, height) = GAP * size[0], size
    one = _body(start, start.points, run.boundary, "before training")
    other = _body(design.mesh, design.points, design.boundary, "after training")
    whole = f"{-gap:.1f} {-gap:.1f} {2 * width + 4 * gap:.1f} {height + 2 * gap:.1f}"
    return (
        f'<svg class="design" viewBox="{whole}" role="img" aria-label="The design before and after training">'
        f'<g transform="translate(0 {height:.2f}) scale(1 -1)">{one}</g>'
        f'<g transform="translate({width + 2 * gap:.2f} {height:.2f}) scale(1 -1)">{other}</g></svg>'
    )


def _body(mesh: Mesh, points: Floats, boundary: Boundary, title: str) -> str:
    filled = "".join(f"M{_line(points[loop])}Z" for loop in mesh.loops())
    held = [mesh.facet(name) for name, _ in boundary.fixed(mesh.dim)]
    driven = [mesh.facet(name) for name in boundary.driven(mesh.dim)]
    return (
        f'<title>{escape(title)}</title><path class="solid" d="{filled}"/>'
        f'<path class="held" d="{_edges(points, held)}"/><path class="driven" d="{_edges(points, driven)}"/>'
    )


def _edges(points: Floats, facets: Sequence[Ints]) -> str:
    return "".join(f"M{_line(points[edge])}" for facet in facets for edge in facet)


def _line(places: Floats) -> str:
    return "L".join(f"{x:.2f} {y:.2f}" for x, y in places)
