"""A run's folder -> what was run, and the design that it ended with."""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_type_hints

import torch

from mnnfem.boundary import Boundary
from mnnfem.checkpoint import WEIGHTS, fit, parsed, read_tensors
from mnnfem.errors import InputError, unknown_name
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Mesh
from mnnfem.plan import Settings
from mnnfem.runfolder import SETTINGS

FOLDER = "workflows"  # found by name, as programs and not as a room of the package


class Run(Protocol):
    """What every workflow with a checkpoint makes of its settings."""

    @property
    def geometry(self) -> Geometry: ...
    @property
    def boundary(self) -> Boundary: ...


@dataclass(frozen=True, eq=False)
class Designed:
    """The body that a run ended with: mesh, node coordinates (n, 2) mm, what moves it, its thickness, mm, and its hash."""

    mesh: Mesh
    points: Floats
    boundary: Boundary
    thickness: float
    workflow: str
    hash: str


def reopened(run: Path) -> tuple[Run, Settings]:
    """What was run, an Experiment or a Display, and with which settings. InputError where settings.json tells none of here."""
    return _built(run, parsed(_settings(run), run / SETTINGS))


def _built(run: Path, stored: dict[str, Any]) -> tuple[Run, Settings]:
    programs = Path(next(iter(importlib.import_module(FOLDER).__path__)))
    known = [file.stem for file in programs.glob("[!_]*.py") if "\ndef experiment(" in file.read_text()]
    name = stored.pop("workflow", "")
    if name not in known:
        raise unknown_name("workflow in its settings.json", name, known)
    build = importlib.import_module(f"{FOLDER}.{name}").experiment
    kind = get_type_hints(build)["settings"]
    try:
        settings: Settings = kind(**stored)
    except TypeError as problem:
        raise InputError(f"{run}/settings.json does not fit workflows/{name}.py as it is now: {problem}.") from None
    return build(settings), settings


def _settings(run: Path) -> bytes:
    try:
        return (run / SETTINGS).read_bytes()
    except OSError as problem:
        raise InputError(f"{run} is not the folder of a run: {SETTINGS} cannot be read ({problem}).") from None


def designed(run: Path) -> Designed:
    """The trained design, from the checkpoint alone: no body is made. InputError where there is none or it does not fit.

    A run that ended on a finer mesh has the same polygons.
    """
    content = _settings(run)
    told = parsed(content, run / SETTINGS)
    experiment, settings = _built(run, {**told})
    geometry = experiment.geometry
    stored, wanted = read_tensors(run / WEIGHTS), torch.from_numpy(geometry.made_at)
    kept = {name: tensor for name, tensor in stored.items() if name in ("design", "made_at")}
    fit(kept, {"design": wanted, "made_at": wanted}, str(run / WEIGHTS))
    design, made_at = kept["design"], kept["made_at"]
    if not torch.equal(made_at, torch.from_numpy(geometry.made_at)):
        geometry = geometry.rebuilt(made_at)
    return Designed(
        mesh=geometry.mesh,
        points=geometry.points(design).numpy(),
        boundary=experiment.boundary,
        thickness=settings.thickness,
        workflow=told["workflow"],
        hash=hashlib.sha256((run / WEIGHTS).read_bytes() + content).hexdigest()[:16],
    )
