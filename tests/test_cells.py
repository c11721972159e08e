"""Cells between mirror lines: their meshes, their ratios against beams and against the lattice they are mirrored to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geometries.honeycomb_cell import honeycomb_cell
from geometries.overvelde_cell import overvelde_cell
from geometries.reentrant_honeycomb import honeycomb_joints
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.guard import Guard
from mnnfem.material import NeoHookean
from mnnfem.mesh import Mesh, signed_measures
from mnnfem.mirrorcell import MirrorCell
from tests.conftest import as_geometry

LAW = NeoHookean(1.0, 0.45)


def ratio(geometry: Geometry, strain: float, law: NeoHookean = LAW) -> float:
    return float(MirrorCell(geometry, law, strain)(torch.from_numpy(geometry.made_at)).ratio)


def mirrored(mesh: Mesh) -> Mesh:
    """Two by two cells, mirrored at their right and upper sides."""
    for axis, (near, far) in enumerate((("left", "right"), ("bottom", "top"))):
        end, count, turn = mesh.points[:, axis].max(), len(mesh.points), np.ones(2)
        turn[axis] = -1
        image = mesh.points * turn + 2 * end * (turn < 0)
        on_line = mesh.points[:, axis] > end - 1e-9
        number = np.where(on_line, np.arange(count), count + np.cumsum(~on_line) - 1)
        facets = {name: np.concatenate([edges, number[edges]]) for name, edges in mesh.facets.items()}
        facets |= {near: mesh.facets[near], far: number[mesh.facets[near]]}
        cells = np.concatenate([mesh.cells, number[mesh.cells][:, ::-1]])
        mesh = Mesh(np.concatenate([mesh.points, image[~on_line]]), cells, facets)
    return mesh


@pytest.mark.parametrize("make", [honeycomb_cell, overvelde_cell])
def test_random_designs_of_the_whole_box_can_be_meshed_and_areas_are_those_of_the_polygons(make) -> None:
    geometry, rng = make(), np.random.default_rng(0)
    for _ in range(20):
        design = geometry.parameters.random(rng)
        fresh = geometry.rebuilt(design)
        assert fresh.motion(torch.from_numpy(design)).numpy() == pytest.approx(fresh.mesh.points, abs=1e-12)
        area = signed_measures(fresh.mesh.points, fresh.mesh.cells).sum()
        if make is overvelde_cell:
            assert area == pytest.approx(100 * (1 - design[2]), rel=5e-3)  # 48 edges for a smooth pore
        assert {"left", "right", "bottom", "top"} <= set(fresh.mesh.facets)
        for axis, (near, far) in enumerate((("left", "right"), ("bottom", "top"))):
            x = fresh.mesh.points[:, axis]
            assert np.abs(x[fresh.mesh.facets[near]] - x.min()).max() < 1e-12
            assert np.abs(x[fresh.mesh.facets[far]] - x.max()).max() < 1e-12


def test_the_cell_is_that_of_the_honeycomb_panel() -> None:
    """Rows of joints as far apart, walls as steep."""
    design = torch.tensor([25.0, 2.0, 0.14, 0.1], dtype=torch.float64)
    joints = honeycomb_joints(2, 8.0, design[:1].expand(2), design[1:2].expand(3)).numpy()
    cell = honeycomb_cell().rebuilt(design).mesh.points.max(axis=0)
    rows = joints[3:8], joints[8:13]
    middles = [0.5 * (row[:, 1].min() + row[:, 1].max()) for row in rows]
    assert cell == pytest.approx([joints[4, 0] - joints[3, 0], middles[1] - middles[0]])


@pytest.mark.parametrize("angle", [25.0, -25.0])
def test_a_thin_honeycomb_has_the_ratio_of_beams(angle: float) -> None:
    """Gibson and Ashby, Cellular Solids (1997), eq. 4.14: -(h/l - sin a) sin a / cos^2 a along the struts; walls 2 % thick."""
    geometry = honeycomb_cell(angle=(angle, -40, 32), wall=(0.02, 0.01, 0.2), strut=(0.02, 0.01, 0.2))
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    assert ratio(geometry, 1e-4) == pytest.approx(-(2 * cosine - sine) * sine / cosine**2, rel=0.02)


@pytest.mark.parametrize(
    ("make", "design", "tolerance"),
    [
        (honeycomb_cell, [28.0, 2.0, 0.12, 0.14], 1e-6),
        (overvelde_cell, [0.0, 0.0, 0.4], 1e-6),
        (overvelde_cell, [0.18, 0.01, 0.5], 3e-3),  # it may turn the other way round, on a lopsided mesh
    ],
)
def test_the_lattice_that_it_is_mirrored_to_has_the_same_ratio(make, design: list[float], tolerance: float) -> None:
    """Two by two cells with more freedom: the buckled pattern has no longer period."""
    geometry = make().rebuilt(np.array(design))
    once = ratio(geometry, -0.05)
    assert ratio(as_geometry(mirrored(geometry.mesh)), -0.05) == pytest.approx(once, abs=tolerance)


@pytest.mark.parametrize("make", [honeycomb_cell, overvelde_cell])
def test_the_ratio_has_an_exact_gradient(make) -> None:
    """Taylor test on one moved mesh, the height of the cell and so its control depending on the design."""
    geometry, rng = make(), np.random.default_rng(1)
    span = 0.1 * (geometry.parameters.upper - geometry.parameters.lower)
    direction = span * rng.uniform(-1, 1, len(span))
    base = torch.from_numpy(geometry.parameters.start + 0.1 * span)

    def value(step: float) -> tuple[torch.Tensor, torch.Tensor]:
        design = (base + step * torch.from_numpy(direction)).requires_grad_()
        return MirrorCell(geometry, LAW, -0.05, Guard(0.0, 0.0))(design).ratio, design

    start, design = value(0.0)
    start.backward()
    slope = float(design.grad.numpy() @ direction)
    rest = [abs(value(h)[0].item() - start.item() - h * slope) for h in (0.4, 0.2, 0.1)]
    assert np.log2(np.array(rest[:-1]) / rest[1:]).min() > 1.9
    central = (value(0.01)[0] - value(-0.01)[0]).item() / 0.02
    assert slope == pytest.approx(central, rel=1e-4)


def test_bad_cells_are_refused() -> None:
    for make, options in (
        (honeycomb_cell, {"pitch": 0.0}),
        (overvelde_cell, {"elements": 10}),
        (overvelde_cell, {"phi": (0.4, 0.2, 0.7)}),
        (overvelde_cell, {"c1": (0.0, 0.1, 0.2)}),
    ):
        with pytest.raises(InputError):
            make(**options)
