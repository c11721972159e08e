"""The workflows as a user runs them, at a tiny setting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvista
import torch
import trimesh
from PIL import Image

from geometries.star_pores import star_pores
from mnnfem import checkpoint
from mnnfem.autoencoder import Autoencoder
from mnnfem.controller import Controller
from mnnfem.errors import InputError
from mnnfem.material import NeoHookean
from mnnfem.plant import Plant
from mnnfem.task import Translation
from mnnfem.trainer import evaluate
from workflows.translation import TranslationSettings, experiment, main

TINY = ["--iterations", "3", "--batch", "2", "--heldout", "4", "--seed", "5", "--process", "fdm"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    main([*TINY, "--out", str(folder)])
    return folder


def test_a_run_leaves_everything_it_promises(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    assert result["task"] == "translation"
    assert result["unit"] == "mm"
    assert result["seed"] == 5
    assert result["heldout"].keys() >= {"before", "after", "worst", "n"}
    assert result["heldout"]["n"] == 4
    assert (result["heldout"]["crossed"] > 0) == (result["heldout"]["deepest_overlap"] > 0)
    assert result["seconds"].keys() == {"setup", "training", "evaluation", "ablation"}
    # Two arms: 3 steps of 2 samples, 4 targets before and after.
    assert result["solver"]["solves"] == 2 * (3 * 2 + 2 * 4)
    assert result["solver"]["failed"] == result["solver"]["uncertified"] == 0
    assert result["solver"]["factorisations"] >= result["solver"]["solves"]
    assert result["versions"].keys() >= {"dolfinx", "torch", "gmsh", "mnnfem"}
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [0, 1, 2, 0, 1, 2]
    assert json.loads((run / "settings.json").read_text())["bound"] == 40.0
    assert result["made"]["violations"] == []
    assert result["made"]["least"]["ligament"] > result["made"]["process"]["wall"] == 1.2
    for picture in ("design.png", "targets.png", "loss.png"):
        with Image.open(run / picture) as image:
            assert np.asarray(image.convert("L")).std() > 5
    with Image.open(run / "path.gif") as film:
        assert film.n_frames == 48
    assert trimesh.load_mesh(run / "design.stl").is_volume
    assert pyvista.read(run / "fields" / "target_4.vtu").n_cells == 1568
    assert not list(run.rglob("*.part"))


def test_the_checkpoint_gives_the_result_again(run: Path) -> None:
    setup = experiment(TranslationSettings())
    from mnnfem.body import Body

    controller = Controller(2, [40.0, 40.0])
    plant = Plant(setup.geometry, lambda mesh: Body(mesh, setup.law, setup.boundary))
    model = Autoencoder(controller, plant, setup.law)
    state = checkpoint.load(run, model)
    assert state == {"task": "translation", "iteration": 3, "seed": 5}
    assert model.design.min() < 0.5 < model.design.max()
    heldout = setup.task.sample(4, torch.Generator().manual_seed(2023))
    expected = json.loads((run / "result.json").read_text())["heldout"]["after"]
    assert evaluate(model, setup.task, heldout).mean == pytest.approx(expected, rel=1e-9)


def test_the_same_seed_gives_the_same_weights(run: Path, tmp_path: Path) -> None:
    main([*TINY, "--out", str(tmp_path / "again")])
    first, second = ((folder / "checkpoint/weights.safetensors").read_bytes() for folder in (run, tmp_path / "again"))
    assert first == second


def test_frozen_geometry_keeps_the_design(run: Path, tmp_path: Path) -> None:
    main([*TINY, "--frozen-geometry", "--out", str(tmp_path / "frozen")])
    result = json.loads((tmp_path / "frozen/result.json").read_text())
    assert result["heldout"]["after"] == result["frozen_geometry"]
    assert result["frozen_geometry"] == json.loads((run / "result.json").read_text())["frozen_geometry"]
    import safetensors.torch

    weights = safetensors.torch.load_file(tmp_path / "frozen/checkpoint/weights.safetensors")
    assert torch.all(weights["design"] == 0.5)


def test_a_damaged_checkpoint_is_refused(run: Path, tmp_path: Path) -> None:
    geometry = star_pores(columns=1, rows=1, solid=())
    model = Autoencoder(Controller(2, [1.0]), Plant(geometry, lambda _: None), NeoHookean())
    with pytest.raises(InputError, match="holds no checkpoint"):
        checkpoint.load(tmp_path, model)
    with pytest.raises(InputError, match="cannot be used"):
        checkpoint.load(run, model)
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint/weights.safetensors").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="cannot be used"):
        checkpoint.load(tmp_path, model)


def test_an_empty_target_set_is_refused() -> None:
    with pytest.raises(InputError, match="target set is empty"):
        evaluate(None, Translation(), torch.zeros(0, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--iteration", "3"], "Did you mean '--iterations'?"),
        (["--bound", "100"], "--bound is 100 mm, allowed 0.1 to 80 mm."),
        (["--out", "{exists}"], "exists already: choose another with --out"),
        (["--out", "/proc/nothing/here"], "cannot be made"),
        (["--heldout", "0"], "--heldout is 0, allowed at least 1."),
    ],
)
def test_bad_input_ends_in_one_sentence_and_code_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = start([], [word.format(exists=tmp_path) for word in arguments], tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_bad_input_on_several_ranks_is_still_one_sentence(tmp_path: Path) -> None:
    done = start(["mpirun", "-n", "2"], ["--out", str(tmp_path)], tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("exists already: choose another with --out") == 1
    assert not list(tmp_path.iterdir())


def start(launcher: list[str], arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Start the workflow as its own process, in `folder`."""
    script = Path(__file__).parents[1] / "workflows/translation.py"
    path = os.pathsep.join([str(script.parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [*launcher, sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env={**os.environ, "PYTHONPATH": path})
