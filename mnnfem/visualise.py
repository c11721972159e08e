"""Fields -> figures and films, drawn by matplotlib: exact for plane triangles, and no display is needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from mnnfem.boundary import Boundary
from mnnfem.mesh import Floats, Mesh

INK, DRIVEN, TARGET, BODY, OTHER = "#1f2933", "#d1495b", "#e07a00", "#dbe7f3", "#3a6ea5"
COLOURS = matplotlib.colormaps["viridis"]


@dataclass(frozen=True)
class Scene:
    """A body to draw: mesh, boundary, node coordinates (n, 2) mm, and where parts differ the moduli of elements, (m,) MPa."""

    mesh: Mesh
    boundary: Boundary
    points: Floats
    moduli: Floats | None = None


@dataclass(frozen=True)
class View:
    """One state of it: displacement (n, 2) mm; where the watched points are and should be, (k, 2) mm; do they go around?"""

    displacement: Floats
    watched: Floats
    wanted: Floats
    loop: bool
    title: str


def design_figure(path: Path, scene: Scene) -> None:
    """The undeformed design with its elements, held edges (dark) and driven edges (red), coloured by its moduli."""
    figure = Figure(figsize=(6, 6.3), layout="constrained")
    axes = figure.add_subplot()
    if scene.moduli is None:
        axes.tripcolor(*scene.points.T, scene.mesh.triangles, np.zeros(len(scene.mesh.triangles)), cmap=_plain(BODY))
    else:
        image = axes.tripcolor(*scene.points.T, scene.mesh.triangles, facecolors=scene.moduli, cmap=COLOURS)
        figure.colorbar(image, ax=axes, label="Young's modulus (MPa)", shrink=0.7)
    axes.triplot(*scene.points.T, scene.mesh.triangles, color="#b8c4ce", linewidth=0.4)
    _outline(axes, scene, scene.points)
    axes.set_aspect("equal")
    axes.set(xlabel="x (mm)", ylabel="y (mm)", title="dark edges are held, red edges are driven")
    figure.savefig(path, dpi=130)


def targets_figure(path: Path, scene: Scene, views: Sequence[View]) -> None:
    """Up to four deformed bodies, each with its target."""
    figure = Figure(figsize=(9, 7.6), layout="constrained")
    grid = figure.subplots(2, 2)
    frame, limit = _frame(scene, views), _largest(views)
    image: Any = None
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, view in zip(grid.flat, views, strict=False):
        image = _draw_body(axes, scene, view, limit)
        _draw_target(axes, view)
        axes.set_title(view.title, fontsize=10)
        axes.axis(frame)
    figure.colorbar(image, ax=grid, label="displacement (mm)", shrink=0.7)
    figure.savefig(path, dpi=130)


def path_film(path: Path, scene: Scene, views: Sequence[View]) -> None:
    """A GIF of the body following a path of targets, with the ways of single points."""
    frame, limit = _frame(scene, views), _largest(views)
    figure = Figure(figsize=(5, 5 * (frame[3] - frame[2]) / (frame[1] - frame[0])))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    ways = np.array([view.wanted for view in [*views, views[0]] if not view.loop])

    def draw(number: int) -> list[Any]:
        axes.clear()
        axes.set_axis_off()
        _draw_body(axes, scene, views[number], limit)
        for way in ways.swapaxes(0, 1) if ways.size else ():
            axes.plot(*way.T, "--", color=TARGET, linewidth=1)
        _draw_target(axes, views[number])
        axes.axis(frame)
        return []

    FuncAnimation(figure, draw, frames=len(views)).save(path, writer=PillowWriter(fps=12), dpi=80)


def loss_figure(path: Path, curves: Mapping[str, Sequence[float]], idle: float, unit: str) -> None:
    """Training error of each arm against its iteration, on a log scale, with a running mean."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for (name, losses), colour in zip(curves.items(), (DRIVEN, OTHER), strict=False):
        solved = [(k, loss) for k, loss in enumerate(losses) if np.isfinite(loss)]
        if not solved:
            continue
        iterations, values = np.array(solved).T
        window = max(1, len(values) // 40)
        smooth = np.convolve(values, np.full(window, 1 / window), "valid")
        axes.plot(iterations, values, color=colour, alpha=0.2, linewidth=0.7)
        axes.plot(iterations[window - 1 :], smooth, color=colour, label=name)
    axes.axhline(idle, color=INK, linestyle=":", label="do nothing")
    axes.set(yscale="log", xlabel="iteration", ylabel=f"mean error of the batch ({unit})")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


@dataclass(frozen=True)
class LatticePicture:
    """A cell between mirror lines, from (0, 0) to the right and up: mesh, nodes (n, 2) mm and their displacement (n, 2) mm."""

    title: str
    mesh: Mesh
    points: Floats
    displacement: Floats


def lattices_figure(path: Path, pictures: Sequence[LatticePicture], columns: int = 2, copies: int = 4) -> None:
    """Deformed cells as the lattices that they are mirrored to, `copies` each way; dashed: what they cover at rest."""
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(4.2 * columns, 4.4 * rows), layout="constrained")
    for axes, picture in zip(figure.subplots(rows, columns, squeeze=False).flat, pictures, strict=False):
        now, rest = picture.points + picture.displacement, copies * picture.points.max(axis=0)
        across = [_mirrored(now[:, 0], copy) for copy in range(copies)]
        up = [_mirrored(now[:, 1], copy) for copy in range(copies)]
        for x, y in itertools.product(across, up):
            axes.tripcolor(x, y, picture.mesh.triangles, np.zeros(len(picture.mesh.triangles)), cmap=_plain(OTHER))
        axes.plot(*np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]).T * rest[:, None], "--", color=DRIVEN, linewidth=1)
        axes.set_title(picture.title, fontsize=10)
        axes.set_aspect("equal")
        axes.set_axis_off()
    figure.savefig(path, dpi=110)


def _mirrored(x: Floats, copy: int) -> Floats:
    """The copy-th of cells that are mirrored at x = 0 and at their far side in turn."""
    far = x.max()
    return copy * far + (far - x if copy % 2 else x)


def _draw_body(axes: Axes, scene: Scene, view: View, limit: float) -> Any:
    """The deformed body coloured by the size of its displacement, 0 to `limit` mm."""
    now, size = scene.points + view.displacement, np.linalg.norm(view.displacement, axis=1)
    image = axes.tripcolor(*now.T, scene.mesh.triangles, size, shading="gouraud", cmap=COLOURS, vmin=0, vmax=limit)
    _outline(axes, scene, now)
    axes.set_aspect("equal")
    return image


def _outline(axes: Axes, scene: Scene, now: Floats) -> None:
    mesh, boundary = scene.mesh, scene.boundary
    _edges(axes, now, [mesh.boundary()], INK, 0.7)
    _edges(axes, now, [mesh.facet(name) for name, _ in boundary.fixed(mesh.dim)], INK, 3.5)
    _edges(axes, now, [mesh.facet(name) for name in boundary.driven(mesh.dim)], DRIVEN, 3.5)


def _edges(axes: Axes, now: Floats, facets: Iterable[Any], colour: str, width: float) -> None:
    lines = [now[edge] for edges in facets for edge in edges]
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, capstyle="round"))


def _draw_target(axes: Axes, view: View) -> None:
    """Crosses where the watched points should be, or the line through these places if they go around; dots where they are."""
    if view.loop:
        axes.plot(*np.concatenate([view.wanted, view.wanted[:1]]).T, color=TARGET, linewidth=2.5)
    else:
        axes.plot(*view.wanted.T, "x", color=TARGET, markersize=11, markeredgewidth=2.5)
    axes.plot(*view.watched.T, "o", color="white", markeredgecolor=INK, markersize=3 if view.loop else 5)


def _frame(scene: Scene, views: Sequence[View]) -> tuple[float, float, float, float]:
    """Axis limits that hold every one of the deformed bodies."""
    every = np.concatenate([scene.points + view.displacement for view in views])
    low, high = every.min(axis=0) - 4, every.max(axis=0) + 4
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])


def _largest(views: Sequence[View]) -> float:
    return max(float(np.linalg.norm(view.displacement, axis=1).max()) for view in views) or 1.0


def _plain(colour: str) -> Any:
    return matplotlib.colors.ListedColormap([colour])
