"""Equilibria as files for ParaView and pyvista: VTU and PVD with everything the solver knows, VTX with the displacement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pyvista
import ufl
from dolfinx import fem, io

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


SYMMETRIC = ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2))  # VTK's order of a symmetric tensor


class FieldWriter:
    r"""Writes the fields of a body's solutions; on one rank.

    Cauchy stress sigma = P F^T / det F with P = dW/dF, all in three dimensions: in plane strain there is one across, too.
    """

    def __init__(self, solid: Solid) -> None:
        self.solid = solid
        density, values = solid.density, solid.coefficients.fields
        F = ufl.variable(density.whole)
        stress = ufl.diff(density.stored(F, values), F) * F.T / ufl.det(F)
        deviator = stress - ufl.tr(stress) / 3 * ufl.Identity(3)
        mises = ufl.sqrt(1.5 * ufl.inner(deviator, deviator))
        parts = [density.integrand(solid.F, values), mises, *(stress[i, j] for i, j in SYMMETRIC)]
        cellwise = fem.functionspace(solid.domain, ("DG", 0, (len(parts),)))
        self._means = compiled.form(ufl.inner(ufl.as_vector(parts), ufl.TestFunction(cellwise)) * solid.dx)

    def grid(self, solution: Solution) -> pyvista.UnstructuredGrid:
        """Undeformed mesh with `displacement (mm)`, and per element the least det F and, as means over its undeformed volume,
        the energy density, Cauchy's stress (xx, yy, zz, xy, yz, xz) and von Mises's.
        """
        solid = self.solid
        self._set(solution)
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
        means = fem.assemble_vector(self._means).array.reshape(len(measures), -1) / measures[:, None]
        grid.cell_data["energy density (MPa)"] = means[:, 0]
        grid.cell_data["von Mises stress (MPa)"] = means[:, 1].astype(np.float32)
        grid.cell_data["Cauchy stress (MPa)"] = means[:, 2:].astype(np.float32)
        return grid

    def _set(self, solution: Solution) -> None:
        self.solid.set_points(solution.points)
        self.solid.set_material(solution.material)
        self.solid.move(solution.displacement)

    def write(self, path: Path, solution: Solution) -> None:
        """Write one VTU file."""
        self.grid(solution).save(path)

    def write_series(self, path: Path, solutions: Sequence[Solution]) -> None:
        """Write a PVD file and beside it one VTU per solution, as steps of a film; where dolfinx has ADIOS2 a VTX too (.bp)."""
        lines = ['<?xml version="1.0"?>', '<VTKFile type="Collection" version="0.1">', "<Collection>"]
        for step, solution in enumerate(solutions):
            file = path.with_name(f"{path.stem}_{step:03d}.vtu")
            self.write(file, solution)
            lines.append(f'<DataSet timestep="{step}" file={quoteattr(file.name)}/>')
        path.write_text("\n".join([*lines, "</Collection>", "</VTKFile>", ""]))
        if hasattr(io, "VTXWriter") and solutions:
            self._write_vtx(path.with_suffix(".bp"), solutions)

    def _write_vtx(self, path: Path, solutions: Sequence[Solution]) -> None:
        """The displacement alone, of the body's own degree: ParaView's ADIOS2VTXReader interpolates it as the solver does."""
        solid, moved = self.solid, fem.Function(self.solid.space, name="displacement (mm)")
        solid.set_points(solutions[0].points)
        with io.VTXWriter(solid.comm, path, [moved], engine="BP4") as file:
            for step, solution in enumerate(solutions):
                solid.load(moved, solution.displacement)
                file.write(float(step))
