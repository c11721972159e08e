"""A picture of a part with a mark where each check fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from mnnfem.fabricate.findings import Finding
from mnnfem.fabricate.layers import outline_of
from mnnfem.fabricate.part import Part
from mnnfem.visualise import BODY, INK

MARKS = "osD^vP*X"
MOST = 20_000  # triangles of a body in space that are drawn


def marked_figure(path: Path, part: Part, findings: Sequence[Finding]) -> None:
    """The outline of a plane part, or the surface of another, with the places of every finding and its name beside."""
    figure = Figure(figsize=(8, 8), layout="constrained")
    outline = part.outline if part.outline is not None else outline_of(part.surface)
    flat = outline is not None
    axes = figure.add_subplot(**({} if flat else {"projection": "3d"}))
    if outline is not None:
        rings = [Curve(np.asarray(ring.coords), closed=True) for ring in (outline.exterior, *outline.interiors)]
        axes.add_patch(PathPatch(Curve.make_compound_path(*rings), facecolor=BODY, edgecolor=INK, linewidth=0.6))
        axes.autoscale_view()
    else:
        corners = np.asarray(part.surface.vertices)[np.asarray(part.surface.faces)[:MOST]]
        axes.add_collection(Poly3DCollection(corners, facecolor=(*matplotlib.colors.to_rgb(BODY), 0.3), linewidth=0))
        low, high = part.surface.bounds
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    for number, finding in enumerate(findings):
        style: dict[str, Any] = {
            "marker": MARKS[number % len(MARKS)],
            "color": f"C{number % 10}",
            "linestyle": "none",
            "fillstyle": "none",
        }
        places = finding.places[:, : 2 if flat else 3].T
        axes.plot(*places, markersize=14, label=f"{finding.check} ({len(finding.places)})", **style)
    axes.set_aspect("equal")
    axes.set(xlabel="x (mm)", ylabel="y (mm)")
    axes.set_title(f"{part.name}: " + (f"{len(findings)} checks fail" if findings else "all checks hold"))
    if findings:
        axes.legend(loc="upper right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
