"""The bars of the experiments, on folders of runs that were not run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.experiments import main, read, summary

TESTED = {"after": 0.15, "worst": 0.9, "n": 64, "failed": 0, "crossed": 0, "deepest_overlap": 0.0}


def run(folder: Path, settings: dict[str, Any] | None = None, finer: float | None = None, **result: Any) -> Path:
    folder.mkdir(parents=True)
    written = {
        "task": "translation",
        "heldout": {**TESTED, **result.pop("heldout", {})},
        "frozen_geometry": 9.0,
        "do_nothing": 15.0,
        "seconds": {"training": 500.0, "ablation": 400.0},
        "solver": {"uncertified": 0},
        **result,
    }
    (folder / "result.json").write_text(json.dumps(written))
    (folder / "settings.json").write_text(json.dumps({"workflow": "translation", "scale": "paper", **(settings or {})}))
    if finer is not None:
        (folder / "refined_1").mkdir()
        fine = {"error": finer, "failed": 0, "uncertified": 0, "crossed": 0, "deepest_overlap": 0.0}
        (folder / "refined_1/result.json").write_text(json.dumps({"fine": fine}))
    return folder


def outcome(monkeypatch: pytest.MonkeyPatch, *runs: Path) -> int:
    monkeypatch.setattr("sys.argv", ["experiments.py", *map(str, runs)])
    with pytest.raises(SystemExit) as end:
        main()
    assert isinstance(end.value.code, int)
    return end.value.code


def test_a_run_that_keeps_all_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(monkeypatch, run(tmp_path / "run", finer=0.3)) == 0
    shown = capsys.readouterr()
    rows = dict(line.rsplit(maxsplit=1) for line in shown.out.splitlines())
    assert rows["translation, paper: frozen / learned, least"] == "60"
    assert rows["translation, paper: seconds"] == "900"
    assert shown.err == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"heldout": {"after": 0.21}}, "error 0.21, wanted at most 0.2"),
        ({"heldout": {"crossed": 1}}, "crossed 1, wanted at most 0"),
        ({"frozen_geometry": 1.1}, "frozen / learned, least 7.333, wanted at least 8"),
        ({"solver": {"uncertified": 2}}, "uncertified 2, wanted at most 0"),
        ({"seconds": {"training": 1300.0}}, "seconds 1300, wanted at most 1200"),
        ({"finer": 0.41}, "finer mesh: error 0.41, wanted at most 0.4"),
    ],
)
def test_every_bar_can_be_missed(
    change: dict[str, Any], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(monkeypatch, run(tmp_path / "run", **change)) == 1
    assert capsys.readouterr().err == f"missed: translation, paper: {sentence}\n"


def test_seeds_have_a_mean_and_an_interval(tmp_path: Path) -> None:
    """Of 1, 2 and 3: mean 2, standard error 1 / sqrt(3), Student's 4.303. One crossed state in each counts three."""
    settings = {"workflow": "rotation", "controls": "single", "scale": "small"}
    runs = [
        read(run(tmp_path / f"{k}", settings, heldout={"after": k, "crossed": 1}, frozen_geometry=12.0))
        for k in (1.0, 2.0, 3.0)
    ]
    assert {one.group for one in runs} == {"rotation single"}
    found = summary(runs)
    assert (found["runs"], found["error"], found["crossed"]) == (3, 2.0, 3.0)
    assert found["error, 95 % interval +-"] == pytest.approx(4.303 / 3**0.5, rel=1e-3)
    assert found["frozen / learned, least"] == 4.0


def test_what_is_no_run_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="is not the folder of a finished run"):
        read(tmp_path)
