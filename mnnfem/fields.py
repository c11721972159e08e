"""Equilibria as VTU files for ParaView and pyvista: quadratic triangles with everything the solver knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pyvista
import ufl
from dolfinx import fem

from mnnfem.equilibrium import Solution
from mnnfem.mesh import signed_areas
from mnnfem.solid import Solid

VTK_QUADRATIC_TRIANGLE = 22
FROM_BASIX = [0, 1, 2, 5, 3, 4]  # basix numbers an edge by the vertex opposite, VTK by the vertex before


class FieldWriter:
    """Writes the fields of a body's solutions; on one rank."""

    def __init__(self, solid: Solid) -> None:
        self.solid = solid
        cellwise = fem.functionspace(solid.domain, ("DG", 0))
        density = solid.law.energy(solid.F, *solid.parameters)
        self._energies = fem.form(density * ufl.TestFunction(cellwise) * solid.dx)

    def grid(self, solution: Solution) -> pyvista.UnstructuredGrid:
        """Undeformed quadratic mesh with `displacement (mm)`, and per element the least det F and mean energy density."""
        solid = self.solid
        solid.set_points(solution.points)
        solid.set_material(solution.material)
        solid.load(solid.u, solution.displacement)
        nodes = solid.space.tabulate_dof_coordinates()
        cells = np.insert(solid.dofs.cell_dofs[:, FROM_BASIX], 0, 6, axis=1)
        grid = pyvista.UnstructuredGrid(cells.ravel(), np.full(len(cells), VTK_QUADRATIC_TRIANGLE), nodes)
        displacement = np.zeros_like(nodes)
        displacement[:, :2] = solution.displacement.reshape(-1, 2)
        grid.point_data["displacement (mm)"] = displacement
        grid.cell_data["least det F"] = solid.det_f(solution.displacement).min(axis=1)
        corners = solid.domain.geometry.x[:, :2]
        areas = np.abs(signed_areas(corners, solid.dofs.cell_nodes.astype(np.int64)))
        grid.cell_data["energy density (MPa)"] = fem.assemble_vector(self._energies).array / areas
        return grid

    def write(self, path: Path, solution: Solution) -> None:
        """Write one VTU file."""
        self.grid(solution).save(path)

    def write_series(self, path: Path, solutions: Sequence[Solution]) -> None:
        """Write a PVD file and beside it one VTU per solution, as steps of a film."""
        lines = ['<?xml version="1.0"?>', '<VTKFile type="Collection" version="0.1">', "<Collection>"]
        for step, solution in enumerate(solutions):
            file = path.with_name(f"{path.stem}_{step:03d}.vtu")
            self.write(file, solution)
            lines.append(f'<DataSet timestep="{step}" file={quoteattr(file.name)}/>')
        path.write_text("\n".join([*lines, "</Collection>", "</VTKFile>", ""]))
