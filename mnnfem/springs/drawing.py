"""Pictures of networks: bonds as wide as they are stiff, supports, ports, and how they move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from mnnfem.mesh import Floats
from mnnfem.springs.network import Network
from mnnfem.springs.ports import Ports
from mnnfem.visualise import COLOURS, DRIVEN, INK, OTHER, TARGET


@dataclass(frozen=True, eq=False)
class Picture:
    """A network in the plane with stiffnesses (b,) as shares of their range, and where it has moved to, (n, d) mm, or None."""

    title: str
    network: Network
    share: Floats
    ports: Ports
    displacement: Floats | None = None


def networks_figure(path: Path, pictures: Sequence[Picture], columns: int = 3) -> None:
    """Bonds drawn wide and light where they are stiff; triangles are held, red nodes loaded, blue ones read."""
    rows = -(-len(pictures) // columns)
    columns = min(columns, len(pictures))
    figure = Figure(figsize=(4.4 * columns, 3.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, picture in zip(grid.flat, pictures, strict=False):
        _draw(axes, picture)
    figure.savefig(path, dpi=130)


def curves_figure(path: Path, panels: Mapping[str, Mapping[str, Sequence[float]]], log: Sequence[str] = ()) -> None:
    """One panel per quantity, one line per run, against the epoch; those in `log` on a logarithmic scale."""
    figure = Figure(figsize=(5.2 * len(panels), 3.8), layout="constrained")
    for axes, (name, lines) in zip(figure.subplots(1, len(panels), squeeze=False).flat, panels.items(), strict=True):
        for label, values in lines.items():
            axes.plot(np.arange(1, len(values) + 1), values, label=label, linewidth=1.2)
        axes.set(xlabel="epoch", ylabel=name, yscale="log" if name in log else "linear")
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)


def bars_figure(path: Path, names: Sequence[str], heights: Mapping[str, Sequence[float]], label: str) -> None:
    """Bars side by side for each name, one colour for each of `heights`; no bar where a height is not finite."""
    figure = Figure(figsize=(max(6.0, 0.42 * len(names) * len(heights) / 2), 3.8), layout="constrained")
    axes = figure.add_subplot()
    for number, (what, values) in enumerate(heights.items()):
        places = np.arange(len(names)) + (number + 0.5) / len(heights) * 0.8 - 0.4
        axes.bar(places, values, 0.8 / len(heights), label=what, color=(OTHER, TARGET, DRIVEN, INK)[number % 4])
    axes.set_xticks(np.arange(len(names)), names, fontsize=7)
    axes.set(ylabel=label)
    axes.legend(frameon=False, fontsize=8, loc="lower center", ncols=len(heights), bbox_to_anchor=(0.5, 1.0))
    figure.savefig(path, dpi=130)


def lines_figure(path: Path, x: Sequence[float], lines: Mapping[str, Sequence[float]], labels: tuple[str, str]) -> None:
    """Lines over x on a logarithmic scale."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, values in lines.items():
        axes.plot(x, values, "o-", markersize=3, label=name)
    axes.set(xscale="log", xlabel=labels[0], ylabel=labels[1])
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


def _draw(axes: Axes, picture: Picture) -> None:
    network, nodes = picture.network, picture.network.nodes
    if picture.displacement is not None:
        axes.add_collection(LineCollection(list(nodes[network.bonds]), colors="#c4ccd4", linewidths=0.8))
        nodes = nodes + picture.displacement
    lines = LineCollection(list(nodes[network.bonds]), colors=COLOURS(0.9 * picture.share), linewidths=1 + 5 * picture.share)
    axes.add_collection(lines)
    axes.plot(*nodes.T, "o", color=INK, markersize=3)
    axes.plot(*nodes[network.held.all(axis=1)].T, "^", color=INK, markersize=9)
    loaded, read = ([port.node for port in ports] for ports in (picture.ports.inputs, picture.ports.outputs))
    axes.plot(*nodes[loaded].T, "o", color=DRIVEN, markersize=9)
    if picture.ports.bias is not None:
        axes.plot(*nodes[[picture.ports.bias.node]].T, "s", color=DRIVEN, markersize=8)
    axes.plot(*nodes[read].T, "o", markerfacecolor="none", markeredgecolor=OTHER, markeredgewidth=2.5, markersize=12)
    axes.set_title(picture.title, fontsize=9)
    axes.set_aspect("equal")
    axes.autoscale_view()
