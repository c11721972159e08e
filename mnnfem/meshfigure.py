"""Meshes -> pictures, plane or solid."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from mnnfem.mesh import Floats, Mesh
from mnnfem.visualise import BODY, INK

LIGHT: Floats = np.array([0.35, -0.5, 0.8]) / np.linalg.norm([0.35, -0.5, 0.8])
VIEW = 24.0, -60.0  # elevation and azimuth, degrees


def mesh_figure(path: Path, mesh: Mesh, title: str) -> None:
    """One mesh with its elements."""
    figure = Figure(figsize=(8, 8), layout="constrained")
    draw_mesh(axes_for(figure, mesh, 1, 1, 1), mesh)
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=140)


def axes_for(figure: Figure, mesh: Mesh, rows: int, columns: int, number: int) -> Axes:
    """Axes without a frame for a mesh, one of rows x columns."""
    axes = figure.add_subplot(rows, columns, number, **({"projection": "3d"} if mesh.dim == 3 else {}))
    axes.set_axis_off()
    return axes


def draw_mesh(axes: Axes, mesh: Mesh, lines: float = 0.3) -> None:
    """The body, its elements as thin lines of that width, its boundary dark; of a solid, what can be seen from outside."""
    boundary = mesh.boundary()
    axes.set_aspect("equal")
    if mesh.dim == 3:
        _draw_solid(axes, mesh.points[boundary], lines)
        return
    plain = matplotlib.colors.ListedColormap([BODY])
    axes.tripcolor(*mesh.points.T, mesh.triangles, np.zeros(len(mesh.triangles)), cmap=plain)
    axes.triplot(*mesh.points.T, mesh.triangles, color="#9aa8b5", linewidth=lines)
    axes.add_collection(LineCollection(list(mesh.points[boundary]), colors=INK, linewidths=3 * lines))


def _draw_solid(axes: Axes, faces: Floats, lines: float) -> None:
    """Faces (k, 3, 3) mm, those behind first, as bright as they face the light."""
    normals = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    elevation, azimuth = np.radians(VIEW)
    towards = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    seen = normals @ towards > 0
    brightness = 0.45 + 0.55 * np.clip(normals[seen] @ LIGHT, 0, 1)
    colours = np.array(matplotlib.colors.to_rgb(BODY)) * brightness[:, None]
    axes.add_collection(Poly3DCollection(faces[seen], facecolors=colours, edgecolors="#5b6875", linewidths=lines / 2))
    low, high = faces.reshape(-1, 3).min(axis=0), faces.reshape(-1, 3).max(axis=0)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    axes.set_box_aspect(high - low)  # type: ignore[arg-type]
    axes.view_init(*VIEW)  # type: ignore[attr-defined]
