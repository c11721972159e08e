"""Print checks: planted defects must be found by name, sound designs must raise no alarm, widths must be exact.

Defects are planted into every plane family at its start design; sound designs are drawn at random from within the bounds of
every family and made as large as least wall, pore and gap ask for, by `mnnfem.rules` in the plane and by formula in space.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import shapely
import torch

from benchmarks.planted import PLANTED
from benchmarks.report import bench_main
from geometries.gallery import SHOWN
from mnnfem.errors import InputError
from mnnfem.fabricate.check import Checked, check
from mnnfem.fabricate.part import Part, plane_part, solid_part
from mnnfem.fabricate.process import PROCESSES, Process
from mnnfem.fabricate.widths import least_gap, least_ligament, least_pore
from mnnfem.geometry import Geometry
from mnnfem.rules import least_ligament as sampled_ligament
from mnnfem.rules import least_pore as sampled_pore

DESIGNS, SEED, THICKNESS, MARGIN = 200, 1, 20.0, 1.05
LARGE = (2000.0, 2000.0, 2000.0)  # a bed for designs made as large as they must be
SPACE = {"strut_lattice": 10.0, "gyroid": 4.0, "pneumatic_finger": 2.0}  # how much larger a wall of any design is wide enough


def planted() -> tuple[dict[str, float], list[str]]:
    """Share of the plane families in which each planted defect was found by its name."""
    process = dataclasses.replace(PROCESSES["fdm"], bed=LARGE)
    parts = [sound(name, make(), process) for name, make in SHOWN.items()]
    plane = [part for part in parts if part.outline is not None]
    figures, missed = {}, []
    for defect, (name, plant) in PLANTED.items():
        rng, found, tried = np.random.default_rng(SEED), 0, 0
        for part in plane:
            if name == "pores" and not part.pores:
                continue
            told = {one.check for one in check(plant(part, process, rng), process).findings}
            tried, found = tried + 1, found + (name in told)
            if name not in told:
                missed.append(f"{defect} in {part.name} was told as {sorted(told) or 'sound'}, wanted {name!r}")
        figures[f"{defect}: found as {name}, share of {tried}"] = found / tried
    return figures, missed


def sound(name: str, geometry: Geometry, process: Process) -> Part:
    """A family's body, large enough for a process."""
    mesh = geometry.mesh
    if mesh.dim == 3:
        return solid_part(mesh, mesh.points, name, SPACE.get(name, 2.0), plane="middle" if "middle" in mesh.facets else "")
    points = torch.from_numpy(mesh.points)
    factors = [process.wall / float(sampled_ligament(mesh, points))]
    try:
        factors += [process.pore / float(sampled_pore(mesh, points)), process.gap / float(sampled_pore(mesh, points))]
    except InputError:  # no pore
        factors.append(1.0)
    return plane_part(mesh, mesh.points, THICKNESS, name, MARGIN * max(factors))


def alarms() -> tuple[dict[str, float], list[str]]:
    """Random designs of every family in turn, and how many raise an alarm."""
    rng, families, missed = np.random.default_rng(SEED), list(SHOWN.items()), []
    processes = [dataclasses.replace(PROCESSES[name], bed=LARGE) for name in ("fdm", "sla", "sls")]
    began, checking, count = time.perf_counter(), 0.0, 0
    while count < DESIGNS:
        name, make = families[count % len(families)]
        geometry = make()
        process = processes[count // len(families) % len(processes)]
        part = sound(name, geometry.rebuilt(geometry.parameters.random(rng)), process)
        at = time.perf_counter()
        checked: Checked = check(part, process)
        checking, count = checking + time.perf_counter() - at, count + 1
        missed += [f"{name}, design {count}, {process.name}: {one.check}: {one.sentence}" for one in checked.findings]
    figures = {
        "random designs": count,
        "false alarms": float(len(missed)),
        "seconds of a check": checking / count,
        "seconds in all": time.perf_counter() - began,
    }
    return figures, missed


def widths() -> tuple[dict[str, float], list[str]]:
    """Largest errors, mm, where walls, pores and gaps are known."""
    errors: dict[str, list[float]] = {"ligament": [], "pore": [], "gap": []}
    for wide in (0.1, 0.4, 1.3, 2.7):
        holes = [shapely.Point(x, 0).buffer(5, quad_segs=512) for x in (-5 - 0.5 * wide, 5 + 0.5 * wide)]
        plate = shapely.box(-30, -20, 30, 20)
        fin = shapely.union_all([shapely.box(0, 0, 20, 10), shapely.box(9, 9, 9 + wide, 30)])
        channel = shapely.box(-6, -0.5 * wide, 6, 0.5 * wide)
        apart = [shapely.Point(x, 0).buffer(5, quad_segs=512) for x in (-8, 8)]
        errors["ligament"] += [
            least_ligament(plate.difference(shapely.union_all(holes))).value - wide,
            least_ligament(fin).value - wide,
        ]
        drilled = plate.difference(shapely.Point(3, 2).buffer(0.5 * wide, quad_segs=512))
        for body, measure in ((drilled, least_pore), (drilled, least_gap)):
            found = measure(body)
            assert found is not None
            errors["pore" if measure is least_pore else "gap"].append(found.value - wide)
        slots = [plate.difference(shapely.union_all([*apart, channel])), plate.difference(shapely.box(0, -5, wide, 21))]
        errors["gap"] += [one.value - wide for one in map(least_gap, slots) if one is not None]
    figures = {f"error of the least {name}, mm": float(np.abs(found).max()) for name, found in errors.items()}
    return figures, [f"{name} {error:.4f}, wanted <= 0.01" for name, error in figures.items() if not error <= 0.01]


def measure() -> tuple[dict[str, float], list[str]]:
    """Figures by name, and the bars missed."""
    found = [part() for part in (widths, planted, alarms)]
    return {name: value for figures, _ in found for name, value in figures.items()}, [bar for _, bars in found for bar in bars]


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
