"""Design parameters -> node coordinates, differentiable and linear."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Mesh


@dataclass(frozen=True)
class Geometry:
    """A body whose node coordinates are X = origin + motion @ design.

    mesh      the body at the start design
    origin    (n, d) mm, the nodes at design = 0;  d = 2 or 3
    motion    sparse (d n, p) mm, row d i + k moves coordinate k of node i
    start, lower, upper   (p,) the start design and its bounds
    parameter what one design parameter is called, for messages
    """

    mesh: Mesh
    origin: Floats
    motion: sp.csr_matrix
    start: Floats
    lower: Floats
    upper: Floats
    parameter: str = "parameter"

    @cached_property
    def _motion(self) -> torch.Tensor:
        coo = self.motion.tocoo()
        index = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
        return torch.sparse_coo_tensor(index, torch.from_numpy(coo.data), coo.shape, check_invariants=True).coalesce()

    def points(self, design: torch.Tensor) -> torch.Tensor:
        """Node coordinates, (n, d) mm, of a float64 design (p,); exact gradient by torch."""
        self.check(design)
        moved = torch.sparse.mm(self._motion, design[:, None])
        return torch.from_numpy(self.origin) + moved.reshape(self.origin.shape)

    def check(self, design: torch.Tensor) -> None:
        """InputError unless the design has the right count, dtype, device, and lies inside its bounds."""
        if design.shape != self.start.shape:
            raise InputError(f"The design has {len(self.start)} {self.parameter} values, got shape {tuple(design.shape)}.")
        if design.dtype != torch.float64 or design.device.type != "cpu":
            raise InputError(f"The design must be float64 on the CPU, got {design.dtype} on {design.device}.")
        values = design.detach().numpy()
        outside = np.flatnonzero(~((values >= self.lower - 1e-12) & (values <= self.upper + 1e-12)))
        if outside.size:
            i = outside[0]
            raise InputError(
                f"{outside.size} {self.parameter} values are out of bounds, the first is number {i}: "
                f"{values[i]:g}, allowed {self.lower[i]:g} to {self.upper[i]:g}."
            )

    def clip_(self, design: torch.Tensor) -> None:
        """Clip a design to its bounds, in place."""
        with torch.no_grad():
            design.clamp_(torch.from_numpy(self.lower), torch.from_numpy(self.upper))


def least_areas(geometry: Geometry, corners_at_most: int = 1 << 12) -> Floats:
    """Smallest signed area of each triangle over the *whole* box of designs, (m,) mm^2.

    Every triangle depends on a few parameters only, and its area is affine in each of them as long as
    one parameter moves all nodes along one direction (so that its square drops out of the cross
    product). An affine function takes its least value at a corner of the box, so trying the corners is
    a proof, not a sample. Raises InputError where an area is not affine in a parameter.
    """
    motion = geometry.motion.tocsr()
    least = np.empty(len(geometry.mesh.cells))
    for index, cell in enumerate(geometry.mesh.cells):
        rows = motion[np.stack([2 * cell, 2 * cell + 1], axis=1).ravel()]
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
        box = zip(geometry.lower[active], geometry.upper[active], strict=True)
        corners = np.array(list(itertools.product(*box))).reshape(1 << len(active), len(active))
        points = geometry.origin[cell] + np.einsum("vdp,cp->cvd", block, corners)
        edges = points[:, 1:] - points[:, :1]
        least[index] = 0.5 * _cross(edges[:, 0].T, edges[:, 1].T).min()
    return least


def _cross(a: Floats, b: Floats) -> Floats:
    result: Floats = a[0] * b[1] - a[1] * b[0]
    return result
