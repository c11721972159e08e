"""Files for machines, of every family and of runs: strict, read again with their volume, the same twice, proven by PrusaSlicer.

    MNNFEM_WITH=slicer ./run python benchmarks/print_files.py [RUN | MESH.vtu ...] [--json FILE]

Without PrusaSlicer that part is left out, and a sentence says so.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.print_checks import SPACE, THICKNESS
from benchmarks.report import finish
from geometries.gallery import SHOWN
from mnnfem.errors import InputError
from mnnfem.fabricate.drawings import dxf_faults, write_dxf, write_svg
from mnnfem.fabricate.mould import mould
from mnnfem.fabricate.part import Part, plane_part, solid_part
from mnnfem.fabricate.slicer import prove, slicer
from mnnfem.fabricate.source import SourceSettings
from mnnfem.fabricate.source import part_of as designed_part
from mnnfem.fabricate.step import step_volume, write_step
from mnnfem.fabricate.threemf import reader_warnings, write_3mf
from mnnfem.geometry import Geometry

KERF, MATERIAL = 0.2, "elastomer"


def of_family(name: str, make: Callable[[], Geometry]) -> Part:
    """A family's body at its start design."""
    mesh = make().mesh
    if mesh.dim == 2:
        return plane_part(mesh, mesh.points, THICKNESS, name)
    return solid_part(mesh, mesh.points, name, SPACE.get(name, 1.0), plane="middle" if "middle" in mesh.facets else "")


def written(part: Part, folder: Path) -> dict[str, bytes]:
    """Every file of a part, by its ending."""
    folder.mkdir()
    write_3mf(folder / "part.3mf", part, MATERIAL)
    write_step(folder / "part.step", part)
    part.surface.export(folder / "part.stl", file_type="stl")
    if part.outline is not None:
        write_dxf(folder / "part.dxf", part, KERF)
        write_svg(folder / "part.svg", part, KERF)
    return {file.suffix: file.read_bytes() for file in folder.iterdir()}


def figures_of(part: Part) -> tuple[dict[str, float], dict[str, bool]]:
    """Figures of one part, and its bars."""
    assert part.volume is not None
    with tempfile.TemporaryDirectory() as place:
        one, two = (written(part, Path(place) / name) for name in ("one", "two"))
        folder = Path(place) / "one"
        figures = {
            "warnings of 3MF": float(len(reader_warnings(folder / "part.3mf"))),
            "volume of STEP": abs(step_volume(folder / "part.step") / part.volume - 1),
            "files that differ when written again": float(sum(one[kind] != two[kind] for kind in one)),
        }
        if part.outline is not None:
            faults, unit = dxf_faults(folder / "part.dxf")
            figures["faults of DXF"] = float(faults + (unit != 4))
            figures["part and mould short of the box"] = abs(mould(part, shrink=0.01).missing)
    bars = {name: value <= 1e-6 for name, value in figures.items()}
    if slicer():
        proof = prove(part)
        figures |= {"least overlap of a layer": proof.overlap, "volume of the layers": proof.volume}
        bars |= dict.fromkeys(proof.misses, False)
    return figures, bars


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("designs", nargs="*", metavar="RUN", help="folder of a run, or a design that it has left as a mesh")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as one flat JSON object")
    arguments = parser.parse_args()
    if not slicer():
        print("PrusaSlicer is not installed, so nothing is sliced: MNNFEM_WITH=slicer ./run has it.", file=sys.stderr)
    parts: dict[str, Callable[[], Part]] = {name: partial(of_family, name, make) for name, make in SHOWN.items()}
    parts |= {design: partial(designed_part, design, SourceSettings()) for design in arguments.designs}
    every: dict[str, float] = {}
    missed = []
    for name, make in parts.items():
        try:
            part = make()
        except InputError as problem:
            parser.error(str(problem))
        figures, bars = figures_of(part)
        every |= {f"{name}: {what}": value for what, value in figures.items()}
        missed += [f"{name}: {bar}" for bar, reached in bars.items() if not reached]
        print(f"{name}: {'MISSED' if not all(bars.values()) else 'every bar reached'}", file=sys.stderr)
    finish(every, missed, arguments.json)


if __name__ == "__main__":
    main()
