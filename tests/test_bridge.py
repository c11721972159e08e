import numpy as np
import pytest
import torch

from mnnfem.body import Body
from mnnfem.bridge import Bridge
from mnnfem.errors import EquilibriumError, InputError
from mnnfem.geometry import Geometry
from mnnfem.warmstart import Library

MATERIAL = torch.tensor([70.0, 0.3], dtype=torch.float64)


class Failing:
    """A physics that fails where the first control is negative, and otherwise returns points x control."""

    observables = {"tip": 2, "rim": np.array([0, 1])}

    def __init__(self) -> None:
        self.solves = 0

    def check(self, points, controls, material) -> None:
        if np.any(np.abs(controls) > 10):
            raise InputError("too far")

    def solve(self, points, controls, material, start=None):
        self.solves += 1
        if controls[0] < 0:
            raise EquilibriumError("it does not like negative numbers", 0.25, 7, "Try positive ones.")
        return points, controls[0]

    def displacement(self, solution):
        return solution[0] * solution[1]

    edges = np.zeros((0, 2), dtype=int)

    def middles(self, solution):
        return np.zeros((0, 2))

    def vjp(self, solution, seed, middles):
        from types import SimpleNamespace

        points, control = solution
        assert np.isfinite(seed).all()
        return SimpleNamespace(points=seed * control, controls=np.array([(seed * points).sum()]), material=np.zeros(2))


POINTS = torch.arange(6, dtype=torch.float64).reshape(3, 2)


def test_a_batch_equals_its_samples(body: Body, panel: Geometry, design: torch.Tensor) -> None:
    points, controls = panel.points(design), torch.tensor([[5.0, -5.0], [20.0, 10.0]], dtype=torch.float64)
    bridge = Bridge(body)
    batch = bridge(points, controls, MATERIAL).displacement
    assert batch.shape == (2, *panel.mesh.points.shape)
    for k in range(2):
        assert torch.allclose(batch[k], bridge(points, controls[[k]], MATERIAL).displacement[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("points", "controls", "message"),
    [
        (
            POINTS.float(),
            torch.ones(1, 1, dtype=torch.float64),
            "points must be a float64 tensor on the CPU",
        ),
        (POINTS, torch.ones(1, 1), "controls must be a float64"),
        (POINTS, torch.ones(1, dtype=torch.float64), "as a batch"),
        (POINTS, torch.ones(1, 1, dtype=torch.float64, device="meta"), "on meta"),
        (POINTS, torch.tensor([[1.0], [11.0]], dtype=torch.float64), "too far"),
    ],
)
def test_wrong_input_raises_before_any_solve(points, controls, message: str) -> None:
    physics = Failing()
    with pytest.raises(InputError, match=message):
        Bridge(physics)(points, controls, MATERIAL)
    assert physics.solves == 0


def test_a_failure_is_raised_or_left_out() -> None:
    controls = torch.tensor([[2.0], [-1.0], [3.0]], dtype=torch.float64, requires_grad=True)
    with pytest.raises(EquilibriumError, match=r"at 25.0% of the load, in element 7\. Try positive ones\."):
        Bridge(Failing())(POINTS, controls, MATERIAL)
    response = Bridge(Failing(), skip_failures=True)(POINTS, controls, MATERIAL)
    assert response.solved.tolist() == [True, False, True]
    assert response.displacement[1].isnan().all()
    response.displacement[response.solved].sum().backward()
    assert controls.grad.tolist() == [[15.0], [0.0], [15.0]]


def test_observables_are_asked_for_by_name(body: Body) -> None:
    response = Bridge(Failing())(POINTS, torch.tensor([[2.0], [3.0]], dtype=torch.float64), MATERIAL)
    assert response["tip"].tolist() == [[8.0, 10.0], [12.0, 15.0]]
    assert response["rim"].shape == (2, 2, 2)
    with pytest.raises(InputError, match=r"Unknown observable 'tipp'\. Did you mean 'tip'"):
        response["tipp"]
    assert body.observables["centre"] == body.solid.mesh.vertex("centre")
    assert len(body.observables["left_middle"]) == 5


def test_library_gives_the_nearest_and_forgets_the_oldest(body: Body, panel: Geometry) -> None:
    library = Library(capacity=2)
    bridge = Bridge(body)
    points = panel.points(torch.from_numpy(panel.parameters.start))
    controls = torch.tensor([[8.0, 0.0], [12.0, 0.0], [0.0, 9.0]], dtype=torch.float64)
    assert library.nearest(controls[0].numpy()) is None
    outcome = bridge(points, controls, MATERIAL, library).outcome
    assert library.nearest(np.array([8.0, 0.0])) is outcome[1]
    assert library.nearest(np.array([1.0, 8.0])) is outcome[2]
    assert library.nearest(np.array([0.5, 0.5])) is None  # the undeformed state is nearer
    assert bridge(points, controls[1:2] * 1.01, MATERIAL, library).outcome[0].record.warm
