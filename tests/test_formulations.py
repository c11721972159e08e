"""Plane stress and the mixed form: what they must reduce to, orders of convergence, gradients, and the same certificate."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI

from geometries.extruded import extruded
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.errors import InputError
from mnnfem.formulation import Formulation
from mnnfem.hooke import LinearElastic
from mnnfem.loads import Traction
from mnnfem.material import Law, NeoHookean, OwnLaw, bulk_of, first_invariant
from mnnfem.mesh import Mesh
from mnnfem.regions import Regions
from mnnfem.rubbers import IsochoricNeoHookean, Yeoh
from tests.conftest import as_geometry, strip

STRESS, MIXED = Formulation(plane="stress"), Formulation(mixed=True)
SILICONE = IsochoricNeoHookean(0.1, bulk_of(0.1, 0.4999))


def cook(size: int) -> Mesh:
    """Cook's membrane, mm: 48 wide, clamped at the left from 0 to 44, right side from 44 to 60."""
    square = strip(1.0, 1.0, size, size)
    x, y = square.points.T
    return Mesh(np.column_stack([48 * x, 44 * x + y * (44 - 28 * x)]), square.cells, square.facets)


def rise(size: int, law: Law, formulation: Formulation, shear: float) -> tuple[float, Body]:
    """How far the middle of the right side rises, mm, under a traction of `shear` MPa along it; and the body."""
    mesh = cook(size)
    body = Body(mesh, law, Boundary(("left",), (), loads=[Traction("right", (0.0, 1.0), 1.0)]), formulation=formulation)
    solution = body.solve(mesh.points, np.array([shear]), law.values)
    assert solution.record.certified
    middle = int(np.argmin(np.linalg.norm(mesh.points - [48.0, 52.0], axis=1)))
    return float(body.displacement(solution)[middle, 1]), body


@pytest.mark.parametrize(("law", "shear"), [(LinearElastic(1.0, 0.4999), 1 / 160), (SILICONE, 0.004)])
def test_cooks_membrane_does_not_lock(law: Law, shear: float) -> None:
    """Linear displacements on 4 x 4 crossed squares keep a third of the motion and less; the mixed form is within 1 % there.

    Its order is that of the corner at the clamped upper left, as the energy's of any good element.
    """
    mixed = [rise(size, law, MIXED, shear)[0] for size in (4, 8, 16)]
    locked = rise(4, law, Formulation(degree=1), shear)[0]
    changes = np.abs(np.diff(mixed))
    assert locked < 0.6 * mixed[-1]
    assert mixed[0] == pytest.approx(mixed[-1], rel=0.01)
    assert np.log2(changes[0] / changes[1]) > 0.7


def test_the_mixed_form_agrees_with_the_plain_one_where_nothing_locks() -> None:
    law = NeoHookean(1.0, 0.3)
    plain, mixed = (rise(8, law, formulation, 0.01)[0] for formulation in (Formulation(), MIXED))
    assert mixed == pytest.approx(plain, rel=1e-3)
    assert mixed != pytest.approx(plain, rel=1e-9)


def test_a_bulk_modulus_far_above_the_shear_modulus_costs_few_factorisations() -> None:
    counts = {}
    for poisson in (0.3, 0.4999):
        mesh, law = cook(6), IsochoricNeoHookean(0.1, bulk_of(0.1, poisson))
        body = Body(mesh, law, Boundary(("left",), [Drive("right", (0.3, 1.0), 9.0)]), comm=MPI.COMM_SELF, formulation=MIXED)
        counts[poisson] = body.solve(mesh.points, np.array([8.0]), law.values).record.factorisations
    assert counts[0.4999] <= counts[0.3] + 4


def test_plane_stress_bends_like_a_thin_strip_and_has_no_more_stress_across() -> None:
    """A linear strip in tension is stretched by sigma / E, in plane strain by (1 - nu^2) of that."""
    mesh, law = strip(10.0, 2.0, 5, 1), LinearElastic(1.0, 0.3)
    rollers = [("left", 0), ("bottom", 1)]
    ends = {}
    for plane in ("stress", "strain"):
        boundary = Boundary((), (), rollers, [Traction("right", (1.0, 0.0), 1.0)])
        body = Body(mesh, law, boundary, comm=MPI.COMM_SELF, formulation=Formulation(degree=1, plane=plane))
        ends[plane] = float(body.displacement(body.solve(mesh.points, np.array([0.01]), law.values))[:, 0].max())
    assert ends["stress"] == pytest.approx(0.1, rel=1e-10)
    assert ends["strain"] == pytest.approx(0.1 * (1 - 0.3**2), rel=1e-10)


@pytest.mark.parametrize(("law", "formulation"), [(Yeoh(0.4, -0.02, 0.004, 3.0), STRESS), (SILICONE, MIXED)])
def test_gradients_and_tangent_see_what_follows_the_displacement(law: Law, formulation: Formulation) -> None:
    mesh, generator = strip(6.0, 4.0, 4, 3), np.random.default_rng(2)
    boundary = Boundary(("left",), [Drive("right", (1.0, None), 2.0)], loads=[Traction("top", (0.3, -1.0), 1.0)])
    weights = generator.normal(size=mesh.points.shape)

    def made() -> Body:
        return Body(mesh, law, boundary, comm=MPI.COMM_SELF, formulation=formulation)

    body, start = made(), (mesh.points, np.array([0.3, 0.02]), law.values)
    solution = body.solve(*start)
    u, way = solution.displacement, generator.normal(size=body.solid.size)
    slopes = [body.solid.residual(u + step * way) for step in (1e-6, -1e-6)]
    action = body.solid.tangent_action(u, way)
    assert action == pytest.approx((slopes[0] - slopes[1]) / 2e-6, rel=1e-5, abs=1e-6 * np.abs(action).max())
    found = body.vjp(solution, weights)
    for number, gradient in enumerate((found.points, found.controls, found.material)):
        along = generator.normal(size=start[number].shape) * (0.05 if number == 0 else np.abs(start[number]))
        values, remainders = {}, []
        for step in (0.0, 1e-4, -1e-4, 4e-3, 2e-3):
            inputs = list(start)
            inputs[number] = start[number] + step * along
            again = made()
            values[step] = (weights * again.displacement(again.solve(*inputs))).sum()
        slope = (gradient * along).sum()
        assert slope == pytest.approx((values[1e-4] - values[-1e-4]) / 2e-4, rel=2e-6)
        remainders = [abs(values[step] - values[0.0] - step * slope) for step in (4e-3, 2e-3)]
        assert np.log2(remainders[0] / remainders[1]) > 1.9


@pytest.mark.mpi
@pytest.mark.parametrize("formulation", [STRESS, MIXED])
def test_ranks_together_give_what_one_gives(formulation: Formulation) -> None:
    mesh, law = strip(6.0, 4.0, 4, 3), SILICONE if formulation.mixed else NeoHookean(1.0, 0.3)
    boundary = Boundary(("left",), [Drive("right", (1.0, None), 2.0)], loads=[Traction("top", (0.3, -1.0), 1.0)])
    weights, found = np.random.default_rng(0).normal(size=mesh.points.shape), []
    for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
        body = Body(mesh, law, boundary, comm=comm, formulation=formulation)
        solution = body.solve(mesh.points, np.array([0.3, 0.01]), law.values)
        gradients = body.vjp(solution, weights)
        found.append((body.displacement(solution), gradients.points, gradients.controls, gradients.material))
    for shared, alone in zip(*found, strict=True):
        assert shared == pytest.approx(alone, rel=1e-6, abs=1e-8 * np.abs(alone).max())


def test_forms_that_do_not_exist_are_refused() -> None:
    mine = OwnLaw(lambda F, c: c * (first_invariant(F) - 3) ** 2 + c * (F[0, 0] - 1) ** 2, {"c": 1.0}, 1.0)
    space = extruded(as_geometry(strip(1.0, 1.0, 1, 1)), 1.0, 1).mesh
    wrong = {
        "in plane strain or stress, got plane='strian'": lambda: Formulation(plane="strian"),
        "degree 1 or 2, got 3": lambda: Formulation(degree=3),
        "degree 2, pressures of degree 1": lambda: Formulation(degree=1, mixed=True),
        "leave mixed out": lambda: Formulation(plane="stress", mixed=True),
        "tells its two parts apart": lambda: MIXED.check(mine, 2),
        "leave plane out for one in space": lambda: STRESS.check(NeoHookean(), space.dim),
    }
    for sentence, make in wrong.items():
        with pytest.raises(InputError, match=sentence):
            make()


HALVES = Regions(("soft", "stiff"), lambda middles: (middles[:, 0] > 3.0).astype(int))


@pytest.mark.parametrize("formulation", [Formulation(), MIXED])
def test_regions_have_values_and_gradients_of_their_own(formulation: Formulation) -> None:
    mesh, law = strip(6.0, 4.0, 4, 3), NeoHookean(1.0, 0.3)
    boundary = Boundary(("left",), (), loads=[Traction("right", (0.0, -1.0), 1.0)])
    weights = np.random.default_rng(1).normal(size=mesh.points.shape)

    def made(regions: Regions | None = HALVES) -> Body:
        return Body(mesh, law, boundary, comm=MPI.COMM_SELF, formulation=formulation, regions=regions)

    body, pull, material = made(), np.array([0.02]), np.array([[1.0, 0.3], [8.0, 0.4]])
    solution = body.solve(mesh.points, pull, material)
    gradient = body.vjp(solution, weights).material
    for place, value in np.ndenumerate(material):
        moved = []
        for step in (1e-4, -1e-4):
            values = material.copy()
            values[place] += step * value
            moved.append((weights * made().displacement(made().solve(mesh.points, pull, values))).sum())
        assert gradient[place] * value == pytest.approx((moved[0] - moved[1]) / 2e-4, rel=2e-6)
    assert (
        np.abs(body.displacement(solution)).max()
        < 0.8 * np.abs(body.displacement(body.solve(mesh.points, pull, law.values))).max()
    )
    same, one = made().solve(mesh.points, pull, np.tile(law.values, (2, 1))), made(None)
    alone = one.solve(mesh.points, pull, law.values)
    assert one.displacement(alone) == pytest.approx(body.displacement(same), abs=1e-9)
    assert body.vjp(same, weights).material.sum(axis=0) == pytest.approx(one.vjp(alone, weights).material, rel=1e-6)


def test_regions_that_do_not_fit_are_refused() -> None:
    mesh, law = strip(6.0, 4.0, 4, 3), NeoHookean(1.0, 0.3)
    with pytest.raises(InputError, match="one of the numbers 0 to 1"):
        Regions(("soft", "stiff"), lambda middles: np.full(len(middles), 2)).of(mesh)
    body = Body(mesh, law, Boundary(("left", "right"), ()), comm=MPI.COMM_SELF, regions=HALVES)
    with pytest.raises(InputError, match=r"or \(2, 2\) for its regions, got shape \(3, 2\)"):
        body.check(mesh.points, np.zeros(0), np.ones((3, 2)))
    with pytest.raises(InputError, match="Young's modulus must be above 0 MPa, got -1"):
        body.check(mesh.points, np.zeros(0), np.array([[1.0, 0.3], [-1.0, 0.3]]))
