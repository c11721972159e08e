"""All checks of a body that shall be made by a process, together: what is wrong, and what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely

from mnnfem.fabricate.findings import Finding
from mnnfem.fabricate.layers import heights, islands, outline_of, section
from mnnfem.fabricate.part import Part
from mnnfem.fabricate.process import PROCESSES, Process
from mnnfem.fabricate.rays import Across, voids, walls
from mnnfem.fabricate.surface import Sides, enclosed, surface_findings
from mnnfem.fabricate.widths import Width, too_near, too_small, too_thin
from mnnfem.mesh import Floats

ALIKE = 1e-5  # relative: two volumes or sizes, one of them perhaps written in single precision
UNITS = {"metres": 1e-3, "inches": 1 / 25.4, "centimetres": 0.1, "micrometres": 1e3}
SMALLEST, LARGEST = 1.0, 5000.0  # mm: a body of another size was hardly meant in millimetres
NOWHERE: Floats = np.zeros((0, 3))


@dataclass(frozen=True)
class Checked:
    """What the checks found, and measures by name, in mm or mm^3."""

    findings: Sequence[Finding]
    measures: dict[str, float] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether it can be made."""
        return not self.findings


def check(part: Part, process: Process) -> Checked:
    """Every check of the surface by itself, against the simulated body, and against the process; all of them are told.

    Where the surface does not bound a body, nothing is measured inside it.
    """
    found = surface_findings(part.surface)
    if any(one.check in ("empty", "not a number") for one in found):
        return Checked(found)
    measures = {"volume": enclosed(part.surface), **dict(zip("xyz", map(float, part.surface.extents), strict=True))}
    found += [*_unit(part), *_against_simulation(part), *_fits(part, process)]
    if any(one.check in ("open surface", "inside out", "orientation") for one in found):
        return Checked(found, measures)
    outline = part.outline if part.outline is not None else outline_of(part.surface)
    if outline is not None and outline.is_valid:
        return Checked([*found, *_plane(outline, part.thickness, process)], measures)
    if outline is None:
        found += _space(part, process)
    return Checked(found, measures)


def _unit(part: Part) -> list[Finding]:
    size = float(part.surface.extents.max())
    if part.size is not None:
        ratio = size / float(part.size.max())
        for name, factor in UNITS.items():
            if abs(ratio / factor - 1) < 1e-3:
                what = f"The body is {size:.4g} mm long where the simulated one is {part.size.max():.4g} mm: these are {name}"
                return [Finding.at("unit", what, NOWHERE, f"multiply all coordinates by {1 / factor:g}")]
    elif not SMALLEST <= size <= LARGEST:
        what = f"The body is {size:.4g} mm long, if these are millimetres"
        return [Finding.at("unit", what, NOWHERE, f"bodies from {SMALLEST:g} to {LARGEST:g} mm are made: is it in metres?")]
    return []


def _against_simulation(part: Part) -> list[Finding]:
    found = []
    volume = enclosed(part.surface)
    if part.volume is not None and abs(volume - part.volume) > ALIKE * part.volume:
        what = f"The surface encloses {volume:.6g} mm^3, the simulated body {part.volume:.6g}: {volume / part.volume - 1:+.2%}"
        found.append(Finding.at("volume", what, NOWHERE, "make it from the design again, at the thickness that was simulated"))
    sides = Sides(np.asarray(part.surface.vertices), np.asarray(part.surface.faces, dtype=np.int64))
    euler = len(np.unique(sides.faces)) - len(sides.ends) + len(sides.faces)
    if part.pores is not None and not (sides.uses != 2).any() and euler != 2 - 2 * part.pores:
        what = f"The surface has {1 - euler / 2:g} pores through it, the simulated body {part.pores}"
        found.append(Finding.at("pores", what, NOWHERE, "make it from the design again: a pore was filled, or one was added"))
    return found


def _fits(part: Part, process: Process) -> list[Finding]:
    size, bed = np.asarray(part.surface.extents), process.bed
    lying = (np.sort(size[:2]) <= np.sort(bed[:2])).all() and size[2] <= bed[2]
    if lying:
        return []
    share = min(float((np.sort(bed[:2]) / np.sort(size[:2])).min()), bed[2] / float(size[2]))
    what = f"The body is {' x '.join(f'{one:.4g}' for one in size)} mm, the bed of {process.name} {_sides(bed)}"
    mend = f"scale it by {np.floor(1000 * share) / 1000:g} or less, cut it in parts, or give your machine's bed with --bed"
    return [Finding.at("bed", what, NOWHERE, mend)]


def _sides(bed: Sequence[float]) -> str:
    return " x ".join(f"{side:g}" for side in bed) + " mm"


def _plane(outline: shapely.Polygon, thickness: float, process: Process) -> list[Finding]:
    found = [
        *_narrow("ligament", "material", too_thin(outline, process.wall), process, _wall, "thicken the wall"),
        *_narrow("pore", "a pore", too_small(outline, process.pore), process, lambda one: one.pore, "widen the pore"),
        *_narrow("gap", "a void", too_near(outline, process.gap), process, _gap, "move the walls apart"),
    ]
    if process.aspect and not found:
        slender = too_small(outline, thickness / process.aspect)
        if slender:
            what = f"The mould's thinnest pillar is {slender[0].value:.3g} mm wide and {thickness:g} mm tall"
            mend = f"cast it {process.aspect * slender[0].value:.3g} mm thick or less, or widen the pores"
            found.append(Finding.at("pillar", what, np.array([one.place for one in slender]), mend))
    return found


def _narrow(
    name: str, what: str, widths: Sequence[Width], process: Process, limit: Callable[[Process], float], mend: str
) -> list[Finding]:
    if not widths:
        return []
    least, wanted = widths[0].value, limit(process)
    others = [one.name for one in PROCESSES.values() if limit(one) <= least and one.name != process.name]
    told = f"{what} is {least:.3g} mm wide, {process.name} needs {wanted:g} mm:".capitalize()
    mended = f"{mend} by {wanted - least:.3g} mm, scale the body by {np.ceil(100 * wanted / max(least, 1e-9)) / 100:g}"
    other = f", or take {' or '.join(others)}" if others else ""
    return [Finding.at(name, told, np.array([one.place for one in widths]), mended + other)]


def _space(part: Part, process: Process) -> list[Finding]:
    if process.name == "laser":
        return [Finding.at("plane", "A laser cuts plane bodies only", NOWHERE, "print it, or cut a plane design")]
    if process.aspect:
        return [Finding.at("undercut", "The body is no prism along z", NOWHERE, "cast plane designs, or print this one")]
    thin, near = _as_widths(walls(part.surface).below(process.wall)), _as_widths(voids(part.surface).below(process.gap))
    found = [
        *_narrow("ligament", "material", thin, process, _wall, "thicken the wall"),
        *_narrow("gap", "a void", near, process, _gap, "move the walls apart"),
    ]
    if process.layer:
        levels = heights(part.surface, process.layer)
        places = islands([section(part.surface, float(level)) for level in levels], levels)
        if len(places):
            what = f"{len(places)} parts of layers of {process.layer:g} mm begin in the air"
            found.append(Finding.at("island", what, places, "turn the body, print it with supports, or take sls"))
    return found


def _wall(process: Process) -> float:
    return process.wall


def _gap(process: Process) -> float:
    return process.gap


def _as_widths(across: Across) -> list[Width]:
    return [Width(float(length), place) for length, place in zip(across.lengths, across.places, strict=True)]
