"""Files for machines: read again they are the part, written twice they are the same, and bad ones get a sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from mnnfem.cli import command
from mnnfem.designs import keep_design
from mnnfem.errors import InputError
from mnnfem.fabricate.drawings import cutting_lines, dxf_faults, write_dxf, write_svg
from mnnfem.fabricate.fixtures import Tabs, chords, coupon, with_tabs
from mnnfem.fabricate.label import engraved
from mnnfem.fabricate.mould import mould
from mnnfem.fabricate.part import Part, plane_part
from mnnfem.fabricate.reading import MOST, read_part
from mnnfem.fabricate.source import SourceSettings, part_of
from mnnfem.fabricate.step import step_volume, write_step
from mnnfem.fabricate.surface import enclosed, surface_findings
from mnnfem.fabricate.threemf import reader_warnings, write_3mf
from mnnfem.geometry import Geometry
from mnnfem.runfolder import RunFolder

FAMILY = ["star_pores", "--set", "columns=2 rows=2 solid=((0,0),)"]


@pytest.fixture
def part(panel: Geometry, design: torch.Tensor) -> Part:
    return plane_part(panel.mesh, panel.points(design).numpy(), 20.0, "panel", origin="of a test, 0123 & <4567>")


def test_3mf_is_strict_in_millimetres_and_the_same_twice(part: Part, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.3mf", "two.3mf")]
    for file in files:
        write_3mf(file, part, "silicone")
    assert files[0].read_bytes() == files[1].read_bytes()
    assert reader_warnings(files[0]) == []
    back = read_part(files[0])
    assert back.surface.is_volume
    assert back.surface.volume == pytest.approx(part.volume, rel=1e-6)
    assert back.surface.extents == pytest.approx(part.size, abs=1e-5)


def test_step_is_read_again_with_its_volume(part: Part, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / name for name in ("one.step", "two.step")]
    for file in files:
        write_step(file, part)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert step_volume(files[0]) == pytest.approx(part.volume, rel=1e-9)
    assert capfd.readouterr().out == ""


def test_drawings_are_closed_in_millimetres_and_make_up_for_the_cut(part: Part, tmp_path: Path) -> None:
    for write, kind in ((write_dxf, "dxf"), (write_svg, "svg")):
        files = [tmp_path / f"{name}.{kind}" for name in ("one", "two")]
        for file in files:
            write(file, part, 0.2)
        assert files[0].read_bytes() == files[1].read_bytes()
    assert dxf_faults(tmp_path / "one.dxf") == (0, 4)
    text = (tmp_path / "one.svg").read_text()
    assert text.count("Z") == len(cutting_lines(part, 0.2)) == 9
    assert 'width="150.2mm"' in text
    assert "0123 &amp; &lt;4567&gt;" in text
    outside = cutting_lines(part, 0.2)[-1][1]
    np.testing.assert_allclose(np.ptp(outside, axis=0), [150.2, 150.2], atol=1e-6)
    with pytest.raises(InputError, match="fills a pore"):
        cutting_lines(part, 100.0)


def test_part_and_mould_are_a_box(part: Part) -> None:
    made = mould(part, shrink=0.02)
    assert abs(made.missing) < 1e-6
    assert made.body.volume == pytest.approx(part.volume / 0.98**3, rel=1e-9)
    for half in (made.lower, made.upper):
        assert not surface_findings(half)
    common = trimesh.boolean.intersection([made.lower, made.body], engine="manifold")
    assert abs(enclosed(common)) < 1e-9 * made.box
    with pytest.raises(InputError, match=r"got 0\.7"):
        mould(part, shrink=0.7)


def test_tabs_have_holes_and_the_coupon_its_size(part: Part, panel: Geometry, design: torch.Tensor) -> None:
    points = panel.points(design).numpy()
    tabbed = with_tabs(part, panel.mesh, points, 1.0, ("left_middle", "right_middle"), Tabs(10.0))
    assert tabbed.size == pytest.approx([170.0, 150.0, 20.0])
    assert tabbed.pores is not None
    assert tabbed.pores > 8
    assert not surface_findings(tabbed.surface)
    assert tabbed.surface.volume == pytest.approx(tabbed.volume, rel=1e-9)
    named = engraved(with_tabs(part, panel.mesh, points, 1.0, ("left_middle", "right_middle"), Tabs(20.0)), "0a8B", 4.0)
    assert named.engraved.bounds[2] < 20.0  # on the left tab
    assert not surface_findings(named.surface)
    with pytest.raises(InputError, match="has no room for a hole"):
        with_tabs(part, panel.mesh, points, 1.0, ("left_middle",), Tabs(5.0))
    for radius, chord in ((2.0, 1e-3), (12.5, 1e-2), (0.05, 1e-2)):
        angle = np.pi / 4 / chords(radius, chord)
        assert radius * (1 - np.cos(angle)) <= chord
        assert radius * (1 - np.cos(angle * 1.5)) > chord or chords(radius, chord) == 2
    rough = with_tabs(part, panel.mesh, points, 1.0, ("left_middle", "right_middle"), Tabs(10.0, chord=0.05))
    assert len(rough.surface.faces) < len(tabbed.surface.faces)
    dumbbell = coupon(2.0)
    assert dumbbell.size == pytest.approx([75.0, 12.5, 2.0])
    assert not surface_findings(dumbbell.surface)


def test_what_is_no_part_gets_a_sentence(tmp_path: Path) -> None:
    cases = {
        "empty.stl": (b"", "is empty"),
        "short.stl": (b"\0" * 80 + struct.pack("<I", 1000) + b"\0" * 500, "cut short or damaged"),
        "words.stl": (b"solid but not really, only words\n" * 9, "holds no triangle|not a readable STL"),
        "words.3mf": (b"not a zip archive at all", "not a readable 3MF file"),
        "bad.ply": (b"ply\nformat nonsense", "not a readable PLY file"),
        "model.xyz": (b"1 2 3", "none of the files that are checked"),
    }
    for name, (content, message) in cases.items():
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_part(file)
    with pytest.raises(InputError, match="No such file"):
        read_part(tmp_path / "nowhere.stl")


def test_fifty_million_triangles_are_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "huge.stl"
    with open(file, "wb") as out:
        out.write(b"\0" * 80 + struct.pack("<I", 50_000_000))
        out.truncate(84 + 50 * 50_000_000)  # sparse: no room on disk
    with pytest.raises(InputError, match=f"50,000,000 triangles; up to {MOST:,} are checked"):
        read_part(file)


def test_the_commands_write_after_all_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = ["--format", "3mf,stl,step,dxf,svg,mould", "--coupon"]
    for folder in ("one", "two"):
        assert command(["export", *FAMILY, *every, "--out", str(tmp_path / folder)]) == 0
    names = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert names == sorted(
        [f"star_pores.{kind}" for kind in ("3mf", "stl", "step", "dxf", "svg")]
        + ["mould_lower.stl", "mould_upper.stl", "coupon.stl", "print.json"]
    )
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    capsys.readouterr()
    assert command(["check-print", str(tmp_path / "one/star_pores.stl"), "--process", "fdm"]) == 0
    assert "every check holds" in capsys.readouterr().out
    with pytest.raises(InputError, match="bed: The body is 100 x 100"):
        command(["export", *FAMILY, "--bed", "50x50x50", "--out", str(tmp_path / "three")])
    assert not (tmp_path / "three").exists()
    with pytest.raises(InputError, match="Did you mean 'step'"):
        command(["export", *FAMILY, "--format", "stp"])
    with pytest.raises(InputError, match="Did you mean 'star_pores'"):
        command(["export", "star_pore"])


def test_a_mesh_is_a_source_and_a_run_that_keeps_none_is_told(panel: Geometry, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    (tmp_path / "run/finger.stl").write_bytes(b"solid")
    with pytest.raises(InputError, match=r"keeps no design.*start its workflow again.*finger\.stl"):
        part_of(str(folder.path), SourceSettings())
    keep_design(folder, "panel", panel.mesh, panel.mesh.points)
    for name, thickness in ((str(folder.path), 20.0), (str(folder.path / "designs/panel.vtu"), 20.0)):
        assert part_of(name, SourceSettings()).thickness == thickness
    folder.write_json("result.json", {"thickness": 7.0})
    part = part_of(str(folder.path), SourceSettings())
    assert (part.name, part.thickness, part.pores) == ("panel", 7.0, 8)
    with pytest.raises(InputError, match="There is no file"):
        part_of(str(tmp_path / "none.vtu"), SourceSettings())


def test_a_marked_picture_shows_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "faults.png"
    assert command(["check-print", *FAMILY, "--scale", "0.05", "--process", "fdm", "--png", str(picture)]) == 1
    assert "ligament: Material is 0.625 mm wide" in capsys.readouterr().out
    with Image.open(picture) as image:
        assert np.asarray(image.convert("L")).std() > 5
