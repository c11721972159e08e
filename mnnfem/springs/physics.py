"""Linear springs as a physics of two methods: the forward field, and the gradient from an adjoint field."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import numpy as np
import scipy.sparse as sp

from mnnfem.adjoint import Gradients
from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints
from mnnfem.springs.factor import DENSE, Factor
from mnnfem.springs.modes import refuse_mechanism
from mnnfem.springs.network import Network, compatibility, directions_of

T = TypeVar("T")
KEPT = 4  # factors of the last networks, as the samples of a batch and their adjoints share one


@dataclass(frozen=True, eq=False)
class Field:
    """An equilibrium: its inputs, displacement (n, d) mm and elongations (b,) mm."""

    points: Floats
    controls: Floats
    material: Floats
    displacement: Floats
    elongations: Floats


@dataclass(frozen=True, eq=False)
class _Frame:
    """C of some points (b, n d), and its columns of free components, dense where they are few."""

    matrix: sp.csr_matrix
    on_free: Any

    def stiffness(self, material: Floats) -> Any:
        """C^T diag(k) C on the free components."""
        if sp.issparse(self.on_free):
            return self.on_free.T @ sp.diags(material) @ self.on_free
        return (self.on_free.T * material) @ self.on_free


class Springs:
    r"""Springs of stiffnesses k under nodal forces, to first order in the displacement.

        C^T diag(k) C u = F = P^T c,    e = C u;         C^T diag(k) C u_adj = -dJ/du,    e_adj = C u_adj
        dJ/dk = e_adj o e,              dJ/dc = -P u_adj

    Two solves with one factor, whatever the number of bonds; on a bench, two experiments.
    Source: Li and Mao, Nature Communications 15, 10528 (2024).

    points (n, d) mm are the nodes at rest, controls (c,) N the amplitudes of the rows of `loads` (c, n d), material (b,)
    N/mm the stiffnesses. InputError for a mechanism.
    """

    edges: Ints = np.zeros((0, 2), dtype=np.int64)  # there are no walls

    def __init__(self, network: Network, loads: sp.csr_matrix) -> None:
        if loads.shape[1] != network.nodes.size:
            raise InputError(f"Loads act on {network.nodes.size} components, got a matrix of shape {loads.shape}.")
        refuse_mechanism(network)
        self.network, self.loads = network, sp.csr_matrix(loads)
        self.observables = {f"node {number}": number for number in range(len(network.nodes))}
        self._frames: OrderedDict[bytes, _Frame] = OrderedDict()
        self._factors: OrderedDict[bytes, Factor] = OrderedDict()

    def check(self, points: Floats, controls: Floats, material: Floats) -> None:
        """InputError for inputs that cannot be solved."""
        network = self.network
        if points.shape != network.nodes.shape:
            raise InputError(f"The network has nodes {network.nodes.shape}, got points of shape {points.shape}.")
        if controls.shape != self.loads.shape[:1]:
            raise InputError(f"There are {self.loads.shape[0]} loads, got an array of shape {controls.shape}.")
        if material.shape != (len(network.bonds),):
            raise InputError(f"There are {len(network.bonds)} bonds, got stiffnesses of shape {material.shape}.")
        if not (np.isfinite(points).all() and np.isfinite(controls).all()):
            raise InputError("Points and loads must be finite numbers.")
        if not (material > 0).all() or not np.isfinite(material).all():
            bad = int(np.flatnonzero(~((material > 0) & np.isfinite(material)))[0])
            raise InputError(
                f"{network.name(bad).capitalize()} has a stiffness of {material[bad]:g} N/mm, which must be above 0: "
                "to cut a bond, take `network.without`."
            )

    def solve(self, points: Floats, controls: Floats, material: Floats, start: Any = None) -> Field:
        """The equilibrium under the loads; a start is of no use to it."""
        self.check(points, controls, material)
        moved = self.respond(points, material, (self.loads.T @ controls).reshape(points.shape))
        return self.field(points, controls, material, moved)

    def vjp(self, solution: Field, seed: Floats, middles: Floats | None = None) -> Gradients:
        """Gradients of the function of derivatives `seed` (n, d) by the displacement."""
        adjoint = self.respond(solution.points, solution.material, -seed)
        return self.gradients(solution, adjoint)

    def respond(self, points: Floats, material: Floats, forces: Floats) -> Floats:
        """Displacements (n, d) mm of nodal forces (n, d) N."""
        free, moved = self.network.free, np.zeros(points.size)
        moved[free] = self._factor(points, material).solve(forces.ravel()[free])
        return moved.reshape(points.shape)

    def field(self, points: Floats, controls: Floats, material: Floats, displacement: Floats) -> Field:
        """The field of a displacement (n, d) mm, computed or measured."""
        elongations = self._frame(points).matrix @ displacement.ravel()
        return Field(points, controls, material, displacement, elongations)

    def gradients(self, solution: Field, adjoint: Floats) -> Gradients:
        """Of an adjoint field (n, d), computed or measured: products of the two fields, bond by bond.

        In the nodes: the bonds' directions N turn, dJ/d(X_b - X_a) = k / L (e_adj P u_ab + e P adj_ab), P = I - N N^T.
        """
        points, bonds = solution.points, self.network.bonds
        stretched = self._frame(points).matrix @ adjoint.ravel()
        along = directions_of(points, bonds)
        lengths = np.linalg.norm(points[bonds[:, 1]] - points[bonds[:, 0]], axis=1)
        fields = ((solution.displacement, stretched), (adjoint, solution.elongations))
        turned = [other[:, None] * _across(field[bonds[:, 1]] - field[bonds[:, 0]], along) for field, other in fields]
        ends = (solution.material / lengths)[:, None] * (turned[0] + turned[1])
        return Gradients(scattered(ends, bonds, points), -(self.loads @ adjoint.ravel()), stretched * solution.elongations)

    def displacement(self, solution: Field) -> Floats:
        """Displacement of the nodes, (n, d) mm."""
        return solution.displacement

    def middles(self, solution: Field) -> Floats:
        """None, as there are no walls."""
        return np.zeros((0, self.network.dim))

    def keeps(self, start: Any) -> bool:
        """Whether a solve from `start` would be faster here: it would not."""
        return False

    def carrier(self, other: Any, was: Any, now: Any) -> Callable[[Any], NoReturn]:
        """Springs have no mesh that could be made anew."""
        raise InputError("Springs have no mesh to be made anew.")

    def _frame(self, points: Floats) -> _Frame:
        def made() -> _Frame:
            matrix = compatibility(points, self.network.bonds)
            on_free = matrix[:, self.network.free]
            return _Frame(matrix, on_free.toarray() if on_free.shape[1] <= DENSE else on_free)

        return _remembered(self._frames, points.tobytes(), made)

    def _factor(self, points: Floats, material: Floats) -> Factor:
        def made() -> Factor:
            factor = Factor(self._frame(points).stiffness(material))
            if not factor.definite:
                raise InputError("The network has become a mechanism at these nodes: move them apart, or off a common line.")
            return factor

        return _remembered(self._factors, points.tobytes() + material.tobytes(), made)


def _remembered(kept: OrderedDict[bytes, T], key: bytes, make: Callable[[], T]) -> T:
    """What was made for this key, or makes it; the last few are kept."""
    if key not in kept:
        kept[key] = make()
        if len(kept) > KEPT:
            kept.popitem(last=False)
    return kept[key]


def scattered(ends: Floats, bonds: Ints, points: Floats) -> Floats:
    """Vectors (b, d) of the bonds summed at their nodes (n, d): added at the second, taken off at the first."""
    total = np.zeros_like(points)
    np.add.at(total, bonds[:, 1], ends)
    np.subtract.at(total, bonds[:, 0], ends)
    return total


def _across(vectors: Floats, along: Floats) -> Floats:
    """The parts (b, d) of vectors at right angles to unit vectors."""
    return vectors - (vectors * along).sum(axis=1)[:, None] * along
