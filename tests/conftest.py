"""Small bodies that the tests share."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from mpi4py import MPI

from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.geometry import Geometry, Linear
from mnnfem.material import NeoHookean
from mnnfem.mesh import Mesh
from mnnfem.parameters import alike


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests, and those that need a Slurm, out of a run that does not ask for them."""
    if config.option.markexpr or any("::" in argument for argument in config.args):
        return
    left = [item for item in items if {"slow", "slurm"} & set(item.keywords)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


def strip(width: float, height: float, columns: int, rows: int) -> Mesh:
    """A rectangle of crossed squares (mirror-symmetric), facets left, right, bottom, top."""
    x, y = np.linspace(0, width, columns + 1), np.linspace(0, height, rows + 1)
    corners = np.array([(a, b) for b in y for a in x])
    middles = np.array([(a, b) for b in 0.5 * (y[1:] + y[:-1]) for a in 0.5 * (x[1:] + x[:-1])])
    cells = []
    for j in range(rows):
        for i in range(columns):
            a = j * (columns + 1) + i
            ring = [a, a + 1, a + columns + 2, a + columns + 1]
            cells += [(ring[k], ring[(k + 1) % 4], len(corners) + j * columns + i) for k in range(4)]
    index = np.arange(len(corners)).reshape(rows + 1, columns + 1)
    sides = {"left": index[:, 0], "right": index[:, -1], "bottom": index[0], "top": index[-1]}
    facets = {name: np.stack([line[:-1], line[1:]], axis=1) for name, line in sides.items()}
    return Mesh(np.concatenate([corners, middles]), np.array(cells), facets)


def squares(width: float, height: float, columns: int, rows: int) -> Mesh:
    """The same rectangle of quadrilaterals."""
    mesh = strip(width, height, columns, rows)
    corners = mesh.points[: (columns + 1) * (rows + 1)]
    low = np.arange(len(corners)).reshape(rows + 1, columns + 1)[:-1, :-1].ravel()
    return Mesh(corners, np.stack([low, low + 1, low + columns + 2, low + columns + 1], axis=1), mesh.facets)


def as_geometry(mesh: Mesh) -> Geometry:
    """A plane mesh as a geometry that has nothing to design."""
    motion = Linear(mesh.points, sp.csr_matrix((mesh.points.size, 0)))
    return Geometry(mesh, alike((), 0.0, (0.0, 0.0)), motion, np.zeros(0), lambda _: as_geometry(mesh))


def panel_boundary(bound: float = 40.0) -> Boundary:
    drives = [Drive(side, (1.0, 0.0), bound) for side in ("left_middle", "right_middle")]
    return Boundary(held=("corners",), drives=drives)


@pytest.fixture(scope="session")
def panel() -> Geometry:
    """3x3 cells, solid centre: 128 radii, 544 triangles."""
    return star_pores(columns=3, rows=3, solid=((1, 1),))


@pytest.fixture(scope="session")
def body(panel: Geometry) -> Body:
    """The small panel on one rank."""
    return Body(panel.mesh, NeoHookean(), panel_boundary(), comm=MPI.COMM_SELF, factors=2)


@pytest.fixture
def design(panel: Geometry) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(7).uniform(0.3, 0.7, len(panel.parameters)))
