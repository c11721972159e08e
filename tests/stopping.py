"""Runs that are made to stop, and what they leave: shared by the tests of resumption."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mnnfem import metrics
from mnnfem.checkpoint import WEIGHTS


class Killed(BaseException):
    """The end of a process that has no time to do anything."""


def killed() -> None:
    raise Killed


def sent(number: int) -> Callable[[], None]:
    """A signal to this process."""
    return lambda: os.kill(os.getpid(), number)


def at_step(patch: pytest.MonkeyPatch, stage: str, iteration: int, happens: Callable[[], None]) -> None:
    """Make something happen once, as the line of a step is written."""
    append = metrics.append

    def planted(folder: Any, at: str, step: Any) -> None:
        append(folder, at, step)
        if (at, step.iteration) == (stage, iteration):
            patch.setattr(metrics, "append", append)
            happens()

    patch.setattr(metrics, "append", planted)


def left(folder: Path) -> dict[str, Any]:
    """What a run leaves, but for times and factorisations: a factor that was lost is made again, and counted."""
    result = json.loads((folder / "result.json").read_text())
    del result["seconds"], result["solver"]["factorisations"]
    result.pop("learned_guess", None)  # a share of the seconds
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [
        {name: value for name, value in line.items() if name not in ("seconds", "study", "factorisations")} for line in lines
    ]
    return {"weights": (folder / WEIGHTS).read_bytes(), "result": result, "steps": steps}
