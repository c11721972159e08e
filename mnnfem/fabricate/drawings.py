"""A plane part as closed curves in millimetres for a cutter: DXF and SVG, what the cut takes away made up for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely

from mnnfem.errors import InputError, package_for
from mnnfem.fabricate.fixtures import CHORD, chords
from mnnfem.fabricate.part import Part
from mnnfem.mesh import Floats

OUTSIDE, PORES, NAME = "CUT_OUTSIDE", "CUT_PORES", "ENGRAVE"
COLOURS = {OUTSIDE: 1, PORES: 5, NAME: 3}  # of AutoCAD: red, blue, green
HEX = {NAME: "#00a000", PORES: "#0000ff", OUTSIDE: "#ff0000"}
LETTERS = 4.0  # mm high


def cutting_lines(part: Part, kerf: float, chord: float = CHORD) -> list[tuple[str, Floats]]:
    """Layers and closed curves (k, 2) mm, half a kerf outside of the material: pores first, so that the part stays held.

    Letters come before both, as they are.

    InputError for a body in space, and where a pore is narrower than the cut.
    """
    if part.outline is None:
        raise InputError(f"{part.name} is a body in space: DXF and SVG are for plane designs.")
    cut = part.outline.buffer(0.5 * kerf, quad_segs=chords(0.5 * kerf, chord)) if kerf else part.outline
    if cut.geom_type != "Polygon" or len(cut.interiors) != len(part.outline.interiors):
        raise InputError(f"A cut of {kerf:g} mm fills a pore of {part.name}: cut finer, or make the pores larger.")
    letters = [(NAME, ring) for letter in part.engraved.geoms for ring in (letter.exterior, *letter.interiors)]
    rings = letters + [(PORES, ring) for ring in cut.interiors] + [(OUTSIDE, cut.exterior)]
    return [(layer, shapely.get_coordinates(ring)[:-1]) for layer, ring in rings]


def write_dxf(path: Path, part: Part, kerf: float, chord: float = CHORD) -> None:
    """Closed LWPOLYLINEs on the layers CUT_PORES and CUT_OUTSIDE, name and letters on ENGRAVE: the same bytes of a part."""
    lines = cutting_lines(part, kerf, chord)
    ezdxf = package_for("DXF files", "ezdxf", "ezdxf")
    before = ezdxf.options.write_fixed_meta_data_for_testing
    ezdxf.options.write_fixed_meta_data_for_testing = True  # no time, no random numbers
    try:
        drawing = ezdxf.new("R2010", units=4)
        for layer, colour in COLOURS.items():
            drawing.layers.add(layer, color=colour)
        space = drawing.modelspace()
        for layer, corners in lines:
            space.add_lwpolyline(corners.tolist(), close=True, dxfattribs={"layer": layer})
        text = space.add_text(part.name, height=LETTERS, dxfattribs={"layer": NAME})
        text.set_placement((0.0, -2 * LETTERS))
        faults = drawing.audit().errors
        if faults:
            raise InputError(f"The DXF of {part.name} has {len(faults)} faults, the first: {faults[0].message}.")
        drawing.saveas(path)
    finally:
        ezdxf.options.write_fixed_meta_data_for_testing = before


def dxf_faults(path: Path) -> tuple[int, int]:
    """How many faults an audit finds in a file, and its unit (4 is millimetres)."""
    ezdxf = package_for("DXF files", "ezdxf", "ezdxf")
    drawing: Any = ezdxf.readfile(path)
    return len(drawing.audit().errors), int(drawing.units)


def write_svg(path: Path, part: Part, kerf: float, chord: float = CHORD) -> None:
    """One closed path a curve, grouped by layer; the user unit is 1 mm and y points down, as SVG has it."""
    lines = cutting_lines(part, kerf, chord)
    every = np.concatenate([corners for _, corners in lines])
    low, high = every.min(axis=0), every.max(axis=0)
    width, height = (f"{side:.6g}" for side in high - low)
    rows = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}">',
        f"<title>{_plain(part.name)}</title><desc>{_plain(part.origin)}</desc>",
    ]
    for layer in HEX:
        rows.append(f'<g id="{layer}" fill="none" stroke="{HEX[layer]}" stroke-width="0.1">')
        for corners in (corners for name, corners in lines if name == layer):
            turned = np.column_stack([corners[:, 0] - low[0], high[1] - corners[:, 1]])
            rows.append('<path d="M' + "L".join(f"{x:.6f} {y:.6f}" for x, y in turned) + 'Z"/>')
        rows.append("</g>")
    path.write_text("\n".join([*rows, "</svg>", ""]))


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
