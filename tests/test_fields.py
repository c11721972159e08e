from pathlib import Path

import numpy as np
import pytest
import pyvista
import torch

from mnnfem.body import Body
from mnnfem.fields import FieldWriter
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean


def test_vtu_holds_the_solution(body: Body, panel: Geometry, design: torch.Tensor, tmp_path: Path) -> None:
    points = panel.points(design).numpy()
    solution = body.solve(points, np.array([10.0, -5.0]), NeoHookean().values)
    FieldWriter(body.solid).write_series(tmp_path / "path.pvd", [solution, solution])
    grid = pyvista.get_reader(tmp_path / "path.pvd").read()[0]
    assert grid.n_cells == len(panel.mesh.cells)
    # Vertex by vertex the file says what the solver says.
    moved = body.displacement(solution)
    nearest = [grid.find_closest_point((*point, 0.0)) for point in points]
    assert np.array(grid.points)[nearest, :2] == pytest.approx(points, abs=1e-4)
    assert grid.point_data["displacement (mm)"][nearest, :2] == pytest.approx(moved, abs=1e-9)
    # VTK's order of the middle nodes: between vertices 0 and 1, 1 and 2, 2 and 0.
    nodes = np.array(grid.points)[grid.cells.reshape(-1, 7)[:, 1:]]
    for k in range(3):
        assert nodes[:, 3 + k] == pytest.approx(0.5 * (nodes[:, k] + nodes[:, (k + 1) % 3]), abs=1e-4)
    # Quadratic triangles with their middle nodes in place have the mesh's area, and integrate to the energy.
    areas = grid.compute_cell_sizes(length=False, volume=False).cell_data["Area"]
    assert areas.sum() == pytest.approx(sum(_area(points[cell]) for cell in panel.mesh.cells), rel=1e-5)
    assert (areas * grid.cell_data["energy density (MPa)"]).sum() == pytest.approx(solution.record.energy, rel=1e-5)
    assert grid.cell_data["least det F"].min() == pytest.approx(solution.record.least_det_f, rel=1e-6)


def _area(corners: np.ndarray) -> float:
    (ax, ay), (bx, by) = corners[1:] - corners[0]
    return 0.5 * (ax * by - ay * bx)
