"""A run's folder -> what lies in it, and sentences about what does not."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnnfem.errors import InputError
from mnnfem.metrics import FILE as METRICS
from mnnfem.runfolder import RESULT, SETTINGS

PICTURES = (".png", ".gif")


@dataclass(frozen=True)
class Left:
    """What a run has left.

    workflow   its name, "" where nothing tells it
    metrics    a mapping for each step that was taken
    pictures   PNG and GIF files by name
    series     the PVD file of its fields, or None
    refined    result of `evaluate.py` on a finer mesh, by the folder's name
    ended      when the last of the files was written
    missing    sentences
    """

    path: Path
    workflow: str
    settings: Mapping[str, Any]
    result: Mapping[str, Any]
    metrics: list[dict[str, Any]]
    pictures: Mapping[str, Path]
    series: Path | None
    refined: Mapping[str, Mapping[str, Any]]
    ended: datetime.datetime
    missing: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of the run: its folder's."""
        return self.path.resolve().name

    @property
    def finished(self) -> bool:
        """Whether the run has come to its result."""
        return bool(self.result)


def read_folder(path: Path) -> Left:
    """Read what is there. InputError where the folder holds neither settings, metrics nor a result."""
    if not path.is_dir():
        raise InputError(f"{path} is no folder: name the folder of a run, as runs/translation/paper.")
    missing: list[str] = []
    settings, result = (_read_json(path / name, missing) for name in (SETTINGS, RESULT))
    metrics = _read_lines(path / METRICS, missing)
    if not (settings or result or metrics):
        raise InputError(f"{path} is not the folder of a run: it has no {SETTINGS}, no {RESULT} and no {METRICS}.")
    if not result:
        steps = f"; {len(metrics)} steps were taken" if metrics else ""
        missing.append(f"There is no {RESULT}: the run was interrupted, or it still goes on{steps}.")
    series = sorted([*path.glob("fields/*.pvd"), *path.glob("*.pvd")])
    if not series:
        missing.append("There are no fields (no .pvd file), so the body cannot be turned here.")
    return Left(
        path=path,
        workflow=str(settings.get("workflow") or result.get("workflow") or result.get("task") or _named_so(path)),
        settings={name: value for name, value in settings.items() if name != "workflow"},
        result=result,
        metrics=metrics,
        pictures={file.name: file for file in sorted(path.iterdir()) if file.suffix in PICTURES},
        series=series[0] if series else None,
        refined={
            file.parent.name: found for file in sorted(path.glob(f"refined_*/{RESULT}")) if (found := _read_json(file, []))
        },
        ended=datetime.datetime.fromtimestamp(max(file.stat().st_mtime for file in path.rglob("*") if _written(file, path))),
        missing=missing,
    )


def _written(file: Path, run: Path) -> bool:
    """Whether the run itself wrote this file, not what was made of the run afterwards."""
    return file.is_file() and file.relative_to(run).parts[0] in (RESULT, SETTINGS, METRICS, "checkpoint", "fields")


def _named_so(path: Path) -> str:
    """The workflow by the folder around the run, as runs/poisson_ratio/..., where settings do not tell it."""
    return path.resolve().parent.name


def _read_json(file: Path, missing: list[str]) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        missing.append(f"{file.name} cannot be read ({problem}).")
        return {}
    return found if isinstance(found, dict) else {}


def _read_lines(file: Path, missing: list[str]) -> list[dict[str, Any]]:
    """Whole lines; the last one may have been cut off when the run was."""
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    found = [step for step in map(_read_line, lines) if step is not None]
    if len(found) < len(lines):
        missing.append(f"{len(lines) - len(found)} of {len(lines)} lines of {file.name} cannot be read and are left out.")
    return found


def _read_line(line: str) -> dict[str, Any] | None:
    try:
        step = json.loads(line)
    except ValueError:
        return None
    return step if isinstance(step, dict) else None
