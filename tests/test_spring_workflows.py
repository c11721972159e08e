"""The workflows of springs at a small setting: what they print, write, return and refuse."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnnfem import checkpoint
from mnnfem.errors import InputError
from mnnfem.springs.lattices import trapezoid
from mnnfem.springs.nodemap import Search
from mnnfem.springs.records import write_elongations
from mnnfem.springs.springnet import SpringNet, strip_bounds
from mnnfem.springs.tasks import BEHAVIOUR
from workflows import spring_behaviour, spring_iris, spring_regression, spring_retrain

QUICK = Search(first=16, rounds=3, kept=2, children=6, epochs=20)


def result_of(run: Path, *pictures: str) -> dict:
    for name in pictures:
        with Image.open(run / name) as image:
            assert np.asarray(image.convert("L")).std() > 5
    assert (
        json.loads((run / "settings.json").read_text())["workflow"] == json.loads((run / "result.json").read_text())["workflow"]
    )
    return json.loads((run / "result.json").read_text())


def test_behaviour(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert spring_behaviour.main(["--epochs", "120", "--repeats", "20", "--out", str(run)]) == 0
    result, said = result_of(run, "networks.png", "loss.png", "gradients.png"), capsys.readouterr().out
    assert result["log_ratio"] == pytest.approx([-0.62533315, -0.47997346], abs=1e-8)
    assert "28 of 28 bonds on a bound" in said
    assert "at 1.67:1: -0.570" in said
    assert "wanted 61.5%: infeasible" in said
    assert result["error_0.8_7.00:1"] < 1e-3
    assert result["quality"]["estimated"] == pytest.approx(result["quality"]["true"], abs=5e-3)
    assert result["missed"] == []
    model = SpringNet(trapezoid(), BEHAVIOUR, strip_bounds(trapezoid()))
    assert checkpoint.load(run, model)["loss"] == "log-ratio"
    assert model.at_bounds() == 28


def test_a_missed_bar_is_said_and_ends_in_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert spring_behaviour.main(["--epochs", "3", "--repeats", "2", "--json", "--out", str(tmp_path / "run")]) == 1
    printed = capsys.readouterr()
    assert "within 1e-5 mm of -0.62533 / -0.47998" in json.loads(printed.out)["missed"]
    assert "MISSED: within 1e-5 mm" in printed.err


def test_exact_springs_behave_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spring_behaviour.main(["--epochs", "40", "--repeats", "2", "--geometry", "exact", "--out", str(tmp_path / "run")])
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert 1e-3 < abs(result["log_ratio"][0] + 0.62533) < 0.05


def test_measured_fields_become_a_gradient(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("e.csv", "a.csv"):
        write_elongations(tmp_path / name, np.arange(28.0))
    files = ["--forward", str(tmp_path / "e.csv"), "--adjoint", str(tmp_path / "a.csv"), "--adjoint-scale", "0.5"]
    assert spring_behaviour.main(files) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "bond,gradient"
    assert lines[4] == "3,18"
    with pytest.raises(InputError, match="give both --forward and --adjoint"):
        spring_behaviour.main(files[:2])


def test_regression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert spring_regression.main(["--epochs", "100", "--out", str(run)]) == 0
    result = result_of(run, "networks.png", "loss.png")
    assert result["error_3:1"] < 1e-6
    assert result["error_1.67:1"] == pytest.approx(0.1395, abs=2e-4)
    assert result["noisy_over_floor"] < 1.1


def test_iris(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spring_iris.signed_ports, "__defaults__", (QUICK,))
    run, few = tmp_path / "run", ["--splits", "1", "--epochs", "10", "--starts", "1", "--signed-epochs", "150"]
    assert spring_iris.main([*few, "--out", str(run)]) == 0
    result = result_of(run, "networks.png", "training.png")
    assert result["signed softmax"]["train"] > 0.9
    assert set(result) >= {"paper's loss", "signed softmax", "in situ"}
    ports = json.loads((run / "checkpoint/state.json").read_text())["ports"]
    assert len(ports["inputs"]) == 4


def test_retrain(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spring_retrain.signed_ports, "__defaults__", (QUICK,))
    monkeypatch.setattr(spring_retrain, "ENDURING", dataclasses.replace(QUICK, damaged=1))
    run, few = (
        tmp_path / "run",
        ["--seeds", "1", "--epochs", "60", "--regression-epochs", "150", "--repair-epochs", "5", "--repair-starts", "1"],
    )
    assert spring_retrain.main([*few, "--out", str(run)]) in (0, 1)
    result, said = result_of(run, "switch.png", "damage.png"), capsys.readouterr().out
    assert result["essential"] == [1, 11]
    assert "bond 1 (nodes 0 and 5) cannot be cut: 4 states of self stress, 1 zero mode" in said
    assert len(result["repaired"]) == 26
    assert result["switch"]["regression"][0] > 0.999
    assert np.mean(result["repaired"]) > np.mean(result["damaged"])


@pytest.mark.parametrize("main", [spring_behaviour.main, spring_regression.main, spring_iris.main, spring_retrain.main])
def test_bad_settings_are_refused_before_anything_is_made(main, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--epochs is 0, allowed at least 1"):
        main(["--epochs", "0", "--out", str(tmp_path / "run")])
    with pytest.raises(InputError, match="exists already"):
        main(["--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())
