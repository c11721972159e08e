r"""Modes of a body at an equilibrium: how it vibrates, and at how much more of its load it buckles.

    natural    K v = omega^2 M v, M of the density;      buckling    K_0 v = lambda (K_0 - K) v,

K the tangent at the equilibrium, K_0 at rest. Both ask for the largest eigenvalues of A^-1 B with A positive definite: Lanczos'
method in A's inner product, reorthogonalised, with the factor that the solver has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import ufl
from dolfinx import default_scalar_type, fem, la

from mnnfem import compiled
from mnnfem.body import Body
from mnnfem.dofs import assemble
from mnnfem.equilibrium import Solution
from mnnfem.errors import InputError
from mnnfem.mesh import Floats
from mnnfem.solid import Solid

Operator = Callable[[Floats], Floats]
MOST = 120  # steps of Lanczos' method
CLOSE = 1e-9  # of an eigenvalue: its residual in A's norm
TONNES = 1e-12  # per mm^3, of one kg/m^3: then omega is in rad/s


@dataclass(frozen=True)
class Modes:
    """Modes, the lowest first: values (k,), and shapes (k, n, d), the displacement of the mesh points, the largest 1 mm.

    values   frequencies in Hz, or multiples of the equilibrium's load
    """

    values: Floats
    shapes: Floats


def natural_modes(body: Body, solution: Solution, density: float, count: int = 6) -> Modes:
    """Vibrations about an equilibrium, of a material of `density` kg/m^3, its held and driven facets at rest.

    In the plane they are those of a body of any thickness. InputError for a density that is not above 0.
    """
    if not density > 0:
        raise InputError(f"The density must be above 0 kg/m^3, got {density:g}.")
    _check(count, body.solid)
    mass = _mass(body.solid, density)
    values, vectors = _largest(body.solid, lambda force: _inverse(body, solution, force), mass, count)
    return Modes(np.sqrt(1 / values) / (2 * np.pi), _shapes(body, vectors))


def buckling_modes(body: Body, solution: Solution, count: int = 4) -> Modes:
    """Multiples of the load at which the body buckles, if its stiffness goes on changing as it has from rest until here.

    Exact for an equilibrium under a small part of the load. InputError where the load has softened no mode.
    """
    _check(count, body.solid)
    solid = body.solid
    rest = body.solve(solution.points, np.zeros_like(solution.controls), solution.material)

    def softening(shape: Floats) -> Floats:
        solid.set_inputs(solution.points, solution.material, solution.controls)
        loaded = solid.tangent_action(solution.displacement, shape)
        solid.set_inputs(rest.points, rest.material, rest.controls)
        return solid.on_free(solid.tangent_action(rest.displacement, shape) - loaded)

    values, vectors = _largest(solid, lambda force: _inverse(body, rest, force), softening, count)
    positive = values > 1e-9
    if not positive.any():
        raise InputError("The load has softened the body in no mode, so none buckles: give an equilibrium under compression.")
    return Modes(1 / values[positive], _shapes(body, vectors[positive]))


def _check(count: int, solid: Solid) -> None:
    if not 0 < count <= MOST // 3:
        raise InputError(f"From 1 to {MOST // 3} modes can be asked for, got {count}.")


def _inverse(body: Body, solution: Solution, force: Floats) -> Floats:
    body.solid.set_inputs(solution.points, solution.material, solution.controls)
    return body.adjoint.multiplier_of(solution, force)[0]


def _mass(solid: Solid, density: float) -> Operator:
    shape, test = fem.Function(solid.space), ufl.TestFunction(solid.space)
    weight = fem.Constant(solid.domain, default_scalar_type(TONNES * density))
    form = compiled.form(weight * ufl.inner(shape, test) * ufl.dx(degree=2 * solid.degree))
    vector = la.vector(solid.space.dofmap.index_map, solid.mesh.dim)

    def act(values: Floats) -> Floats:
        solid.load(shape, values)
        return solid.on_free(solid.dofs.gather(assemble(vector, form)))

    return act


def _largest(solid: Solid, inverse: Operator, act: Operator, count: int) -> tuple[Floats, Floats]:
    """The `count` largest eigenvalues of A^-1 B, descending, and their vectors (k, size), by A^-1 and B."""
    force = solid.on_free(np.random.default_rng(solid.comm.rank).standard_normal(solid.size))
    image = inverse(force)
    size = solid.dot(force, image) ** 0.5
    vectors, forces = [image / size], [force / size]
    diagonal, beside = list[float](), list[float]()
    while True:
        force = act(vectors[-1])
        diagonal.append(solid.dot(force, vectors[-1]))
        for _ in range(2):
            shares = [solid.dot(force, vector) for vector in vectors]
            force = force - sum(share * one for share, one in zip(shares, forces, strict=True))
        image = inverse(force)
        size = max(solid.dot(force, image), 0.0) ** 0.5
        values, ways = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
        values, ways = values[::-1][:count], ways[:, ::-1][:, :count]
        left = size * np.abs(ways[-1])
        if (len(values) == count and np.all(left <= CLOSE * np.abs(values[0]))) or len(vectors) == MOST or size < 1e-14:
            return values, ways.T @ np.array(vectors)
        vectors.append(image / size)
        forces.append(force / size)
        beside.append(size)


def _shapes(body: Body, vectors: Floats) -> Floats:
    shapes = np.array([body.solid.dofs.at_points(vector) for vector in vectors])
    largest = np.linalg.norm(shapes, axis=2).max(axis=1)
    scaled: Floats = shapes / largest[:, None, None]
    return scaled
