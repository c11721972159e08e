"""A run's folder -> what was run, and the design that it ended with."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_type_hints

import safetensors
import safetensors.torch
import torch

from mnnfem.boundary import Boundary
from mnnfem.checkpoint import WEIGHTS
from mnnfem.errors import InputError, unknown_name
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Mesh
from mnnfem.plan import Settings

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
    try:
        stored: dict[str, Any] = json.loads((run / "settings.json").read_text())
    except (OSError, json.JSONDecodeError) as problem:
        raise InputError(f"{run} is not the folder of a run: settings.json cannot be read ({problem}).") from None
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


def designed(run: Path) -> Designed:
    """The trained design, from the checkpoint alone: no body is made. InputError where there is none or it does not fit.

    A run that ended on a finer mesh has the same polygons.
    """
    experiment, settings = reopened(run)
    geometry = experiment.geometry
    try:
        stored = safetensors.torch.load_file(run / WEIGHTS)
        design, made_at = stored["design"], stored["made_at"]
    except (OSError, KeyError, safetensors.SafetensorError) as problem:
        raise InputError(f"{run} holds no design: {run / WEIGHTS} cannot be used ({problem}).") from None
    if len(design) != len(geometry.parameters):
        raise InputError(f"{run} has {len(design)} design parameters, its workflow now {len(geometry.parameters)}.")
    if not torch.equal(made_at, torch.from_numpy(geometry.made_at)):
        geometry = geometry.rebuilt(made_at)
    content = (run / WEIGHTS).read_bytes() + (run / "settings.json").read_bytes()
    return Designed(
        mesh=geometry.mesh,
        points=geometry.points(design).numpy(),
        boundary=experiment.boundary,
        thickness=settings.thickness,
        workflow=json.loads((run / "settings.json").read_text())["workflow"],
        hash=hashlib.sha256(content).hexdigest()[:16],
    )
