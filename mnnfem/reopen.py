"""A run's folder -> what was run, and the design that it ended with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_type_hints

import torch

from mnnfem.boundary import Boundary
from mnnfem.checkpoint import WEIGHTS, fit, read_tensors
from mnnfem.errors import InputError, unknown_name
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Mesh
from mnnfem.plan import Settings
from mnnfem.programs import program, programs
from mnnfem.runfolder import SETTINGS, parsed
from mnnfem.settings import Given, settle


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
    return _built(run, settings_of(run)[1])


def _built(run: Path, stored: Mapping[str, Any]) -> tuple[Run, Settings]:
    name = stored.get("workflow", "")
    build = program_with("\ndef experiment(", name).experiment
    given = Given({one: value for one, value in stored.items() if one != "workflow"}, SETTINGS)
    try:
        settings: Settings = settle(get_type_hints(build)["settings"], [given])
    except InputError as problem:
        raise InputError(f"{run}/{SETTINGS} does not fit workflows/{name}.py as it is now: {problem}") from None
    return build(settings), settings


def program_with(text: str, name: Any) -> Any:
    """The workflow of a name, as a module, if its file has that text; InputError if there is none."""
    known = [stem for stem, file in programs().items() if text in file.read_text()]
    if name not in known:
        raise unknown_name(f"workflow in {SETTINGS}", str(name), known)
    return program(name)


def settings_of(run: Path) -> tuple[bytes, dict[str, Any]]:
    """What a run was told, as it is written and as it is read. InputError where `run` is not the folder of one."""
    try:
        content = (run / SETTINGS).read_bytes()
    except OSError as problem:
        raise InputError(f"{run} is not the folder of a run: {SETTINGS} cannot be read ({problem.strerror}).") from None
    return content, parsed(content, run / SETTINGS)


def designed(run: Path, opened: tuple[Run, Settings] | None = None) -> Designed:
    """The trained design, from the checkpoint alone: no body is made. InputError where there is none or it does not fit.

    A run that ended on a finer mesh has the same polygons. `opened`: what `reopened` gave, if it has been called.
    """
    content, told = settings_of(run)
    experiment, settings = opened or _built(run, told)
    geometry = experiment.geometry
    stored, wanted = read_tensors(run / WEIGHTS), torch.from_numpy(geometry.made_at)
    kept = {name: tensor for name, tensor in stored.items() if name in ("design", "made_at")}
    fit(kept, {"design": wanted, "made_at": wanted}, str(run / WEIGHTS))
    design, made_at = kept["design"], kept["made_at"]
    if not torch.equal(made_at, wanted):
        geometry = geometry.rebuilt(made_at)
    return Designed(
        mesh=geometry.mesh,
        points=geometry.points(design).numpy(),
        boundary=experiment.boundary,
        thickness=settings.thickness,
        workflow=told["workflow"],
        hash=hashlib.sha256((run / WEIGHTS).read_bytes() + content).hexdigest()[:16],
    )
