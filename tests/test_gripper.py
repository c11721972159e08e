"""The pneumatic finger: its geometry, its printable surface, and the workflow that closes it on a bar."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from geometries.pneumatic_finger import pneumatic_finger
from mnnfem.errors import InputError
from mnnfem.fabricate.mirrored import mirrored_surface
from mnnfem.fabricate.source import SourceSettings, part_of
from mnnfem.geometry import Geometry
from mnnfem.mesh import Mesh, signed_measures
from workflows import gripper


@pytest.fixture(scope="module")
def finger() -> Geometry:
    return pneumatic_finger(3)


def test_the_rubber_has_the_volume_of_its_walls(finger: Geometry) -> None:
    """By hand, half of it: the bar less the gaps, the chambers and the channel between them."""
    lengths, rises = np.array([4.5, 6.5, 6.8]), np.array([9.0, 11.0, 12.5])
    points = finger.points(torch.from_numpy(np.append(lengths, rises))).numpy()
    half, x_end = 9.0, 6.0 + 3 * 14.0 - 1.5
    bar, gaps = x_end * 17 * half, 2 * 3 * (17 - 2 - 1.5 - 1.2) * half
    chambers = (lengths * rises * (half - 2)).sum()
    channel = (6.0 + 2 * 14 + 7.0 - 0.5 * lengths[2] - lengths[:2].sum()) * 1.5 * 1.5
    assert signed_measures(points, finger.mesh.cells).sum() == pytest.approx(bar - gaps - chambers - channel, rel=1e-12)


def test_no_design_turns_an_element_over_and_the_gradient_is_exact(finger: Geometry) -> None:
    rng, box = np.random.default_rng(0), finger.parameters
    for _ in range(100):
        design = torch.from_numpy(np.where(rng.random(len(box)) < 0.5, box.lower, box.upper))
        assert signed_measures(finger.points(design).numpy(), finger.mesh.cells).min() > 0
    anew = finger.rebuilt(design)
    assert anew.mesh.points == pytest.approx(finger.points(design).numpy(), abs=1e-12)


def test_the_facets_are_the_whole_boundary_and_the_cavity_opens_in_the_base(finger: Geometry) -> None:
    mesh = finger.mesh
    assert sum(len(facet) for facet in mesh.facets.values()) == len(mesh.boundary())
    cavity = mesh.points[np.unique(mesh.facet("cavity"))]
    assert cavity[:, 0].min() == 0.0
    assert cavity[:, 2].max() == 7.0
    assert set(mesh.vertices) == {"grip_0", "grip_1", "grip_2"}
    assert mesh.points[mesh.vertex("grip_1")].tolist() == [6 + 1.5 * 14, 0, 0]


def test_the_whole_finger_is_a_printable_solid(finger: Geometry, tmp_path: Path) -> None:
    solid = mirrored_surface(finger.mesh, finger.mesh.points, "middle")
    assert solid.is_volume
    assert solid.volume == pytest.approx(2 * signed_measures(finger.mesh.points, finger.mesh.cells).sum(), rel=1e-9)
    assert len(solid.split()) == 1  # no closed void inside
    assert mirrored_surface(finger.mesh, finger.mesh.points).volume == pytest.approx(0.5 * solid.volume, rel=1e-9)
    with pytest.raises(InputError, match="is not in a plane across axis 2"):
        mirrored_surface(finger.mesh, finger.mesh.points, "cavity")
    plane = Mesh(np.array([[0.0, 0], [1, 0], [0, 1]]), np.array([[0, 1, 2]]), {})
    with pytest.raises(InputError, match="has no surface"):
        mirrored_surface(plane, plane.points)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chambers": 0}, "one chamber at least"),
        ({"length": (9.0, 5.0, 12.0)}, "12 < 11 mm"),
        ({"rise": (9.0, 2.5, 12.0)}, "2.7 < 2.5 <= 9 <= 12 < 15 mm"),
        ({"channel": 8.0, "rise": (12.0, 11.0, 13.0)}, "the channel to fit beside the wall, 8 < 7 mm"),
    ],
)
def test_chambers_that_do_not_fit_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pneumatic_finger(**settings)


def test_distance_from_the_bar_is_exact_to_first_order() -> None:
    bar = gripper.Bar(30.0, 20.0, 5.0)
    angle = np.linspace(0, 2 * np.pi, 9)
    normals = np.stack([20 * np.cos(angle), 30 * np.sin(angle)], axis=1)
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    places = bar.outline(0.0)[::15].copy()
    for distance in (0.01, -0.01):
        moved = places.copy()
        moved[:, :2] += distance * normals
        assert bar.gaps(torch.from_numpy(moved)).numpy() == pytest.approx(np.full(9, distance), rel=1e-2)


def test_the_workflow_closes_a_short_finger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pressure is told again on the finer mesh, here one as coarse."""
    monkeypatch.setattr(gripper, "finer", lambda geometry: geometry)
    run = tmp_path / "run"
    told = ["--chambers", "2", "--pressure", "10", "--iterations", "2", "--frames", "2", "--out", str(run)]
    assert gripper.main(told) == 0
    result, said = json.loads((run / "result.json").read_text()), capsys.readouterr().out
    assert result["pressure and chambers"]["rms"] < result["pressure alone"]["rms"]
    assert result["blocks apart"] > 0
    assert "times nearer" in said
    again = result["finer mesh"]
    assert again["rms"][0] == pytest.approx(result["pressure and chambers"]["rms"], rel=1e-3)
    assert min(again["rms"]) < 0.5 * again["rms"][0]
    assert abs(again["rms"][-1] - min(again["rms"])) < 1e-3
    written = trimesh.load_mesh(run / "finger.stl")
    assert written.is_volume
    assert part_of(str(run), SourceSettings()).surface.volume == pytest.approx(written.volume, rel=1e-6)
    assert (run / "closing.gif").stat().st_size > 1000
    assert (run / "closing_001.vtu").exists()
