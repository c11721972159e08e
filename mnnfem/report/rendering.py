"""Draws one picture of a body with OpenGL and ends: a program of its own, as VTK without a display or EGL crashes.

Usage: python -m mnnfem.report.rendering SURFACE.vtp PICTURE.png, the surface coloured by its active scalars.
"""

from __future__ import annotations

import sys

import pyvista

SIZE = (1200, 800)


def main(surface: str, picture: str, flat: bool) -> None:
    """Draw it: a plane body from above its lower edge, another one from the side."""
    plotter = pyvista.Plotter(off_screen=True, window_size=SIZE)
    plotter.enable_anti_aliasing("ssaa")
    plotter.add_mesh(pyvista.read(surface), cmap="viridis", smooth_shading=False, show_scalar_bar=False)
    plotter.background_color = "white"
    plotter.camera_position = [(0.3, -1.0, 1.1), (0, 0, 0), (0, 0, 1)] if flat else [(0.4, 0.5, 1.0), (0, 0, 0), (0, 1, 0)]
    plotter.reset_camera()
    plotter.camera.zoom(1.3)
    plotter.screenshot(picture)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] == "flat")
