"""Proof of a part by PrusaSlicer: no repairs, and its layers are the simulated body's outline."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path as Curve
from matplotlib.transforms import Affine2D
from PIL import Image

from mnnfem.errors import InputError
from mnnfem.fabricate.layers import heights, section
from mnnfem.fabricate.part import Part

PIXELS = 2000  # along the display's side
ROOM = 1.05  # of the part's size: the display's side
LAYERS = 8  # of a prism, whose layers are alike
LAYERS_IN_SPACE, STEPPED = range(40, 161, 4), 1e-4  # of another body: the first of these that changes its volume no more
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
    wanted = part.volume if part.volume is not None else float(part.surface.volume)
    layer = layer or height / (_layers(part, wanted) if part.outline is None else LAYERS)
    with tempfile.TemporaryDirectory() as folder:
        model, printed = Path(folder) / "part.stl", Path(folder) / "part.sl1"
        part.surface.export(model, file_type="stl")
        told = _run([program, "--info", str(model)])
        said = _run([program, *_options(side, height, layer), "--output", str(printed), str(model)])
        if not printed.exists():
            reason = next((line for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
            raise InputError(f"PrusaSlicer makes no layers of {part.name}: {reason.strip()}.")
        overlaps, areas = _compared(part, _pictures(printed), side, layer)
    repairs = [f"{name} = {count}" for name, count in re.findall(r"(\w+)\s*=\s*(\d+)", told) if name in REPAIRS and int(count)]
    return Proof(repairs, "manifold = yes" in told, len(areas), min(overlaps), sum(areas) * layer / wanted - 1)


def _layers(part: Part, volume: float) -> int:
    """How many layers make steps of the body that have its volume, mm^3, or come nearest to it."""
    found: dict[int, float] = {}
    for count in LAYERS_IN_SPACE:
        layer = part.thickness / count
        stepped = layer * sum(section(part.surface, float(level)).area for level in heights(part.surface, layer))
        found[count] = abs(stepped / volume - 1)
        if found[count] <= STEPPED:
            return count
    return min(found, key=lambda count: found[count])


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
    bare = ("--no-supports-enable", "--no-pad-enable")
    unturned = ("--display-orientation", "landscape", "--no-display-mirror-x", "--no-display-mirror-y")
    return ["--export-sla", "--printer-technology", "SLA", *bare, *unturned, "--bed-shape", bed, *said]


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    return done.stdout + done.stderr


def _pictures(printed: Path) -> Iterator[Pixels]:
    """Cover (rows from below, columns) of the pixels of every layer, 0 to 1."""
    with zipfile.ZipFile(printed) as archive:
        for name in sorted(name for name in archive.namelist() if name.endswith(".png") and "thumbnail" not in name):
            image = Image.open(io.BytesIO(archive.read(name))).convert("L")
            yield np.flipud(np.asarray(image, dtype=np.float32) / 255)


def _compared(part: Part, pictures: Iterable[Pixels], side: float, layer: float) -> tuple[list[float], list[float]]:
    """Overlap of every layer with the wanted figure, and its area, mm^2."""
    overlaps, areas, covered = [], [], None
    wanted: Pixels = np.zeros(0, np.float32)
    low, size = part.surface.bounds[0], part.surface.extents
    shift = 0.5 * side - low[:2] - 0.5 * size[:2]
    for number, picture in enumerate(pictures):
        above = (number + 0.5) * layer
        figure = part.figure(above) or section(part.surface, float(low[2]) + above)
        if figure is not covered:
            covered, wanted = figure, _cover(figure, shift, PIXELS / side)
        joint = float(np.maximum(picture, wanted).sum())
        overlaps.append(float(np.minimum(picture, wanted).sum()) / joint if joint else 1.0)
        areas.append(float(picture.sum(dtype=np.float64)) * (side / PIXELS) ** 2)
    return overlaps, areas


def _cover(figure: shapely.Geometry, shift: npt.NDArray[np.float64], per_mm: float) -> Pixels:
    """How much of each pixel polygons cover: exactly but for 8 bits, as PrusaSlicer's pictures are."""
    polygons = map(shapely.geometry.polygon.orient, shapely.get_parts(figure))  # pores run the other way: they stay empty
    rings = [ring for polygon in polygons for ring in (polygon.exterior, *polygon.interiors)]
    renderer = RendererAgg(PIXELS, PIXELS, 72)
    if rings:
        curves = [Curve((shapely.get_coordinates(ring) + shift) * per_mm, closed=True) for ring in rings]
        path, style = Curve.make_compound_path(*curves), renderer.new_gc()
        path.should_simplify = False
        style.set_linewidth(0)
        style.set_snap(False)
        renderer.draw_path(style, path, Affine2D(), (0.0, 0.0, 0.0))
    return np.flipud(np.asarray(renderer.buffer_rgba())[:, :, 3]).astype(np.float32) / np.float32(255)
