"""Geometrically exact springs: bonds turn with their nodes, and the adjoint is the tangent's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from mnnfem.adjoint import Gradients
from mnnfem.errors import EquilibriumError
from mnnfem.mesh import Floats
from mnnfem.springs.factor import Factor
from mnnfem.springs.network import compatibility, directions_of
from mnnfem.springs.physics import Field, Springs, scattered

ITERATIONS, HALVINGS = 100, 30
TOLERANCE = 1e-12  # of the residual, over the loads and the largest tension


@dataclass(frozen=True, eq=False)
class _Bonds:
    """Bonds at some displacement: unit vectors along (b, d), lengths (b,) mm, and how much longer they are, (b,) mm."""

    along: Floats
    lengths: Floats
    elongations: Floats


class ExactSprings(Springs):
    r"""The same springs at any displacement: the least of the energy

        Pi(u) = sum_i k_i / 2 (l_i - L_i)^2 - F . u,      l = |x_b - x_a|, x = X + u,

    by Newton's method with a line search; where its tangent K(u) is indefinite, the turning of compressed bonds is
    left out. Every returned state is stable: Cholesky has accepted its tangent. One more solve gives the gradients:

        K(u) u_adj = -dJ/du,     dJ/dk_i = (l_i - L_i) n_i . (adj_b - adj_a),     dJ/dc = -P u_adj.
    """

    def solve(self, points: Floats, controls: Floats, material: Floats, start: Any = None) -> Field:
        """The equilibrium that Newton reaches from rest, or from another field; EquilibriumError if it is none or unstable."""
        self.check(points, controls, material)
        forces = self.loads.T @ controls
        u = np.zeros(points.size) if start is None else start.displacement.ravel().copy()
        free = self.network.free
        for _ in range(ITERATIONS):
            bonds, residual = self._residual(points, material, forces, u)
            scale = np.abs(forces).max(initial=0.0) + np.abs(material * bonds.elongations).max()
            if np.abs(residual[free]).max() <= TOLERANCE * max(scale, 1e-300):
                return self._certified(points, controls, material, u.reshape(points.shape), bonds)
            factor = Factor(self._tangent(points, material, u, bonds, turning=True)[free][:, free])
            if not factor.definite:
                factor = Factor(self._tangent(points, material, u, bonds, turning=False)[free][:, free])
            if not factor.definite:
                raise EquilibriumError("the network has become a mechanism", 1.0, advice="Use smaller loads.", kind="unstable")
            step = np.zeros_like(u)
            step[free] = -factor.solve(residual[free])
            u = self._descend(points, material, forces, u, step)
        raise EquilibriumError(
            f"Newton's method has not converged in {ITERATIONS} steps", 1.0, advice="Use smaller loads.", kind="stalled"
        )

    def vjp(self, solution: Field, seed: Floats, middles: Floats | None = None) -> Gradients:
        """Gradients of the function of derivatives `seed` (n, d) by the displacement."""
        points, material, free = solution.points, solution.material, self.network.free
        u = solution.displacement.ravel()
        now = self._bonds(points, u)
        tangent = self._tangent(points, material, u, now, turning=True)
        adjoint = np.zeros(points.size)
        adjoint[free] = -Factor(tangent[free][:, free]).solve(seed.ravel()[free])
        bonds, field = self.network.bonds, adjoint.reshape(points.shape)
        stretched = (now.along * (field[bonds[:, 1]] - field[bonds[:, 0]])).sum(axis=1)
        rest = scattered((material * stretched)[:, None] * directions_of(points, bonds), bonds, points)
        in_points = (tangent @ adjoint).reshape(points.shape) - rest
        return Gradients(in_points, -(self.loads @ adjoint), stretched * now.elongations)

    def _certified(self, points: Floats, controls: Floats, material: Floats, u: Floats, bonds: _Bonds) -> Field:
        free = self.network.free
        if not Factor(self._tangent(points, material, u.ravel(), bonds, turning=True)[free][:, free]).definite:
            raise EquilibriumError(
                "the network is not stable there",
                1.0,
                advice="Use smaller loads, or start from another field.",
                kind="unstable",
            )
        return Field(points, controls, material, u, bonds.elongations)

    def _descend(self, points: Floats, material: Floats, forces: Floats, u: Floats, step: Floats) -> Floats:
        """A step down, halved until the energy falls, or the residual where rounding hides that."""
        energy = self._energy(points, material, forces, u)
        size = np.abs(self._residual(points, material, forces, u)[1][self.network.free]).max()
        for length in 0.5 ** np.arange(HALVINGS):
            found = u + length * step
            if self._energy(points, material, forces, found) < energy:
                return found
            if np.abs(self._residual(points, material, forces, found)[1][self.network.free]).max() < size:
                return found
        raise EquilibriumError("the energy falls along no step", 1.0, advice="Use smaller loads.", kind="stalled")

    def _bonds(self, points: Floats, u: Floats) -> _Bonds:
        (a, b), moved = self.network.bonds.T, u.reshape(points.shape)
        at_rest, turned = points[b] - points[a], moved[b] - moved[a]
        along = at_rest + turned
        lengths, first = np.linalg.norm(along, axis=1), np.linalg.norm(at_rest, axis=1)
        # l - L as (l^2 - L^2) / (l + L): it loses no digits where bonds hardly stretch
        longer = ((2 * at_rest + turned) * turned).sum(axis=1) / (lengths + first)
        return _Bonds(along / np.maximum(lengths, 1e-300)[:, None], lengths, longer)

    def _energy(self, points: Floats, material: Floats, forces: Floats, u: Floats) -> float:
        return float(0.5 * (material * self._bonds(points, u).elongations ** 2).sum() - forces @ u)

    def _residual(self, points: Floats, material: Floats, forces: Floats, u: Floats) -> tuple[_Bonds, Floats]:
        """The bonds, and dPi/du (n d,) N."""
        now = self._bonds(points, u)
        inner = scattered((material * now.elongations)[:, None] * now.along, self.network.bonds, points)
        return now, inner.ravel() - forces

    def _tangent(self, points: Floats, material: Floats, u: Floats, now: _Bonds, turning: bool) -> sp.csr_matrix:
        """d2Pi/du2 on all components; without the turning of compressed bonds it is positive definite."""
        stretch = compatibility(points + u.reshape(points.shape), self.network.bonds)
        tension = material * now.elongations / np.maximum(now.lengths, 1e-300)
        if not turning:
            tension = np.maximum(tension, 0.0)
        count, dim = now.along.shape
        rows = np.arange(count).repeat(dim) * dim + np.tile(np.arange(dim), count)
        ends = self.network.bonds[:, :, None] * dim + np.arange(dim)
        index = np.concatenate([rows, rows]), np.concatenate([ends[:, 0].ravel(), ends[:, 1].ravel()])
        apart = sp.csr_matrix((np.repeat([-1.0, 1.0], count * dim), index), shape=(count * dim, points.size))
        axial: sp.csr_matrix = stretch.T @ sp.diags(material - tension) @ stretch
        return sp.csr_matrix(axial + apart.T @ sp.diags(tension.repeat(dim)) @ apart)
