"""Design parameters -> node coordinates, differentiable."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy.sparse as sp
import torch

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Mesh
from mnnfem.parameters import Parameters
from mnnfem.refine import edges_of, refined


class Motion(Protocol):
    """Design (p,) float64 -> node coordinates (n, d) mm, differentiable by torch."""

    def __call__(self, design: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True, eq=False)
class Linear:
    """X = origin + matrix @ design.

    origin    (n, d) mm, the nodes at design = 0;  d = 2 or 3
    matrix    sparse (d n, p) mm, row d i + k moves coordinate k of node i
    """

    origin: Floats
    matrix: sp.csr_matrix

    @cached_property
    def _matrix(self) -> torch.Tensor:
        coo = self.matrix.tocoo()
        index = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
        return torch.sparse_coo_tensor(index, torch.from_numpy(coo.data), coo.shape, check_invariants=True).coalesce()

    def __call__(self, design: torch.Tensor) -> torch.Tensor:
        """Node coordinates (n, d) mm of a design (p,)."""
        moved = torch.sparse.mm(self._matrix, design[:, None])
        return torch.from_numpy(self.origin) + moved.reshape(self.origin.shape)


@dataclass(frozen=True, eq=False)
class Geometry:
    """A body of named parameters: its mesh, and where the nodes of this mesh go when the parameters change.

    mesh        the body at the design `made_at`
    parameters  names, start design, bounds
    motion      where the nodes are at a design; at `made_at` they are `mesh.points`
    made_at     (p,) the design at which the mesh was made
    build       the same body meshed afresh at another design (p,)
    """

    mesh: Mesh
    parameters: Parameters
    motion: Motion
    made_at: Floats
    build: Callable[[Floats], Geometry]

    def points(self, design: torch.Tensor) -> torch.Tensor:
        """Node coordinates, (n, d) mm, of a float64 design (p,); exact gradient by torch. InputError out of bounds."""
        self.parameters.check(design)
        return self.motion(design)

    def rebuilt(self, design: torch.Tensor | Floats) -> Geometry:
        """The same body meshed afresh at a design (p,): other nodes, other elements, the same named facets and vertices."""
        values = torch.as_tensor(design).detach()
        self.parameters.check(values)
        return self.build(values.numpy().copy())


@dataclass(frozen=True, eq=False)
class _Halved:
    """Nodes of a coarse motion, then the middles of its edges, (e, 2) by their ends."""

    coarse: Motion
    ends: torch.Tensor

    def __call__(self, design: torch.Tensor) -> torch.Tensor:
        points = self.coarse(design)
        return torch.cat([points, points[self.ends].mean(dim=1)])


def finer(geometry: Geometry) -> Geometry:
    """The same design on elements cut as in `refined`: at every design the same polygons, a better displacement."""
    motion = _Halved(geometry.motion, torch.from_numpy(edges_of(geometry.mesh)[0]))
    return Geometry(
        refined(geometry.mesh), geometry.parameters, motion, geometry.made_at, lambda design: finer(geometry.build(design))
    )


def least_areas(geometry: Geometry, corners_at_most: int = 1 << 12) -> Floats:
    """Smallest signed area of each triangle over the *whole* box of designs of a linear motion, (m,) mm^2.

    Every triangle depends on a few parameters only, and its area is affine in each of them as long as
    one parameter moves all nodes along one direction (so that its square drops out of the cross
    product). An affine function takes its least value at a corner of the box, so trying the corners is
    a proof, not a sample. Raises InputError where an area is not affine in a parameter.
    """
    linear, bounds = geometry.motion, geometry.parameters
    if not isinstance(linear, Linear) or geometry.mesh.dim != 2:
        raise InputError("Least areas over the whole box are known for linear motions in the plane only: try random designs.")
    geometry.mesh.refuse_blocks("The proof for the whole box")
    matrix = linear.matrix.tocsr()
    least = np.empty(len(geometry.mesh.cells))
    for index, cell in enumerate(geometry.mesh.cells):
        rows = matrix[np.stack([2 * cell, 2 * cell + 1], axis=1).ravel()]
        active = np.unique(rows.indices)
        if 1 << len(active) > corners_at_most:
            raise InputError(f"Triangle {index} depends on {len(active)} parameters: too many corners to try.")
        block = rows[:, active].toarray().reshape(3, 2, -1)
        squares = _cross(block[1] - block[0], block[2] - block[0])
        scale = np.abs(block).max(initial=0.0) ** 2
        if np.any(np.abs(squares) > 1e-9 * scale):
            raise InputError(
                f"The area of triangle {index} is not affine in each parameter: its least value is not at a corner."
            )
        box = zip(bounds.lower[active], bounds.upper[active], strict=True)
        corners = np.array(list(itertools.product(*box))).reshape(1 << len(active), len(active))
        points = linear.origin[cell] + np.einsum("vdp,cp->cvd", block, corners)
        edges = points[:, 1:] - points[:, :1]
        least[index] = 0.5 * _cross(edges[:, 0].T, edges[:, 1].T).min()
    return least


def _cross(a: Floats, b: Floats) -> Floats:
    result: Floats = a[0] * b[1] - a[1] * b[0]
    return result
