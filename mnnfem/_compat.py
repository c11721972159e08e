"""The differences between dolfinx 0.9, 0.10 and 0.11; no other file asks for a version."""

from __future__ import annotations

import os
from typing import Any

import basix.ufl
import dolfinx
import dolfinx.fem.petsc
import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem
from dolfinx.mesh import Mesh, create_mesh
from mpi4py import MPI
from petsc4py import PETSc

from mnnfem import unusable

VERSION = tuple(int(part) for part in dolfinx.__version__.split(".")[:2])
if VERSION < (0, 9):
    unusable(
        f"mnnfem needs dolfinx >= 0.9, found {dolfinx.__version__}: prefix the command with ./run, which gives a newer one."
    )
# Groups of ranks exchange displacements, so they must cut a mesh alike; Scotch 7.0.16 does not on several threads.
os.environ["SCOTCH_PTHREAD_NUMBER"] = "1"


def straight_mesh(comm: MPI.Comm, points: npt.NDArray[np.float64], cells: npt.NDArray[np.int64], kind: str) -> Mesh:
    """A dolfinx mesh of straight elements of one kind; points and cells are given on rank 0 and dealt to all ranks."""
    domain = ufl.Mesh(basix.ufl.element("Lagrange", kind, 1, shape=(points.shape[1],)))
    if comm.rank:
        points, cells = points[:0], cells[:0]
    return create_mesh(comm, cells=cells.astype(np.int64), x=points, e=domain)


def geometry_dofmap(mesh: Mesh) -> npt.NDArray[np.int32]:
    """Geometry nodes of each local cell, (m, d + 1)."""
    geometry: Any = mesh.geometry
    return geometry.dofmaps[0] if VERSION >= (0, 11) else geometry.dofmap


def create_matrix(forms: list[list[fem.Form]]) -> PETSc.Mat:
    """A matrix for the blocks' forms; more than one are one after the other on each rank."""
    if len(forms) == 1:
        return fem.petsc.create_matrix(forms[0][0])
    return fem.petsc.create_matrix(forms) if VERSION >= (0, 10) else fem.petsc.create_matrix_block(forms)


def assemble_matrix(matrix: PETSc.Mat, forms: list[list[fem.Form]], bcs: list[fem.DirichletBC]) -> None:
    """Assemble into `matrix`, with a unit diagonal on the prescribed degrees of freedom."""
    matrix.zeroEntries()
    if len(forms) == 1:
        fem.petsc.assemble_matrix(matrix, forms[0][0], bcs, 1.0)
    elif VERSION >= (0, 10):
        fem.petsc.assemble_matrix(matrix, forms, bcs, 1.0)
    else:
        fem.petsc.assemble_matrix_block(matrix, forms, bcs, 1.0)
    matrix.assemble()
