"""Events for TensorBoard: what is written where the package is there, and a sentence where it is not."""

from __future__ import annotations

import sys
import types
from importlib.util import find_spec
from pathlib import Path

import pytest

from mnnfem.errors import InputError
from mnnfem.events import Events
from mnnfem.trainer import Step
from workflows import translation

STEP = Step(
    iteration=7, loss=2.5, solves=4, failed=0, uncertified=0, crossed=0, factorisations=5, warm=4, seconds=0.5, renewal=None
)


class Notebook:
    """Stands for tensorboard.summary.Writer."""

    written: list[tuple[str, float, int]] = []

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def add_scalar(self, tag: str, data: float, step: int) -> None:
        self.written.append((tag, data, step))

    def close(self) -> None:
        self.written.append((self.folder, 0.0, -1))


def test_every_number_of_a_step_is_an_event(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = types.ModuleType("tensorboard.summary")
    monkeypatch.setattr(module, "Writer", Notebook, raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", types.ModuleType("tensorboard"))
    monkeypatch.setitem(sys.modules, "tensorboard.summary", module)
    monkeypatch.setattr(Notebook, "written", [])
    events = Events(tmp_path)
    events.add("learned geometry", STEP)
    events.close()
    assert ("learned geometry/loss", 2.5, 7) in Notebook.written
    names = [tag.split("/")[-1] for tag, _, step in Notebook.written if step == 7]
    assert names == [
        "loss",
        "solves",
        "failed",
        "uncertified",
        "crossed",
        "factorisations",
        "warm",
        "seconds",
        "guessed",
        "study",
    ]
    assert Notebook.written[-1][0] == str(tmp_path / "tensorboard")


def test_the_option_is_refused_without_the_package_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    with pytest.raises(InputError, match="pip install tensorboard, or leave --tensorboard out"):
        translation.main(["--tensorboard", "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    """In an environment that has it: MNNFEM_WITH=tensorboard ./run."""
    if find_spec("tensorboard") is None:
        with pytest.raises(InputError, match="come with tensorboard, which is not installed"):
            Events(tmp_path)
        return
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = Events(tmp_path)
    events.add("learned geometry", STEP)
    events.close()
    found = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"tensors": 0})
    found.Reload()
    assert "learned geometry/loss" in found.Tags()["tensors"]
    event = found.Tensors("learned geometry/loss")[0]
    assert (event.step, event.tensor_proto.float_val[0]) == (7, 2.5)
