"""Letters in a part are where they should be in every file, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import ezdxf
import pytest
import shapely
import trimesh

from mnnfem.errors import InputError
from mnnfem.fabricate.check import check
from mnnfem.fabricate.drawings import dxf_faults, write_dxf, write_svg
from mnnfem.fabricate.fixtures import coupon
from mnnfem.fabricate.label import engraved, letters
from mnnfem.fabricate.layers import section
from mnnfem.fabricate.mould import mould
from mnnfem.fabricate.part import DEEP, Part, drawn_part
from mnnfem.fabricate.process import PROCESSES
from mnnfem.fabricate.step import step_volume, write_step

PLATE = shapely.box(0, 0, 60, 30) - shapely.Point(12, 12).buffer(8)


@pytest.fixture(scope="module")
def plate() -> Part:
    return engraved(drawn_part(PLATE, 5.0, "plate", "plate, 0a8B"), "0a8B", 4.0)


def test_letters_have_their_height_and_their_holes() -> None:
    figure = letters("H", 4.0)
    assert figure.bounds[:2] == (0, 0)
    assert figure.bounds[3] == pytest.approx(4.0)
    assert sum(len(letter.interiors) for letter in letters("OB8", 4.0).geoms) == 5
    flat, turned = letters("HI", 4.0).bounds, letters("HI", 4.0, turned=True).bounds
    assert turned[2:] == pytest.approx(flat[3:1:-1])


def test_only_the_letters_are_missing_and_only_at_the_top(plate: Part) -> None:
    assert plate.surface.is_volume
    assert plate.surface.volume == pytest.approx(5 * PLATE.area - DEEP * plate.engraved.area, rel=1e-9)
    assert check(plate, PROCESSES["fdm"]).findings == []
    assert section(plate.surface, 5 - 1.1 * DEEP).symmetric_difference(PLATE).area < 1e-6
    top = section(plate.surface, 5 - 0.9 * DEEP)
    assert top.symmetric_difference(PLATE - plate.engraved).area < 1e-6
    assert top.symmetric_difference(plate.figure(5 - 0.9 * DEEP)).area < 1e-6
    assert plate.engraved.area > 10
    assert plate.engraved.distance(PLATE.boundary) >= 1.0


def test_every_file_has_the_letters(plate: Part, tmp_path: Path) -> None:
    write_step(tmp_path / "a.step", plate)
    assert step_volume(tmp_path / "a.step") == pytest.approx(plate.volume, rel=1e-9)
    made = mould(plate, 0.01)
    assert made.body.volume == pytest.approx(plate.volume / 0.99**3, rel=1e-9)
    assert abs(made.missing) < 1e-6
    write_dxf(tmp_path / "a.dxf", plate, 0.1)
    assert dxf_faults(tmp_path / "a.dxf") == (0, 4)
    curves = ezdxf.readfile(tmp_path / "a.dxf").modelspace().query('LWPOLYLINE[layer=="ENGRAVE"]')
    rings = sum(1 + len(letter.interiors) for letter in plate.engraved.geoms)
    assert len(curves) == rings
    write_svg(tmp_path / "a.svg", plate, 0.1)
    assert (tmp_path / "a.svg").read_text().split('id="ENGRAVE"')[1].split("</g>")[0].count("<path") == rings


@pytest.mark.parametrize(
    ("width", "height", "wide", "high"),
    [(40, 7, 14, 5), (7, 40, 5, 14), (9, 9, 7, 7), (30, 5, 11, 3.0)],
    ids=["along", "turned", "in lines", "smaller"],
)
def test_letters_find_room(width: float, height: float, wide: float, high: float) -> None:
    outline = shapely.box(0, 0, width, height)
    x0, y0, x1, y1 = engraved(drawn_part(outline, 5.0, "plate"), "0a8B", 4.0).engraved.bounds
    assert x1 - x0 < wide
    assert y1 - y0 < high
    assert min(x0, y0, width - x1, height - y1) >= 1.0


def test_a_coupon_has_room_at_its_end() -> None:
    piece = engraved(coupon(4.0), "0a8B3f9d", 4.0)
    assert piece.engraved.bounds[2] < 25  # it breaks in the 25 mm of its middle
    assert check(piece, PROCESSES["fdm"]).findings == []


def test_what_has_no_room_is_refused() -> None:
    with pytest.raises(InputError, match=r"plate has no room for '0a8B', 1\d.\d x \d.?\d* mm in one line"):
        engraved(drawn_part(shapely.box(0, 0, 4, 4), 5.0, "plate"), "0a8B", 4.0)
    with pytest.raises(InputError, match=r"plate is 1 mm thick: letters are 0.6 mm deep"):
        engraved(drawn_part(PLATE, 1.0, "plate"), "0a8B", 4.0)
    with pytest.raises(InputError, match="ball is a body in space"):
        engraved(Part(trimesh.creation.icosphere(), "ball"), "0a8B", 4.0)
