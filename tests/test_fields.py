import dataclasses
from pathlib import Path

import numpy as np
import pytest
import pyvista
import torch
from dolfinx import has_adios2
from mpi4py import MPI

from mnnfem.body import Body
from mnnfem.equilibrium import Solution
from mnnfem.fields import SYMMETRIC, FieldWriter
from mnnfem.formulation import Formulation
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from tests.conftest import panel_boundary


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


def affine(body: Body, gradient: np.ndarray) -> Solution:
    """A state of the body's nodes displaced by gradient @ position."""
    rest = body.solve(body.solid.mesh.points, np.zeros(2), NeoHookean().values)
    nodes = body.solid.space.tabulate_dof_coordinates()[:, : body.solid.mesh.dim]
    return dataclasses.replace(rest, displacement=(nodes @ gradient.T).ravel())


def test_stresses_are_those_of_the_law(body: Body) -> None:
    gradient = np.array([[0.2, 0.1], [-0.05, -0.1]])
    grid = FieldWriter(body.solid).grid(affine(body, gradient))
    F = np.eye(3)
    F[:2, :2] += gradient
    law, J = NeoHookean(), np.linalg.det(F)
    shear, bulk = law.young / (2 * (1 + law.poisson)), law.young / (3 * (1 - 2 * law.poisson))
    stress = (shear * (F @ F.T - np.eye(3)) + bulk * np.log(J) * np.eye(3)) / J
    told = np.array(grid.cell_data["Cauchy stress (MPa)"])
    assert told == pytest.approx(np.tile([stress[i, j] for i, j in SYMMETRIC], (grid.n_cells, 1)), rel=1e-5)
    deviator = stress - np.trace(stress) / 3 * np.eye(3)
    assert np.array(grid.cell_data["von Mises stress (MPa)"]) == pytest.approx(np.sqrt(1.5 * (deviator**2).sum()), rel=1e-5)


def test_no_stress_across_in_plane_stress_and_pressure_from_its_own_field(panel: Geometry) -> None:
    law = NeoHookean(1.0, 0.4)
    for formulation in (Formulation(plane="stress"), Formulation(mixed=True)):
        soft = Body(panel.mesh, law, panel_boundary(), comm=MPI.COMM_SELF, formulation=formulation)
        solution = soft.solve(panel.mesh.points, np.array([5.0, -5.0]), law.values)
        grid = FieldWriter(soft.solid).grid(solution)
        stress = np.array(grid.cell_data["Cauchy stress (MPa)"])
        across, along = np.abs(stress[:, 2]).max(), np.abs(stress[:, 0]).max()
        assert across < 1e-6 * along if formulation.plane == "stress" else across > 0.05 * along


def test_vtx_is_written_where_dolfinx_has_adios2(body: Body, panel: Geometry, tmp_path: Path) -> None:
    solution = body.solve(panel.mesh.points, np.array([4.0, -4.0]), NeoHookean().values)
    FieldWriter(body.solid).write_series(tmp_path / "path.pvd", [solution, solution])
    assert (tmp_path / "path.bp").is_dir() == has_adios2
    if has_adios2:
        written = b"".join(file.read_bytes() for file in (tmp_path / "path.bp").iterdir())
        assert b"UnstructuredGrid" in written  # the schema that ParaView's reader asks for
        assert b"displacement (mm)" in written
        values = np.zeros((len(body.solid.space.tabulate_dof_coordinates()), 3))
        values[:, :2] = solution.displacement.reshape(-1, 2)
        assert written.count(values.tobytes()) == 2


def _area(corners: np.ndarray) -> float:
    (ax, ay), (bx, by) = corners[1:] - corners[0]
    return 0.5 * (ax * by - ay * bx)
