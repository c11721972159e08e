"""Strain energies against formulas written out in principal stretches, and closed forms of homogeneous deformation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import ufl
from mpi4py import MPI
from scipy.optimize import minimize

from geometries.extruded import extruded
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.errors import InputError
from mnnfem.formulation import Formulation
from mnnfem.hooke import LinearElastic, SaintVenantKirchhoff
from mnnfem.material import Law, NeoHookean, OwnLaw, bulk_of, first_invariant
from mnnfem.measured import MATERIALS, material
from mnnfem.mesh import Floats, Mesh
from mnnfem.rubbers import Gent, IsochoricNeoHookean, MooneyRivlin, Ogden, PlaneNeoHookean, Yeoh
from tests.conftest import as_geometry, strip

LAWS: dict[str, Law] = {
    "neo-Hookean": NeoHookean(2.0, 0.35),
    "isochoric": IsochoricNeoHookean(0.8, 3.0),
    "Mooney-Rivlin": MooneyRivlin(0.3, 0.1, 3.0),
    "Yeoh": Yeoh(0.4, -0.02, 0.004, 3.0),
    "Gent": Gent(0.8, 20.0, 3.0),
    "Ogden": Ogden((0.7, -0.2), (1.7, -1.4), 3.0),
    "Saint Venant-Kirchhoff": SaintVenantKirchhoff(2.0, 0.3),
    "linear": LinearElastic(2.0, 0.3),
}


def some(*quick: str) -> list[Any]:
    """All laws; those that are not asked for always are slow, as each compiles forms of its own."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in LAWS]


def by_hand(law: Law, F: Floats) -> float:
    """W of a deformation gradient (3, 3), from principal stretches."""
    stretches, J = np.linalg.svd(F)[1], np.linalg.det(F)
    reduced = stretches * J ** (-1 / 3)
    first, second = (reduced**2).sum(), (reduced**-2.0).sum()
    if isinstance(law, NeoHookean):
        mu, bulk = law.young / 2 / (1 + law.poisson), law.young / 3 / (1 - 2 * law.poisson)
        return mu / 2 * ((stretches**2).sum() - 3 - 2 * np.log(J)) + bulk / 2 * np.log(J) ** 2
    if isinstance(law, SaintVenantKirchhoff | LinearElastic):
        strain = (F.T @ F - np.eye(3)) / 2 if isinstance(law, SaintVenantKirchhoff) else (F + F.T) / 2 - np.eye(3)
        lame = law.young * law.poisson / (1 + law.poisson) / (1 - 2 * law.poisson)
        return law.young / 2 / (1 + law.poisson) * (strain**2).sum() + lame / 2 * np.trace(strain) ** 2
    volume = law.values[-1] / 2 * (J - 1) ** 2
    if isinstance(law, IsochoricNeoHookean):
        return law.shear / 2 * (first - 3) + volume
    if isinstance(law, MooneyRivlin):
        return law.c10 * (first - 3) + law.c01 * (second - 3) + volume
    if isinstance(law, Yeoh):
        return law.c10 * (first - 3) + law.c20 * (first - 3) ** 2 + law.c30 * (first - 3) ** 3 + volume
    if isinstance(law, Gent):
        return -law.shear * law.limit / 2 * np.log(1 - (first - 3) / law.limit) + volume
    assert isinstance(law, Ogden)
    return sum(m / a * ((reduced**a).sum() - 3) for m, a in zip(law.moduli, law.exponents, strict=True)) + volume


def at(law: Law, F: Floats) -> float:
    """W as the law's UFL says, folded into a number."""
    entries = [[0 if value == 0 else float(value) for value in row] for row in F]
    return float(law.energy(ufl.as_matrix(entries), *law.values))


def in_plane(generator: np.random.Generator) -> Floats:
    F = np.eye(3)
    F[:2, :2] += generator.uniform(-0.3, 0.3, (2, 2))
    F[2, 2] = generator.uniform(0.8, 1.3)
    return F


@pytest.mark.parametrize("name", LAWS)
def test_energies_are_those_of_the_formulas(name: str) -> None:
    generator, law = np.random.default_rng(1), LAWS[name]
    for _ in range(5):
        F = in_plane(generator)
        assert at(law, F) == pytest.approx(by_hand(law, F), rel=1e-9, abs=1e-12)
        if name != "Ogden":  # in space: tests/test_principal.py
            F += 0.1 * generator.normal(size=(3, 3))
            assert at(law, F) == pytest.approx(by_hand(law, F), rel=1e-12)
    assert at(law, np.eye(3)) == pytest.approx(0.0, abs=1e-9)


def test_the_plane_law_is_that_of_meta_pde() -> None:
    F = in_plane(np.random.default_rng(2))
    F[2, 2] = 1.0
    C, J = F[:2, :2].T @ F[:2, :2], np.linalg.det(F)
    assert at(PlaneNeoHookean(0.7, 30.0), F) == pytest.approx(0.35 * (np.trace(C) / J - 2) + 15 * (J - 1) ** 2, rel=1e-12)
    with pytest.raises(InputError, match="plane strain"):
        at(PlaneNeoHookean(0.7, 30.0), np.diag([1.0, 1.0, 1.1]))


@pytest.mark.parametrize("name", LAWS)
def test_the_stiffness_of_a_rubber_is_its_shear_modulus(name: str) -> None:
    law, F = LAWS[name], np.eye(3)
    F[0, 1] = 1e-3
    shear = at(law, F) / 0.5e-6
    wanted = law.stiffness(law.values) / (2 * (1 + law.values[1]) if "young" in law.names else 1)
    assert shear == pytest.approx(wanted, rel=1e-4)


def body(law: Law, drives: list[Drive], mesh: Mesh, formulation: Formulation) -> Body:
    rollers = [("left", 0), ("bottom", 1), *([("back", 2)] if mesh.dim == 3 else [])]
    return Body(mesh, law, Boundary((), drives, rollers), comm=MPI.COMM_SELF, formulation=formulation)


def closed_form(energy: Callable[[Floats], float], free: int) -> float:
    """The least energy over the stretches that are free."""
    return float(minimize(energy, np.ones(free), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-15}).fun)


@pytest.mark.parametrize("name", some("neo-Hookean", "Ogden", "Saint Venant-Kirchhoff", "linear"))
def test_uniaxial_and_equibiaxial_plane_stress_are_the_closed_forms(name: str) -> None:
    """A strip 2 x 1 mm pulled to 1.3: its energy is 2 mm^2 times the least one over the stretches across."""
    law, mesh, stretch = LAWS[name], strip(2.0, 1.0, 2, 1), 1.3
    pull, lift = Drive("right", (1.0, None), 2.0), Drive("top", (None, 1.0), 2.0)
    for drives, controls in (([pull], [0.6]), ([pull, lift], [0.6, 0.3])):
        made = body(law, drives, mesh, Formulation(degree=1, plane="stress"))
        solution = made.solve(mesh.points, np.array(controls), law.values)

        def energy(others: Floats, equal: bool = len(drives) == 2) -> float:
            return by_hand(law, np.diag([stretch, stretch if equal else others[1], others[0]])) if min(others) > 0 else np.inf

        wanted = 2 * closed_form(energy, 1 if len(drives) == 2 else 2)
        assert solution.record.energy == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize("name", some("neo-Hookean", "Yeoh"))
def test_uniaxial_tension_and_simple_shear_in_space_are_the_closed_forms(name: str) -> None:
    law, cube = LAWS[name], extruded(as_geometry(strip(1.0, 1.0, 1, 1)), 1.0, 1).mesh
    made = body(law, [Drive("right", (1.0, None, None), 2.0)], cube, Formulation(degree=1))
    solution = made.solve(cube.points, np.array([0.3]), law.values)
    wanted = closed_form(lambda others: by_hand(law, np.diag([1.3, *others])) if min(others) > 0 else np.inf, 2)
    assert solution.record.energy == pytest.approx(wanted, rel=1e-8)
    F = np.eye(3)
    F[0, 1] = 0.4
    sides = ("left", "right", "bottom", "top", "back", "front")
    outline = Mesh(cube.points, cube.cells, {"outline": np.concatenate([cube.facet(side) for side in sides])})
    field = Drive("outline", lambda places: places @ (F - np.eye(3)).T, 1.0)
    sheared = Body(outline, law, Boundary((), [field]), comm=MPI.COMM_SELF, formulation=Formulation(degree=1))
    found = sheared.solve(outline.points, np.array([1.0]), law.values)
    assert found.record.energy == pytest.approx(by_hand(law, F), rel=1e-9)  # power sums are right to 1e-10, see `principal`


def test_a_law_of_ones_own() -> None:
    law = LAWS["neo-Hookean"]
    mine = OwnLaw(
        lambda F, shear, bulk: (
            shear / 2 * (first_invariant(F) - 3 - 2 * ufl.ln(ufl.det(F))) + bulk / 2 * ufl.ln(ufl.det(F)) ** 2
        ),
        {"shear": 2.0 / 2.7, "bulk": 2.0 / 0.9},
        modulus=2.0,
    )
    F = in_plane(np.random.default_rng(3))
    assert at(mine, F) == pytest.approx(at(law, F), rel=1e-12)
    assert mine.names == ("shear", "bulk")


def test_what_is_no_material_is_refused() -> None:
    wrong = {
        "Young's modulus must be above 0 MPa, got -1": lambda: NeoHookean(-1.0, 0.3),
        "take 0.4999 and the mixed form": lambda: LinearElastic(1.0, 0.5),
        "nothing resists a change of volume": lambda: Yeoh(1.0, 0.0, 0.0, 0.0),
        "half of the shear modulus": lambda: MooneyRivlin(0.1, -0.2, 1.0),
        "same sign": lambda: Ogden((0.1,), (-2.0,), 1.0),
        "Each modulus has an exponent": lambda: Ogden((0.1, 0.2), (2.0,), 1.0),
        "does not rise with a change of volume": lambda: OwnLaw(
            lambda F, c: c * (ufl.det(F) ** (-2 / 3) * first_invariant(F) - 3), {"c": 1.0}, 1.0
        ),
        "Did you mean 'agilus30'": lambda: material("agilus"),
    }
    for sentence, make in wrong.items():
        with pytest.raises(InputError, match=sentence):
            make()


@pytest.mark.parametrize("name", MATERIALS)
def test_measured_sets_have_the_modulus_that_they_state(name: str) -> None:
    one = material(name)
    law = one.law(0.45)
    F = np.eye(3)
    F[0, 1] = 1e-3
    assert at(law, F) / 0.5e-6 == pytest.approx(one.shear, rel=1e-3)
    assert law.values[-1] == pytest.approx(bulk_of(one.shear, 0.45))
    assert len(one.source) > 20


def tension(law: Law, stretch: float) -> float:
    """Nominal stress, MPa, of an incompressible bar."""
    h = 1e-5
    energies = [by_hand(law, np.diag([s, s**-0.5, s**-0.5])) for s in (stretch - h, stretch + h)]
    return float(np.diff(energies)[0] / (2 * h))


@pytest.mark.parametrize(
    ("name", "data", "within"),
    [
        # SoRoForge, NinjaTek Cheetah, mean of 8 specimens: stretch, nominal stress (MPa); a third of them where it fits worst
        ("tpu_95a", {1.1: 5.62, 1.2: 8.22, 1.5: 11.16, 2.0: 13.06, 3.0: 16.55, 4.0: 21.22}, 0.08),
        # Treloar 1944 as tabulated by felupe, kgf/cm^2 times 0.0980665
        ("treloar", {1.24: 0.2256, 1.9: 0.5001, 3.02: 0.8630, 4.76: 1.5887, 6.15: 2.6870, 7.05: 4.1286}, 0.10),
    ],
)
def test_measured_sets_follow_their_data(name: str, data: dict[float, float], within: float) -> None:
    law = material(name).law(0.4999)
    errors = [tension(law, stretch) - stress for stretch, stress in data.items()]
    assert np.sqrt(np.mean(np.square(errors))) < within * max(data.values())
