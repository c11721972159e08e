"""Displacement by component, and controls that take the value at which their reaction vanishes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from mpi4py import MPI
from scipy.optimize import brentq

from geometries.round_pores import round_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.bridge import Bridge, Physics
from mnnfem.errors import InputError
from mnnfem.guard import Guard
from mnnfem.material import NeoHookean
from mnnfem.plant import Plant
from mnnfem.relaxed import Relaxed
from mnnfem.warmstart import Library
from tests.conftest import strip

LAW = NeoHookean()
ROLLERS = (("left", 0), ("bottom", 1))
PULL, SIDE = Drive("top", (None, 1.0), 6.0), Drive("right", (1.0, None), 6.0)


def free_sided(mesh) -> Body:
    return Body(mesh, LAW, Boundary((), (PULL,), ROLLERS), comm=MPI.COMM_SELF, factors=4)


def straight_sided(mesh) -> Relaxed:
    return Relaxed(Body(mesh, LAW, Boundary((), (PULL, SIDE), ROLLERS), comm=MPI.COMM_SELF, factors=4), free=(1,))


@pytest.mark.parametrize("make", [free_sided, straight_sided])
@pytest.mark.parametrize("control", [2.0, -1.5])
def test_a_block_between_rollers_is_in_uniaxial_stress(make: Callable, control: float) -> None:
    """The lateral stretch is that at which the lateral stress vanishes, worked out from the law."""
    mesh = strip(8.0, 6.0, 4, 3)
    physics = make(mesh)
    moved = physics.displacement(physics.solve(mesh.points, np.array([control]), LAW.values))
    young, poisson = LAW.values
    mu, bulk, long = young / 2 / (1 + poisson), young / 3 / (1 - 2 * poisson), 1 + control / 6
    wide = brentq(lambda s: mu * (s - 1 / s) + bulk * np.log(s * long) / s, 0.5, 2.0, xtol=1e-14)
    assert moved == pytest.approx(mesh.points * [wide - 1, long - 1], abs=1e-9)


def test_a_component_may_be_free_on_each_of_two_drives_that_share_a_vertex() -> None:
    mesh = strip(8.0, 6.0, 4, 3)
    Boundary((), (PULL, SIDE), ROLLERS).check(mesh)
    for boundary, message in (
        (Boundary((), (PULL, Drive("right", (1.0, 0.0), 1.0)), ROLLERS), "'right' and 'bottom' share 1 vertex"),
        (Boundary((), (Drive("top", (None, None), 1.0),), ROLLERS), "leaves every component free"),
        (Boundary((), (PULL,)), "Nothing holds the body in x"),
        (Boundary((), (PULL,), (("left", 2),)), "holds component 2, the mesh has 0 to 1"),
        (Boundary((), (PULL,), (("lefd", 0),)), "Did you mean 'left'"),
    ):
        with pytest.raises(InputError, match=message):
            boundary.check(mesh)


def test_free_controls_must_exist_and_leave_one() -> None:
    body = Body(strip(8.0, 6.0, 4, 3), LAW, Boundary((), (PULL, SIDE), ROLLERS), comm=MPI.COMM_SELF)
    for free in ((0, 1), (2,)):
        with pytest.raises(InputError, match="may be free, and not all"):
            Relaxed(body, free)
    with pytest.raises(InputError, match="1 controls are given"):
        Relaxed(body, (1,)).check(body.solid.mesh.points, np.zeros(2), LAW.values)


def test_the_reaction_is_gone_and_the_energy_least() -> None:
    geometry = round_pores(2, 2, elements=16)
    physics = straight_sided(geometry.mesh)
    found = physics.solve(geometry.mesh.points, np.array([-1.0]), LAW.values).state
    gradients = physics.body.energy_gradients(found).controls
    assert abs(gradients[1]) < 1e-8 * abs(gradients[0])
    for change in (-0.05, 0.05):
        near = physics.body.solve(geometry.mesh.points, found.controls + np.array([0.0, change]), LAW.values, found)
        assert near.record.energy > found.record.energy


@pytest.mark.parametrize("make", [free_sided, straight_sided])
@pytest.mark.parametrize("name", ["design", "control", "material"])
def test_taylor_order_and_a_rebuilt_difference(make: Callable[..., Physics], name: str) -> None:
    geometry, rng = round_pores(2, 2, elements=16), np.random.default_rng(4)
    weights = torch.from_numpy(rng.normal(size=geometry.mesh.points.shape))
    start = {
        "design": geometry.parameters.start + rng.uniform(-0.05, 0.05, len(geometry.parameters)),
        "control": np.array([[-1.2]]),
        "material": LAW.values,
    }
    direction = rng.normal(size=start[name].shape) * {"design": 0.05, "control": 0.5, "material": np.array([5.0, 0.05])}[name]

    def value(step: float, physics: Physics) -> tuple[torch.Tensor, torch.Tensor]:
        leaves = {key: torch.tensor(given + (step * direction if key == name else 0.0)) for key, given in start.items()}
        leaves[name].requires_grad_()
        response = Bridge(physics)(geometry.points(leaves["design"]), leaves["control"], leaves["material"])
        return (weights * response.displacement[0]).sum(), leaves[name]

    base, leaf = value(0.0, make(geometry.mesh))
    base.backward()
    slope = float((leaf.grad.numpy() * direction).sum())
    fresh = {h: float(value(h, make(geometry.mesh))[0].detach()) for h in (0.04, 0.02, 0.01, 1e-3, -1e-3, 2e-3, -2e-3)}
    remainders = np.array([abs(fresh[h] - float(base.detach()) - h * slope) for h in (0.04, 0.02, 0.01)])
    assert np.log2(remainders[:-1] / remainders[1:]).min() > 1.9
    central = [(fresh[h] - fresh[-h]) / (2 * h) for h in (1e-3, 2e-3)]
    assert slope == pytest.approx((4 * central[0] - central[1]) / 3, rel=1e-5)


def test_relaxed_states_are_carried_to_a_new_mesh() -> None:
    geometry, library, material = round_pores(2, 2, elements=16), Library(), torch.from_numpy(LAW.values)
    plant, control = Plant(geometry, straight_sided, Guard(0.9, 0.9)), torch.tensor([[-1.0]], dtype=torch.float64)
    start = torch.from_numpy(geometry.parameters.start)
    Bridge(plant.physics)(plant.geometry.points(start), control, material, library)
    assert plant.renew(start + 0.06, library) is not None
    response = Bridge(plant.physics)(plant.geometry.points(start + 0.06), control, material, library)
    assert response.outcome[0].record.warm
    assert response["top"].shape[2] == 2
