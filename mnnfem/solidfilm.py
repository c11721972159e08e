"""Films of solid bodies, drawn by matplotlib: no display is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

from mnnfem.mesh import Floats, Ints
from mnnfem.visualise import COLOURS, TARGET

VIEW = 18.0, -70.0  # elevation and azimuth, degrees
UPWARDS = [0, 2, 1]  # y of the body goes up in the picture


@dataclass(frozen=True)
class Frame:
    """One state: nodes (n, 3) mm, what colours them (n,), and its title."""

    points: Floats
    colour: Floats
    title: str


def solid_film(path: Path, faces: Ints, frames: Sequence[Frame], lines: Sequence[Floats], label: str) -> None:
    """A GIF of surfaces `faces` (k, 3), y upwards, beside lines (m, 3) mm that stay; `label` of the colours."""
    figure = Figure(figsize=(7, 5.2), layout="constrained")
    axes: Any = figure.add_subplot(projection="3d")
    every = np.concatenate([*(frame.points for frame in frames), *lines])[:, UPWARDS]
    low, high = every.min(axis=0), every.max(axis=0)
    norm = matplotlib.colors.Normalize(0.0, max(float(frame.colour.max()) for frame in frames) or 1.0)
    figure.colorbar(matplotlib.cm.ScalarMappable(norm, COLOURS), ax=axes, label=label, shrink=0.6)

    def draw(number: int) -> list[Any]:
        frame = frames[number]
        axes.clear()
        axes.set_axis_off()
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
        axes.set_box_aspect(high - low)
        axes.view_init(*VIEW)
        colours = COLOURS(norm(frame.colour[faces].mean(axis=1)))
        shown = frame.points[:, UPWARDS][faces]
        axes.add_collection(Poly3DCollection(shown, facecolors=colours, edgecolors="#33415566", linewidths=0.15))
        axes.add_collection(Line3DCollection([line[:, UPWARDS] for line in lines], colors=TARGET, linewidths=1.5))
        axes.set_title(frame.title, fontsize=10)
        return []

    FuncAnimation(figure, draw, frames=len(frames)).save(path, writer=PillowWriter(fps=8), dpi=80)
