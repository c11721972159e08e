"""Moduli of a panel's cells, trained with design and network: parts, gradient, ranges, resumption, and what a run leaves."""

from __future__ import annotations

import dataclasses
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from mpi4py import MPI

from mnnfem import results, visualise
from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.ensemble import Ensemble
from mnnfem.errors import InputError
from mnnfem.experiment import LEARNED
from mnnfem.experiment import run as run_experiment
from mnnfem.fabricate.export import export_command
from mnnfem.geometry import finer
from mnnfem.guard import Guard
from mnnfem.interrupt import Interrupted
from mnnfem.mesh import Floats, signed_measures
from mnnfem.moduli import Moduli
from mnnfem.plan import Experiment, Makers, body_makers
from mnnfem.regions import Regions, square_cells
from mnnfem.rerun import compared
from mnnfem.rubbers import MooneyRivlin
from mnnfem.trainer import train
from tests.stopping import at_step, sent
from workflows import evaluate as evaluation
from workflows import rotation, shape_matching
from workflows.rotation import RotationSettings
from workflows.shape_matching import ShapeSettings

SETTINGS = RotationSettings(cells=3, driven=1, layers=1, moduli="cells", bound=15.0, ramp=0.0)
TINY = [f"--{name}={value}" for name, value in {"iterations": 3, "batch": 1, "heldout": 1, "cells": 3, "driven": 1}.items()]
OPTIONS = [*TINY, "--layers=1", "--moduli=cells", "--moduli-rate=0.1", "--design-rate=0.15", "--least-quality=0.4"]


@pytest.fixture(scope="module")
def plan() -> Experiment:
    return rotation.experiment(SETTINGS)


@pytest.fixture
def model(plan: Experiment, makers: Makers) -> Autoencoder:
    torch.manual_seed(0)
    model = plan.model(makers.first, Guard(0.0, 0.0))
    with torch.no_grad():
        model.controller.layers[-1].bias.fill_(0.8)
    return model


@pytest.fixture(scope="module")
def makers(plan: Experiment) -> Makers:
    return body_makers(plan.law, plan.boundary, Ensemble.alone(), 2, plan.parts)


def parts_of(plan: Experiment) -> tuple[Regions, Moduli]:
    assert plan.parts is not None
    return plan.parts, Moduli(plan.law, plan.parts, 0.2)


def test_the_cells_are_the_same_on_a_finer_mesh_and_on_one_made_anew(plan: Experiment) -> None:
    """Their areas but for the pores: of all elements' shares in a cell's square nothing lies in another cell."""
    parts = parts_of(plan)[0]
    anew = plan.geometry.rebuilt(plan.geometry.parameters.random(np.random.default_rng(1)))
    for geometry in (plan.geometry, finer(plan.geometry), anew, finer(anew)):
        mesh = geometry.mesh
        corners, number = mesh.points[mesh.cells] / rotation.CELL, parts.of(mesh)
        low = np.stack([number % 3, number // 3], axis=1)[:, None]
        assert ((corners > low - 1e-9) & (corners < low + 1 + 1e-9)).all()
        areas = np.bincount(number, signed_measures(mesh.points, mesh.cells))
        assert areas[4] == pytest.approx(rotation.CELL**2)  # the solid cell
        assert np.delete(areas, 4).max() < 0.95 * rotation.CELL**2
    small = square_cells(2, 3, rotation.CELL)
    with pytest.raises(InputError, match="one of the numbers 0 to 5"):
        small.of(plan.geometry.mesh)


def test_the_gradient_in_the_moduli_is_that_of_bodies_built_anew(plan: Experiment, model: Autoencoder) -> None:
    """Of the loss of the experiment's own model. The bodies are told of each element's cell one by one."""
    rng = np.random.default_rng(5)
    assert model.moduli is not None
    shares = rng.uniform(0.3, 0.9, 9)
    with torch.no_grad():
        model.moduli.shares.copy_(torch.from_numpy(shares))
    targets = torch.tensor([[25.0]], dtype=torch.float64)
    response = model(plan.task.features(targets))
    loss = plan.task.errors(response, targets).mean()
    loss.backward()
    gradient = model.moduli.shares.grad
    assert gradient is not None
    mesh, controls = plan.geometry.mesh, model.controller(plan.task.features(targets)).detach().numpy()[0]

    def cell_of(middles: Floats) -> np.ndarray:
        found = [[i + 3 * j for j in range(3) for i in range(3) if 50 * i < x < 50 * i + 50 and 50 * j < y < 50 * j + 50]
                 for x, y in middles]  # fmt: skip
        return np.array(found)[:, 0]

    def value(moved: Floats) -> float:
        body = Body(mesh, plan.law, plan.boundary, comm=MPI.COMM_SELF, regions=Regions(tuple("abcdefghi"), cell_of))
        solution = body.solve(mesh.points, controls, np.array([[70.0 * share, 0.3] for share in moved]))
        displacement = torch.from_numpy(body.displacement(solution))[None]
        return plan.task.errors(response.moved_to(displacement), targets).mean().item()

    way = rng.uniform(-0.1, 0.1, 9)
    slope = float(gradient.numpy() @ way)
    base = value(shares)
    assert base == pytest.approx(loss.item(), rel=1e-7)
    large, small = (abs(value(shares + h * way) - base - h * slope) for h in (0.5, 0.25))
    assert np.log2(large / small) > 1.9
    assert (value(shares + 0.01 * way) - value(shares - 0.01 * way)) / 0.02 == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize(("rate", "frozen"), [(0.05, False), (1.0, False), (0.05, True)])
def test_training_moves_them_within_their_range_and_a_frozen_arm_leaves_them(
    plan: Experiment, model: Autoencoder, rate: float, frozen: bool
) -> None:
    settings = dataclasses.replace(SETTINGS, moduli_rate=rate, iterations=2, batch=1, overlap_penalty=0.0)
    step = next(train(model, plan.task, torch.Generator().manual_seed(0), settings.schedule(frozen)))
    assert step.failed == 0
    assert model.moduli is not None
    shares = model.moduli.shares.detach().numpy()
    moved = 0.0 if frozen else min(rate, 0.4)
    assert np.abs(shares - 0.6) == pytest.approx(moved, rel=1e-3)
    assert model.moduli.young == pytest.approx(70 * shares, rel=1e-15)
    assert (model.values()[:, 1] == 0.3).all()


def test_what_cannot_be_is_refused(plan: Experiment) -> None:
    with pytest.raises(InputError, match="give --corners 0"):
        shape_matching.experiment(ShapeSettings(moduli="cells"))
    with pytest.raises(InputError, match="which MooneyRivlin does not have"):
        Moduli(MooneyRivlin(1.0, 0.1, 10.0), parts_of(plan)[0], 0.2)
    with pytest.raises(InputError, match="learns bodies of one modulus"):
        run_experiment(plan, dataclasses.replace(SETTINGS, warm_start="metapde"), 0.0)
    assert rotation.experiment(dataclasses.replace(SETTINGS, moduli="one")).parts is None


@pytest.fixture(scope="module")
def short() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotation, "FRAMES", 2)
        yield patch


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, short: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("moduli") / "run"
    shown: list[visualise.Scene] = []
    draw = visualise.design_figure
    short.setattr(visualise, "design_figure", lambda path, scene: (shown.append(scene), draw(path, scene)))
    rotation.main([*OPTIONS, f"--out={folder}"])
    told = json.loads((folder / "moduli.json").read_text())["young"]
    moduli = shown[0].moduli
    assert moduli is not None
    assert set(moduli) == set(told.values())
    return folder


def test_a_run_leaves_them(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, result = (json.loads((run / name).read_text()) for name in ("moduli.json", "result.json"))
    assert told == result["moduli"]
    assert list(told["young"]) == [f"cell {i}, {j}" for j in range(3) for i in range(3)]
    assert told["range"] == [14.0, 70.0]
    assert np.ptp(list(told["young"].values())) > 3
    export_command([str(run), "--format=svg", f"--out={tmp_path / 'print'}"])
    assert f"its parts shall differ in Young's modulus: see {run / 'moduli.json'}" in capsys.readouterr().out
    assert json.loads((tmp_path / "print/print.json").read_text())["moduli"] == told
    evaluation.main([str(run), f"--out={tmp_path / 'fine'}"])
    verified = json.loads((tmp_path / "fine/result.json").read_text())
    assert verified["coarse"]["error"] == pytest.approx(result["heldout"]["after"], rel=1e-9)
    assert verified["fine"]["uncertified"] == 0


def test_a_stopped_run_goes_on_bitwise(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mesh is made anew before the stop. Without pictures, which take most of the time."""
    for name in ("draw", "write_fields"):
        monkeypatch.setattr(results, name, lambda *_: None)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert any(line["renewal"] for line in lines[:3])
    at_step(monkeypatch, LEARNED, 1, sent(signal.SIGUSR1))
    options = [*OPTIONS, f"--out={tmp_path / 'again'}", "--resume"]
    with pytest.raises(Interrupted):
        rotation.main(options)
    rotation.main(options)
    same, sentence = compared(run, tmp_path / "again")
    assert same, sentence
    assert (run / "moduli.json").read_bytes() == (tmp_path / "again/moduli.json").read_bytes()
