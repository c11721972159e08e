"""The digit display as a user runs it, at a tiny setting."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnnfem.display.choice import PACE
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
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    main([*(word for name, value in TINY.items() for word in (f"--{name}", str(value))), "--out", str(folder)])
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
    assert np.tanh(PACE * tensors["controller.table"].numpy()) == pytest.approx(controls / 20)  # as images have left them


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
