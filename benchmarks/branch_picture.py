"""Both branches of lattices side by side, with the plain solver's state beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from benchmarks.branches import Pair
from benchmarks.lattices import Lattice
from mnnfem.mesh import Floats, Mesh
from mnnfem.visualise import BODY, DRIVEN, INK, OTHER


def draw(path: Path, pairs: Mapping[Lattice, Pair]) -> None:
    """A row for each lattice: imperfection +1, -1, plain Newton; all at one scale."""
    figure = Figure(figsize=(10.5, 3.1 * len(pairs)), layout="constrained")
    rows = figure.subplots(len(pairs), 3, squeeze=False)
    for row, (lattice, pair) in zip(rows, pairs.items(), strict=True):
        found = {f"imperfection {sign:+d}": (pair.moved[sign], pair.solutions[sign].record.energy) for sign in (1, -1)}
        stable = "stable" if pair.judged.certified else "UNSTABLE"
        found[f"plain Newton, {stable}"] = (pair.plain_moved, pair.plain.energy)
        states = [pair.mesh.points + moved for moved, _ in found.values()]
        low, high = np.concatenate(states).min(axis=0) - 6, np.concatenate(states).max(axis=0) + 6
        for axes, (name, (_, energy)), now in zip(row, found.items(), states, strict=True):
            colour = "#f3dbd9" if "UNSTABLE" in name else BODY
            _body(axes, pair.mesh, now, colour)
            axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
            axes.set_title(f"{name}\n{energy / 1e3:.2f} J/m", fontsize=10, color=DRIVEN if "UNSTABLE" in name else INK)
        row[0].text(-0.03, 0.5, lattice.name, transform=row[0].transAxes, rotation=90, va="center", ha="right", fontsize=9)
    figure.savefig(path, dpi=110)


def _body(axes: Axes, mesh: Mesh, now: Floats, colour: str) -> None:
    plain = matplotlib.colors.ListedColormap([colour])
    axes.tripcolor(*now.T, mesh.cells, np.zeros(len(mesh.cells)), cmap=plain)
    axes.add_collection(LineCollection(now[mesh.boundary()], colors=INK, linewidths=0.7))
    for name, ink in (("bottom", INK), ("top", OTHER)):
        axes.add_collection(LineCollection(now[mesh.facet(name)], colors=ink, linewidths=3.5, capstyle="round"))
    axes.set_aspect("equal")
    axes.set_axis_off()
