"""The digit display as a user runs it, at a tiny setting."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnnfem.display import bank, training
from mnnfem.display import run as display_run
from mnnfem.display.bank import random_controls
from mnnfem.display.choice import PACE
from mnnfem.display.recognition import learn
from mnnfem.interrupt import Interrupted
from tests.stopping import at_step, left, sent
from workflows import evaluate
from workflows.digit_display import main

TINY = {
    "states": 12,
    "restarts": 1,
    "iterations": 2,
    "fine-iterations": 1,
    "image-iterations": 1,
    "batch": 2,
    "heldout": 3,
    "epochs": 3,
    "seed": 4,
    "layers": 1,
    "bound": 8,
}


def go(folder: Path, *options: str) -> None:
    main([*(word for name, value in TINY.items() for word in (f"--{name}", str(value))), "--out", str(folder), *options])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    go(folder)
    return folder


def test_a_run_leaves_figures_of_both_arms(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    assert result["task"] == "digit_display"
    assert result["do_nothing"] == 3.5
    frozen = result["frozen_geometry"]
    for figures in (result["digits"], result["finer_mesh"], frozen["digits"]):
        assert figures["n"] == 10
        assert figures["exact"] == round(10 * figures["accuracy"])
        assert figures["error"] < 1.6  # a bank of 12 states and two steps; grey has 3.5
    assert result["digits"]["error"] != frozen["digits"]["error"]
    assert result["images"]["n"] == frozen["images"]["n"] == 3
    assert 0 <= result["images"]["accuracy"] <= 1
    assert result["bank"]["states"] + result["bank"]["failed"] + result["bank"]["crossed"] == 12
    # Two arms: 2 steps of 10, one on a finer mesh, 10 digits on two meshes, a step of 2 images, 3 tested.
    assert result["solver"]["solves"] + result["solver"]["failed"] == 12 + 2 * (20 + 10 + 20 + 2 + 3)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    stages = ["digits", "digits", "digits, finer mesh", "images"]
    assert [line["arm"] for line in lines] == [f"{arm} geometry, {one}" for arm in ("learned", "frozen") for one in stages]
    for picture in ("digits.png", "images.png", "design.png", "loss.png"):
        with Image.open(run / picture) as image:
            assert np.asarray(image.convert("L")).std() > 5
    assert len(list((run / "fields").glob("digits_*.vtu"))) == 10
    assert (run / "design.stl").stat().st_size > 1e5
    assert json.loads((run / "settings.json").read_text())["workflow"] == "digit_display"


def test_the_checkpoint_holds_network_colours_and_design(run: Path) -> None:
    import safetensors.torch

    tensors = safetensors.torch.load_file(run / "checkpoint/weights.safetensors")
    assert tensors["readout.logits"].shape == (31, 46)
    assert tensors["controller.network.1.weight"].shape == (16, 1, 3, 3)
    assert tensors["design"].min() < 0.5 < tensors["design"].max()
    controls = np.array(json.loads((run / "checkpoint/state.json").read_text())["controls"])
    assert controls.shape == (10, 6)
    kept = np.tanh(PACE * tensors["controller.table"].numpy())
    assert kept == pytest.approx(controls / TINY["bound"])  # as images have left them


@pytest.mark.slow
def test_evaluate_shows_the_ten_digits_again_and_on_a_finer_mesh(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate.main([str(run), "--refine", "1"])
    said = capsys.readouterr().out
    result, before = (json.loads((folder / "result.json").read_text()) for folder in (run / "refined_1", run))
    for name, earlier in (("coarse", "digits"), ("fine", "finer_mesh")):
        assert result[name]["error"] == pytest.approx(before[earlier]["error"], rel=1e-6)
        assert result[name]["exact"] == before[earlier]["exact"]
    assert f"{result['coarse']['error']:.3g} colours on the mesh of the training" in said
    assert "10 of 10 states are certified" in said
    with Image.open(run / "refined_1/path.gif") as gif:
        assert gif.n_frames == 60


@pytest.mark.slow
def test_signals_in_bank_network_and_stages_change_no_bit(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a run that goes on from the one before; the bank is not filled twice."""
    folder = tmp_path / "run"
    monkeypatch.setattr(display_run, "draw", lambda *_: None)
    with monkeypatch.context() as patch:
        patch.setattr(bank, "random_controls", lambda *_: [sent(signal.SIGTERM)(), random_controls(*_)][1])
        with pytest.raises(Interrupted, match="There is no checkpoint yet"):
            go(folder, "--resume")
    filled, fill = list[None](), bank.fill
    monkeypatch.setattr(bank, "fill", lambda *_: [filled.append(None), fill(*_)][1])
    for stage in ("learned geometry, digits", "learned geometry, images", "frozen geometry, digits, finer mesh"):
        at_step(monkeypatch, stage, 0, sent(signal.SIGUSR1))
        with pytest.raises(Interrupted, match=f"before iteration 1 of {stage}"):
            go(folder, "--resume")
    with monkeypatch.context() as patch:
        patch.setattr(training, "learn", lambda *_: [sent(signal.SIGUSR1)(), learn(*_)][1])
        with pytest.raises(Interrupted, match="before iteration 1 of frozen geometry, digits, finer mesh"):
            go(folder, "--resume")
    go(folder, "--resume")
    assert len(filled) == 1
    assert left(folder) == left(run)
    assert [file.name for file in (folder / "checkpoint").iterdir()] == ["state.json", "weights.safetensors"]
