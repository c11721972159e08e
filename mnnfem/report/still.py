"""A still picture of a scene, for readers without scripts: rendered in a child process, or drawn flat where that fails."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyvista
from matplotlib.figure import Figure

from mnnfem.report.frames import Frames
from mnnfem.report.media import picture
from mnnfem.report.scene import Scene
from mnnfem.solidfilm import VIEW
from mnnfem.visualise import COLOURS

PATIENCE = 120.0  # seconds


def still(scene: Scene) -> str:
    """The frame that is moved most, as data URI; by matplotlib where OpenGL is missing."""
    frames = scene.frames
    number = frames.most_moved
    with tempfile.TemporaryDirectory() as place:
        surface, drawn = Path(place) / "surface.vtp", Path(place) / "still.png"
        if not _rendered(scene, number, surface, drawn):
            _drawn_flat(frames, number, drawn)
        return picture(drawn)[0]


def _rendered(scene: Scene, number: int, surface: Path, drawn: Path) -> bool:
    """Whether a child process made the picture; without OpenGL it is ended by a signal."""
    frames = scene.frames
    faces = np.insert(frames.faces, 0, 3, axis=1).ravel()
    body = pyvista.PolyData(frames.rest + frames.moved[number], faces=faces)
    body.point_data["displacement (mm)"] = np.linalg.norm(frames.moved[number], axis=1)
    if frames.plane:
        body = body.extrude((0, 0, scene.thickness), capping=True)
    body.save(surface)
    command = [sys.executable, "-m", "mnnfem.report.rendering", str(surface), str(drawn), "flat" if frames.plane else "solid"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and drawn.is_file()


def _drawn_flat(frames: Frames, number: int, path: Path) -> None:
    """The same without OpenGL: exact for a plane body, seen from the side of another one."""
    now, size = frames.rest + frames.moved[number], np.linalg.norm(frames.moved[number], axis=1)
    figure = Figure(figsize=(9, 6), layout="constrained")
    if frames.plane:
        axes = figure.add_subplot()
        axes.tripcolor(*now[:, :2].T, frames.faces, size, shading="gouraud", cmap=COLOURS)
    else:
        axes = figure.add_subplot(projection="3d")
        axes.plot_trisurf(*now[:, [0, 2, 1]].T, triangles=frames.faces, color=COLOURS(0.5))
        axes.view_init(*VIEW)
    axes.set_aspect("equal")
    axes.set_axis_off()
    figure.savefig(path, dpi=110)
