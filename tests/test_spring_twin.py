"""The solid twin of a network of springs: its geometry, the stiffness of its bars, its gradient, the workflow."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import shapely
import torch
import trimesh

from geometries.spring_twin import spring_twin
from mnnfem.errors import InputError
from mnnfem.fabricate.source import SourceSettings, part_of
from mnnfem.springs.lattices import cubic, square, trapezoid
from mnnfem.springs.network import Network
from mnnfem.springs.nodemap import Search
from mnnfem.springs.ports import Port, Ports
from mnnfem.springs.springnet import SpringNet, strip_bounds
from mnnfem.springs.twin import Twin, corners_of
from workflows.spring_twin import TwinSettings, apart, made, main, unit_fields

NETWORK = trapezoid(4, 2)
COUNT = len(NETWORK.bonds)
PORTS = Ports((Port(4, 1, -1.0), Port(5, 0)), (Port(4, 0), Port(6, 1)))


def bounds(network: Network, low: float = 0.5, high: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    return np.full(len(network.bonds), low), np.full(len(network.bonds), high)


@pytest.fixture(scope="module")
def twin() -> Twin:
    return made(NETWORK, np.full(COUNT, 1.5), (1.0, 2.0), TwinSettings())


def test_the_geometry_has_thin_ends_and_corners_around_every_free_joint() -> None:
    """Its area is that of the bars less overlaps; a joint has a corner for each bar, or more."""
    geometry = spring_twin(NETWORK, np.full(COUNT, 1.5), bounds(NETWORK), hinge=0.25, neck=0.4)
    mesh = geometry.mesh
    assert set(mesh.facets) == {"support 0", "support 3", "pores"}
    names = corners_of(geometry)
    for node in (1, 2, 4, 5, 6):
        at = [mesh.points[mesh.vertex(name)] for name in names if name.startswith(f"node {node},")]
        assert len(at) >= (NETWORK.bonds == node).any(axis=1).sum()
        assert np.linalg.norm(np.array(at) - NETWORK.nodes[node], axis=1).max() < 1.5
    sides = mesh.points[mesh.cells[:, 1:]] - mesh.points[mesh.cells[:, :1]]
    area = 0.5 * np.linalg.det(sides).sum()
    assert area == pytest.approx(COUNT * 16 * 1.5 * (0.5 + 0.5 * 0.4), rel=0.1)
    loops = mesh.loops()
    assert shapely.Polygon(mesh.points[max(loops, key=len)]).is_valid


def test_a_twin_made_anew_at_other_widths_lies_where_the_motion_goes() -> None:
    geometry = spring_twin(NETWORK, np.full(COUNT, 1.5), bounds(NETWORK))
    other = geometry.parameters.random(np.random.default_rng(0)) * 0.3 + 1.0
    moved, anew = geometry.points(torch.from_numpy(other)).numpy(), geometry.rebuilt(other).mesh
    for name in corners_of(geometry):
        assert moved[geometry.mesh.vertex(name)] == pytest.approx(anew.points[anew.vertex(name)], abs=1e-9)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (square(3, 3), {}, "cross or touch"),
        (cubic(2, 2, 2), {}, "the network has 3 dimensions"),
        (NETWORK, {"hinge": 0.5}, "Hinges need 0 <= hinge < 0.4"),
        (NETWORK, {"neck": 0.0}, "0 < neck <= 1"),
    ],
)
def test_what_has_no_twin_is_refused(network: Network, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        spring_twin(network, np.full(len(network.bonds), 1.0), bounds(network), **options)


def test_the_stiffnesses_of_a_body_of_springs_are_its_springs() -> None:
    """Where the compliance is a network's, the least squares find that network again; calibration then asks for its ratio."""
    network = trapezoid()
    stiffness = np.random.default_rng(0).uniform(0.05, 0.25, 28)
    every = Ports(tuple(Port(int(dof) // 2, int(dof) % 2) for dof in network.free), (Port(1, 0),))
    model = SpringNet(network, every, strip_bounds(network, 0.1, 5.0))
    model.set_stiffness_(stiffness)
    plain = Twin(network, None, None, None, 2.0)
    with patch.object(Twin, "compliance", lambda self, widths, forces: unit_fields(model)):
        assert plain.stiffnesses(np.ones(28), every) == pytest.approx(stiffness, rel=1e-9)


def test_the_compliance_of_the_body_is_symmetric_and_near_the_network(twin: Twin) -> None:
    """Forces and readings are spread alike, so Betti's theorem holds; wide bars, so within a tenth."""
    widths, each = torch.full((COUNT,), 1.5, dtype=torch.float64), torch.eye(len(NETWORK.free), dtype=torch.float64)
    with torch.no_grad():
        found = twin.compliance(widths, each).numpy()
    assert np.abs(found - found.T).max() < 1e-6 * np.abs(found).max()
    assert np.linalg.eigvalsh(0.5 * (found + found.T)).min() > 0
    model = SpringNet(NETWORK, PORTS, strip_bounds(NETWORK, 1.0, 2.0))
    thick = twin.fitting_thickness(np.full(COUNT, 1.5), PORTS, unit_fields(model))
    assert thick > twin.thickness  # its ends are thin
    assert apart(Twin(NETWORK, twin.geometry, twin.physics, twin.material, thick), np.full(COUNT, 1.5), model)[1] < 0.1


def test_the_gradient_of_the_readings_is_exact(twin: Twin) -> None:
    """Taylor's order, and central differences."""
    rng = np.random.default_rng(1)
    widths, way = torch.from_numpy(rng.uniform(1.2, 1.8, COUNT)), torch.from_numpy(rng.normal(size=COUNT))
    weights = torch.from_numpy(rng.normal(size=(2, 2)))

    def value(step: float) -> float:
        with torch.no_grad():
            return float((weights * twin.readings(widths + step * way, PORTS)).sum())

    leaf = widths.clone().requires_grad_()
    (weights * twin.readings(leaf, PORTS)).sum().backward()
    slope = float((leaf.grad * way).sum())
    assert slope == pytest.approx((value(1e-3) - value(-1e-3)) / 2e-3, rel=1e-4)
    rests = [abs(value(h) - value(0.0) - h * slope) for h in (0.08, 0.04)]
    assert np.log2(rests[0] / rests[1]) > 1.9


def test_calibration_and_tuning_bring_the_body_nearer(twin: Twin) -> None:
    model = SpringNet(NETWORK, PORTS, strip_bounds(NETWORK, 1.0, 2.0))
    model.set_stiffness_(np.random.default_rng(2).uniform(0.08, 0.13, COUNT))
    stiffness = model.stiffness().detach().numpy()
    widths = stiffness * NETWORK.lengths / 1.1
    fitted = Twin(
        NETWORK, twin.geometry, twin.physics, twin.material, twin.fitting_thickness(widths, PORTS, unit_fields(model))
    )
    calibrated = fitted.calibrated(widths, stiffness, PORTS)
    assert fitted.stiffnesses(calibrated, PORTS) == pytest.approx(stiffness, rel=2e-2)
    tuned = fitted.tuned(calibrated, unit_fields(model) @ fitted.port_readings(PORTS).T, PORTS, 10)
    errors = [apart(fitted, at, model)[0] for at in (widths, calibrated, tuned)]
    assert errors[2] < 0.005
    assert errors[2] < min(errors[:2])


def test_the_workflow_leaves_a_printable_solid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from workflows import spring_twin as workflow

    quick = Search(first=16, rounds=3, kept=2, children=6, epochs=20)
    run = tmp_path / "run"
    with patch.object(workflow.signed_ports, "__defaults__", (quick,)):
        main(["--epochs", "40", "--iterations", "2", "--out", str(run)])
    result = json.loads((run / "result.json").read_text())
    assert result["tuned"][0] < result["calibrated"][0] < result["raw"][0]
    written, part = trimesh.load_mesh(run / "design.stl"), part_of(str(run), SourceSettings())
    assert written.is_volume
    assert part.surface.volume == pytest.approx(written.volume, rel=1e-6)
    assert part.thickness == pytest.approx(result["thickness"])
    assert "irises on the solid" in capsys.readouterr().out
