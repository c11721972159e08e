"""Hessian-vector products: remainders of third order, symmetry, and gradients of neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI

from mnnfem.adjoint import Gradients
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.formulation import Formulation
from mnnfem.loads import Tendon, Traction
from mnnfem.material import NeoHookean
from mnnfem.mesh import Floats
from tests.test_loads import MESH

LAW = NeoHookean(1.0, 0.3)
NAMES = ("points", "controls", "material")
START = (MESH.points, np.array([0.8, 0.01, 0.02]), LAW.values)
SIZES = (0.03, np.array([0.5, 0.01, 0.02]), LAW.values)


def made(formulation: Formulation, comm: MPI.Comm = MPI.COMM_SELF) -> Body:
    loads = [Traction("top", (0.3, -1.0), 1.0), Tendon(("start", "middle", "end"), 1.0)]
    boundary = Boundary(("left",), [Drive("right", (1.0, None), 4.0)], loads=loads)
    return Body(MESH, LAW, boundary, comm=comm, formulation=formulation)


def way(generator: np.random.Generator, only: int | None = None) -> list[Floats]:
    parts = [size * generator.uniform(-1, 1, start.shape) for size, start in zip(SIZES, START, strict=True)]
    return [part if only in (None, number) else np.zeros_like(part) for number, part in enumerate(parts)]


def dot(gradients: Gradients, along: list[Floats]) -> float:
    return float(sum((getattr(gradients, name) * part).sum() for name, part in zip(NAMES, along, strict=True)))


@pytest.mark.parametrize("only", [None, 0, 1, 2])
@pytest.mark.parametrize("formulation", [Formulation(), Formulation(plane="stress"), Formulation(mixed=True)])
def test_the_remainder_is_of_third_order(formulation: Formulation, only: int | None) -> None:
    generator = np.random.default_rng(4)
    weights, along, body = generator.normal(size=MESH.points.shape), way(generator, only), made(formulation)
    solution = body.solve(*START)
    first, product = body.vjp(solution, weights), body.hessian_product(solution, weights, Gradients(*along))
    slope, bend = dot(first, along), dot(product, along)
    value, remainders = (weights * body.displacement(solution)).sum(), []
    for step in (0.06, 0.03):
        state = body.solve(*(start + step * part for start, part in zip(START, along, strict=True)))
        moved = (weights * body.displacement(state)).sum() - value
        remainders.append(abs(moved - step * slope - step**2 / 2 * bend))
        assert abs(moved - step * slope) > 3 * remainders[-1]
    assert np.log2(remainders[0] / remainders[1]) > 2.9


def test_it_is_symmetric_and_the_change_of_the_gradient() -> None:
    generator, body = np.random.default_rng(6), made(Formulation())
    weights, one, other = generator.normal(size=MESH.points.shape), way(generator), way(generator)
    solution = body.solve(*START)
    products = [body.hessian_product(solution, weights, Gradients(*along)) for along in (one, other)]
    crossed = [dot(product, along) for product, along in zip(products, (other, one), strict=True)]
    assert crossed[0] == pytest.approx(crossed[1], rel=1e-7)
    ends = [body.vjp(body.solve(*(s + h * part for s, part in zip(START, one, strict=True))), weights) for h in (1e-4, -1e-4)]
    for name in NAMES:
        change = (getattr(ends[0], name) - getattr(ends[1], name)) / 2e-4
        assert getattr(products[0], name) == pytest.approx(change, rel=1e-5, abs=1e-5 * np.abs(change).max())


@pytest.mark.mpi
def test_it_is_the_same_on_several_ranks() -> None:
    generator, found = np.random.default_rng(3), []
    weights, along = generator.normal(size=MESH.points.shape), way(generator, 1)
    for comm in (MPI.COMM_SELF, MPI.COMM_WORLD):
        body = made(Formulation(), comm)
        found.append(body.hessian_product(body.solve(*START), weights, Gradients(*along)))
    for name in NAMES:
        one, several = (getattr(product, name) for product in found)
        assert np.abs(several - one).max() <= 1e-7 * np.abs(one).max(), name
