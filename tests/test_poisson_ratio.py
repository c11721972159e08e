"""The workflow that shapes cells for a Poisson's ratio."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnnfem.errors import EquilibriumError, InputError
from mnnfem.fabricate.check import check
from mnnfem.fabricate.process import PROCESSES
from mnnfem.fabricate.source import SourceSettings, part_of
from mnnfem.relaxed import Relaxed
from workflows.poisson_ratio import SOLIDS, main


def test_a_honeycomb_is_shaped_for_three_ratios_through_new_meshes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--family", "honeycomb", "--json", "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result == json.loads((tmp_path / "run/result.json").read_text())
    assert [pair["target"] for pair in result["pairs"]] == [-0.8, 0.0, 0.5]
    for pair in result["pairs"]:
        assert abs(pair["finer"] - pair["target"]) < 0.02 < abs(pair["before"] - pair["target"])
        assert pair["elements_finer"] >= 4 * pair["elements"]
        assert pair["renewals"] >= 1
        assert f"honeycomb {pair['target']:+.1f}, evaluation" in printed.err
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert sum(line["renewal"] is not None for line in lines) == sum(pair["renewals"] for pair in result["pairs"])
    with pytest.raises(InputError, match=r"has 3 designs, honeycomb_\+0.0, honeycomb_\+0.5, honeycomb_-0.8: name one"):
        part_of(str(tmp_path / "run"), SourceSettings())
    cell = part_of(str(tmp_path / "run/designs/honeycomb_-0.8.vtu"), SourceSettings(scale=4.0))
    assert not check(cell, PROCESSES["fdm"]).findings
    with Image.open(tmp_path / "run/honeycomb.png") as image:
        assert np.asarray(image.convert("L")).std() > 5


def test_a_cell_without_an_equilibrium_is_told_of_and_ends_in_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_, **__):
        raise EquilibriumError("planted", 0.5)

    monkeypatch.setattr(Relaxed, "solve", failing)
    assert main(["--family", "honeycomb", "--out", str(tmp_path / "run")]) == 1
    assert "honeycomb -0.8: MISSED. No equilibrium: planted at 50.0% of the load." in capsys.readouterr().out
    with pytest.raises(InputError, match="at no strain is none"):
        main(["--strain", "0", "--out", str(tmp_path / "rest")])


def test_a_ratio_that_is_not_reached_is_said_and_ends_in_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = dataclasses.replace(SOLIDS["honeycomb"], starts={-0.8: (-40, 2.0, 0.1, 0.14)})
    monkeypatch.setitem(SOLIDS, "honeycomb", one)
    assert main(["--family", "honeycomb", "--iterations", "1", "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().out
    assert "MISSED, this is the nearest that was found" in said
    assert "0 of 1 ratios reached" in said
