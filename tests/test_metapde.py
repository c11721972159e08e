"""MAML and LEAP against updates derived by hand and against differences; the field that they train."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from mnnfem.errors import InputError
from mnnfem.metapde.leap import Leap
from mnnfem.metapde.maml import DECAY, Maml
from mnnfem.metapde.objective import Field, Sample
from mnnfem.metapde.siren import Siren

RATE = 0.3


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def squares(field: Field, sample: Sample) -> torch.Tensor:
    return 0.5 * (field(sample["x"]) - sample["y"]).square().mean()


def line() -> torch.nn.Module:
    """y = w x, w = 0.7."""
    field = torch.nn.Linear(1, 1, bias=False, dtype=torch.float64)
    torch.nn.init.constant_(field.weight, 0.7)
    return field


def samples(*xy: tuple[float, float]) -> Sample:
    table = torch.tensor(xy, dtype=torch.float64)
    return {"x": table[:, 0, None, None], "y": table[:, 1, None, None]}


def drawn(count: int, *shape: int, seed: int = 1) -> Sample:
    """Instances y = sin(x + phase), their points, (count, *shape, 1)."""
    x = torch.rand(count, *shape, 1, dtype=torch.float64, generator=generator(seed)) * 4 - 2
    phase = torch.arange(count, dtype=torch.float64).reshape(-1, *[1] * (len(shape) + 1))
    return {"x": x, "y": torch.sin(x + phase)}


@pytest.mark.parametrize("first_order", [False, True])
def test_one_step_of_maml_is_the_one_derived_by_hand(first_order: bool) -> None:
    """f = w x: w' = w - r a (w a - b), dL'/dw = c (w' c - d) (1 - r a^2), to first order without the last factor."""
    maml = Maml(line(), squares, 1, RATE, first_order)
    (a, b), (c, d) = (2.0, 1.0), (-1.5, 0.4)
    inner = {name: one[None] for name, one in samples((a, b)).items()}
    w = 0.7
    moved = w - RATE * a * (w * a - b)
    assert maml.adapted(samples((a, b)))["weight"].item() == pytest.approx(moved, rel=1e-12)
    loss = maml.meta_loss(inner, samples((c, d)))
    assert loss.item() == pytest.approx(0.5 * (moved * c - d) ** 2, rel=1e-12)
    loss.backward()
    slope = c * (moved * c - d)
    assert maml.field.weight.grad.item() == pytest.approx(slope * (1.0 if first_order else 1 - RATE * a**2), rel=1e-12)
    rate_slope = -slope * a * (w * a - b) * (1 - math.exp(-RATE))  # softplus' = 1 - exp(-softplus)
    assert maml.raw_rates[0].grad.item() == pytest.approx(rate_slope, rel=1e-12)


def test_the_meta_loss_weighs_the_later_steps_more() -> None:
    maml = Maml(line(), squares, 3, 0.1)
    inner, outer = {name: one[None] for name, one in samples((1.0, 2.0), (1.5, 0.0), (0.5, 1.0)).items()}, samples((1.0, 1.0))
    field, path = maml.field, maml.path({name: one[0] for name, one in inner.items()})
    losses = [squares(partial(torch.func.functional_call, field, found), outer).item() for found in path]
    weights = [DECAY**2, DECAY, 1.0]
    expected = sum(w * one for w, one in zip(weights, losses, strict=True)) / sum(weights)
    assert maml.meta_loss(inner, outer).item() == pytest.approx(expected, rel=1e-12)


def test_second_order_gradients_are_those_of_differences() -> None:
    """Through three steps of a sine network, in its weights, scales and rates."""
    maml = Maml(Siren(1, 1, (8, 8), generator()), squares, 3, 0.05)
    inner, outer = drawn(4, 3, 10), drawn(4, 12, seed=2)
    maml.meta_loss(inner, outer).backward()
    parameters = list(maml.parameters())
    directions = [torch.randn(one.shape, dtype=torch.float64, generator=generator(5)) for one in parameters]
    slope = sum(float((one.grad * along).sum()) for one, along in zip(parameters, directions, strict=True))

    @torch.no_grad()
    def at(step: float) -> float:
        for one, along in zip(parameters, directions, strict=True):
            one += step * along
        value = maml.meta_loss(inner, outer).item()
        for one, along in zip(parameters, directions, strict=True):
            one -= step * along
        return value

    far, near = ((at(h) - at(-h)) / (2 * h) for h in (2e-4, 1e-4))
    assert slope == pytest.approx((4 * near - far) / 3, rel=1e-7)
    first = Maml(Siren(1, 1, (8, 8), generator()), squares, 3, 0.05, first_order=True)
    first.meta_loss(inner, outer).backward()
    first_slope = sum(float((one.grad * along).sum()) for one, along in zip(first.parameters(), directions, strict=True))
    assert abs(first_slope / slope - 1) > 1e-3


@pytest.mark.parametrize("rate", [0.2, 0.9])
def test_leap_is_the_sum_derived_by_hand(rate: float) -> None:
    """f = w x on one point (a, b), two steps of gradient descent; at the larger rate the loss rises."""
    leap = Leap(line(), squares, 2, partial(torch.optim.SGD, lr=rate))
    a, b = 2.0, 1.0
    inner = {name: one[None] for name, one in samples(*[(a, b)] * 3).items()}
    last = leap.meta_backward(inner)
    w = [0.7]
    for _ in range(2):
        w.append(w[-1] - rate * a * (w[-1] * a - b))
    f, slope = [0.5 * (one * a - b) ** 2 for one in w], [a * (one * a - b) for one in w]
    expected = 0.0
    for k in range(2):
        fall, moved = -abs(f[k + 1] - f[k]), w[k + 1] - w[k]
        expected -= (fall * slope[k] + moved) / math.hypot(fall, moved)
    assert leap.field.weight.grad.item() == pytest.approx(expected, rel=1e-12)
    assert last.item() == pytest.approx(f[2], rel=1e-12)
    assert leap.adapted(inner)["weight"].item() == pytest.approx(w[2], rel=1e-12)
    assert (f[1] > f[0]) == (rate > 0.5)


def test_paths_of_leap_are_those_of_each_instance_alone() -> None:
    """Adam's moments are of single numbers, so stacked instances do not mix; the meta gradient is the mean."""
    inner = drawn(3, 5, 10)
    together, alone = (Leap(Siren(1, 1, (8,), generator()), squares, 4, partial(torch.optim.Adam, lr=0.01)) for _ in range(2))
    together.meta_backward(inner)
    found, sums = together.adapted(inner), {name: torch.zeros_like(one) for name, one in alone.field.named_parameters()}
    for k in range(3):
        one = {name: value[k : k + 1] for name, value in inner.items()}
        alone.meta_backward(one)
        for name, parameter in alone.field.named_parameters():
            sums[name] += parameter.grad / 3
            assert found[name][k].numpy() == pytest.approx(alone.adapted(one)[name][0].numpy(), rel=1e-9, abs=1e-12)
    for name, parameter in together.field.named_parameters():
        assert parameter.grad.numpy() == pytest.approx(sums[name].numpy(), rel=1e-9, abs=1e-12)


def test_derivatives_of_the_field_are_those_of_differences() -> None:
    field = Siren(2, 1, (16, 16), generator())
    points = torch.rand(5, 2, dtype=torch.float64, generator=generator(3))
    jacobian = torch.func.vmap(torch.func.jacrev(field))(points)
    for axis in range(2):
        step = 1e-5 * torch.eye(2, dtype=torch.float64)[axis]
        difference = (field(points + step) - field(points - step)) / 2e-5
        assert jacobian[:, :, axis].detach().numpy() == pytest.approx(difference.detach().numpy(), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("depth", [1, 3, 6])
def test_a_sine_network_begins_as_lively_whatever_its_depth(depth: int) -> None:
    field = Siren(2, 1, (256,) * depth, generator())
    points = torch.rand(2000, 2, dtype=torch.float64, generator=generator(1)) * 2 - 1
    hidden = []
    for layer in field.layers[1:]:
        layer.register_forward_pre_hook(lambda _, given: hidden.append(given[0].std().item()))
    field(points)
    assert all(0.5 < spread < 0.8 for spread in hidden[1:])  # sin of what is spread widely has 1 / sqrt(2)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match=r"at a rate above 0: got 0 steps at rate 0\.1"):
        Maml(line(), squares, 0, 0.1)
    with pytest.raises(InputError, match="got 2 steps at rate 0"):
        Maml(line(), squares, 2, 0.0)
    with pytest.raises(InputError, match="LEAP takes at least one step, got 0"):
        Leap(line(), squares, 0, torch.optim.SGD)
