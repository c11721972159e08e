"""Every gradient: a Taylor test of order > 1.9, and a forward solve rebuilt from nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.gradient import Problem, relative_error, taylor_order
from mnnfem.bridge import Bridge
from mnnfem.factor import Cholesky
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean

INPUTS = ("radii", "controls", "material")


@pytest.fixture(scope="module")
def problem(panel: Geometry) -> Problem:
    return Problem.random(panel, seed=3)


@pytest.mark.parametrize("name", INPUTS)
def test_taylor_order(problem: Problem, name: str) -> None:
    assert taylor_order(problem, problem.gradient(), name) > 1.95


@pytest.mark.parametrize("name", INPUTS)
def test_gradient_equals_a_rebuilt_forward(problem: Problem, name: str) -> None:
    assert relative_error(problem, problem.gradient(), name) < 1e-6


@pytest.mark.parametrize("name", INPUTS)
def test_a_gradient_one_percent_off_is_caught(problem: Problem, name: str) -> None:
    wrong = {key: value * 1.01 for key, value in problem.gradient().items()}
    assert taylor_order(problem, wrong, name) < 1.5
    assert relative_error(problem, wrong, name) > 5e-3


def test_modulus_does_not_matter_under_prescribed_displacements(problem: Problem) -> None:
    young, poisson = problem.gradient()["material"]
    assert abs(young) * 70 < 1e-9 * abs(poisson)


def test_two_forwards_before_one_backward(problem: Problem) -> None:
    """Each backward must use its own state; with one factor kept, the first one's is made again."""
    alone = [problem.gradient(batch=[k])["controls"][0] for k in range(2)]
    both = problem.gradient(batch=[0, 1])["controls"]
    assert both[0] == pytest.approx(alone[0], rel=1e-8)
    assert both[1] == pytest.approx(alone[1], rel=1e-8)
    inputs = problem.inputs()
    bridge = Bridge(problem.body(factors=1))
    points = problem.geometry.points(inputs["radii"])
    losses = [
        (problem.weights[k] * bridge(points, inputs["controls"][[k]], inputs["material"]).displacement[0]).sum() for k in (0, 1)
    ]
    sum(losses).backward()
    assert inputs["controls"].grad.numpy() == pytest.approx(both, rel=1e-8)


def test_gradient_survives_a_move_of_the_mesh_between_forward_and_backward(problem: Problem) -> None:
    """State is an argument: solving something else in between changes nothing."""
    body = problem.body(factors=1)
    inputs, bridge = problem.inputs(), Bridge(body)
    response = bridge(problem.geometry.points(inputs["radii"]), inputs["controls"][[0]], inputs["material"])
    loss = (problem.weights[0] * response.displacement[0]).sum()
    body.solve(problem.geometry.mesh.points, np.array([1.0, 2.0]), NeoHookean(10.0, 0.1).values)
    loss.backward()
    expected = problem.gradient(batch=[0])
    for name in INPUTS:
        found = inputs[name].grad.numpy()[[0]] if name == "controls" else inputs[name].grad.numpy()
        assert found == pytest.approx(expected[name], rel=1e-7, abs=1e-9)


def test_second_derivatives_are_refused(problem: Problem) -> None:
    inputs, bridge = problem.inputs(), Bridge(problem.body())
    loss = bridge(problem.geometry.points(inputs["radii"]), inputs["controls"], inputs["material"]).displacement.sum()
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(loss, inputs["controls"], create_graph=True)


def test_the_gradient_is_of_the_returned_state_whatever_factor_serves(problem: Problem, monkeypatch) -> None:
    """The factor of a state near by gives the same gradient: conjugate gradients on the right tangent see to it."""
    points = problem.geometry.points(torch.from_numpy(problem.radii)).numpy()
    body, seed = problem.body(), problem.weights[0].numpy()
    solution = body.solve(points, problem.controls[0], problem.material)
    expected = body.vjp(solution, seed)
    other = Cholesky(body.solid.comm)
    assert other.factorise(body.solid.tangent(0.98 * solution.displacement))
    monkeypatch.setattr(body.equilibrium, "factor", lambda _: other)
    found = body.vjp(solution, seed)
    assert found.points == pytest.approx(expected.points, rel=1e-7, abs=1e-8 * np.abs(expected.points).max())
    assert found.controls == pytest.approx(expected.controls, rel=1e-8)


def test_energy_gradients_are_those_of_rebuilt_forwards(problem: Problem) -> None:
    body, law = problem.body(), NeoHookean()
    points, controls = problem.geometry.points(torch.from_numpy(problem.radii)).numpy(), problem.controls[0]
    rng = np.random.default_rng(1)
    start = (points, controls, law.values)
    ways = [rng.normal(size=value.shape) * np.maximum(np.abs(value), 1.0) for value in start]
    gradients = body.energy_gradients(body.solve(*start))
    for number, gradient in enumerate((gradients.points, gradients.controls, gradients.material)):
        slope, energies, remainders = (gradient * ways[number]).sum(), {}, []
        for step in (0.0, 1e-3, -1e-3, 2e-3):
            inputs = list(start)
            inputs[number] = start[number] + 0.02 * step * ways[number]
            energies[step] = problem.body().solve(*inputs).record.energy
            remainders.append(abs(energies[step] - energies[0.0] - 0.02 * step * slope))
        assert (energies[1e-3] - energies[-1e-3]) / 4e-5 == pytest.approx(slope, rel=1e-6)
        assert np.log2(remainders[3] / remainders[1]) > 1.9
