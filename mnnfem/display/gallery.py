"""Pictures of a digit display: the body with its colours, and the windows with what is seen in them."""

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
from matplotlib.patches import Rectangle

from mnnfem.display.windows import Windows
from mnnfem.mesh import Floats, Mesh
from mnnfem.visualise import DRIVEN, INK

GLOW: Any = matplotlib.colormaps["cividis"]
PALE: Any = matplotlib.colors.ListedColormap(0.45 * GLOW(np.linspace(0, 1, 256)) + 0.55)  # not see-through: no seams show


@dataclass(frozen=True)
class Picture:
    """One state: mesh points now (n, 2) mm, their colours (n,), what each window shows (w,), a title, and the image, if any."""

    now: Floats
    colours: Floats
    seen: Floats
    title: str
    image: Floats | None = None


def gallery(path: Path, mesh: Mesh, windows: Windows, pictures: Sequence[Picture], columns: int = 5) -> None:
    """Pictures side by side: the material's colours pale, windows in the colour that is seen there, images in a corner."""
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(2.6 * columns + 0.6, 4.0 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    every = np.concatenate([one.now for one in pictures])
    low, high = every.min(axis=0), every.max(axis=0)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, picture in zip(grid.flat, pictures, strict=False):
        _draw(axes, mesh, windows, picture)
        axes.set(xlim=(low[0] - 5, high[0] + 5), ylim=(low[1] - 5, high[1] + 5), aspect="equal")
        axes.set_title(picture.title, fontsize=10)
    scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, 1), GLOW)
    figure.colorbar(scale, ax=grid, label="colour, 1 in lit segments", shrink=0.6)
    figure.savefig(path, dpi=110)


def film(path: Path, mesh: Mesh, windows: Windows, pictures: Sequence[Picture]) -> None:
    """A GIF of pictures one after the other."""
    figure = Figure(figsize=(4.0, 6.0))
    axes = figure.add_axes((0.02, 0.0, 0.96, 0.94))
    every = np.concatenate([one.now for one in pictures])
    low, high = every.min(axis=0), every.max(axis=0)

    def draw(number: int) -> list[Any]:
        axes.clear()
        axes.set_axis_off()
        _draw(axes, mesh, windows, pictures[number])
        axes.set(xlim=(low[0] - 5, high[0] + 5), ylim=(low[1] - 5, high[1] + 5), aspect="equal", title=pictures[number].title)
        return []

    FuncAnimation(figure, draw, frames=len(pictures)).save(path, writer=PillowWriter(fps=8), dpi=70)


def _draw(axes: Axes, mesh: Mesh, windows: Windows, picture: Picture) -> None:
    axes.tripcolor(*picture.now.T, mesh.cells, picture.colours, shading="gouraud", cmap=PALE, vmin=0, vmax=1)
    axes.add_collection(LineCollection(list(picture.now[mesh.boundary()]), colors=INK, linewidths=0.5))
    for (left, bottom, right, top), seen in zip(windows.rectangles.values(), picture.seen, strict=True):
        colour = GLOW(float(seen))
        axes.add_patch(
            Rectangle((left, bottom), right - left, top - bottom, facecolor=colour, edgecolor=DRIVEN, linewidth=1.2, zorder=3)
        )
    if picture.image is not None:
        corner = axes.inset_axes((0.0, 0.82, 0.2, 0.18))
        corner.imshow(picture.image, cmap="gray_r")
        corner.set(xticks=(), yticks=())
