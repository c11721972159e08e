"""Whether the body of a run can be made, by each process, as a part of its page."""

from __future__ import annotations

from html import escape

from mnnfem.designs import kept_designs
from mnnfem.errors import InputError
from mnnfem.fabricate.check import check
from mnnfem.fabricate.part import Part, plane_part
from mnnfem.fabricate.process import PROCESSES
from mnnfem.fabricate.reading import read_part
from mnnfem.fabricate.source import SourceSettings, part_of
from mnnfem.report.folder import Left
from mnnfem.report.opened import Opened
from mnnfem.report.tables import Cell, Section, Table, html


def prints_section(left: Left, known: Opened) -> Section:
    """Whether the body can be made, by each process."""
    part = _part(left, known)
    rows: list[list[Cell]] = []
    faults, size = [], ""
    for process in PROCESSES.values():
        checked = check(part, process)
        size = size or " x ".join(f"{checked.measures[axis]:.4g}" for axis in "xyz" if axis in checked.measures)
        said = (
            "every check holds"
            if checked.sound
            else f"{len(checked.findings)} fail: {', '.join(one.check for one in checked.findings)}"
        )
        rows.append([process.name, *(f"{limit:g}" for limit in (process.wall, process.pore, process.gap)), said])
        faults += [f"<li><b>{process.name}</b>, {escape(one.check)}: {escape(one.sentence)}</li>" for one in checked.findings]
    caption = (
        f"The body, {size} mm, against each process's limits for planning, mm. Checked: one body, its surface closed, oriented "
        "and not through itself; the simulated volume, pores and unit; bed; widths of walls, pores and gaps; layers in the air."
    )
    summary = f"<summary>{len(faults)} findings, with places and what mends them</summary>"
    told = f"<details>{summary}<ul>{''.join(faults)}</ul></details>"
    table = html(Table(("process", "least wall", "least pore", "least gap", "result"), rows, caption))
    return Section("prints", "Print checks", table + (told if faults else ""))


def _part(left: Left, known: Opened) -> Part:
    """The design of the checkpoint, or what the run has left as STL. InputError where it has left neither."""
    if known.design:
        design = known.design
        return plane_part(design.mesh, design.points, design.thickness, design.workflow)
    file = next(iter(sorted(left.path.glob("*.stl"))), None)
    if file:
        return read_part(file)
    if kept_designs(left.path):
        return part_of(str(left.path), SourceSettings())
    raise InputError("the run has left neither a design nor an STL file.")
