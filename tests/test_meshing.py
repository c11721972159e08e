"""`mnnfem mesh`: families and settings by name, the table, the files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geometries.gallery import SHOWN
from geometries.round_pores import round_pores
from mnnfem.catalogue import as_settings, families, family, settings_of
from mnnfem.cli import command
from mnnfem.errors import InputError
from mnnfem.formats import read_mesh
from mnnfem.meshing import table


def test_every_family_of_the_folder_is_known() -> None:
    """Files that families share, and functions that take a geometry, are not families."""
    assert {"star_pores", "round_pores", "big_pore", "display", "strut_lattice", "gyroid", "tiled"} <= set(families())
    assert not {"panel", "star_panel", "extruded", "level_set", "own_model"} & set(families())
    assert family("round_pores") is round_pores


def test_the_gallery_shows_every_family() -> None:
    assert {name.split(",")[0] for name in SHOWN} == {*families(), "extruded"}


def test_settings_have_the_types_of_the_signature() -> None:
    known = settings_of(family("star_pores"))
    assert list(known) == [
        "columns",
        "rows",
        "cell",
        "solid",
        "divisions",
        "layers",
        "start",
        "bounds",
        "middle",
        "corners",
        "radii",
        "quadrilaterals",
    ]  # not `design`
    texts = ["columns=3", "cell=20", "solid=((1,1),)", "bounds=0.2,0.8"]
    expected = {"columns": 3, "cell": 20, "solid": ((1, 1),), "bounds": (0.2, 0.8)}
    assert as_settings(family("star_pores"), texts) == expected
    assert as_settings(family("round_pores"), ["elliptic=true", "common=False"]) == {"elliptic": True, "common": False}
    assert as_settings(family("tiled"), ["tile=part.step", "size=None"]) == {"tile": "part.step", "size": None}


@pytest.mark.parametrize(
    ("name", "texts", "message"),
    [
        ("star_pores", ["colums=3"], "Unknown setting 'colums'. Did you mean 'columns'"),
        ("star_pores", ["columns"], "written name=value, got 'columns'"),
        ("star_pores", ["columns=2.5"], "'columns' is written like columns=3, got '2.5'"),
        ("star_pores", ["columns=True"], "columns=3, got 'True'"),
        ("star_pores", ["start=x"], "start=0.5, got 'x'"),
        ("star_pores", ["bounds=0.1"], r"bounds=\(0\.5, 0\.5\), got '0\.1'"),
        ("star_pores", ["bounds=(0.1,0.5,0.9)"], r"bounds=\(0\.5, 0\.5\), got '\(0\.1,0\.5,0\.9\)'"),
        ("star_pores", ["solid=(1,1)"], r"solid=\(\(3, 3\),\), got '\(1,1\)'"),
        ("round_pores", ["elliptic=1"], "elliptic=true, got '1'"),
        ("star_pores", ["design=3"], "Unknown setting 'design'"),
        ("tiled", ["columns=2"], "tiled needs --set tile=part.step"),
    ],
)
def test_wrong_settings_are_answered(name: str, texts: Sequence[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_settings(family(name), texts)


def test_the_command_prints_writes_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, png = tmp_path / "deep" / "panel.vtu", tmp_path / "deeper" / "panel.png"
    arguments = [
        "mesh",
        "round_pores",
        "--set",
        "columns=2",
        "rows=1",
        "--set",
        "elements=16",
        "--out",
        str(out),
        "--png",
        str(png),
    ]
    assert command(arguments) == 0
    said = capsys.readouterr().out
    mesh = round_pores(2, 1, elements=16).mesh
    back = read_mesh(out)
    assert np.array_equal(back.points, mesh.points)
    assert f"{len(mesh.points)}" in said
    assert re.search(r"relative density\s+0\.\d+", said)
    assert "a of pore 0, 0 ... a of pore 1, 0: 0.15 to 0.45, start 0.35" in said
    assert png.read_bytes()[:4] == b"\x89PNG"


def test_random_designs_are_seeded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    areas = []
    for seed in (1, 1, 2):
        command(["mesh", "round_pores", "--set", "columns=1", "rows=1", "--design", "random", "--seed", str(seed)])
        areas += re.findall(r"area\s+(\S+) mm\^2", capsys.readouterr().out)
    assert areas[0] == areas[1] != areas[2]


def test_a_solid_is_drawn_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(["mesh", "strut_lattice", "--set", "columns=1", "rows=1", "storeys=1", "--png", str(tmp_path / "a.png")])
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert "least dihedral angle  36.9 degrees" in capsys.readouterr().out


def test_the_table_counts_runs_of_parameters() -> None:
    said = table(round_pores(2, 1, elliptic=True, elements=16))
    assert "parameters            6" in said
    assert len([line for line in said.splitlines() if line.startswith("    ")]) == 2  # semi-axes a and b alike, then turns
    assert "rad" in said


def test_help_lists_families_and_their_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["mesh"]) == command(["mesh", "--help"]) == command(["mesh", "gyroid", "--help"]) == 0
    said = capsys.readouterr().out
    assert "star_pores" in said
    assert "bounds=(0.03,0.1)" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["star_pore"], "Unknown family 'star_pore'. Did you mean 'star_pores'"),
        (["star_pores", "--ouut", "x"], "Unknown option '--ouut'. Did you mean '--out'"),
        (["star_pores", "--design", "randm"], "Did you mean 'random'"),
        (["star_pores", "--design", "random", "--seed", "x"], "--seed takes a whole number"),
        (["star_pores", "--out"], "Argument --out: expected one argument"),
        (["round_pores", "--set", "columns=1", "--out", "a.xyz"], "Unknown mesh format '.xyz'"),
        (["tiled", "--set", "tile=none.step"], "There is no file none.step"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(arguments: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        command(["mesh", *arguments])
