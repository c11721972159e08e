"""The proof by slicing, on a program that stands for PrusaSlicer: what it draws is known, so what is told must follow."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import shapely

from mnnfem.errors import InputError
from mnnfem.fabricate import slicer
from mnnfem.fabricate.part import Part, drawn_part
from mnnfem.fabricate.slicer import prove

# Eight layers of a square without its upper right quarter, upside down as PrusaSlicer's are; the first has `less` rows less.
PROGRAM = """#!{python}
import io, sys, zipfile
from PIL import Image, ImageDraw
if "--info" in sys.argv:
    print("manifold = yes{repair}")
elif {layers}:
    with zipfile.ZipFile(sys.argv[sys.argv.index("--output") + 1], "w") as archive:
        for number in range({layers}):
            image = Image.new("L", ({pixels}, {pixels}))
            low, high = round(0.5 * (1 - 1 / {room}) * {pixels}), round(0.5 * (1 + 1 / {room}) * {pixels})
            ImageDraw.Draw(image).rectangle([low, low, high - 1, high - 1 - {less} * (number == 0)], fill=255)
            ImageDraw.Draw(image).rectangle([{pixels} // 2, low, high - 1, {pixels} // 2 - 1], fill=0)
            memory = io.BytesIO()
            image.save(memory, "PNG")
            archive.writestr(f"part{{number:05d}}.png", memory.getvalue())
else:
    print("No layers were detected. You might want to repair your STL file(s)")
"""


@pytest.fixture
def corner() -> Part:
    """A square without a quarter: turned or mirrored it is another."""
    return drawn_part(shapely.box(0, 0, 60, 60).difference(shapely.box(30, 30, 60, 60)), 8.0, "corner")


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, layers: int = 8, less: int = 0, repair: str = "") -> None:
    program = folder / "prusa-slicer"
    told = {"python": sys.executable, "layers": layers, "less": less, "repair": repair}
    program.write_text(PROGRAM.format(pixels=slicer.PIXELS, room=slicer.ROOM, **told))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_layers_like_the_outline_are_a_proof(corner: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, tmp_path)
    proof = prove(corner)
    assert proof.misses == []
    assert proof.layers == 8
    assert proof.overlap == pytest.approx(1, abs=1e-3)
    for turned in (shapely.affinity.rotate(corner.outline, 90), shapely.affinity.scale(corner.outline, -1)):
        assert prove(drawn_part(turned, 8.0, "turned")).overlap < 0.6


def test_a_layer_that_lacks_something_is_told(corner: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, tmp_path, less=30)
    proof = prove(corner)
    assert proof.overlap == pytest.approx(1 - 30 / (0.75 * slicer.PIXELS / slicer.ROOM), abs=1e-3)
    assert ["overlaps the outline" in miss or "volume" in miss for miss in proof.misses] == [True, True]


def test_repairs_and_a_slicer_without_layers_are_told(corner: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, tmp_path, repair="\\nopen_edges = 3\\nfacets_reversed = 0")
    assert prove(corner).misses == ["PrusaSlicer repairs the mesh: open_edges = 3"]
    stand_in(monkeypatch, tmp_path, layers=0)
    with pytest.raises(InputError, match="makes no layers of corner: No layers were detected"):
        prove(corner)


def test_without_a_slicer_one_sentence(corner: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=r"PrusaSlicer is not installed.*MNNFEM_WITH=slicer"):
        prove(corner)
