"""`mnnfem mesh`: a family and its settings -> a mesh, a table of its quality, a picture."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mnnfem.catalogue import as_settings, described, families, family
from mnnfem.errors import InputError, unknown_name
from mnnfem.formats import write_mesh
from mnnfem.geometry import Geometry
from mnnfem.kinds import HEXAHEDRON
from mnnfem.mesh import MEASURE, signed_measures
from mnnfem.meshfigure import mesh_figure
from mnnfem.parameters import Parameters
from mnnfem.quality import least_angles, mean_ratios
from mnnfem.rules import relative_density
from mnnfem.settings import Parser

USAGE = """usage: mnnfem mesh FAMILY [--set NAME=VALUE ...] [--design start|random] [--out FILE] [--png FILE] ...

  --set NAME=VALUE ...    settings of the family: --set columns=3 rows=2 "solid=((1,1),)"
  --design start|random   mesh the start design (default), or one drawn evenly from within the bounds
  --seed N                of the random design (default 0)
  --out FILE              write the mesh: .vtu for ParaView, .msh for gmsh, both with named facets and vertices
  --png FILE              draw it

mnnfem mesh FAMILY --help tells a family's settings.

families
"""


def mesh_command(argv: Sequence[str]) -> int:
    """Run `mnnfem mesh` with these arguments; returns the exit code."""
    if not argv or argv[0] in ("--help", "-h"):
        width = max(map(len, families()))
        summaries = [
            f"  {name.ljust(width)}  {(inspect.getdoc(one) or '').splitlines()[0]}" for name, one in families().items()
        ]
        print(USAGE + "\n".join(summaries))
        return 0
    make = family(argv[0])
    if "--help" in argv or "-h" in argv:
        print(f"mnnfem mesh {argv[0]}\n\n{described(make)}")
        return 0
    parser = Parser(allow_abbrev=False)
    parser.add_argument("--set", nargs="+", action="extend", default=[])
    for option, default in (("--design", "start"), ("--seed", "0"), ("--out", None), ("--png", None)):
        parser.add_argument(option, default=default)
    known, unknown = parser.parse_known_args(argv[1:])
    if unknown:
        raise unknown_name("option", unknown[0], ["--set", "--design", "--seed", "--out", "--png", "--help"])
    begun = time.perf_counter()
    geometry = _designed(make(**as_settings(make, known.set)), known.design, known.seed)
    title = f"{argv[0]}, {known.design} design"
    print(f"{title}, made in {time.perf_counter() - begun:.2f} s\n{table(geometry)}")
    if known.out is not None:
        write_mesh(Path(known.out), geometry.mesh)
        print(f"mesh      {known.out}")
    if known.png is not None:
        mesh_figure(Path(known.png), geometry.mesh, title)
        print(f"picture   {known.png}")
    return 0


def table(geometry: Geometry) -> str:
    """What the mesh is and how good, what is named and what may be designed; a line each."""
    mesh = geometry.mesh
    ratios = mean_ratios(mesh.points, mesh.cells)
    measure = signed_measures(mesh.points, mesh.cells).sum()
    sizes = " x ".join(f"{size:.5g}" for size in np.ptp(mesh.points, axis=0))
    density = float(relative_density(mesh, torch.from_numpy(mesh.points)))
    angles = {}
    if mesh.kind is not HEXAHEDRON:
        least = least_angles(mesh.points, mesh.cells).min()
        angles = {"least angle" if mesh.dim == 2 else "least dihedral angle": f"{least:.1f} degrees"}
    lines = {
        "nodes": f"{len(mesh.points):,}",
        "elements": f"{len(mesh.cells):,} {mesh.kind.plural}",
        "mean ratio": f"{ratios.min():.3f} least, {np.median(ratios):.3f} median (1 is regular)",
        **angles,
        "size": f"{sizes} mm",
        MEASURE[mesh.dim]: f"{measure:.6g} mm^{mesh.dim}",
        "relative density": f"{density:.3f}",
        "facets": ", ".join(f"{name} ({len(facet)})" for name, facet in mesh.facets.items()),
        "vertices": ", ".join(mesh.vertices) or "none",
    }
    said = [f"  {name.ljust(20)}  {value}" for name, value in lines.items()]
    return "\n".join([*said, f"  {'parameters'.ljust(20)}  {len(geometry.parameters)}", *_ranges(geometry.parameters)])


def _ranges(parameters: Parameters) -> list[str]:
    """A line for each run of parameters that share start, bounds and unit."""
    units = [parameters.unit] * len(parameters) if isinstance(parameters.unit, str) else parameters.unit
    shared = list(zip(parameters.start, parameters.lower, parameters.upper, units, strict=True))
    begins = [i for i in range(len(shared)) if i == 0 or shared[i] != shared[i - 1]]
    lines = []
    for first, end in zip(begins, [*begins[1:], len(shared)], strict=True):
        start, lower, upper, unit = shared[first]
        names = parameters.names[first] if end == first + 1 else f"{parameters.names[first]} ... {parameters.names[end - 1]}"
        lines.append(f"    {names}: {lower:.4g} to {upper:.4g}{f' {unit}' if unit else ''}, start {start:.4g}")
    return lines


def _designed(geometry: Geometry, design: str, seed: str) -> Geometry:
    if design == "start":
        return geometry
    if design != "random":
        raise unknown_name("value for --design", design, ["start", "random"])
    if not seed.isdecimal():
        raise InputError(f"--seed takes a whole number, got {seed!r}.")
    return geometry.rebuilt(geometry.parameters.random(np.random.default_rng(int(seed))))
