"""What shall be made: a run's folder, a family of geometries/, or a file -> a part."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnnfem.catalogue import as_settings, families, family
from mnnfem.errors import InputError, unknown_name
from mnnfem.fabricate.fixtures import with_tabs
from mnnfem.fabricate.part import Part, plane_part, solid_part
from mnnfem.fabricate.reading import READABLE, read_part
from mnnfem.mesh import Floats, Mesh
from mnnfem.reopen import designed
from mnnfem.settings import setting

THICKNESS = 20.0  # mm, of families
MIRROR = "middle"  # the facet behind which a body in space goes on


@dataclass(frozen=True)
class SourceSettings:
    """Which body, how large, and by which process."""

    process: str = setting("sla", "fdm, sla, sls, laser, casting, or a table of your own: machine.toml")
    bed: str = setting("", "room of the machine, as 250x210x200 mm; without it the process's")
    thickness: float = setting(0.0, "of a plane body; 0 is the run's, or 20 for a family", unit="mm", low=0, high=1000)
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
    """Whether a file of triangles is meant, not a run or a family."""
    return Path(name).suffix.lower().removeprefix(".") in READABLE or Path(name).is_file()


def part_of(name: str, settings: SourceSettings, tabs: float = 0.0, hole: float = 4.0) -> Part:
    """The part that is named; with tabs that deep, mm, at the driven faces of a run's body. InputError where there is none."""
    if is_file(name):
        return read_part(Path(name))
    body = _of_run(Path(name)) if Path(name).is_dir() else _of_family(name, settings)
    thickness = settings.thickness or body.thickness
    if body.mesh.dim == 3:
        plane = MIRROR if MIRROR in body.mesh.facets else ""
        return solid_part(body.mesh, body.points, body.name, settings.scale, body.origin, plane)
    part = plane_part(body.mesh, body.points, thickness, body.name, settings.scale, body.origin)
    if not tabs:
        return part
    if not body.driven:
        raise InputError(f"{name} tells no driven faces, so there is no place for tabs: they are for runs.")
    return with_tabs(part, body.mesh, body.points, settings.scale, body.driven, tabs, hole)


def _of_run(folder: Path) -> _Body:
    found = designed(folder)
    driven = tuple(drive.facet for drive in found.boundary.drives)
    origin = f"run {folder.resolve().name} of {found.workflow}, {found.hash}"
    return _Body(found.mesh, found.points, found.thickness, found.workflow, origin, driven)


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
