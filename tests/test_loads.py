"""Loads: balance with the reactions, closed forms, gradients in every input against rebuilt forwards, and refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from mpi4py import MPI

from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.errors import InputError
from mnnfem.formulation import Formulation
from mnnfem.hooke import LinearElastic
from mnnfem.loads import Bedding, BodyForce, Load, PointForce, Pressure, Tendon, Traction
from mnnfem.material import NeoHookean
from mnnfem.mesh import Floats, Mesh
from tests.conftest import strip

LAW = NeoHookean(1.0, 0.3)


def cantilever() -> Mesh:
    """10 x 4 mm, with named vertices along its top."""
    mesh = strip(10.0, 4.0, 10, 4)
    named = {name: int(np.argmin(np.linalg.norm(mesh.points - place, axis=1))) for name, place in PLACES.items()}
    return dataclasses.replace(mesh, vertices=named)


PLACES = {"start": (0.0, 4.0), "middle": (5.0, 4.0), "end": (10.0, 4.0)}
MESH = cantilever()
LOADS: dict[str, tuple[Load, float]] = {
    "traction": (Traction("right", (0.3, -1.0), 1.0), 0.02),
    "pressure": (Pressure("right", 1.0), 0.01),
    "body force": (BodyForce((0.0, -1.0), 1.0), 0.003),
    "point force": (PointForce("end", (0.0, -1.0), 1.0), 0.05),
    "tendon": (Tendon(("start", "middle", "end"), 1.0), 0.05),
    "bedding": (Bedding("bottom", 1.0), 0.01),
}
NAMES = list(LOADS)


def loaded(names: list[str], held: tuple[str, ...] = ("left",)) -> Body:
    return Body(MESH, LAW, Boundary(held, (), loads=[LOADS[name][0] for name in names]), comm=MPI.COMM_SELF)


def controls(names: list[str]) -> Floats:
    return np.array([LOADS[name][1] for name in names])


def forces(body: Body, u: Floats) -> Floats:
    """Sum of all that the ground gives to the body, by component, N/mm."""
    residual = np.where(body.solid.prescribed, body.solid.residual(u), 0.0)
    return residual.reshape(-1, 2).sum(axis=0)


@pytest.mark.parametrize(
    ("name", "total"),
    [("traction", (0.024, -0.08)), ("body force", (0.0, -0.12)), ("point force", (0.0, -0.05)), ("tendon", (0, 0))],
)
def test_reactions_balance_what_is_applied(name: str, total: tuple[float, float]) -> None:
    body = loaded([name])
    solution = body.solve(MESH.points, controls([name]), LAW.values)
    assert solution.record.certified
    assert forces(body, solution.displacement) == pytest.approx(-np.array(total), abs=1e-8)
    assert np.abs(body.displacement(solution)).max() > 0.3


@pytest.mark.parametrize("name", NAMES)
def test_gradients_in_all_inputs_are_those_of_rebuilt_forwards(name: str) -> None:
    """Of a functional of the displacements, and of the potential; the springs only act beside a load."""
    names = ["traction", "bedding"] if name == "bedding" else [name]
    held, values = ("left", "top", "bottom") if name == "pressure" else ("left",), controls(names)  # with its rim
    generator, body = np.random.default_rng(5), loaded(names, held)
    weights = generator.normal(size=MESH.points.shape)
    solution = body.solve(MESH.points, values, LAW.values)
    found, stored = body.vjp(solution, weights), body.energy_gradients(solution)
    for number, start in enumerate((MESH.points, values, LAW.values)):
        way = generator.normal(size=start.shape) * (0.05 if number == 0 else np.abs(start))
        parts = [(one.points, one.controls, one.material)[number] for one in (found, stored)]
        moved, energies, h = [], [], 1e-4
        for step in (h, -h):
            inputs = [MESH.points, values, LAW.values]
            inputs[number] = start + step * way
            again = loaded(names, held)
            state = again.solve(*inputs)
            moved.append((weights * again.displacement(state)).sum())
            energies.append(state.record.energy)
        assert (parts[0] * way).sum() == pytest.approx((moved[0] - moved[1]) / (2 * h), rel=2e-6, abs=1e-9)
        assert (parts[1] * way).sum() == pytest.approx((energies[0] - energies[1]) / (2 * h), rel=2e-6, abs=1e-9)


@pytest.mark.mpi
def test_ranks_together_carry_every_load_as_one_does() -> None:
    held, found = ("left", "top", "bottom"), []
    weights = np.random.default_rng(0).normal(size=MESH.points.shape)
    for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
        body = Body(MESH, LAW, Boundary(held, (), loads=[LOADS[name][0] for name in NAMES]), comm=comm)
        solution = body.solve(MESH.points, controls(NAMES), LAW.values)
        gradients, stored = body.vjp(solution, weights), body.energy_gradients(solution)
        found.append((body.displacement(solution), gradients.points, gradients.controls, stored.points, stored.controls))
    for shared, alone in zip(*found, strict=True):
        assert shared == pytest.approx(alone, rel=1e-7, abs=1e-8 * np.abs(alone).max())


def ring(inner: float, outer: float, around: int, through: int) -> Mesh:
    """A quarter of a ring of crossed squares; facets x and y on the axes, inside, outside."""
    square = strip(1.0, 1.0, through, around)
    radius, angle = inner + (outer - inner) * square.points[:, 0], 0.5 * np.pi * square.points[:, 1]
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    sides = {"inside": "left", "outside": "right", "y = 0": "bottom", "x = 0": "top"}
    return Mesh(points, square.cells, {name: square.facets[side] for name, side in sides.items()})


def lame(inner: float, outer: float, young: float, poisson: float, pressure: float, radius: Floats) -> Floats:
    """Radial displacement of a thick cylinder in plane strain under inner pressure (Lame 1852)."""
    a, b = inner**2, outer**2
    scale = pressure * a * (1 + poisson) / (young * (b - a))
    return scale * ((1 - 2 * poisson) * radius + b / radius)


@pytest.mark.parametrize(("poisson", "formulation"), [(0.3, Formulation()), (0.4999, Formulation(mixed=True))])
def test_the_thick_cylinder_is_lames(poisson: float, formulation: Formulation) -> None:
    """The rim of the pressed facet slides along the planes of symmetry; straight edges leave an error of second order."""
    law, errors = LinearElastic(100.0, poisson), []
    for around, through in ((8, 4), (16, 8)):
        mesh = ring(1.0, 2.0, around, through)
        boundary = Boundary((), (), [("y = 0", 1), ("x = 0", 0)], [Pressure("inside", 1.0)])
        body = Body(mesh, law, boundary, comm=MPI.COMM_SELF, formulation=formulation)
        moved = body.displacement(body.solve(mesh.points, np.array([0.1]), law.values))
        radius = np.linalg.norm(mesh.points, axis=1)
        exact = lame(1.0, 2.0, 100.0, poisson, 0.1, radius)
        errors.append(np.abs((moved * mesh.points).sum(axis=1) / radius - exact).max() / exact.max())
    assert errors[1] < 2e-3
    assert np.log2(errors[0] / errors[1]) > 1.8


def test_a_pressed_pore_has_no_resultant_and_opens() -> None:
    whole = strip(6.0, 6.0, 6, 6)
    middles = whole.points[whole.cells].mean(axis=1)
    kept = whole.cells[np.abs(middles - 3.0).max(axis=1) > 1.0]
    points, cells = np.unique(kept, return_inverse=True)
    number = np.full(len(whole.points), -1)
    number[points] = np.arange(len(points))
    mesh = Mesh(whole.points[points], cells.reshape(-1, 3), {"left": number[whole.facets["left"]]})
    wall = [edge for edge in mesh.boundary() if np.abs(mesh.points[edge] - 3.0).max() < 1.5]
    mesh = dataclasses.replace(mesh, facets={**mesh.facets, "pore": np.array(wall)})
    body = Body(mesh, LAW, Boundary(("left",), (), loads=[Pressure("pore", 0.1)]), comm=MPI.COMM_SELF)
    solution = body.solve(mesh.points, np.array([0.05]), LAW.values)
    assert forces(body, solution.displacement) == pytest.approx([0.0, 0.0], abs=1e-9)
    moved, rim = body.displacement(solution), np.unique(wall)
    outwards = ((mesh.points[rim] - 3.0) * moved[rim]).sum(axis=1)
    assert outwards.mean() > 0.1


def test_loads_and_displacements_ramp_together_and_a_warm_start_follows_both() -> None:
    drive = (Drive("right", (1.0, None), 3.0),)
    boundary = Boundary(("left",), drive, loads=[Traction("top", (0.0, -1.0), 1.0)])
    body = Body(MESH, LAW, boundary, comm=MPI.COMM_SELF, factors=2)
    first = body.solve(MESH.points, np.array([1.0, 0.02]), LAW.values)
    cold, warm = (body.solve(MESH.points, np.array([1.1, 0.022]), LAW.values, start) for start in (None, first))
    assert warm.record.warm
    assert warm.record.factorisations <= cold.record.factorisations
    assert body.displacement(warm) == pytest.approx(body.displacement(cold), abs=1e-8)


def test_loads_that_do_not_fit_are_refused() -> None:
    wrong: dict[str, tuple[Load, ...]] = {
        "Unknown facet 'rigth'. Did you mean 'right'": (Traction("rigth", (0.0, 1.0), 1.0),),
        "has 3 components, the mesh has 2": (BodyForce((0.0, 0.0, 1.0), 1.0),),
        "is 0 in every component": (Traction("right", (0.0, 0.0), 1.0),),
        "needs a bound above 0 MPa": (Traction("right", (1.0, 0.0), 0.0),),
        "rim of the pressed facet 'top' is free to move at": (Pressure("top", 1.0),),
        "two vertices at least": (Tendon(("end",), 1.0),),
        "are in one place": (Tendon(("end", "end"), 1.0),),
        "Unknown vertex": (PointForce("nose", (0.0, 1.0), 1.0),),
    }
    for sentence, loads in wrong.items():
        with pytest.raises(InputError, match=sentence):
            Boundary(("left",), (), loads=loads).check(MESH)
    with pytest.raises(InputError, match=r"Control 0 \(Tendon 'start - end'\) is -1 N, allowed 0 to 2"):
        Boundary(("left",), (), loads=[Tendon(("start", "end"), 2.0)]).check_controls(np.array([-1.0]))


def test_a_body_that_can_turn_is_refused() -> None:
    with pytest.raises(InputError, match="turn freely about the plane's normal"):
        Boundary((), (), [("left", 1), ("corner", 0)]).check(
            dataclasses.replace(MESH, facets={**MESH.facets, "corner": MESH.facets["top"][-1:][:, [1, 1]]})
        )
    Boundary((), (), [("left", 0), ("bottom", 1)]).check(MESH)
