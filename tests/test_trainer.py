import math

import numpy as np
import pytest
import torch

from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.controller import Controller
from mnnfem.errors import EquilibriumError
from mnnfem.geometry import Geometry
from mnnfem.guard import Guard
from mnnfem.material import NeoHookean
from mnnfem.plant import Plant
from mnnfem.task import Translation
from mnnfem.trainer import Schedule, adam, evaluate, follow, train
from mnnfem.warmstart import Library


@pytest.fixture
def model(panel: Geometry, body: Body) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(Controller(2, [40.0, 40.0]), Plant(panel, lambda _: body, Guard(0.0, 0.0)), NeoHookean())


def run(model: Autoencoder, task: Translation, **rates: float) -> list:
    return list(train(model, task, torch.Generator().manual_seed(0), Schedule(4, 2, **rates)))


def test_the_design_stays_within_its_bounds(model: Autoencoder, panel: Geometry) -> None:
    """A rate that would carry every radius far out of bounds in one step, where the solver would refuse it."""
    run(model, Translation(), network_rate=0.01, design_rate=1.0)
    design = model.design.detach().numpy()
    assert np.all((design >= panel.parameters.lower) & (design <= panel.parameters.upper))
    assert np.isin(design, (0.1, 0.9)).mean() > 0.5


def test_one_step_of_training_is_adam_on_the_mean_error(model: Autoencoder, panel: Geometry) -> None:
    """The first Adam step moves every parameter that has a gradient by its rate."""
    start = model.design.detach().clone()
    step = next(train(model, Translation(), torch.Generator().manual_seed(0), Schedule(10, 2, 0.01, 0.02)))
    moved = (model.design.detach() - start).abs()
    assert moved[moved > 0].numpy() == pytest.approx(0.02, rel=1e-3)
    assert (moved > 0).float().mean() > 0.9
    targets = Translation().batch(2, torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    again = Autoencoder(Controller(2, [40.0, 40.0]), model.plant, NeoHookean())
    assert step.loss == pytest.approx(evaluate(again, Translation(), targets).mean, rel=1e-9)


def test_a_second_training_goes_on_with_the_moments(model: Autoencoder) -> None:
    """Its first step is none of the rate's length in every parameter, as a new optimiser's is, and has the new rate."""
    optimiser, generator, moved = adam(model), torch.Generator().manual_seed(0), []
    for rate in (0.02, 0.004):
        start = model.design.detach().clone()
        steps = train(model, Translation(), generator, Schedule(3, 2, 0.01, rate), optimiser=optimiser)
        next(steps)
        moved.append((model.design.detach() - start).abs())
        list(steps)
    assert (moved[0] > 0.0199).double().mean() > 0.9
    assert (moved[1] > 0.00399).double().mean() < 0.5
    assert 0 < moved[1].max() < 0.01


def test_failed_samples_are_left_out_and_counted(model: Autoencoder, panel: Geometry, monkeypatch: pytest.MonkeyPatch) -> None:
    task, solve, count = Translation(), Body.solve, [0]

    def failing(self, *inputs, **options):
        count[0] += 1
        if count[0] % 2 or count[0] > 6:
            raise EquilibriumError("planted", 0.5)
        return solve(self, *inputs, **options)

    monkeypatch.setattr(Body, "solve", failing)
    steps = run(model, task, network_rate=0.01, design_rate=0.01)
    assert [step.failed for step in steps] == [1, 1, 1, 2]
    assert [math.isnan(step.loss) for step in steps] == [False, False, False, True]
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    targets = task.sample(3, torch.Generator().manual_seed(1))
    tested = evaluate(model, task, targets)
    assert tested.failed == 3
    assert tested.errors == pytest.approx(targets.abs().sum(dim=1))  # a failed sample counts with the body at rest


def test_a_film_follows_its_path_from_state_to_state(model: Autoencoder) -> None:
    angle = torch.linspace(0, 0.6, 4, dtype=torch.float64)
    path = 8.0 * torch.stack([angle.cos(), angle.sin()], dim=1)
    film, rest = follow(model, Translation(), path, Library()), evaluate(model, Translation(), path)
    assert [one.record.warm for one in film.response.outcome] == [False, True, True, True]
    assert not any(one.record.warm for one in rest.response.outcome)
    assert film.displacement.numpy() == pytest.approx(rest.displacement.numpy(), abs=1e-6)
    assert film.errors.numpy() == pytest.approx(rest.errors.numpy(), abs=1e-6)


def test_an_overlap_penalty_pulls_walls_apart(panel: Geometry, body: Body) -> None:
    """Weak pores, pressed; the network stays as it is. Measured: 4.68 mm deep without the penalty, none with it."""
    task, found = Translation(), []
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        model = Autoencoder(Controller(2, [40.0, 40.0]), Plant(panel, lambda _: body, Guard(0.0, 0.0)), NeoHookean())
        with torch.no_grad():
            model.design.fill_(0.85)
            model.controller.layers[-1].bias.copy_(torch.tensor([1.0, -1.0]))
        schedule = Schedule(12, 2, 0.0, 0.02, overlap_weight=weight, clearance=1.0)
        first, *_ = train(model, task, torch.Generator().manual_seed(0), schedule)
        tested = evaluate(model, task, task.sample(2, torch.Generator().manual_seed(0)))
        found.append((first.loss, tested.deepest_overlap, tested.crossed))
    assert found[0][0] == found[1][0]  # a step reports its error without the penalty
    assert [one[2] for one in found] == [2, 0]
    assert found[0][1] > 3
