"""Each planted defect is found by its name, sound parts raise no alarm, and widths are exact."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import shapely
import torch
import trimesh

from benchmarks.planted import PLANTED, Plant
from geometries.extruded import extruded
from geometries.strut_lattice import strut_lattice
from mnnfem.errors import InputError
from mnnfem.fabricate.check import check
from mnnfem.fabricate.crossing import crossings
from mnnfem.fabricate.findings import refuse
from mnnfem.fabricate.layers import islands, outline_of, section
from mnnfem.fabricate.part import Part, drawn_part, plane_part, solid_part
from mnnfem.fabricate.process import PROCESSES, bed_of, process
from mnnfem.fabricate.rays import voids, walls
from mnnfem.fabricate.widths import least_gap, least_ligament, least_pore, too_near, too_thin
from mnnfem.geometry import Geometry

FDM = PROCESSES["fdm"]
PLATE = shapely.box(-30, -20, 30, 20)


@pytest.fixture
def part(panel: Geometry, design: torch.Tensor) -> Part:
    return plane_part(panel.mesh, panel.points(design).numpy(), 20.0, "panel")


def test_a_sound_panel_raises_no_alarm(part: Part) -> None:
    for machine in ("fdm", "sla", "sls", "casting"):
        assert not check(part, PROCESSES[machine]).findings, machine
    assert part.pores == 8
    assert part.surface.euler_number == 2 - 2 * 8


@pytest.mark.parametrize(("name", "plant"), PLANTED.values(), ids=PLANTED)
def test_planted_defects_are_found_by_name(part: Part, name: str, plant: Plant) -> None:
    faulty = plant(part, FDM, np.random.default_rng(3))
    found = {one.check: one for one in check(faulty, FDM).findings}
    assert name in found
    assert found[name].sentence.endswith(".")
    assert ";" in found[name].sentence  # what mends it
    with pytest.raises(InputError, match=f"{name}: "):
        refuse(list(found.values()), "It")


def test_a_finding_tells_place_and_amount(panel: Geometry) -> None:
    holes = [shapely.Point(x, 0).buffer(5, quad_segs=64) for x in (-5.4, 5.4)]
    thin = drawn_part(PLATE.difference(shapely.union_all(holes)), 5.0, "plate")
    (found,) = check(thin, FDM).findings
    assert found.check == "ligament"
    assert "0.8 mm wide, fdm needs 1.2 mm: at (30, 20, 0) mm" in found.sentence
    assert "thicken the wall by 0.4" in found.sentence
    assert "sla or sls" in found.sentence
    np.testing.assert_allclose(found.places, [[30, 20, 0]], atol=0.05)


@pytest.mark.parametrize("wide", [0.1, 0.8, 2.7])
def test_widths_are_exact_where_they_are_known(wide: float) -> None:
    holes = [shapely.Point(x, 0).buffer(5, quad_segs=256) for x in (-5 - 0.5 * wide, 5 + 0.5 * wide)]
    ligament = least_ligament(PLATE.difference(shapely.union_all(holes)))
    assert ligament.value == pytest.approx(wide, abs=0.002)
    np.testing.assert_allclose(ligament.place, [0, 0], atol=0.1)
    fin = least_ligament(shapely.union_all([shapely.box(0, 0, 20, 10), shapely.box(9, 9, 9 + wide, 30)]))
    assert fin.value == pytest.approx(wide, abs=0.002)
    drilled = PLATE.difference(shapely.Point(3, 2).buffer(0.5 * wide, quad_segs=256))
    for width in (least_pore(drilled), least_gap(drilled), least_gap(PLATE.difference(shapely.box(0, -5, wide, 21)))):
        assert width is not None
        assert width.value == pytest.approx(wide, abs=0.002)


def test_limits_just_beside_a_width_are_told_apart() -> None:
    bar = shapely.union_all([shapely.box(0, 0, 10, 10), shapely.box(20, 0, 30, 10), shapely.box(9, 4, 21, 4.5)])
    assert not too_thin(bar, 0.49)
    assert too_thin(bar, 0.51)[0].value == pytest.approx(0.5, abs=0.002)
    assert 9 < too_thin(bar, 0.51)[0].place[0] < 21
    wedge = PLATE.difference(shapely.Polygon([(-5, -20.5), (0, 10), (5, -20.5)]))
    assert not too_near(wedge, 1.0)  # a void that comes to a point
    assert least_pore(PLATE) is None


def test_triangles_that_cross_touch_or_overlap() -> None:
    """Sharing an edge is none; an edge through the other is one; in one plane, area in common is one."""
    corners = np.array([(0, 0, 0), (4, 0, 0), (0, 4, 0), (1, 1, -1), (1, 1, 1), (9, 1, 1), (1, 0.5, 0), (5, 5, 0)], dtype=float)
    assert len(crossings(corners, np.array([(0, 1, 2), (1, 7, 2)]))[0]) == 0
    assert len(crossings(corners, np.array([(0, 1, 2), (0, 3, 4)]))[0]) == 1  # shares a vertex, and passes through
    pairs, places = crossings(corners, np.array([(0, 1, 2), (3, 4, 5)]))
    assert pairs.tolist() == [[0, 1]]
    assert abs(places[0, 2]) < 1
    assert len(crossings(corners, np.array([(0, 1, 2), (6, 1, 7)]))[0]) == 1
    assert len(crossings(corners, np.array([(0, 1, 2), (0, 1, 7)]))[0]) == 1  # folded back on its neighbour


def test_bodies_in_space_are_measured_by_rays() -> None:
    geometry = strut_lattice(2, 2, 2, cell=10.0, start=0.2)
    body = solid_part(geometry.mesh, geometry.mesh.points, "struts")
    assert body.pores == 1 - body.surface.euler_number // 2
    assert walls(body.surface).lengths.min() == pytest.approx(4.0, abs=1e-3)
    assert voids(body.surface).lengths.min() == pytest.approx(6.0, abs=1e-3)
    assert not check(body, FDM).findings
    assert [one.check for one in check(body, dataclasses.replace(FDM, wall=4.1)).findings] == ["ligament"]
    assert [one.check for one in check(body, PROCESSES["laser"]).findings] == ["plane"]
    assert "undercut" in [one.check for one in check(body, PROCESSES["casting"]).findings]


def test_a_prism_is_known_and_cut_in_layers(part: Part, panel: Geometry) -> None:
    assert part.outline is not None
    found = outline_of(part.surface)
    assert found is not None
    assert found.symmetric_difference(part.outline).area < 1e-6 * part.outline.area
    assert section(part.surface, 7.0).area == pytest.approx(part.outline.area, rel=1e-9)
    drawn = extruded(panel, 6.0, 2)
    assert outline_of(solid_part(drawn.mesh, drawn.mesh.points, "extruded").surface) is not None
    assert outline_of(trimesh.creation.icosphere()) is None
    levels = np.array([0.5, 1.5])
    below, above = shapely.box(0, 0, 1, 1), shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(3, 0, 4, 1)])
    np.testing.assert_allclose(islands([below, above], levels), [[3.5, 0.5, 1.5]])


def test_a_process_of_ones_own(tmp_path, part: Part) -> None:  # type: ignore[no-untyped-def]
    table = tmp_path / "mine.toml"
    table.write_text('based_on = "fdm"\nwall = 30.0\nbed = [100, 100, 100]\n')
    mine = process(str(table))
    assert (mine.name, mine.wall, mine.gap, mine.bed) == ("mine", 30.0, FDM.gap, (100.0, 100.0, 100.0))
    assert {one.check for one in check(part, mine).findings} == {"bed", "ligament"}
    for text, message in (
        ("wal = 1.0", "Did you mean 'wall'"),
        ("wall = -1", "wall in .* is a length in mm, above 0; got -1"),
        ("wall = ", "is not a TOML file"),
        ("a = " + 2000 * "[", "is not a TOML file"),
        ('based_on = "fdn"', "Did you mean 'fdm'"),
    ):
        table.write_text(text)
        with pytest.raises(InputError, match=message):
            process(str(table))
    with pytest.raises(InputError, match=r"Did you mean 'sla'.*TOML"):
        process("sla2")
    with pytest.raises(InputError, match="like 250x210x200; got '250x210'"):
        bed_of("250x210")


def test_a_neck_is_found_where_a_pore_is_lost_at_the_same_width_and_before_an_end_that_is_as_narrow() -> None:
    """As many pieces as before are no proof that nothing broke."""
    neck = shapely.union_all(
        [shapely.Point(12, 10).buffer(5), shapely.box(12, 8.05, 22, 11.95), shapely.Point(22, 10).buffer(2.05)]
    )
    lost = shapely.Point(32, 10).buffer(1.9)
    found = too_near(shapely.box(0, 0, 40, 20).difference(shapely.union_all([neck, lost])), 4.0)
    assert sorted(round(one.value, 1) for one in found) == [3.8, 3.9]
    assert sorted(round(float(one.place[0])) for one in found)[1] == 32
