"""Runs that are stopped, by a signal or for good, go on bitwise as if nothing had happened."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from geometries.star_pores import star_pores
from mnnfem import metrics, progress, results
from mnnfem.checkpoint import WEIGHTS
from mnnfem.experiment import FROZEN, LEARNED, run
from mnnfem.interrupt import Interrupted
from workflows.translation import TranslationSettings, experiment

SETTINGS = TranslationSettings(
    iterations=5, batch=2, heldout=2, bound=15.0, reach=5.0, fine_iterations=2, design_rate=0.1, least_quality=0.35
)
FINER = f"{LEARNED}, finer mesh"


def go(folder: Path, resume: bool = True, **options: Any) -> None:
    """Train a panel of 3x3 cells."""
    settings = dataclasses.replace(SETTINGS, out=str(folder), resume=resume, **options)
    plan = experiment(settings)
    small = star_pores(3, 3, cell=30.0, solid=((1, 1),), layers=1)
    run(dataclasses.replace(plan, geometry=small, path=plan.path[:2]), settings, time.perf_counter())


def left(folder: Path) -> dict[str, Any]:
    """What a run leaves that does not depend on what it cost."""
    result = json.loads((folder / "result.json").read_text())
    del result["seconds"], result["solver"]["factorisations"]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [{name: value for name, value in line.items() if name not in ("seconds", "factorisations")} for line in lines]
    return {"weights": (folder / WEIGHTS).read_bytes(), "result": result, "steps": steps}


@pytest.fixture(scope="module", autouse=True)
def no_pictures() -> Iterator[None]:
    """They take most of the time of a run as short as these."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("draw", "write_fields"):
            patch.setattr(results, name, lambda *_: None)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("whole") / "run"
    go(folder, resume=False)
    assert not (folder / progress.FILE).exists()
    return left(folder)


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int, Callable[[], None]], None]:
    """Makes something happen once, as the line of a step is written."""
    append = metrics.append

    def plan(stage: str, iteration: int, happens: Callable[[], None]) -> None:
        def planted(folder: Any, at: str, step: Any) -> None:
            append(folder, at, step)
            if (at, step.iteration) == (stage, iteration):
                monkeypatch.setattr(metrics, "append", append)
                happens()

        monkeypatch.setattr(metrics, "append", planted)

    return plan


class Killed(BaseException):
    """The end of a process that has no time to do anything."""


def killed() -> None:
    raise Killed


def test_signals_in_every_stage_change_no_bit(whole: dict[str, Any], tmp_path: Path, at_step: Any) -> None:
    """The mesh is made anew in the learned arm, and states are carried over: between the stops and across them."""
    renewed = [step["iteration"] for step in whole["steps"] if step["renewal"] and step["arm"] == LEARNED]
    assert renewed
    asked = [(LEARNED, 0), (LEARNED, 3), (FINER, 0), (FROZEN, 2), (FROZEN, 4)]
    for (stage, iteration), number in zip(asked, (signal.SIGTERM, signal.SIGINT, *[signal.SIGUSR1] * 3), strict=True):
        at_step(stage, iteration, lambda number=number: os.kill(os.getpid(), number))
        with pytest.raises(Interrupted, match=f"before iteration {iteration + 1} of {stage}: the same command with --out"):
            go(tmp_path / "run")
    go(tmp_path / "run")
    assert left(tmp_path / "run") == whole
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("stage", [LEARNED, FINER, FROZEN])
def test_a_killed_run_goes_on_from_its_last_checkpoint(stage: str, whole: dict[str, Any], tmp_path: Path, at_step: Any) -> None:
    """Once more each time: the line that was written beyond the checkpoint is not there twice."""
    at_step(stage, 1, killed)
    with pytest.raises(Killed):
        go(tmp_path / "run", checkpoint_minutes=0.0)
    go(tmp_path / "run")
    assert left(tmp_path / "run") == whole
