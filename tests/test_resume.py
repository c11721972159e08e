"""Runs that are stopped, by a signal or for good, go on bitwise as if nothing had happened."""

from __future__ import annotations

import dataclasses
import errno
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from geometries.star_pores import star_pores
from mnnfem import checkpoint, progress, results
from mnnfem.errors import InputError, StorageError
from mnnfem.experiment import FROZEN, LEARNED, run
from mnnfem.guess.family import Cells
from mnnfem.guess.gate import Gated, Preferred
from mnnfem.interrupt import Interrupted
from tests.stopping import Killed, at_step, killed, left, sent
from workflows.translation import TranslationSettings, experiment

SETTINGS = TranslationSettings(
    layers=1, iterations=5, batch=2, heldout=2, bound=15.0, reach=5.0, fine_iterations=2, design_rate=0.1, least_quality=0.35
)
FINER = f"{LEARNED}, finer mesh"


def go(folder: Path, resume: bool = True, **options: Any) -> None:
    """Train a panel of 3x3 cells."""
    settings = dataclasses.replace(SETTINGS, out=str(folder), resume=resume, **options)
    plan = experiment(settings)
    cells = Cells(3, 3, 30.0, ((1, 1),))
    small = star_pores(cells.columns, cells.rows, cells.side, cells.solid, layers=settings.layers)
    run(dataclasses.replace(plan, geometry=small, cells=cells, path=plan.path[:2]), settings, time.perf_counter())


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


def test_signals_in_every_stage_change_no_bit(whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mesh is made anew in the learned arm, and states are carried over: between the stops and across them."""
    before = signal.getsignal(signal.SIGINT)  # ignored, where the tests run in the background of a shell
    renewed = [step["iteration"] for step in whole["steps"] if step["renewal"] and step["arm"] == LEARNED]
    assert renewed
    asked = [(LEARNED, 0), (LEARNED, 3), (FINER, 0), (FROZEN, 2), (FROZEN, 4)]
    for (stage, iteration), number in zip(asked, (signal.SIGTERM, signal.SIGINT, *[signal.SIGUSR1] * 3), strict=True):
        at_step(monkeypatch, stage, iteration, sent(number))
        with pytest.raises(Interrupted, match=f"before iteration {iteration + 1} of {stage}: the same command with --out"):
            go(tmp_path / "run")
    go(tmp_path / "run")
    assert left(tmp_path / "run") == whole
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
def test_a_guess_that_learns_goes_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped before the mesh is made anew, where it is given up, after that, and on a mesh where it starts solves."""
    monkeypatch.setattr(Preferred, "__call__", Gated.__call__)
    options: dict[str, Any] = {"warm_start": "metapde", "fine_iterations": 0, "heldout": 1, "iterations": 4, "layers": 2}
    go(tmp_path / "whole", **options)
    whole = left(tmp_path / "whole")
    learned, frozen = ([step for step in whole["steps"] if step["arm"] == name] for name in (LEARNED, FROZEN))
    renewed = next(step["iteration"] for step in learned if step["renewal"])
    assert renewed >= 2
    assert sum(step["guessed"] for step in learned[renewed:]) == 0 < sum(step["guessed"] for step in frozen[2:])
    for arm, iteration in ((LEARNED, renewed - 2), (LEARNED, renewed), (FROZEN, 1)):
        at_step(monkeypatch, arm, iteration, sent(signal.SIGTERM))
        with pytest.raises(Interrupted):
            go(tmp_path / "run", **options)
    go(tmp_path / "run", **options)
    assert left(tmp_path / "run") == whole


@pytest.mark.parametrize(
    "stage", [pytest.param(LEARNED, marks=pytest.mark.slow), FINER, pytest.param(FROZEN, marks=pytest.mark.slow)]
)
def test_a_killed_run_goes_on_from_its_last_checkpoint(
    stage: str, whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once more each time: the line that was written beyond the checkpoint is not there twice."""
    at_step(monkeypatch, stage, 1, killed)
    with pytest.raises(Killed):
        go(tmp_path / "run", checkpoint_minutes=0.0)
    go(tmp_path / "run")
    assert left(tmp_path / "run") == whole


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_without_room_for_checkpoints_a_run_goes_on_and_says_so(
    whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace, count = os.replace, [0]

    def filling(source: Path, target: Path) -> None:
        count[0] += target.name == Path(progress.FILE).name
        no_room() if count[0] > 3 and target.name == Path(progress.FILE).name else replace(source, target)

    monkeypatch.setattr(os, "replace", filling)
    go(tmp_path / "run", checkpoint_minutes=0.0)
    assert left(tmp_path / "run") == whole
    told = capsys.readouterr().err
    assert f"No checkpoint before iteration 3 of {LEARNED}: {tmp_path}" in told
    assert f"No space left on device. The last checkpoint is before iteration 2 of {LEARNED}: the same command" in told


def test_without_room_for_metrics_a_run_stops_and_can_go_on(
    whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"

    def lost() -> None:
        raise StorageError("metrics.jsonl cannot be written: No space left on device.")

    at_step(monkeypatch, LEARNED, 2, lost)
    with pytest.raises(
        StorageError, match=f"left on device. The training stops. The last checkpoint is before iteration 2 of {LEARNED}"
    ):
        go(folder, checkpoint_minutes=0.0)
    go(folder)
    assert left(folder) == whole


def test_a_run_is_resumed_with_its_own_settings_and_once(
    whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Others are refused; a checkpoint of another model too; and a run that has ended is left as it is."""
    folder = tmp_path / "run"
    at_step(monkeypatch, LEARNED, 1, sent(signal.SIGTERM))
    with pytest.raises(Interrupted):
        go(folder)
    with pytest.raises(InputError, match=r"was begun with batch 2 \(now 3\), young 70.0 \(now 60.0\): resume it with the same"):
        go(folder, batch=3, young=60.0)
    with pytest.raises(InputError, match=r"exists already: choose another with --out, or remove it, or give --resume"):
        go(folder, resume=False)
    stored, kept = folder / progress.FILE, (folder / progress.FILE).read_bytes()
    tensors, state = checkpoint.unpacked(stored)
    for name, value, message in (
        ("adam.0.exp_avg", torch.zeros(1), "0.exp_avg is \\[1\\] float32"),
        ("starts.points", torch.zeros(2, 3, 2, dtype=torch.float64), "points is"),
        ("random.sampler", torch.zeros(16, dtype=torch.uint8), "sampler is"),
        ("model.design", None, "misses tensor 'design'"),
        ("more.tensors", torch.zeros(1), "unknown tensor 'more.tensors'"),
    ):
        changed = {one: tensor for one, tensor in ({**tensors, name: value}).items() if tensor is not None}
        stored.write_bytes(checkpoint.packed(changed, state))
        with pytest.raises(InputError, match=f"training.safetensors cannot be used: .*{message}"):
            go(folder)
    for wrong in ({"iteration": 99}, {"stage": "another"}, {"iteration": -1}, {"lines": "2"}, {"ended": 1}, {"lines": 1000}):
        stored.write_bytes(checkpoint.packed(tensors, {**state, **wrong}))
        with pytest.raises(InputError):
            go(folder)
    stored.write_bytes(kept)
    (folder / "metrics.jsonl").write_text((folder / "metrics.jsonl").read_text() + '{"arm": "torn')
    go(folder)
    assert left(folder) == whole
    before = (folder / "result.json").stat().st_mtime_ns
    go(folder)
    assert "has ended before: nothing is left to do" in capsys.readouterr().err
    assert (folder / "result.json").stat().st_mtime_ns == before
