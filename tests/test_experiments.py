"""Rotation and shape matching as a user runs them, at a tiny setting, and their verification on a finer mesh."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvista
import torch
from mpi4py import MPI
from PIL import Image

import mnnfem.trainer
from mnnfem.body import Body
from mnnfem.errors import InputError
from mnnfem.guard import Guard
from mnnfem.plan import Experiment
from mnnfem.refine import refined
from mnnfem.verify import verify
from workflows import evaluate, rotation, shape_matching
from workflows.rotation import RotationSettings
from workflows.shape_matching import ShapeSettings

TINY = ["--iterations", "2", "--batch", "2", "--heldout", "3", "--cells", "3"]


@pytest.fixture(scope="module", autouse=True)
def short_films() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotation, "FRAMES", 8)
        patch.setattr(shape_matching, "FRAMES", 8)
        patch.setattr(mnnfem.trainer, "adam", None)  # a run's trainings go on with one optimiser
        yield


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "shapes"
    shape_matching.main([*TINY, "--middle", "1", "--fine-iterations", "1", "--out", str(folder)])
    return folder


def result(run: Path) -> dict:
    return json.loads((run / "result.json").read_text())


def promised(run: Path, fine: int = 0) -> None:
    """What every run leaves, `fine` steps on a finer mesh among them."""
    found = result(run)
    assert found["heldout"]["n"] == 3
    assert found["solver"]["solves"] == 2 * (2 * 2 + 2 * 3) + 2 * fine
    assert found["solver"]["failed"] == found["solver"]["uncertified"] == 0
    for picture in ("design.png", "targets.png", "loss.png"):
        with Image.open(run / picture) as image:
            assert np.asarray(image.convert("L")).std() > 5
    with Image.open(run / "path.gif") as film:
        assert film.n_frames == 8


def test_a_shape_run(shapes: Path) -> None:
    promised(shapes, fine=1)
    found = result(shapes)
    assert found["task"] == "shape_matching"
    assert 0.2 < found["do_nothing"] < 0.5
    assert found["heldout"]["after"] < found["do_nothing"]
    assert json.loads((shapes / "settings.json").read_text())["workflow"] == "shape_matching"
    arms = [json.loads(line)["arm"] for line in (shapes / "metrics.jsonl").read_text().splitlines()]
    assert arms == ["learned geometry"] * 2 + ["learned geometry, finer mesh"] + ["frozen geometry"] * 2
    assert pyvista.read(shapes / "fields/target_1.vtu").n_cells == 4 * 576


def test_a_rotation_run_with_two_controls(tmp_path: Path) -> None:
    rotation.main([*TINY, "--driven", "1", "--controls", "double", "--frozen-geometry", "--out", str(tmp_path / "run")])
    found = result(tmp_path / "run")
    assert found["task"] == "rotation"
    assert found["heldout"]["after"] == found["frozen_geometry"]
    experiment, settings = evaluate.reopened(tmp_path / "run")
    assert settings.frozen_geometry
    assert [drive.bound for drive in experiment.boundary.drives] == [30.0, 30.0]
    assert experiment.path.flatten()[[0, 4]].tolist() == [-30.0, 30.0]


@pytest.mark.parametrize("controls", ["single", "double"])
def test_positive_controls_turn_the_centre_counter_clockwise(controls: str) -> None:
    """The start panel has a mirror: pressed at right angles its centre does not turn, sheared it does."""
    turns = {}
    for push in ("tangential", "normal"):
        made = rotation.experiment(RotationSettings(cells=3, driven=1, controls=controls, push=push))
        body = Body(made.geometry.mesh, made.law, made.boundary, comm=MPI.COMM_SELF)
        state = body.solve(made.geometry.mesh.points, np.full(len(made.boundary.drives), 5.0), made.law.values)
        left, right = (body.displacement(state)[made.geometry.mesh.vertex(f"{side}_of_centre")] for side in ("left", "right"))
        turns[push] = right[1] - left[1]
    assert turns["tangential"] > 0.5
    assert abs(turns["normal"]) < 0.01  # the diagonals of its elements have no mirror


def test_the_settings_of_the_paper_are_its_panels() -> None:
    single = rotation.experiment(RotationSettings())
    assert len(single.geometry.parameters) == 768
    assert [drive.bound for drive in single.boundary.drives] == [40.0]
    shapes = shape_matching.experiment(ShapeSettings())
    assert (shapes.task.inputs, shapes.hidden, len(shapes.boundary.drives)) == (40, (200, 200), 12)  # 10 coefficients a side
    with pytest.raises(InputError, match="--cells must be odd, got 4"):
        rotation.experiment(RotationSettings(cells=4))


def test_evaluate_gives_the_run_again_and_its_error_on_a_finer_mesh(shapes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate.main([str(shapes)])
    found = result(shapes / "refined_1")
    assert found["coarse"]["error"] == pytest.approx(result(shapes)["heldout"]["after"], rel=1e-9)
    assert found["elements"] == 16 * 576  # the run ended on a finer mesh itself
    assert 0 < abs(found["fine"]["error"] - found["coarse"]["error"]) < 0.01
    assert 0 < found["apart"] < 1.0
    assert found["fine"]["failed"] == found["fine"]["uncertified"] == 0
    with Image.open(shapes / "refined_1/path.gif") as film:
        assert film.n_frames == 8
    assert "there 3 of 3 states are certified" in capsys.readouterr().out


def test_no_refinement_changes_nothing_and_the_model_stays_as_it_was(shapes: Path) -> None:
    made, _ = evaluate.reopened(shapes)
    model, make = untrained(made)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    targets = made.held_out(2)
    same, finer = (verify(model, made.task, targets, make, times) for times in (0, 1))
    assert torch.equal(same.coarse.errors, same.fine.errors)
    assert float(same.apart.max()) == 0.0
    assert len(finer.model.geometry.mesh.cells) == 4 * len(model.geometry.mesh.cells)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    # The finer errors are those of the refined body, its controls from the same network.
    mesh = refined(model.geometry.mesh, model.points().detach().numpy())
    state = make(mesh).solve(
        mesh.points, model.controller(made.task.features(targets[:1]))[0].detach().numpy(), made.law.values
    )
    assert finer.fine.displacement[0].numpy() == pytest.approx(make(mesh).displacement(state), abs=1e-7)


def untrained(made: Experiment):
    torch.manual_seed(1)

    def make(mesh):
        return Body(mesh, made.law, made.boundary, comm=MPI.COMM_SELF)

    model = made.model(make, Guard())
    with torch.no_grad():
        share = torch.rand(len(model.design), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        box = model.geometry.parameters
        model.design.copy_(torch.from_numpy(box.lower) + (0.25 + 0.5 * share) * torch.from_numpy(box.upper - box.lower))
    return model, make


def test_what_is_no_run_is_refused_in_a_sentence(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Which run"):
        evaluate.main([])
    with pytest.raises(InputError, match="is not the folder of a run"):
        evaluate.main([str(tmp_path)])
    copied = tmp_path / "copy"
    shutil.copytree(shapes, copied)
    settings = json.loads((copied / "settings.json").read_text())
    (copied / "settings.json").write_text(json.dumps({**settings, "workflow": "shape_maching"}))
    with pytest.raises(InputError, match="Did you mean 'shape_matching'"):
        evaluate.main([str(copied)])
    (copied / "settings.json").write_text(json.dumps({**settings, "workflow": "poisson_ratio"}))
    with pytest.raises(InputError, match=r"'poisson_ratio'.* Valid names"):
        evaluate.main([str(copied)])
    (copied / "settings.json").write_text(json.dumps({**settings, "colour": "red"}))
    with pytest.raises(InputError, match=r"does not fit workflows/shape_matching\.py as it is now"):
        evaluate.main([str(copied)])
