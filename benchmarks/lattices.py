"""Regular lattices that are their own mirror images in x and in y, triangulation included, and their loads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from mpi4py import MPI
from scipy.spatial import cKDTree

from geometries.star_curve import CONTROL_POINTS, round_radii
from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.continuation import Effort
from mnnfem.material import NeoHookean
from mnnfem.mesh import Floats, Mesh

IMAGES = {"same": (1, 1), "mirror": (-1, 1), "upside_down": (1, -1), "half_turn": (-1, -1)}


@dataclass(frozen=True)
class Lattice:
    """columns x rows equal pores, clamped at bottom and top; `ligament` is the least, as a fraction of the cell."""

    columns: int
    rows: int
    pore: str
    ligament: float
    poisson: float

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.columns}x{self.rows} {self.pore}, ligament {self.ligament:.0%}, nu {self.poisson:g}"

    def mesh(self, layers: int = 2) -> Mesh:
        """The lower left quarter of a `star_pores` panel, mirrored twice; facets bottom, top."""
        largest = 1.0 - self.ligament
        pore = round_radii(largest / 2) if self.pore == "round" else np.full(CONTROL_POINTS, largest)
        panel = star_pores(self.columns, self.rows, solid=(), layers=layers, bounds=(0.1, 0.97))
        radii = np.tile(pore, self.columns * self.rows)
        mesh = Mesh(panel.motion(torch.from_numpy(radii)).numpy(), panel.mesh.cells, {})
        for axis in (0, 1):
            mesh = mirrored(mesh, axis)
        edges, y = mesh.boundary(), mesh.points[:, 1]
        ends = {"bottom": y.min(), "top": y.max()}
        facets = {name: edges[np.isclose(y[edges], at, rtol=0, atol=1e-6).all(axis=1)] for name, at in ends.items()}
        return Mesh(mesh.points, mesh.cells, facets)

    def body(self, mesh: Mesh, imperfection: int = 1, comm: MPI.Comm = MPI.COMM_SELF) -> Body:
        """The lattice pressed by its top; the control is the top's rise, mm."""
        drive, effort = Drive("top", (0.0, 1.0), float(np.ptp(mesh.points[:, 1]))), Effort(imperfection=imperfection)
        return Body(mesh, NeoHookean(poisson=self.poisson), Boundary(("bottom",), (drive,)), effort, comm)


def mirrored(mesh: Mesh, axis: int) -> Mesh:
    """The half of the mesh below the middle of an axis, and its mirror image; no facets. No element may lie across."""
    middle = 0.5 * (mesh.points[:, axis].min() + mesh.points[:, axis].max())
    cells = mesh.cells[mesh.points[mesh.cells, axis].mean(axis=1) < middle]
    used, numbered = np.unique(cells, return_inverse=True)
    points, cells = mesh.points[used].copy(), numbered.reshape(cells.shape)
    shared = np.isclose(points[:, axis], middle, rtol=0, atol=1e-6)
    points[shared, axis] = middle
    image = np.where(shared, np.arange(len(points)), len(points) + np.cumsum(~shared) - 1)
    other = points[~shared].copy()
    other[:, axis] = 2 * middle - other[:, axis]
    return Mesh(np.concatenate([points, other]), np.concatenate([cells, image[cells][:, ::-1]]), {})


def images(points: Floats, displacement: Floats, rise: float) -> dict[str, Floats]:
    """The displacement (n, 2) mm as it is, and as the symmetries of the mesh carry it over; each is an equilibrium again.

    rise  of the top, mm: seen upside down, it is the bottom that moved, so the whole is put back by as much
    """
    tree, centre, found = cKDTree(points), 0.5 * (points.min(axis=0) + points.max(axis=0)), {}
    for name, signs in IMAGES.items():
        distance, at = tree.query((points - centre) * signs + centre)
        if distance.max() > 1e-6:
            raise ValueError(f"the mesh is not symmetric: {distance.max():.2g} mm between a node and its image")
        found[name] = displacement[at] * signs + (np.array([0.0, rise]) if signs[1] < 0 else 0.0)
    return found
