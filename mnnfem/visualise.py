"""Fields -> figures and films, drawn by matplotlib: exact for plane triangles, and no display is needed."""

from __future__ import annotations

from collections.abc import Sequence
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
from mnnfem.mesh import Floats, Ints, Mesh

INK, HELD, DRIVEN, TARGET = "#1f2933", "#1f2933", "#d1495b", "#e07a00"
COLOURS = matplotlib.colormaps["viridis"]


@dataclass(frozen=True)
class Scene:
    """A body to draw: mesh, boundary, the point that the task watches, and node coordinates (n, 2) mm."""

    mesh: Mesh
    boundary: Boundary
    point: int
    points: Floats

    def frame(self, margin: float) -> tuple[float, float, float, float]:
        """Axis limits: the undeformed body and `margin` mm about it."""
        low, high = self.points.min(axis=0) - margin, self.points.max(axis=0) + margin
        return low[0], high[0], low[1], high[1]


def draw_body(axes: Axes, scene: Scene, displacement: Floats, limit: float, margin: float) -> Any:
    """The deformed body coloured by the size of its displacement (0 to `limit` mm), held and driven edges marked."""
    now = scene.points + displacement
    size = np.linalg.norm(displacement, axis=1)
    image = axes.tripcolor(*now.T, scene.mesh.cells, size, shading="gouraud", cmap=COLOURS, vmin=0, vmax=limit, rasterized=True)
    axes.add_collection(LineCollection(now[scene.mesh.boundary()], colors=INK, linewidths=0.6))
    held = [scene.mesh.facet(name) for name in scene.boundary.held]
    driven = [scene.mesh.facet(drive.facet) for drive in scene.boundary.drives]
    for edges, colour in ((held, HELD), (driven, DRIVEN)):
        axes.add_collection(LineCollection(now[np.concatenate(edges)], colors=colour, linewidths=3.0))
    axes.set_aspect("equal")
    axes.axis(scene.frame(margin))
    axes.set_axis_off()
    return image


def draw_target(axes: Axes, scene: Scene, displacement: Floats, target: Floats) -> None:
    """A cross where the watched point should be, a dot where it is."""
    at = scene.points[scene.point]
    axes.plot(*(at + target), "x", color=TARGET, markersize=11, markeredgewidth=2.5)
    axes.plot(*(at + displacement[scene.point]), "o", color="white", markeredgecolor=INK, markersize=5)


def design_figure(path: Path, scene: Scene) -> None:
    """The undeformed design with its elements, held edges (dark) and driven edges (red)."""
    figure = Figure(figsize=(6, 6.4), layout="constrained")
    axes = figure.add_subplot()
    axes.triplot(*scene.points.T, scene.mesh.cells, color="#b8c4ce", linewidth=0.4)
    _fill(axes, scene.points, scene.mesh.cells)
    draw_edges = scene.points[scene.mesh.boundary()]
    axes.add_collection(LineCollection(draw_edges, colors=INK, linewidths=0.8))
    for names, colour in (
        (scene.boundary.held, HELD),
        ([drive.facet for drive in scene.boundary.drives], DRIVEN),
    ):
        edges = np.concatenate([scene.mesh.facet(name) for name in names])
        axes.add_collection(LineCollection(scene.points[edges], colors=colour, linewidths=3.5))
    axes.set_aspect("equal")
    axes.set(xlabel="x (mm)", ylabel="y (mm)", title="Learned design: dark edges are held, red edges are driven")
    figure.savefig(path, dpi=130)


def targets_figure(path: Path, scene: Scene, displacements: Sequence[Floats], targets: Sequence[Floats], margin: float) -> None:
    """Four deformed bodies, each with its target."""
    figure = Figure(figsize=(9, 8.4), layout="constrained")
    limit = max(float(np.linalg.norm(one, axis=1).max()) for one in displacements)
    grid = figure.subplots(2, 2)
    for axes, displacement, target in zip(grid.flat, displacements, targets, strict=True):
        image = draw_body(axes, scene, displacement, limit, margin)
        draw_target(axes, scene, displacement, target)
        error = np.abs(displacement[scene.point] - target).sum()
        axes.set_title(f"target ({target[0]:+.1f}, {target[1]:+.1f}) mm, error {error:.2f} mm", fontsize=10)
    figure.colorbar(image, ax=grid, label="displacement (mm)", shrink=0.7)
    figure.savefig(path, dpi=130)


def path_film(path: Path, scene: Scene, displacements: Sequence[Floats], targets: Sequence[Floats], margin: float) -> None:
    """A GIF of the body following a path of targets."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    limit = max(float(np.linalg.norm(one, axis=1).max()) for one in displacements)
    way = scene.points[scene.point] + np.array([*targets, targets[0]])

    def draw(frame: int) -> list[Any]:
        axes.clear()
        draw_body(axes, scene, displacements[frame], limit, margin)
        axes.plot(*way.T, "--", color=TARGET, linewidth=1)
        draw_target(axes, scene, displacements[frame], targets[frame])
        return []

    film = FuncAnimation(figure, draw, frames=len(displacements))
    film.save(path, writer=PillowWriter(fps=12), dpi=80)


def loss_figure(path: Path, curves: dict[str, Sequence[float]], idle: float, unit: str) -> None:
    """Training loss of each arm against its iteration, on a log scale, with a running mean."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for (name, losses), colour in zip(curves.items(), (DRIVEN, "#3a6ea5"), strict=False):
        values = np.asarray(losses, dtype=float)
        window = max(1, len(values) // 40)
        smooth = np.convolve(np.nan_to_num(values, nan=float(np.nanmean(values))), np.full(window, 1 / window), "valid")
        axes.plot(values, color=colour, alpha=0.2, linewidth=0.7)
        axes.plot(np.arange(len(smooth)) + window // 2, smooth, color=colour, label=name)
    axes.axhline(idle, color=INK, linestyle=":", label="do nothing")
    axes.set(yscale="log", xlabel="iteration", ylabel=f"mean error of the batch ({unit})")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


def _fill(axes: Axes, points: Floats, cells: Ints) -> None:
    axes.tripcolor(*points.T, cells, np.zeros(len(points)), cmap="Blues", vmin=-0.15, vmax=1, shading="gouraud", zorder=0)
