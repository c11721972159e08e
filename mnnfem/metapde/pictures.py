"""Pictures of solutions: truth, prediction, error; errors against time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.tri
import numpy as np
from matplotlib.figure import Figure

from mnnfem.mesh import Floats, Ints
from mnnfem.metapde.evaluation import Row
from mnnfem.visualise import DRIVEN, OTHER


@dataclass(frozen=True, eq=False)
class Shown:
    """An instance: places (n, 2), triangles (m, 3) of them, true and found values (n,)."""

    places: Floats
    triangles: Ints
    true: Floats
    found: Floats
    title: str


def fields_figure(path: Path, shown: Sequence[Shown], labels: tuple[str, str]) -> None:
    """A row for each instance: truth, prediction, and their difference on a scale of its own."""
    figure = Figure(figsize=(10, 2.9 * len(shown)), layout="constrained")
    for row, one in zip(figure.subplots(len(shown), 3, squeeze=False), shown, strict=True):
        triangles = matplotlib.tri.Triangulation(*one.places.T, one.triangles)
        off = one.found - one.true
        low, high, most = one.true.min(), one.true.max(), np.abs(off).max()
        columns = (
            ("truth", one.true, "viridis", (low, high)),
            (f"prediction, {one.title}", one.found, "viridis", (low, high)),
            ("prediction - truth", off, "RdBu_r", (-most, most)),
        )
        for axes, (title, values, colours, (least, largest)) in zip(row, columns, strict=True):
            image = axes.tripcolor(triangles, values, cmap=colours, vmin=least, vmax=largest, shading="gouraud")
            axes.set_title(title, fontsize=9)
            axes.set(xlabel=labels[0], ylabel=labels[1])
            axes.set_aspect("equal")
            figure.colorbar(image, ax=axes, shrink=0.8)
    figure.savefig(path, dpi=110)


def cost_figure(path: Path, learned: Sequence[Row], others: Sequence[Row], label: str) -> None:
    """Median error, and up to the 95th percentile, against the median time of an instance."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for rows, name, colour in ((learned, "learned basis", OTHER), (others, label, DRIVEN)):
        seconds = [float(np.median(row.seconds)) for row in rows]
        most = [float(np.percentile(row.errors, 95)) - row.median for row in rows]
        heights, above = [row.median for row in rows], np.array([np.zeros(len(rows)), most])
        axes.errorbar(seconds, heights, yerr=above, fmt="o-", color=colour, capsize=3, label=name)
        for row, x, y in zip(rows, seconds, heights, strict=True):
            axes.annotate(row.name, (x, y), textcoords="offset points", xytext=(5, 5), fontsize=7)
    axes.set(xscale="log", yscale="log", xlabel="seconds for an instance, one core", ylabel="relative L2 error")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)
