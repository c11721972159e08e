"""Past a bifurcation: stable branches, chosen by the sign of the imperfection, each the other's mirror image."""

from __future__ import annotations

import numpy as np
import pytest

import mnnfem.minimise
from benchmarks.elastica import Column, critical_load, load_of
from benchmarks.lattices import Lattice, images, mirrored
from mnnfem.body import Body
from mnnfem.stability import kick
from tests.conftest import strip


def pair(bodies: dict[int, Body], rise: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Both signs from rest in one solve: displacements, and how far the second is from the first's mirror image."""
    moved, energies = {}, []
    for sign, body in bodies.items():
        solution = body.solve(body.solid.mesh.points, np.array([rise]), body.solid.law.values)
        assert solution.record.certified
        moved[sign] = body.displacement(solution)
        energies.append(solution.record.energy)
    assert energies[0] == pytest.approx(energies[1], rel=1e-10)
    mirror = images(bodies[1].solid.mesh.points, moved[1], rise)["mirror"]
    return moved[1], moved[-1], float(np.abs(mirror - moved[-1]).max() / np.abs(moved[1]).max())


def lattice_pair(lattice: Lattice) -> tuple[np.ndarray, np.ndarray, float]:
    mesh = lattice.mesh()
    bodies = {sign: lattice.body(mesh, sign) for sign in (1, -1)}
    return pair(bodies, -0.25 * float(np.ptp(mesh.points[:, 1])))


@pytest.mark.parametrize("multiple", [1.5, 10.0])
def test_a_column_follows_the_elastica_to_the_side_of_the_sign(multiple: float) -> None:
    """Slenderness 40: the elastica leaves out what is of the order of the strain at buckling, 0.2 %; 0.4 % was measured."""
    column = Column()
    bodies = {sign: column.body(sign) for sign in (1, -1)}
    right, left, distance = pair(bodies, -multiple * column.shortening)
    sway = right[np.abs(right[:, 0]).argmax(), 0]
    assert sway == pytest.approx(column.elastica(multiple * column.shortening).sway, rel=0.006)
    assert left[:, 0].min() == pytest.approx(-sway, rel=1e-9)
    assert distance < 1e-9
    body = bodies[1]
    solution = body.solve(body.solid.mesh.points, np.array([-multiple * column.shortening]), column.law.values)
    assert load_of(body, solution.displacement) == pytest.approx(column.elastica(multiple * column.shortening).load, rel=0.006)


def test_the_column_buckles_at_eulers_load() -> None:
    column = Column()
    assert critical_load(column) == pytest.approx(column.euler, rel=0.005)


def test_the_elastica_starts_at_eulers_load() -> None:
    """Just beyond buckling the load is Euler's, and the sway that of a cosine: its square is 4 L / pi^2 times the excess."""
    column = Column()
    bent = column.elastica(1.001 * column.shortening)
    assert bent.load == pytest.approx(column.euler, rel=1e-5)
    assert bent.sway**2 == pytest.approx(4 / np.pi**2 * column.length * 0.001 * column.shortening, rel=5e-3)


SMALL = Lattice(2, 3, "square", 0.15, 0.3)


@pytest.mark.parametrize("lattice", [SMALL, Lattice(4, 4, "round", 0.08, 0.46)])
def test_both_signs_are_mirror_images(lattice: Lattice) -> None:
    """The second divides twice on its way: what the first kick leaves open must not be left to rounding."""
    right, left, distance = lattice_pair(lattice)
    assert distance < 1e-9
    assert np.abs(right - left).max() > 0.3 * np.abs(right).max()


def test_a_sign_that_is_ignored_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnnfem.minimise, "kick", lambda solid, tangent, state, imperfection: kick(solid, tangent, state, 1))
    right, left, distance = lattice_pair(SMALL)
    assert distance > 0.3
    assert right == pytest.approx(left, abs=1e-9)


def test_meshes_that_are_not_symmetric_have_no_images() -> None:
    mesh = SMALL.mesh()
    assert set(images(mesh.points, np.zeros_like(mesh.points), 0.0)) == {"same", "mirror", "upside_down", "half_turn"}
    with pytest.raises(ValueError, match="not symmetric"):
        images(mesh.points + np.arange(len(mesh.points))[:, None] * 1e-5, np.zeros_like(mesh.points), 0.0)


def test_mirroring_keeps_the_area_and_joins_the_halves() -> None:
    mesh = strip(3.0, 4.0, 2, 4)
    whole = mirrored(mesh, 1)
    assert len(whole.points) == len(mesh.points)
    assert len(whole.cells) == len(mesh.cells)
    assert len(whole.boundary()) == len(mesh.boundary())
