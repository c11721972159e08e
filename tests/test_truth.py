"""Answers that are known otherwise: affine fields, a harmonic one at each element's order, laminates, another program."""

from __future__ import annotations

from collections.abc import Callable

import felupe
import numpy as np
import pytest
from mpi4py import MPI
from scipy.optimize import brentq

from geometries.extruded import extruded
from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.formulation import Formulation
from mnnfem.hooke import LinearElastic
from mnnfem.mesh import Floats, Mesh
from mnnfem.regions import Regions
from mnnfem.rubbers import IsochoricNeoHookean
from tests.conftest import as_geometry, squares, strip

FORMS = {
    "P1, plane": (2, Formulation(degree=1), 0.3),
    "P2, plane": (2, Formulation(), 0.3),
    "P2/P1, plane": (2, Formulation(mixed=True), 0.4999),
    "P2, plane stress": (2, Formulation(plane="stress"), 0.3),
    "P1, space": (3, Formulation(degree=1), 0.3),
    "P2, space": (3, Formulation(), 0.3),
    "Q1, plane": (2, Formulation(degree=1), 0.3),
    "Q2, plane": (2, Formulation(), 0.3),
    "Q2/Q1, plane": (2, Formulation(mixed=True), 0.4999),
    "Q2, plane stress": (2, Formulation(plane="stress"), 0.3),
    "Q1, space": (3, Formulation(degree=1), 0.3),
    "Q2, space": (3, Formulation(), 0.3),
}


SLOW = ("Q2/Q1, plane", "Q2, plane stress", "Q1, space")  # each compiles forms of its own
CHOSEN = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in FORMS]


def block(name: str, size: int, moved: float = 0.0) -> Mesh:
    """A unit square, crossed or of quadrilaterals, or a cube above it, its inner nodes moved at random; one facet, `skin`."""
    dim, mesh = FORMS[name][0], (squares if name.startswith("Q") else strip)(1.0, 1.0, size, size)
    if dim == 3:
        mesh = extruded(as_geometry(mesh), 1.0, size).mesh
    points, skin = mesh.points.copy(), mesh.boundary()
    inside = np.setdiff1d(np.arange(len(points)), np.unique(skin))
    points[inside] += np.random.default_rng(0).uniform(-moved, moved, (len(inside), dim))
    return Mesh(points, mesh.cells, {"skin": skin})


def pulled(mesh: Mesh, field: Callable[[Floats], Floats], poisson: float, formulation: Formulation) -> Floats:
    """Displacement (n, d) of the mesh points where that of the boundary is a field (k, d) -> (k, d)."""
    law = LinearElastic(1.0, poisson)
    body = Body(mesh, law, Boundary((), [Drive("skin", field, 1.0)]), comm=MPI.COMM_SELF, formulation=formulation)
    solution = body.solve(mesh.points, np.ones(1), law.values)
    assert solution.record.certified
    return body.displacement(solution)


@pytest.mark.parametrize("name", CHOSEN)
def test_a_patch_of_any_elements_takes_on_an_affine_displacement(name: str) -> None:
    dim, formulation, poisson = FORMS[name]
    change = np.random.default_rng(1).uniform(-0.2, 0.2, (dim, dim))
    mesh = block(name, 3, 0.04)
    assert pulled(mesh, lambda at: at @ change, poisson, formulation) == pytest.approx(mesh.points @ change, abs=1e-8)


@pytest.mark.parametrize("name", CHOSEN)
def test_a_harmonic_field_is_met_at_the_order_of_the_element(name: str) -> None:
    """u = grad of a harmonic function has no divergence and is in equilibrium without a force, whatever Poisson's ratio."""
    dim, formulation, poisson = FORMS[name]

    def field(at: Floats) -> Floats:
        k = 1.3
        if dim == 2:
            x, y = at.T
            return 0.1 * np.exp(k * x)[:, None] * np.stack([np.cos(k * y), -np.sin(k * y)], axis=1)
        x, y, z = at.T
        cos, sin = (np.array([f(k * y), f(k * z)]) for f in (np.cos, np.sin))
        parts = [2**0.5 * cos[0] * cos[1], -sin[0] * cos[1], -cos[0] * sin[1]]
        return 0.05 * np.exp(2**0.5 * k * x)[:, None] * np.stack(parts, axis=1)

    errors = []
    for size in (4, 8, 16) if dim == 2 else (3, 6):
        mesh = block(name, size)
        inside = np.setdiff1d(np.arange(len(mesh.points)), mesh.boundary())
        off = (pulled(mesh, field, poisson, formulation) - field(mesh.points))[inside]
        errors.append(np.sqrt(np.mean(off**2)))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert orders.min() > formulation.degree + 0.9


STIFF, SOFT = (10.0, 0.25), (1.0, 0.4)  # E in MPa, Poisson's ratio


def laminate(across: bool, law: type, values: Floats, strain: float) -> float:
    """Mean stress, MPa, of two layers, the stiff one 0.25 high, stretched across or along them while the sides keep apart."""
    mesh = strip(1.0, 1.0, 4, 4)
    regions = Regions(("stiff", "soft"), lambda middles: (middles[:, 1] > 0.25).astype(np.int64))
    fixed = [("left", 0), ("right", 0), ("bottom", 1)] if across else [("bottom", 1), ("top", 1), ("left", 0)]
    drive = Drive("top", (None, 1.0), 1.0) if across else Drive("right", (1.0, None), 1.0)
    body = Body(mesh, law(*values[0]), Boundary((), [drive], rollers=fixed), comm=MPI.COMM_SELF, regions=regions)
    solution = body.solve(mesh.points, np.array([strain]), values)
    assert solution.record.certified
    return float(body.energy_gradients(solution).controls[0])


def test_a_laminate_has_the_moduli_of_its_layers() -> None:
    """Linear layers: stresses across are one, so are strains along; with M = lambda + 2 mu of each layer."""
    values, share, strain = np.array([STIFF, SOFT]), np.array([0.25, 0.75]), 1e-3
    young, poisson = values.T
    lame = young * poisson / ((1 + poisson) * (1 - 2 * poisson))
    stiff = lame + young / (1 + poisson)
    series = 1 / (share / stiff).sum()
    assert laminate(True, LinearElastic, values, strain) == pytest.approx(series * strain, rel=1e-8)
    along = (share * (stiff - lame**2 / stiff)).sum() + (share * lame / stiff).sum() ** 2 * series
    assert laminate(False, LinearElastic, values, strain) == pytest.approx(along * strain, rel=1e-8)


def test_a_laminate_of_rubbers_is_stretched_across_by_one_stress() -> None:
    """F = diag(1, s) in each layer, by the formula's derivative: mu s^(-2/3) (s - (s^2 + 2) / (3 s)) + K (s - 1)."""
    values, share = np.array([[2.0, 8.0], [0.3, 1.0]]), np.array([0.25, 0.75])

    def excess(s: float, mu: float, bulk: float, at: float) -> float:
        return mu * s ** (-2 / 3) * (s - (s**2 + 2) / (3 * s)) + bulk * (s - 1) - at

    def stretch(at: float) -> Floats:
        return np.array([brentq(excess, 0.5, 9.0, args=(*layer, at)) for layer in values])

    wanted = brentq(lambda at: share @ stretch(at) - 1.3, 0.0, 3.0)
    assert laminate(True, IsochoricNeoHookean, values, 0.3) == pytest.approx(wanted, rel=1e-7)


def test_a_region_of_a_large_modulus_is_a_rigid_inclusion() -> None:
    """It turns and moves, and its own strain falls as its modulus rises: the forces on it stay."""
    mesh = strip(1.0, 1.0, 8, 8)
    within = (np.abs(mesh.points - (0.35, 0.5)) <= 0.126).all(axis=1)
    regions = Regions(("matrix", "inclusion"), lambda at: (np.abs(at - (0.35, 0.5)) < 0.125).all(axis=1).astype(np.int64))
    boundary = Boundary(("bottom",), [Drive("top", (1.0, 0.2), 1.0)])
    body = Body(mesh, IsochoricNeoHookean(1.0, 4.0), boundary, comm=MPI.COMM_SELF, regions=regions)
    strains, turns = [], []
    for ratio in (1e2, 1e3, 1e4):
        solution = body.solve(mesh.points, np.array([0.3]), np.array([[1.0, 4.0], [ratio, 4 * ratio]]))
        assert solution.record.certified
        now, rest = (
            (at - at.mean(axis=0)) @ [1, 1j]
            for at in ((mesh.points + body.displacement(solution))[within], mesh.points[within])
        )
        turn = np.vdot(rest, now) / abs(np.vdot(rest, now))
        strains.append(np.abs(now - turn * rest).max() / np.abs(rest).max())
        turns.append(np.degrees(np.angle(turn)))
    assert strains[2] < 1e-4
    assert np.divide(strains[:-1], strains[1:]) == pytest.approx(10.0, rel=0.1)
    assert turns[2] < -5
    assert turns[1] == pytest.approx(turns[2], rel=1e-2)


def test_a_cellular_panel_moves_as_in_felupe() -> None:
    """The same linear triangles and law: a 2 x 2 panel, its left side held, its right side pressed by 5 mm.

    Linear, as the gradient of felupe 11.3's quadratic triangle is not that of its shape functions (off by 0.4 at (0.2, 0.3)).
    """
    mesh, law = star_pores(2, 2, solid=(), divisions=2, layers=3).mesh, IsochoricNeoHookean(1.0, 5.0)
    boundary = Boundary(("left",), [Drive("right", (1.0, 0.3), 20.0)])
    body = Body(mesh, law, boundary, comm=MPI.COMM_SELF, formulation=Formulation(degree=1))
    ours = body.displacement(body.solve(mesh.points, np.array([-5.0]), law.values))

    region = felupe.RegionTriangle(felupe.Mesh(mesh.points, mesh.cells, "triangle"))
    field = felupe.FieldContainer([felupe.FieldPlaneStrain(region, dim=2)])
    left, right = (np.isin(np.arange(len(mesh.points)), mesh.facet(side)) for side in ("left", "right"))
    boundaries = {
        "held": felupe.Boundary(field[0], mask=left),
        "x": felupe.Boundary(field[0], mask=right, skip=(False, True)),
        "y": felupe.Boundary(field[0], mask=right, skip=(True, False)),
    }
    solid = felupe.SolidBody(felupe.NeoHooke(mu=1.0, bulk=5.0), field)
    held, free = felupe.dof.partition(field, boundaries)
    for load in np.linspace(0, -5, 6)[1:]:
        boundaries["x"].value, boundaries["y"].value = load, 0.3 * load
        values = felupe.dof.apply(field, boundaries, held)
        felupe.newtonraphson(items=[solid], dof0=held, dof1=free, ext0=values, verbose=0, tol=1e-9)
    assert np.abs(ours - field[0].values).max() < 1e-6 * np.abs(ours).max()
