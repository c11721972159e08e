"""Proof of a part by PrusaSlicer: no repairs, and its layers are the simulated body's outline."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from PIL import Image, ImageDraw

from mnnfem.errors import InputError
from mnnfem.fabricate.layers import section
from mnnfem.fabricate.part import Part

PIXELS = 2000  # along the display's side
ROOM = 1.05  # of the part's size: the display's side
FINE = 4  # points across a pixel by which the wanted cover of pixels is counted
LAYERS = {True: 8, False: 40}  # of a prism, whose layers are alike, and of another body
ALIKE, AS_LARGE = 0.998, 1e-3  # bars: least overlap of a layer, largest relative error of the volume
REPAIRS = ("edges_fixed", "degenerate_facets", "facets_removed", "facets_reversed", "backwards_edges", "open_edges")

Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Proof:
    """What the slicer made of a part.

    repairs   what it had to mend, as it told;  manifold  whether it said so
    overlap   least over the layers of common over joint area with the wanted outline (1 is alike)
    volume    relative error of the layers' area times their height against the simulated volume
    """

    repairs: Sequence[str]
    manifold: bool
    layers: int
    overlap: float
    volume: float

    @property
    def misses(self) -> list[str]:
        """What does not hold."""
        bars = {
            f"PrusaSlicer repairs the mesh: {', '.join(self.repairs) or 'it is not manifold'}": self.manifold
            and not self.repairs,
            f"a layer overlaps the outline by {self.overlap:.5f}, wanted {ALIKE}": self.overlap >= ALIKE,
            f"the layers' volume is {self.volume:+.3%} off, wanted {AS_LARGE:.1%}": abs(self.volume) <= AS_LARGE,
        }
        return [bar for bar, reached in bars.items() if not reached]


def slicer() -> str | None:
    """The program, or None where it is not installed."""
    return shutil.which("prusa-slicer")


def prove(part: Part, layer: float = 0.0) -> Proof:
    """Slice the part for resin in layers of `layer` mm (0: in `LAYERS`) and compare each picture with the outline there.

    A body in space is compared with sections of its own surface, so there the slicer and this code must agree.
    InputError where there is no slicer, or where it makes no layers.
    """
    program = slicer()
    if program is None:
        raise InputError(
            "PrusaSlicer is not installed, so nothing is proven by slicing: MNNFEM_WITH=slicer ./run has it, on Debian the "
            "package prusa-slicer."
        )
    height, side = part.thickness, ROOM * float(max(part.surface.extents[:2]))
    layer = layer or height / LAYERS[part.outline is not None]
    with tempfile.TemporaryDirectory() as folder:
        model, printed = Path(folder) / "part.stl", Path(folder) / "part.sl1"
        part.surface.export(model, file_type="stl")
        told = _run([program, "--info", str(model)])
        said = _run([program, *_options(side, height, layer), "--output", str(printed), str(model)])
        if not printed.exists():
            reason = next((line for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
            raise InputError(f"PrusaSlicer makes no layers of {part.name}: {reason.strip()}.")
        pictures = _pictures(printed)
    repairs = [f"{name} = {count}" for name, count in re.findall(r"(\w+)\s*=\s*(\d+)", told) if name in REPAIRS and int(count)]
    overlaps, areas = _compared(part, pictures, side, layer)
    volume = sum(areas) * layer
    wanted = part.volume if part.volume is not None else float(part.surface.volume)
    return Proof(repairs, "manifold = yes" in told, len(pictures), min(overlaps), volume / wanted - 1)


def _options(side: float, height: float, layer: float) -> list[str]:
    bed = f"0x0,{side:g}x0,{side:g}x{side:g},0x{side:g}"
    numbers = {
        "layer-height": layer,
        "initial-layer-height": layer,
        "display-width": side,
        "display-height": side,
        "display-pixels-x": PIXELS,
        "display-pixels-y": PIXELS,
        "max-print-height": height + 1,
        "center": f"{0.5 * side:.9g},{0.5 * side:.9g}",
    }
    said = [word for name, value in numbers.items() for word in (f"--{name}", f"{value}")]
    return ["--export-sla", "--printer-technology", "SLA", "--no-supports-enable", "--no-pad-enable", "--bed-shape", bed, *said]


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    return done.stdout + done.stderr


def _pictures(printed: Path) -> list[Pixels]:
    """Cover (rows from below, columns) of the pixels of every layer, 0 to 1."""
    with zipfile.ZipFile(printed) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png") and "thumbnail" not in name)
        images = [Image.open(io.BytesIO(archive.read(name))).convert("L") for name in names]
    return [np.flipud(np.asarray(image, dtype=np.float32) / 255) for image in images]


def _compared(part: Part, pictures: Sequence[Pixels], side: float, layer: float) -> tuple[list[float], list[float]]:
    """Overlap of every layer with the wanted figure, and its area, mm^2."""
    overlaps, areas, wanted = [], [], None
    low, size = part.surface.bounds[0], part.surface.extents
    shift = 0.5 * side - low[:2] - 0.5 * size[:2]
    for number, picture in enumerate(pictures):
        if wanted is None or part.outline is None:
            figure = part.outline
            if figure is None:
                figure = section(part.surface, float(low[2]) + (number + 0.5) * layer)
            wanted = _cover(figure, shift, PIXELS / side)
        joint = float(np.maximum(picture, wanted).sum())
        overlaps.append(float(np.minimum(picture, wanted).sum()) / joint if joint else 1.0)
        areas.append(float(picture.sum(dtype=np.float64)) * (side / PIXELS) ** 2)
    return overlaps, areas


def _cover(figure: shapely.Geometry, shift: npt.NDArray[np.float64], per_mm: float) -> Pixels:
    """How much of each pixel polygons cover, by points in it."""
    image = Image.new("L", (FINE * PIXELS, FINE * PIXELS))
    draw = ImageDraw.Draw(image)
    for polygon in shapely.get_parts(figure):
        for ring, value in ((polygon.exterior, 1), *((hole, 0) for hole in polygon.interiors)):
            corners = (shapely.get_coordinates(ring) + shift) * per_mm * FINE - 0.5
            draw.polygon([(float(x), float(y)) for x, y in corners], fill=value)
    points = np.asarray(image).reshape(PIXELS, FINE, PIXELS, FINE)
    return points.sum(axis=(1, 3), dtype=np.float32) / FINE**2
