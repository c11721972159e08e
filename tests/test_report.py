"""The page of a run: all of what was left, a sentence for what was not, and nothing from outside."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import pyvista
import safetensors.torch
import torch

from mnnfem.body import Body
from mnnfem.cli import command
from mnnfem.errors import InputError
from mnnfem.fields import FieldWriter
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from mnnfem.report import still
from mnnfem.report.chart import Chart, Curve, Level, svg
from mnnfem.report.frames import Frames, boundary_edges, read_frames
from mnnfem.report.page import report
from mnnfem.report.scene import STEPS16, Overlay, Scene, Shade, packed, shades_of
from mnnfem.report.skin import seen
from mnnfem.report.tables import flattened
from mnnfem.report.words import described, options
from mnnfem.settings import parse
from workflows import translation

STEP = {
    "solves": 2,
    "failed": 0,
    "uncertified": 0,
    "crossed": 0,
    "factorisations": 2,
    "warm": 1,
    "seconds": 0.1,
    "renewal": None,
}
RESULT = {
    "task": "translation",
    "unit": "mm",
    "heldout": {"before": 15.0, "after": 0.5, "worst": 2.0, "n": 4, "failed": 0, "crossed": 0, "deepest_overlap": 0.0},
    "do_nothing": 16.0,
    "frozen_geometry": 9.25,
    "seconds": {"setup": 1.0, "training": 60.0},
    "solver": {"solves": 20, "failed": 0, "uncertified": 0, "factorisations": 21, "warm_starts": 10},
    "versions": {"dolfinx": "0.9.0"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, body: Body, panel: Geometry) -> Path:
    """A run's folder of the translation, its fields those of the smaller panel."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "fields").mkdir()
    settings = {"workflow": "translation", "out": str(folder), "seed": 3, "scale": "small", "iterations": 5, "young": 70.0}
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "result.json").write_text(json.dumps(RESULT))
    arms = ("learned geometry", "learned geometry, finer mesh", "frozen geometry")
    lines = [json.dumps({"arm": arm, "iteration": k, "loss": 8.0 / (k + 1), **STEP}) for arm in arms for k in range(5)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    geometry = translation.experiment(translation.TranslationSettings()).geometry
    design = torch.from_numpy(geometry.parameters.start)
    safetensors.torch.save_file({"design": design, "made_at": design.clone()}, folder / "checkpoint/weights.safetensors")
    solutions = [body.solve(panel.mesh.points, np.array([x, -x]), NeoHookean().values) for x in (0.0, 4.0, 8.0)]
    FieldWriter(body.solid).write_series(folder / "fields/path.pvd", solutions)
    return folder


@pytest.fixture(autouse=True)
def no_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    """One test renders."""
    monkeypatch.setattr(still, "_rendered", lambda *_: False)


def test_page_has_every_part_and_no_address(run: Path) -> None:
    page, missing = report(run)
    assert missing == []
    titles = re.findall(r"<h2 id=\"\w+\">([^<]*)</h2>", page)
    assert titles == [
        "The body",
        "Held-out error",
        "Design",
        "Training",
        "Solver",
        "Print checks",
        "Settings",
        "Versions",
        "Run it again",
    ]
    assert "0.500<small>mm" in page
    assert "18.5 times as far off" in page
    assert "A 5x5 cellular panel learns to carry its centre" in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)|url\(|@import|https?://""", page)
    assert len(page) < 5e6


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ("result.json", "There is no result.json: the run was interrupted, or it still goes on; 15 steps were taken."),
        ("fields", "There are no fields"),
        ("checkpoint", "There is no checkpoint/weights.safetensors yet"),
        ("settings.json", "The design cannot be drawn"),
        ("fields/path_001.vtu", ""),
    ],
)
def test_what_is_missing_is_said_and_the_rest_is_there(run: Path, tmp_path: Path, lost: str, sentence: str) -> None:
    left = Path(shutil.copytree(run, tmp_path / "left"))
    gone = left / lost
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    page, missing = report(left)
    assert sentence in " ".join(missing)
    assert '<h2 id="training">' in page
    assert all(one.split("'")[0][:40] in page for one in missing)


@pytest.mark.parametrize(
    "damaged", ["result.json", "metrics.jsonl", "fields/path.pvd", "fields/path_001.vtu", "checkpoint/weights.safetensors"]
)
def test_a_file_cut_off_is_told(run: Path, tmp_path: Path, damaged: str, capfd: pytest.CaptureFixture[str]) -> None:
    left = Path(shutil.copytree(run, tmp_path / "left"))
    whole = (left / damaged).read_bytes()
    (left / damaged).write_bytes(whole[: len(whole) // 2])
    assert command(["report", str(left)]) == 0
    told = capfd.readouterr()
    assert "open it in a browser" in told.out
    assert told.err


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not the folder of a run"):
        command(["report", str(tmp_path)])
    with pytest.raises(InputError, match="is no folder"):
        command(["report", str(tmp_path / "nowhere")])
    with pytest.raises(InputError, match="Of which run"):
        command(["report"])


def test_the_command_gives_the_same_settings() -> None:
    chosen = {
        "workflow": "translation",
        "seed": 3,
        "scale": "paper",
        "frozen_geometry": True,
        "batch": 4,
        "fine_iterations": 60,
    }
    _, line = options("translation", {name: value for name, value in chosen.items() if name != "workflow"})
    words = line.split()
    assert words[:3] == ["./run", "python", "workflows/translation.py"]
    assert "--fine-iterations" not in words  # as --scale paper has it
    settings = parse(translation.TranslationSettings, words[3:], "", "", translation.PRESETS)
    assert all(getattr(settings, name) == value for name, value in chosen.items() if name != "workflow")
    with pytest.raises(InputError, match="has no option wings"):
        options("translation", {"wings": 2})


def test_words_are_the_workflows_own() -> None:
    told = described("translation")
    assert (told.title, told.lead) == (
        "Translation",
        "A 5x5 cellular panel learns to carry its centre to any point of a 30 mm square.",
    )
    assert told.paragraphs[0].startswith("The network reads the target")
    assert described("unheard_of").title == "Unheard of"


def test_frames_are_those_of_the_files(run: Path) -> None:
    frames = read_frames(run / "fields/path.pvd")
    grid = pyvista.read(run / "fields/path_002.vtu")
    assert frames.plane
    assert len(frames.rest) == grid.n_points
    assert len(frames.faces) == 4 * grid.n_cells  # of quadratic triangles: one between each corner's nodes, one in the middle
    sides = frames.rest[frames.faces[:, 1:]] - frames.rest[frames.faces[:, :1]]
    areas = 0.5 * np.cross(sides[:, 0], sides[:, 1])[:, 2]
    assert areas.min() > 0
    assert areas.sum() == pytest.approx(grid.area, rel=1e-6)
    nearest = [grid.find_closest_point(place) for place in frames.rest[:50]]
    assert frames.moved[2, :50] == pytest.approx(np.array(grid.point_data["displacement (mm)"])[nearest], abs=1e-9)
    assert frames.most_moved == 2


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("hexahedra", [False, True])
def test_the_skin_of_a_solid_encloses_it(hexahedra: bool, fine: bool) -> None:
    if hexahedra:
        grid, volume = pyvista.UnstructuredGrid({pyvista.CellType.HEXAHEDRON: np.arange(8)[None]}, _corners()), 6.0
    else:
        corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]])
        pairs = ((0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3))
        nodes = np.concatenate([corners, *(corners[list(pair)].mean(axis=0, keepdims=True) for pair in pairs)])
        grid, volume = pyvista.UnstructuredGrid({pyvista.CellType.QUADRATIC_TETRA: np.arange(10)[None]}, nodes), 1.0
    triangles = seen(grid, fine)
    assert len(triangles) == (12 if hexahedra else 16 if fine else 4)
    a, b, c = np.asarray(grid.points)[triangles].swapaxes(0, 1)
    assert (np.cross(a, b) * c).sum() / 6 == pytest.approx(volume)  # outwards, and without a hole
    assert len(boundary_edges(triangles)) == 0


def _corners() -> np.ndarray:
    ring = np.array([[0.0, 0, 0], [1, 0, 0], [1, 2, 0], [0, 2, 0]])
    return np.concatenate([ring, ring + np.array([0, 0, 3])])


def _strip() -> Frames:
    """Two triangles that move by 1 and 2 mm."""
    rest = np.array([[0.0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]])
    moved = np.stack([np.zeros((4, 3)), np.tile([1.0, 0, 0], (4, 1)), np.tile([0, 2.0, 0], (4, 1))])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    return Frames(rest, moved, faces, boundary_edges(faces), {"energy density (MPa)": np.arange(12.0).reshape(3, 4)}, True)


def test_packed_numbers_are_the_fields_to_their_steps() -> None:
    frames = _strip()
    assert sorted(map(tuple, frames.edges.tolist())) == [(0, 1), (1, 2), (2, 3), (3, 0)]
    told = json.loads(packed(Scene(frames, 5.0, shades_of(frames), Overlay(labels=["a", "b", "c"]))))

    def numbers(text: str, kind: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(text), kind)

    moved = numbers(told["moved"]["data"], "<i2").reshape(3, 4, 2) * told["moved"]["unit"]
    assert moved == pytest.approx(frames.moved[:, :, :2], abs=2.0 / STEPS16)
    assert numbers(told["faces"], "<u2").reshape(-1, 3).tolist() == frames.faces.tolist()
    size, energy = told["shades"]
    assert (size["name"], size["low"], size["high"], size["over"]) == ("displacement (mm)", 0.0, 2.0, False)
    assert numbers(size["data"], "u1").reshape(3, 4)[:, 0].tolist() == [0, 128, 255]
    assert energy["over"]  # its scale ends below the highest value, and says so
    assert told["start"] == 2


def test_a_scene_has_as_many_frames_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = _strip()
    still_one = Shade("colour", np.zeros(4))
    scene = Scene(frames, 5.0, [*shades_of(frames), still_one], Overlay(labels=["a", "b", "c"]))
    assert len(scene.fitting().frames.moved) == 3
    monkeypatch.setattr("mnnfem.report.scene.BUDGET", 2 * 24)  # 24 bytes a frame
    fitting = scene.fitting()
    assert fitting.overlay.labels == ["a", "c"]
    assert len(fitting.frames.moved) == len(fitting.shades[0].values) == 2
    assert fitting.shades[-1].values.shape == (4,)


def test_curves_leave_out_what_is_no_number_and_stay_in_their_frame() -> None:
    y = np.array([8.0, np.nan, 2.0, 0.5])
    drawn = svg(Chart("step", "error (mm)", [Curve("a < b", np.arange(4.0), y)], [Level("idle", 16.0)]), "Training")
    assert "a &lt; b" in drawn
    assert drawn.count("L") == 2 * (3 - 1)  # three points, pale and as a mean
    assert 'aria-label="Training"' in drawn
    assert svg(Chart("step", "", [Curve("none", np.arange(2.0), np.full(2, np.nan))]), "") == ""


def test_without_opengl_the_still_is_drawn_flat(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(still.sys, "executable", str(crashing))
    page, missing = report(run)
    assert missing == []
    assert re.search(r"<noscript><img src=\"data:image/webp;base64,[\w+/]{500}", page)


def test_runs_beside_each_other(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    better = {**RESULT, "heldout": {**RESULT["heldout"], "after": 0.25}}
    (other / "result.json").write_text(json.dumps(better))
    settings = json.loads((other / "settings.json").read_text())
    (other / "settings.json").write_text(json.dumps({**settings, "seed": 4}))
    unfinished = Path(shutil.copytree(run, tmp_path / "unfinished"))
    (unfinished / "result.json").unlink()
    out = tmp_path / "compared.html"
    folders = [str(one) for one in (run, other, unfinished)]
    assert command(["compare", *folders, "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert re.search(
        r"^other +translation +4 +mm +0.250 +2.00 +9.25 +16.0 +0 +0 +10 +1.00 +20 +1.05$", told.out, flags=re.MULTILINE
    )
    assert "unfinished has no result" in told.err
    page = out.read_text()
    assert page.count('class="line') == 3
    assert '>--seed</th><td class="text">3</td><td class="text">4</td>' in page
    assert ">--young<" not in page
    assert command(["compare", *folders[:2], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["other"]["error"] == 0.25
    with pytest.raises(InputError, match="at least two"):
        command(["compare", folders[0]])
    with pytest.raises(InputError, match="named twice"):
        command(["compare", folders[0], folders[0]])


def test_a_result_becomes_rows_however_deep_it_is() -> None:
    result = {"loss": 0.5, "splits": [[1, 2], [3, 4]], "arms": [{"name": "a", "ports": []}, {"name": "b"}], "words": ["x", "y"]}
    assert flattened(result) == [
        ("loss", 0.5),
        ("splits 1", "1, 2"),
        ("splits 2", "3, 4"),
        ("arms 1: name", "a"),
        ("arms 1: ports", "none"),
        ("arms 2: name", "b"),
        ("words", "x, y"),
    ]
