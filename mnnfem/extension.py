"""A motion of the boundary carried into the body: linear elasticity on the mesh, factored once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import splu

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints, Mesh

POISSON = 0.0  # of -0.3, 0, 0.3 and 0.45 the one that keeps the least quality of round and elliptic pores highest


class Extension:
    r"""Displacements of all nodes from those of some, linear, by one factor for all designs.

        u = A g + E (g - A g),      K_ii (E h)_i = -K_ib h_b,

    A g the affine field nearest to g over the boundary nodes (least squares), so that an affine motion of the boundary
    is carried inwards exactly; E by linear elasticity of linear simplices as stiff as their measure is small (Young's
    modulus 1 / measure: the small ones, which would invert first, move as if rigid; Tezduyar et al., 1992). K does not
    depend on the design, so the transpose for the gradient is one more solve with the same factor.

    mesh     the mesh as made
    nodes    (k,) whose displacement is given; the other boundary nodes are held
    """

    def __init__(self, mesh: Mesh, nodes: Ints) -> None:
        if len(np.unique(nodes)) < len(nodes):
            raise InputError("A node is listed twice among those whose displacement is given.")
        self.mesh, self.nodes = mesh, nodes
        self._bound = np.concatenate([nodes, np.setdiff1d(mesh.boundary(), nodes)])
        self._free = np.setdiff1d(np.arange(len(mesh.points)), self._bound)
        centred = mesh.points - mesh.points.mean(axis=0)
        self._affine = np.column_stack([np.ones(len(centred)), centred / np.abs(centred).max()])
        self._fit = np.linalg.pinv(self._affine[self._bound])
        dofs = np.arange(mesh.points.size).reshape(mesh.points.shape)
        free, bound = dofs[self._free].ravel(), dofs[self._bound].ravel()
        rows = _stiffness(mesh)[free]
        self._coupling = rows[:, bound]
        options = {"SymmetricMode": True}
        self._factor = (
            splu(rows[:, free].tocsc(), "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options) if free.size else None
        )

    def __call__(self, displacement: torch.Tensor) -> torch.Tensor:
        """Displacements (n, d) mm of all nodes from those of `nodes`, (k, d) mm; exact gradient by torch."""
        moved: torch.Tensor = _Extend.apply(displacement, self)
        return moved

    def extend(self, given: Floats) -> Floats:
        """The same on arrays: (k, d) -> (n, d)."""
        bound = np.zeros((len(self._bound), self.mesh.dim))
        bound[: len(given)] = given
        affine = self._fit @ bound
        moved: Floats = self._affine @ affine
        rest = bound - moved[self._bound]
        moved[self._bound] = bound
        moved[self._free] -= self._solve(self._coupling @ rest.ravel())
        return moved

    def transposed(self, weights: Floats) -> Floats:
        """The transpose of `extend`: (n, d) -> (k, d)."""
        free = weights[self._free]
        rest = -(self._coupling.T @ self._solve(free.ravel()).ravel()).reshape(-1, self.mesh.dim)
        affine = self._affine[self._free].T @ free - self._affine[self._bound].T @ rest
        given: Floats = weights[self._bound] + rest + self._fit.T @ affine
        return given[: len(self.nodes)]

    def _solve(self, right: Floats) -> Floats:
        solved: Floats = np.zeros(0) if self._factor is None else self._factor.solve(right)
        return solved.reshape(-1, self.mesh.dim)


class _Extend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, displacement: torch.Tensor, extension: Extension) -> torch.Tensor:
        ctx.extension = extension
        return torch.from_numpy(extension.extend(displacement.detach().numpy()))

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *weights: torch.Tensor) -> tuple[torch.Tensor, None]:
        return torch.from_numpy(ctx.extension.transposed(weights[0].numpy())), None


@dataclass(frozen=True, eq=False)
class Extended:
    """A motion: the boundary by a formula of its own, X_b = at(design), the inside by the extension of X_b - X_b(as made).

    at   design (p,) -> coordinates (k, d) mm of `extension.nodes`, differentiable by torch; the mesh's at its own design
    """

    extension: Extension
    at: Callable[[torch.Tensor], torch.Tensor]

    def __call__(self, design: torch.Tensor) -> torch.Tensor:
        """Node coordinates (n, d) mm of a design (p,)."""
        points = torch.from_numpy(self.extension.mesh.points)
        return points + self.extension(self.at(design) - points[torch.from_numpy(self.extension.nodes)])


def _stiffness(mesh: Mesh) -> sp.csr_matrix:
    """(d n, d n): integral of sigma : grad(v) with Young's modulus 1 / measure, so that an element's measure cancels."""
    mesh.refuse_blocks("The extension of a motion of the boundary")
    d, cells = mesh.dim, mesh.cells
    lame, shear = POISSON / ((1 + POISSON) * (1 - 2 * POISSON)), 0.5 / (1 + POISSON)
    sides = np.linalg.inv(mesh.points[cells[:, 1:]] - mesh.points[cells[:, :1]])
    slopes = np.concatenate([-sides.sum(axis=2, keepdims=True), sides], axis=2).transpose(0, 2, 1)  # (m, d + 1, d)
    blocks = lame * np.einsum("eai,ebj->eaibj", slopes, slopes) + shear * np.einsum("eaj,ebi->eaibj", slopes, slopes)
    blocks += shear * np.einsum("eak,ebk,ij->eaibj", slopes, slopes, np.eye(d))
    dofs = (d * cells[:, :, None] + np.arange(d)).reshape(len(cells), -1)
    count = dofs.shape[1]
    index = np.repeat(dofs, count, axis=1).ravel(), np.tile(dofs, count).ravel()
    return sp.csr_matrix((blocks.ravel(), index), shape=(mesh.points.size,) * 2)
