"""What shall be made: a run's folder, a family of geometries/, a mesh or a file of triangles -> a part."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnnfem.catalogue import as_settings, families, family
from mnnfem.checkpoint import WEIGHTS
from mnnfem.designs import kept_designs
from mnnfem.errors import InputError, unknown_name
from mnnfem.fabricate.fixtures import Tabs, with_tabs
from mnnfem.fabricate.part import Part, plane_part, solid_part
from mnnfem.fabricate.reading import READABLE, read_part
from mnnfem.formats import read_mesh
from mnnfem.mesh import Floats, Mesh
from mnnfem.reopen import designed
from mnnfem.runfolder import RESULT
from mnnfem.settings import setting

THICKNESS = 20.0  # mm, of families
MESHES = (".vtu", ".msh")
MIRROR = "middle"  # the facet behind which a body in space goes on


@dataclass(frozen=True)
class SourceSettings:
    """Which body, how large, and by which process."""

    process: str = setting("sla", "fdm, sla, sls, laser, casting, or a table of your own: machine.toml")
    bed: str = setting("", "room of the machine, as 250x210x200 mm; without it the process's")
    thickness: float = setting(0.0, "of a plane body; 0 is the run's, or 20 where there is none", unit="mm", low=0, high=1000)
    scale: float = setting(1.0, "of every length but the thickness of a plane body", low=1e-3, high=1e3)
    set: str = setting("", 'settings of a family, as "columns=3 rows=3"')
    design: str = setting("start", "of a family", choices=("start", "random"))
    seed: int = setting(0, "of the random design", low=0, high=2**32 - 1)


@dataclass(frozen=True, eq=False)
class _Body:
    """Mesh, node coordinates (n, d) mm, thickness mm, name, origin and driven facets of what was named."""

    mesh: Mesh
    points: Floats
    thickness: float
    name: str
    origin: str
    driven: tuple[str, ...] = ()


def is_file(name: str) -> bool:
    """Whether a file of triangles is meant, not a run, a mesh or a family."""
    kind = Path(name).suffix.lower()
    return kind not in MESHES and (kind.removeprefix(".") in READABLE or Path(name).is_file())


def part_of(name: str, settings: SourceSettings, tabs: Tabs | None = None) -> Part:
    """The part that is named; with tabs at the driven faces of a run's body. InputError where there is none."""
    if is_file(name):
        return read_part(Path(name))
    if Path(name).is_dir():
        body = _of_run(Path(name))
    else:
        body = _of_mesh(Path(name)) if Path(name).suffix.lower() in MESHES else _of_family(name, settings)
    thickness = settings.thickness or body.thickness
    if body.mesh.dim == 3:
        plane = MIRROR if MIRROR in body.mesh.facets else ""
        return solid_part(body.mesh, body.points, body.name, settings.scale, body.origin, plane)
    part = plane_part(body.mesh, body.points, thickness, body.name, settings.scale, body.origin)
    if tabs is None:
        return part
    if not body.driven:
        raise InputError(f"{name} tells no driven faces, so there is no place for tabs: they are for runs.")
    return with_tabs(part, body.mesh, body.points, settings.scale, body.driven, tabs)


def _of_run(folder: Path) -> _Body:
    kept = kept_designs(folder)
    if len(kept) > 1:
        names = ", ".join(file.stem for file in kept)
        raise InputError(f"{folder} has {len(kept)} designs, {names}: name one of them, as {kept[0]}.")
    if kept:
        return _of_mesh(kept[0])
    written = sorted(folder.glob("*.stl"))
    if written and not (folder / WEIGHTS).exists():
        raise InputError(
            f"{folder} keeps no design, neither {WEIGHTS} nor designs/: start its workflow again, or check the file that it "
            f"wrote, {written[0]}."
        )
    found = designed(folder)
    driven = tuple(drive.facet for drive in found.boundary.drives)
    origin = f"run {folder.resolve().name} of {found.workflow}, {found.hash}"
    return _Body(found.mesh, found.points, found.thickness, found.workflow, origin, driven)


def _of_mesh(file: Path) -> _Body:
    """A design that a run has left as a mesh, as thick as its result tells, or any mesh with named facets."""
    mesh, digest = read_mesh(file), hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    try:
        thickness = float(json.loads((file.parents[1] / RESULT).read_text())["thickness"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        thickness = THICKNESS
    return _Body(mesh, mesh.points, thickness, file.stem, f"mesh {file.stem}, {digest}")


def _of_family(name: str, settings: SourceSettings) -> _Body:
    if name not in families():
        raise unknown_name("run folder, file or family", name, families())
    make = family(name)
    geometry = make(**as_settings(make, settings.set.split()))
    if settings.design == "random":
        geometry = geometry.rebuilt(geometry.parameters.random(np.random.default_rng(settings.seed)))
    points = geometry.mesh.points
    digest = hashlib.sha256(points.tobytes() + geometry.mesh.cells.tobytes()).hexdigest()[:16]
    return _Body(geometry.mesh, points, THICKNESS, name, f"{name}, {settings.design} design, {digest}")
