"""Equilibria as VTU files for ParaView and pyvista: elements with everything the solver knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pyvista
import ufl
from dolfinx import fem

from mnnfem import compiled
from mnnfem.equilibrium import Solution
from mnnfem.mesh import signed_measures
from mnnfem.solid import Solid

# VTK's cell type by nodes of a cell, and its order of them: basix numbers a triangle's edge by the vertex opposite
CELL_TYPES = {
    ("triangle", 3): (5, [0, 1, 2]),
    ("triangle", 6): (22, [0, 1, 2, 5, 3, 4]),
    ("quadrilateral", 4): (9, [0, 1, 3, 2]),
    ("quadrilateral", 9): (28, [0, 1, 3, 2, 4, 6, 7, 5, 8]),
    ("tetrahedron", 4): (10, [0, 1, 2, 3]),
    ("tetrahedron", 10): (24, [0, 1, 2, 3, 9, 6, 8, 7, 5, 4]),
    ("hexahedron", 8): (12, [0, 1, 3, 2, 4, 5, 7, 6]),
    ("hexahedron", 27): (25, [0, 1, 3, 2, 4, 5, 7, 6, 8, 11, 13, 9, 16, 18, 19, 17, 10, 12, 15, 14]),  # none inside faces
}


class FieldWriter:
    """Writes the fields of a body's solutions; on one rank."""

    def __init__(self, solid: Solid) -> None:
        self.solid = solid
        cellwise = fem.functionspace(solid.domain, ("DG", 0))
        density = solid.density.integrand(solid.F, solid.coefficients.fields)
        self._energies = compiled.form(density * ufl.TestFunction(cellwise) * solid.dx)

    def grid(self, solution: Solution) -> pyvista.UnstructuredGrid:
        """Undeformed mesh with `displacement (mm)`, and per element the least det F and mean energy density."""
        solid = self.solid
        solid.set_points(solution.points)
        solid.set_material(solution.material)
        solid.move(solution.displacement)
        nodes = solid.space.tabulate_dof_coordinates()
        dim, of_cell = solid.mesh.dim, solid.dofs.cell_dofs
        cell_type, order = CELL_TYPES[solid.mesh.kind.name, of_cell.shape[1]]
        cells = np.insert(of_cell[:, order], 0, len(order), axis=1)
        grid = pyvista.UnstructuredGrid(cells.ravel(), np.full(len(cells), cell_type), nodes)
        displacement = np.zeros_like(nodes)
        displacement[:, :dim] = solid.dofs.expand(solution.displacement).reshape(-1, dim)
        grid.point_data["displacement (mm)"] = displacement
        grid.cell_data["least det F"] = solid.det_f(solution.displacement).min(axis=1)
        corners = solid.domain.geometry.x[:, :dim]
        around = np.argsort(solid.mesh.kind.dolfinx)
        measures = np.abs(signed_measures(corners, solid.dofs.cell_nodes[:, around].astype(np.int64)))
        grid.cell_data["energy density (MPa)"] = fem.assemble_vector(self._energies).array / measures
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
