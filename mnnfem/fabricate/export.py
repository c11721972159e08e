"""`mnnfem export` and `mnnfem check-print`: a run, a family, a mesh or a file -> checks, then files for machines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mnnfem.errors import InputError, unknown_name
from mnnfem.fabricate.check import Checked, check
from mnnfem.fabricate.drawings import write_dxf, write_svg
from mnnfem.fabricate.findings import refuse
from mnnfem.fabricate.fixtures import CHORD, Tabs, coupon
from mnnfem.fabricate.label import engraved
from mnnfem.fabricate.marked import marked_figure
from mnnfem.fabricate.mould import mould
from mnnfem.fabricate.part import Part
from mnnfem.fabricate.process import Process, bed_of, process
from mnnfem.fabricate.slicer import Proof, prove
from mnnfem.fabricate.source import SourceSettings, part_of
from mnnfem.fabricate.step import write_step
from mnnfem.fabricate.threemf import write_3mf
from mnnfem.moduli import MODULI
from mnnfem.runfolder import RunFolder, read_json
from mnnfem.settings import parse, setting

S = TypeVar("S")
FORMATS = ("3mf", "stl", "step", "dxf", "svg", "mould")
EXAMPLES = """examples:
  mnnfem export runs/translation/paper --format 3mf,stl,step,dxf,svg,mould --process sla --thickness 20
  mnnfem export runs/poisson_ratio/pores/designs/honeycomb_-0.8.vtu --scale 4 --process fdm
  mnnfem export runs/translation/paper --tabs 20 --label hash --coupon
  mnnfem export star_pores --set "columns=3 rows=3 solid=((1,1),)" --design random --process fdm --prove
  mnnfem check-print part.stl --process fdm --png faults.png
  mnnfem check-print runs/translation/paper --process my_printer.toml
"""


@dataclass(frozen=True)
class ExportSettings(SourceSettings):
    format: str = setting("3mf,stl", f"which of {', '.join(FORMATS)}")
    out: str = setting("", "folder of the files, made new; without it RUN/print or print/FAMILY")
    material: str = setting("elastomer", "its name in the 3MF file")
    kerf: float = setting(-1.0, "width that the cut takes away in DXF and SVG; -1 is the process's", unit="mm", low=-1, high=5)
    shrink: float = setting(0.0, "of what is cast, a fraction of its length", low=0, high=0.2)
    tabs: float = setting(0.0, "depth of clamping tabs at the driven faces of a run's body", unit="mm", low=0, high=200)
    hole: float = setting(4.0, "diameter of the holes in them", unit="mm", low=0.1, high=50)
    chord: float = setting(
        CHORD, "most that chords of holes, of the coupon and of a cut's corners lie off their arcs", "mm", 1e-5, 1
    )
    label: str = setting("", 'engraved into the upper face of a plane body and of the coupon; "hash" is that of the design')
    letters: float = setting(4.0, "height of its capitals", unit="mm", low=1, high=50)
    coupon: bool = setting(False, "also a dumbbell of ISO 37, type 2, to test the same print's material")
    prove: bool = setting(False, "slice it with PrusaSlicer and compare its layers with the outline")


@dataclass(frozen=True)
class CheckSettings(SourceSettings):
    png: str = setting("", "picture of the part with a mark where each check fails")
    prove: bool = setting(False, "slice it with PrusaSlicer, too")


def export_command(argv: Sequence[str]) -> int:
    """Run `mnnfem export`: nothing is written unless every check holds. Returns the exit code."""
    name, settings = _told(ExportSettings, argv, "Files for machines from a run or a family, after all checks.")
    formats = settings.format.split(",")
    for one in formats:
        if one not in FORMATS:
            raise unknown_name("value for --format", one, FORMATS)
    tabs = Tabs(settings.tabs, settings.hole, settings.chord) if settings.tabs else None
    part, machine = part_of(name, settings, tabs), machine_of(settings)
    text = part.origin.split()[-1][:8] if settings.label == "hash" and part.origin else settings.label
    if text:
        part = engraved(part, text, settings.letters)
    checked = check(part, machine)
    refuse(checked.findings, f"{part.name} by {machine.name}")
    proof = _proven(part) if settings.prove else None
    folder = RunFolder(Path(settings.out or (Path(name) / "print" if Path(name).is_dir() else f"print/{name}")))
    kerf = machine.kerf if settings.kerf < 0 else settings.kerf
    for one in formats:
        write(folder, one, part, settings, kerf)
    if settings.coupon:
        piece = coupon(part.thickness, part.origin, settings.chord)
        if text:
            piece = engraved(piece, text, settings.letters)
        piece.surface.export(folder.file("coupon.stl"), file_type="stl")
    told: dict[str, Any] = {
        "part": part.name,
        "origin": part.origin,
        "process": dataclasses.asdict(machine),
        "measures": checked.measures,
    }
    table = Path(name) / MODULI
    if table.is_file():
        told["moduli"] = read_json(table)
        print(f"The files are one body of one material, but its parts shall differ in Young's modulus: see {table}.")
    folder.write_json("print.json", {**told, "proof": dataclasses.asdict(proof) if proof else None})
    files = ", ".join(sorted(file.name for file in folder.path.iterdir()))
    print(f"{sentence(part, checked, machine)}\n{files} are in {folder.path}")
    return 0


def check_command(argv: Sequence[str]) -> int:
    """Run `mnnfem check-print`: all that is wrong with a file, a run or a family. Returns 1 where something is."""
    name, settings = _told(CheckSettings, argv, "All checks of a file, a run or a family, together.")
    part, machine = part_of(name, settings), machine_of(settings)
    checked = check(part, machine)
    print(sentence(part, checked, machine))
    if settings.png:
        marked_figure(Path(settings.png), part, checked.findings)
        print(f"picture   {settings.png}")
    if settings.prove and checked.sound:
        _proven(part)
    return 0 if checked.sound else 1


def write(folder: RunFolder, form: str, part: Part, settings: ExportSettings, kerf: float) -> None:
    """Write the part in one of `FORMATS`, for a cut that is `kerf` mm wide."""
    writers: dict[str, Callable[[Path], object]] = {
        "stl": lambda path: part.surface.export(path, file_type="stl"),
        "3mf": lambda path: write_3mf(path, part, settings.material),
        "step": lambda path: write_step(path, part),
        "dxf": lambda path: write_dxf(path, part, kerf, settings.chord),
        "svg": lambda path: write_svg(path, part, kerf, settings.chord),
    }
    if form in writers:
        writers[form](folder.file(f"{part.name}.{form}"))
        return
    made = mould(part, settings.shrink)
    for role, half in (("lower", made.lower), ("upper", made.upper)):
        half.export(folder.file(f"mould_{role}.stl"), file_type="stl")


def machine_of(settings: SourceSettings) -> Process:
    """The process that was named, with the bed that was given."""
    named = process(settings.process)
    return dataclasses.replace(named, bed=bed_of(settings.bed)) if settings.bed else named


def sentence(part: Part, checked: Checked, machine: Process) -> str:
    """What was found, for people."""
    size = " x ".join(f"{checked.measures[axis]:.4g}" for axis in "xyz" if axis in checked.measures)
    head = f"{part.name}, {len(part.surface.faces):,} triangles, {size or 'no size'} mm, by {machine.name}: "
    if checked.sound:
        return head + "every check holds"
    return (
        head
        + f"{len(checked.findings)} checks fail\n"
        + "\n".join(f"  {one.check}: {one.sentence}" for one in checked.findings)
    )


def _told(kind: type[S], argv: Sequence[str], description: str) -> tuple[str, S]:
    first, rest = (argv[0], argv[1:]) if argv and not argv[0].startswith("-") else ("", argv)
    settings = parse(kind, rest, description, EXAMPLES)
    if not first:
        raise InputError("Of what? Name a run's folder, a file or a family first, see --help.")
    return first, settings


def _proven(part: Part) -> Proof:
    """The proof, told; InputError where it fails."""
    proof = prove(part)
    if proof.misses:
        raise InputError(f"{part.name} is not as simulated when sliced: {'; '.join(proof.misses)}.")
    print(
        f"PrusaSlicer: no repair; {proof.layers} layers overlap the outline by {proof.overlap:.5f} or more, their volume is "
        f"{proof.volume:+.4%} off"
    )
    return proof
