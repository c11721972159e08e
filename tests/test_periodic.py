"""Cells of periodic solids: closed forms, laminates, one cell against several, stiffness and gradients, what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from mpi4py import MPI

from geometries.extruded import extruded
from geometries.star_pores import star_pores
from mnnfem.adjoint import Gradients
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.effective import effective, stiffness_gradients, stress_gradients
from mnnfem.equilibrium import Solution
from mnnfem.errors import InputError
from mnnfem.formulation import Formulation
from mnnfem.hooke import LinearElastic
from mnnfem.loads import BodyForce, Pressure
from mnnfem.material import Law
from mnnfem.mesh import Floats, Mesh
from mnnfem.periodic import Entry, Periodic, Strain
from mnnfem.regions import Regions
from mnnfem.rubbers import IsochoricNeoHookean
from tests.conftest import as_geometry, strip

SIDES = (("left", "right"), ("bottom", "top"))
ALL = ((0, 0), (1, 1), (0, 1))
RUBBER = IsochoricNeoHookean(1.0, 4.0)


def cell(
    mesh: Mesh,
    law: Law = RUBBER,
    driven: tuple[Entry, ...] = ALL,
    free: tuple[Entry, ...] = (),
    formulation: Formulation = Formulation(),
    regions: Regions | None = None,
    comm: MPI.Comm = MPI.COMM_SELF,
) -> Body:
    pairs = (*SIDES, ("back", "front")) if mesh.dim == 3 else SIDES
    periodic = Periodic(pairs, [Strain(*entry, 0.9) for entry in driven], free)
    boundary = Boundary(periodic=periodic)
    return Body(mesh, law, boundary, comm=comm, formulation=formulation, regions=regions)


def pore(radius: float = 0.5) -> Mesh:
    """One cell of 50 mm with a pore, its radii a share of half the cell."""
    geometry = star_pores(1, 1, solid=(), layers=1)
    radii = torch.full((len(geometry.parameters),), radius, dtype=torch.float64)
    return dataclasses.replace(geometry.mesh, points=geometry.points(radii).numpy())


def tiled(mesh: Mesh, count: int) -> Mesh:
    """`count` x `count` copies of a cell, joined."""
    size = np.ptp(mesh.points, axis=0)
    shifts = [size * (i, j) for i in range(count) for j in range(count)]
    every = np.concatenate([mesh.points + shift for shift in shifts])
    _, first, number = np.unique(np.round(every, 6), axis=0, return_index=True, return_inverse=True)
    points = every[first]
    cells = np.concatenate([number[mesh.cells + k * len(mesh.points)] for k in range(len(shifts))])
    bare = Mesh(points, cells, {})
    low, high = points.min(axis=0), points.max(axis=0)
    edges, facets = bare.boundary(), {}
    for name, axis, place in (("left", 0, low), ("right", 0, high), ("bottom", 1, low), ("top", 1, high)):
        facets[name] = edges[(np.abs(points[edges][:, :, axis] - place[axis]) < 1e-6).all(axis=1)]
    return Mesh(points, cells, facets)


def solved(body: Body, controls: tuple[float, ...]) -> Solution:
    solution = body.solve(body.solid.mesh.points, np.array(controls), body.solid.law.values)
    assert solution.record.certified
    return solution


def energy(F: Floats) -> float:
    """Of the rubber, MPa, in plane strain or space."""
    whole = np.eye(3)
    whole[: len(F), : len(F)] = F
    J = np.linalg.det(whole)
    return float(0.5 * (J ** (-2 / 3) * (whole**2).sum() - 3) + 2 * (J - 1) ** 2)


def stress(F: Floats) -> Floats:
    """dW/dF by central differences."""
    found = np.empty_like(F)
    for entry in np.ndindex(F.shape):
        step = np.zeros_like(F)
        step[entry] = 1e-6
        found[entry] = (energy(F + step) - energy(F - step)) / 2e-6
    return found


FORMS = {
    "P1": (2, Formulation(degree=1)),
    "P2": (2, Formulation()),
    "P2/P1": (2, Formulation(mixed=True)),
    "P2, space": (3, Formulation()),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_cell_without_pores_has_the_stress_of_its_material(name: str) -> None:
    dim, formulation = FORMS[name]
    mesh = strip(2.0, 1.0, 2, 2)
    mesh = extruded(as_geometry(mesh), 0.5, 1).mesh if dim == 3 else mesh
    entries = tuple((i, j) for i in range(dim) for j in range(dim) if i <= j)
    H = np.zeros((dim, dim))
    for entry in entries:
        H[entry] = np.random.default_rng(2).uniform(-0.2, 0.2, (3, 3))[entry]
    body = cell(mesh, driven=entries, formulation=formulation)
    solution = solved(body, tuple(H[entry] for entry in entries))
    found = effective(body, solution)
    assert found.stress == pytest.approx([stress(np.eye(dim) + H)[entry] for entry in entries], rel=1e-6, abs=1e-8)
    moved = body.displacement(solution)
    turned = mesh.points @ H.T
    assert moved - moved[0] == pytest.approx(turned - turned[0], abs=1e-9)


def test_an_entry_that_is_free_has_no_mean_stress() -> None:
    body = cell(strip(1.0, 1.0, 2, 2), driven=((0, 0), (0, 1)), free=((1, 1),))
    solution = solved(body, (0.3, 0.1))
    moved = body.displacement(solution)
    top, bottom = (moved[body.solid.mesh.facet(name)].mean(axis=(0, 1)) for name in ("top", "bottom"))
    H = np.array([[0.3, 0.1], [0.0, (top - bottom)[1]]])
    assert H[1, 1] < -0.1
    assert stress(np.eye(2) + H)[1, 1] == pytest.approx(0.0, abs=1e-7)


def test_several_cells_are_one() -> None:
    controls = (0.05, -0.02, 0.08)
    one, four = (cell(mesh) for mesh in (pore(), tiled(pore(), 2)))
    single, several = (effective(body, solved(body, controls)) for body in (one, four))
    assert several.stress == pytest.approx(single.stress, rel=1e-8)
    assert several.stiffness == pytest.approx(single.stiffness, rel=1e-7, abs=1e-9)


def test_four_cells_buckle_where_one_cannot() -> None:
    """Pores become ellipses that alternate (Mullin et al., Phys. Rev. Lett. 99, 2007): the pattern takes two by two cells."""
    slender = pore(0.85)
    one, four = (cell(mesh, driven=((1, 1),), free=((0, 0),)) for mesh in (slender, tiled(slender, 2)))
    single, several = (solved(body, (-0.08,)) for body in (one, four))
    assert several.record.bifurcation
    assert not single.record.bifurcation
    assert several.record.energy / 4 < 0.95 * single.record.energy


def figures(body: Body, solution: Solution) -> list[Floats]:
    """What is told of a cell: its state, its mean stress and stiffness, and their gradients."""
    found, last = effective(body, solution), len(body.solid.lifts) - 1
    slopes = stress_gradients(body, solution, last), stiffness_gradients(body, solution, 0, last)
    told = [body.displacement(solution), found.stress, found.stiffness]
    return [*told, *(one for slope in slopes for one in (slope.points, slope.controls, slope.material))]


@pytest.mark.mpi
@pytest.mark.parametrize("name", ["P2", "P2/P1", "P2, space"])
def test_a_cell_on_several_ranks_is_that_of_one(name: str) -> None:
    dim, formulation = FORMS[name]
    mesh = pore() if dim == 2 else extruded(as_geometry(strip(2.0, 1.0, 2, 2)), 0.5, 1).mesh
    driven, free = (((0, 0), (0, 1)), ((1, 1),)) if name == "P2" else (ALL, ())
    found = []
    for comm in (MPI.COMM_SELF, MPI.COMM_WORLD):
        body = cell(mesh, driven=driven, free=free, formulation=formulation, comm=comm)
        found.append(figures(body, solved(body, (0.05, -0.03, 0.06)[: len(driven)])))
    for number, (one, several) in enumerate(zip(*found, strict=True)):
        close = 1e-10 if number < 6 else 1e-6  # the stiffness's gradients are differences
        assert np.abs(several - one).max() <= close * max(np.abs(one).max(), 1e-3), number


@pytest.mark.mpi
def test_four_cells_buckle_alike_on_several_ranks() -> None:
    mesh, found = tiled(pore(0.85), 2), []
    for comm in (MPI.COMM_SELF, MPI.COMM_WORLD):
        body = cell(mesh, driven=((1, 1),), free=((0, 0),), comm=comm)
        solution = solved(body, (-0.08,))
        assert solution.record.kicks > 0
        found.append(body.displacement(solution))
    assert np.abs(found[1] - found[0]).max() <= 1e-8 * np.abs(found[0]).max()


def test_a_laminate_has_the_stiffness_of_its_layers() -> None:
    values = np.array([[10.0, 0.25], [1.0, 0.4]])
    share, (young, poisson) = np.array([0.25, 0.75]), values.T
    shear, lame = young / (2 * (1 + poisson)), young * poisson / ((1 + poisson) * (1 - 2 * poisson))
    stiff = lame + 2 * shear
    across = 1 / (share / stiff).sum()
    beside = across * (share * lame / stiff).sum()
    along = (share * (stiff - lame**2 / stiff)).sum() + beside**2 / across
    wanted = [[along, beside, 0.0], [beside, across, 0.0], [0.0, 0.0, 1 / (share / shear).sum()]]
    regions = Regions(("stiff", "soft"), lambda middles: (middles[:, 1] > 0.25).astype(np.int64))
    body = cell(strip(1.0, 1.0, 4, 4), LinearElastic(*values[0]), regions=regions)
    found = effective(body, body.solve(body.solid.mesh.points, np.zeros(3), values))
    assert found.stiffness == pytest.approx(np.array(wanted), rel=1e-8, abs=1e-10)
    compliance = np.linalg.inv(wanted)
    assert found.young(1) == pytest.approx(1 / compliance[1, 1], rel=1e-8)
    assert found.poisson(0, 1) == pytest.approx(-compliance[1, 0] / compliance[0, 0], rel=1e-8)


def test_gradients_of_stress_and_stiffness_are_those_of_cells_built_anew() -> None:
    mesh, controls, number, other = pore(), (0.05, -0.03, 0.06), 2, 0
    body = cell(mesh)
    solution = solved(body, controls)
    found = effective(body, solution)
    slopes = stress_gradients(body, solution, number), stiffness_gradients(body, solution, number, other)
    assert found.stiffness == pytest.approx(found.stiffness.T, rel=1e-9)
    assert slopes[0].controls == pytest.approx(found.stiffness[number], rel=1e-12)
    generator = np.random.default_rng(4)
    moved = generator.uniform(-1, 1, mesh.points.shape)
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    moved[((mesh.points == low) | (mesh.points == high)).any(axis=1)] = 0.3  # sides move alike
    zeros = Gradients(np.zeros_like(mesh.points), np.zeros(3), np.zeros(2))
    ways = {
        "points": Gradients(moved, zeros.controls, zeros.material),
        "controls": Gradients(zeros.points, generator.uniform(-0.1, 0.1, 3), zeros.material),
        "material": Gradients(zeros.points, zeros.controls, np.array([0.3, -0.8])),
    }
    for name, way in ways.items():
        along = np.array([(getattr(slope, name) * getattr(way, name)).sum() for slope in slopes])

        def values(step: float, way: Gradients = way) -> Floats:
            again = cell(mesh)  # its own solve, from rest
            inputs = (
                mesh.points + step * way.points,
                np.array(controls) + step * way.controls,
                RUBBER.values + step * way.material,
            )
            made = effective(again, again.solve(*inputs))
            return np.array([made.stress[number], made.stiffness[number, other]])

        large, small = (np.abs(values(h) - values(0.0) - h * along) for h in (0.2, 0.1))
        assert np.log2(large / small).min() > 1.9, name
        assert (values(1e-3) - values(-1e-3)) / 2e-3 == pytest.approx(along, rel=1e-5), name


def test_air_in_the_pores_stretches_a_cell() -> None:
    mesh = pore()
    periodic = Periodic(SIDES, free=((0, 0), (1, 1)))
    body = Body(mesh, RUBBER, Boundary(loads=[Pressure("pores", 1.0)], periodic=periodic), comm=MPI.COMM_SELF)
    moved = body.displacement(solved(body, (0.02,)))
    for name, axis in (("right", 0), ("top", 1)):
        other = SIDES[axis][0]
        assert (moved[mesh.facet(name)].mean(axis=(0, 1)) - moved[mesh.facet(other)].mean(axis=(0, 1)))[axis] > 0.1


def test_what_does_not_repeat_is_refused() -> None:
    mesh = strip(1.0, 1.0, 2, 2)
    uneven = Mesh(mesh.points + 0.1 * (mesh.points == (1.0, 0.5)).all(axis=1)[:, None], mesh.cells, mesh.facets)
    strain = Strain(0, 0, 0.1)
    wrong = {
        "no entry \\(2, 0\\)": (mesh, Boundary(periodic=Periodic(SIDES, [Strain(2, 0, 0.1)]))),
        "given twice": (mesh, Boundary(periodic=Periodic(SIDES, [strain], [(0, 0)]))),
        "the cell can turn": (mesh, Boundary(periodic=Periodic(SIDES, free=[(0, 1), (1, 0)]))),
        "needs a bound": (mesh, Boundary(periodic=Periodic(SIDES, [Strain(0, 0, 0.0)]))),
        "give one at least": (mesh, Boundary(periodic=Periodic(()))),
        "not independent": (mesh, Boundary(periodic=Periodic((SIDES[0], SIDES[0])))),
        "moves no side": (mesh, Boundary(periodic=Periodic(SIDES[:1], [Strain(1, 1, 0.1)]))),
        "does not repeat": (uneven, Boundary(periodic=Periodic(SIDES, [strain]))),
        "mean strains alone": (mesh, Boundary(("left",), periodic=Periodic(SIDES, [strain]))),
        "push it away": (mesh, Boundary(loads=[BodyForce((1.0, 0.0), 1.0)], periodic=Periodic(SIDES, [strain]))),
    }
    for sentence, (body, boundary) in wrong.items():
        with pytest.raises(InputError, match=sentence):
            Body(body, RUBBER, boundary, comm=MPI.COMM_SELF)
    body = cell(mesh)
    with pytest.raises(InputError, match="have moved apart"):
        body.solve(mesh.points * (1.1, 1.0), np.zeros(3), RUBBER.values)
    with pytest.raises(InputError, match=r"mean strain \(0, 0\)\) is 2, allowed"):
        body.solve(mesh.points, np.array([2.0, 0.0, 0.0]), RUBBER.values)
    held = Body(mesh, RUBBER, Boundary(("left",), [Drive("right", (1.0, 0.0), 1.0)]), comm=MPI.COMM_SELF)
    with pytest.raises(InputError, match="Only a periodic cell"):
        effective(held, held.solve(mesh.points, np.zeros(1), RUBBER.values))
