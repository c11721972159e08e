"""The digit display's parts: windows against a direct computation, read-out, choice of states, gradients."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mpi4py import MPI

from geometries.display import display, windows
from mnnfem.body import Body
from mnnfem.bridge import Bridge, Response
from mnnfem.display import bank, choice, distortion, recognition
from mnnfem.display.assignment import assign
from mnnfem.display.choice import Choice
from mnnfem.display.colours import Colours
from mnnfem.display.distortion import distorted
from mnnfem.display.images import Images, load, shares
from mnnfem.display.recognition import head_accuracy, learn, nearest, recogniser
from mnnfem.display.segments import DIGITS, LIT, NONE, best_constant, margins, read
from mnnfem.display.show import Show
from mnnfem.display.training import table
from mnnfem.display.windows import Windows, lattice, marks
from mnnfem.errors import EquilibriumError, InputError
from workflows.digit_display import FACES, DigitSettings, experiment

GEOMETRY, SIZE = display(), (300.0, 450.0)
START = torch.from_numpy(GEOMETRY.parameters.start)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def order(function, start: torch.Tensor, step: float) -> float:
    """How fast the rest of the first-order Taylor expansion falls, along a random direction."""
    start = start.detach().clone().requires_grad_()
    value = function(start)
    (slope,) = torch.autograd.grad(value, start)
    along = random(*start.shape, seed=9)
    with torch.no_grad():
        rests = [abs(float(function(start + h * along) - value - h * (slope * along).sum())) for h in (step, step / 2)]
    return math.log2(rests[0] / rests[1])


# Windows


def test_weights_are_the_softmax_of_ten_over_the_distance_in_centimetres() -> None:
    view = Windows({"one": np.array([0.0, 0.0, 10.0, 120.0]), "two": np.array([40.0, 30.0, 160.0, 40.0])})
    now = np.random.default_rng(1).uniform([-30, -30], [180, 150], (60, 2))
    got = view.weights(torch.from_numpy(now)).numpy()
    for row, (left, bottom, right, top) in zip(got, view.rectangles.values(), strict=True):
        near = [
            i for i, (x, y) in enumerate(now) if math.hypot(max(left - x, 0, x - right), max(bottom - y, 0, y - top)) <= 50.0
        ]
        wanted = np.zeros(len(now))
        for place in lattice(np.array([left, bottom, right, top])):
            terms = {i: 10 / (math.dist(place, now[i]) / 10) for i in near}
            most = max(terms.values())
            total = sum(math.exp(term - most) for term in terms.values())
            for i, term in terms.items():
                wanted[i] += math.exp(term - most) / total / 25
        assert 0 < len(near) < 60
        assert row == pytest.approx(wanted, abs=1e-6)
        assert row.sum() == pytest.approx(1)


def test_a_window_far_from_all_material_sees_the_nearest() -> None:
    view = Windows({"only": np.array([0.0, 0.0, 10.0, 10.0])})
    now = torch.tensor([[100.0, 0.0], [300.0, 0.0]], dtype=torch.float64)
    assert view.weights(now).tolist() == [[1.0, 0.0]]


def test_samples_lie_evenly_in_their_window() -> None:
    for box in windows().values():
        samples = lattice(box)
        assert samples.shape == (25, 2)
        for axis in (0, 1):
            low, high = box[axis], box[axis + 2]
            assert np.sort(samples[:, axis]) == pytest.approx(low + (np.arange(25) + 0.5) / 25 * (high - low))


def test_middles_of_elements_are_seen_too() -> None:
    material = marks(GEOMETRY.mesh, torch.from_numpy(GEOMETRY.mesh.points))
    assert len(material) == len(GEOMETRY.mesh.points) + len(GEOMETRY.mesh.cells)
    assert material[-1].numpy() == pytest.approx(GEOMETRY.mesh.points[GEOMETRY.mesh.cells[-1]].mean(axis=0))


# Colours


def test_colours_are_bilinear_before_the_sigmoid_and_stay_at_the_border_outside() -> None:
    colours = Colours((30.0, 20.0), 10.0)
    x, y = torch.meshgrid(10.0 * torch.arange(4.0), 10.0 * torch.arange(3.0), indexing="ij")
    with torch.no_grad():
        colours.logits.copy_(0.1 + 0.02 * x - 0.03 * y + 0.001 * x * y)
    at = torch.tensor([[3.0, 14.0], [30.0, 20.0], [0.0, 0.0], [-5.0, 4.0]], dtype=torch.float64)
    held = at.clamp(min=0)
    wanted = torch.sigmoid(0.1 + 0.02 * held[:, 0] - 0.03 * held[:, 1] + 0.001 * held[:, 0] * held[:, 1])
    assert colours(at).tolist() == pytest.approx(wanted.tolist(), rel=1e-6)
    with pytest.raises(InputError, match="spacing above 0 and up to 20 mm, got 25 mm"):
        Colours((30.0, 20.0), 25.0)


# Read-out


def test_every_digit_reads_as_itself_and_other_patterns_as_none() -> None:
    assert read(0.02 + 0.96 * LIT).tolist() == list(range(10))
    assert [len(shown) for shown in DIGITS] == [6, 2, 5, 5, 4, 5, 6, 3, 7, 6]
    every = torch.tensor([[float(k >> n & 1) for n in range(7)] for k in range(128)])
    assert (read(every) == NONE).sum() == 118
    one = LIT[[1]].clone()
    one[0, 0] = 0.6  # the top segment makes it a seven
    assert read(one).tolist() == [7]
    assert margins(one, torch.tensor([1])).min() == pytest.approx(0.4)


def test_grey_and_the_best_constant_picture() -> None:
    assert float((0.5 - LIT).abs().sum(dim=1).mean()) == 3.5
    assert best_constant(torch.arange(10)) == pytest.approx(1.9)  # with a tail at 6 and 9; without either 2.0
    grid = np.stack(np.meshgrid(*[[0.0, 0.5, 1.0]] * 7), axis=-1).reshape(-1, 7)
    brute = np.abs(grid[:, None] - LIT.numpy()).sum(axis=2).mean(axis=1).min()
    assert best_constant(torch.arange(10)) == pytest.approx(brute)


# The task and its gradient


def shown(colours: Colours, points: torch.Tensor, displacement: torch.Tensor) -> torch.Tensor:
    """The weighted errors of images 7 and 4 of ten, which are a 2 and a 5, without any solve."""
    plant = SimpleNamespace(geometry=GEOMETRY)
    task = Show(Windows(windows()), colours, plant, torch.eye(10, dtype=torch.float64), 9 - torch.arange(10))
    errors = task.errors(Response(displacement, (), {}, points), torch.tensor([7, 4]))
    return errors @ torch.tensor([1.0, 2.0], dtype=torch.float64)


def random_colours(seed: int = 3) -> Colours:
    colours = Colours(SIZE, 10.0)
    with torch.no_grad():
        colours.logits.copy_(random(*colours.logits.shape, seed=seed))
    return colours


def test_the_error_is_the_mean_over_the_samples() -> None:
    colours, points = random_colours(), GEOMETRY.points(START)
    moved = 5 * torch.sin(points / 40)
    material, now = marks(GEOMETRY.mesh, points), marks(GEOMETRY.mesh, points + moved)
    wanted = 0.0
    for k, box in enumerate(windows().values()):
        for place in torch.from_numpy(lattice(box)):
            seen = torch.softmax(100 / (now - place).norm(dim=1), dim=0) @ colours(material)
            wanted += sum(weight * (seen - LIT[digit, k]).abs().item() / 25 for weight, digit in ((1, 2), (2, 5)))
    got = shown(colours, points, torch.stack([moved, moved]))
    assert got.item() == pytest.approx(wanted, rel=2e-3)  # that much is beyond reach


@pytest.mark.parametrize(("name", "step"), [("colours", 1e-2), ("displacement", 1e-5), ("design", 1e-6)])
def test_gradient_of_the_error(name: str, step: float) -> None:
    colours, still = random_colours(), torch.zeros(2, *GEOMETRY.mesh.points.shape, dtype=torch.float64)
    design = torch.from_numpy(GEOMETRY.parameters.random(np.random.default_rng(2)))
    moved = still + 30 * torch.sin(GEOMETRY.points(START) / 40)  # far enough to have material near pores in the windows

    def by_colours(logits: torch.Tensor) -> torch.Tensor:
        field = torch.func.functional_call
        plant = SimpleNamespace(geometry=GEOMETRY)
        task = Show(
            Windows(windows()), lambda at: field(colours, {"logits": logits}, (at,)), plant, torch.eye(10), torch.arange(10)
        )
        return task.errors(Response(moved, (), {}, GEOMETRY.points(design)), torch.tensor([2, 5])).sum()

    functions = {
        "colours": (by_colours, colours.logits),
        "displacement": (lambda u: shown(colours, GEOMETRY.points(design), u), moved),
        "design": (lambda r: shown(colours, GEOMETRY.points(r), moved), design),
    }
    assert order(*functions[name], step) > 1.9


def test_the_gradient_through_the_solver_equals_differences() -> None:
    setup, colours = experiment(DigitSettings(images="none")), random_colours()
    body = Body(GEOMETRY.mesh, setup.law, setup.boundary, comm=MPI.COMM_SELF, factors=2)
    material, bridge = torch.from_numpy(setup.law.values), Bridge(body)
    task = Show(Windows(windows()), colours, SimpleNamespace(geometry=GEOMETRY), torch.eye(10), torch.arange(10))
    controls = 12 * torch.tanh(random(1, len(FACES), seed=1))

    def error(design: torch.Tensor, pushed: torch.Tensor) -> torch.Tensor:
        return task.errors(bridge(GEOMETRY.points(design), pushed, material), torch.tensor([4])).sum()

    inputs = [START.clone().requires_grad_(), controls.clone().requires_grad_()]
    slopes = torch.autograd.grad(error(*inputs), inputs)
    for which, step in ((0, 1e-6), (1, 1e-4)):
        along = random(*inputs[which].shape, seed=5)
        ends = []
        for sign in (1, -1):
            there = [one.detach() for one in inputs]
            there[which] = there[which] + sign * step * along
            with torch.no_grad():
                ends.append(float(error(*there)))
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float((slopes[which] * along).sum()), rel=1e-3)


def test_more_images_than_there_are_are_refused() -> None:
    task = Show(Windows(windows()), Colours(SIZE, 10.0), SimpleNamespace(geometry=GEOMETRY), torch.eye(10), torch.arange(10))
    assert sorted(task.sample(10, torch.Generator().manual_seed(0)).tolist()) == list(range(10))
    with pytest.raises(InputError, match="There are 10 images, 11 were asked for"):
        task.sample(11, torch.Generator())


# The bank and the choice


def test_controls_favour_the_ends_of_their_interval() -> None:
    drawn = bank.random_controls(4000, np.array([20.0, 10.0]), np.random.default_rng(0)).numpy() / [20.0, 10.0]
    assert np.abs(drawn).max() <= 1
    assert (np.abs(drawn) > 0.9).mean(axis=0) == pytest.approx(1 - 2 / np.pi * np.arcsin(0.9), abs=0.03)


class States:
    """A physics whose every third state fails, and every third has crossed walls."""

    observables: dict[str, int] = {}

    def check(self, points, controls, material) -> None: ...

    def keeps(self, start) -> bool:
        return False

    def solve(self, points, controls, material, start=None):
        kind = round(float(controls[0])) % 3
        if kind == 0:
            raise EquilibriumError("no", 0.5)
        return SimpleNamespace(move=controls[0], record=SimpleNamespace(overlaps=[1] * (kind - 1), factorisations=2))

    def displacement(self, solution):
        return np.full((4, 2), solution.move)

    edges = np.zeros((0, 2), dtype=int)

    def middles(self, solution):
        return np.zeros((0, 2))


def test_failed_and_crossed_states_are_left_out_and_counted() -> None:
    rows, empty = torch.arange(20, dtype=torch.float64)[:, None], torch.zeros(0, dtype=torch.float64)
    points, bridge = torch.zeros(4, 2, dtype=torch.float64), Bridge(States(), skip_failures=True)
    pauses = list[int]()
    filled = bank.fill(bridge, points, rows, empty, lambda: pauses.append(1))
    assert filled.controls[:, 0].tolist() == [1, 4, 7, 10, 13, 16, 19]
    assert filled.displacement[:, 0, 0].tolist() == filled.controls[:, 0].tolist()
    assert (filled.failed, filled.crossed, filled.factorisations) == (7, 6, 26)
    assert pauses  # a program may stop between the solves
    with pytest.raises(InputError, match="Of 2 random controls 1 have no equilibrium and in 1 walls pass"):
        bank.fill(bridge, points, torch.tensor([[0.0], [2.0]], dtype=torch.float64), empty, lambda: None)


def test_the_states_that_can_show_the_patterns_are_found() -> None:
    """Four patterns of three windows over 30 points; states 3, 11, 17, 23 of 40 see them, the others are mixtures."""
    patterns = torch.tensor([[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 0]], dtype=torch.float64)
    points = torch.stack([torch.linspace(0, 290, 30), torch.zeros(30)], dim=1).double()
    bright = torch.arange(30) % 2 == 0
    weights = torch.full((40, 3, 30), 1 / 30, dtype=torch.float64)
    weights += 0.1 * torch.rand(weights.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    states = [3, 11, 17, 23]
    for state, pattern in zip(states, patterns, strict=True):
        for k, lit in enumerate(pattern):
            weights[state, k] = 0.01
            weights[state, k, (bright if lit else ~bright).nonzero()[3 * k : 3 * k + 3, 0]] = 1.0
    weights /= weights.sum(dim=2, keepdim=True)
    colours = Colours((300.0, 10.0), 10.0)
    found = assign(weights, points, colours, patterns, torch.Generator().manual_seed(0), restarts=3, iterations=150)
    assert found[0].exact == 4
    assert found[0].state.tolist() == states
    assert [one.error for one in found] == sorted(one.error for one in found)
    assert torch.all(colours.logits == 0)
    hasty = assign(weights, points, colours, patterns, torch.Generator().manual_seed(0), restarts=12, iterations=6)
    assert [one.exact for one in hasty] == sorted((one.exact for one in hasty), reverse=True)
    assert max(one.error for one in hasty if one.exact == 4) > min(one.error for one in hasty if one.exact < 4)


# Images and the network


def test_shares_are_fixed_and_have_no_image_in_common() -> None:
    first, second = (shares(np.arange(100.0)[:, None], np.arange(100) % 10) for _ in range(2))
    parts = [set(part.pixels[:, 0].tolist()) for part in (first.train, first.validation, first.test)]
    assert [len(part) for part in parts] == [60, 20, 20]
    assert len(set.union(*parts)) == 100
    assert torch.equal(first.test.pixels, second.test.pixels)
    assert torch.equal(first.test.pixels[:, 0].long() % 10, first.test.digits)


def test_scikit_learns_digits() -> None:
    images = load("digits")
    assert images.train.pixels.shape == (1078, 64)
    assert 0 <= images.train.pixels.min() < images.train.pixels.max() == 1
    assert sorted(images.test.digits.unique().tolist()) == list(range(10))


@pytest.mark.parametrize(("name", "package"), [("digits", "scikit-learn"), ("mnist", "torchvision")])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    for module in ("sklearn.datasets", "torchvision.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=f"come with {package}, which is not installed: pip install {package}"):
        load(name)


def test_a_table_gives_each_digit_its_controls() -> None:
    controls = 19 * torch.tanh(random(10, 6))
    assert table(controls, [20.0] * 6)(torch.eye(10, dtype=torch.float64)).detach().numpy() == pytest.approx(controls.numpy())


# The choice among states


def chooser(states: torch.Tensor, sureness: float = 1.0) -> Choice:
    """Its network's logits are `sureness` times its inputs."""
    network = torch.nn.Linear(len(states), len(states), dtype=torch.float64)
    with torch.no_grad():
        network.weight.copy_(sureness * torch.eye(len(states)))
        network.bias.zero_()
    return Choice(network, states, [20.0, 10.0])


def test_one_state_is_chosen_unless_two_are_alike() -> None:
    states = torch.tensor([[19.0, -8.0], [-12.0, 9.9], [0.0, 10.0]], dtype=torch.float64)
    controller = chooser(states)
    assert controller.states().detach().numpy() == pytest.approx(states.numpy(), abs=1e-4)
    assert torch.isfinite(controller.table).all()  # the last state is at a bound, which tanh does not reach
    clear = controller(0.3 * torch.eye(3, dtype=torch.float64)).detach()  # exp(0.3) = 1.3: one of three by a third
    assert ((clear - states).abs() < 0.05 * controller.bounds).all()
    alike = controller(torch.tensor([[0.7, 0.7, -2.0]], dtype=torch.float64)).detach()
    assert alike[0].tolist() == pytest.approx([3.5, 0.95], abs=1e-4)
    controller.opening = 0.4
    assert controller(torch.eye(3, dtype=torch.float64)).detach().numpy() == pytest.approx(0.4 * states.numpy(), abs=1e-4)


def test_a_state_follows_the_body_faster_than_the_network_does() -> None:
    controller = chooser(torch.tensor([[5.0, -3.0], [-5.0, 2.0]], dtype=torch.float64))
    before = {name: tensor.clone() for name, tensor in controller.state_dict().items()}
    states = controller.states().detach()
    optimiser = torch.optim.Adam(controller.parameters(), lr=1e-3)
    alike = torch.tensor([[0.01, 0.02]], dtype=torch.float64)
    (controller(alike) - torch.tensor([[6.0, 4.0]])).square().sum().backward()
    optimiser.step()
    moved = torch.atanh(controller.states().detach() / controller.bounds) - torch.atanh(states / controller.bounds)
    assert moved.numpy() == pytest.approx(1e-3 * choice.PACE * np.ones((2, 2)), rel=1e-4)
    assert float((controller.network.weight - before["network.weight"]).detach().abs().max()) == pytest.approx(1e-3, rel=1e-3)
    controller.load_state_dict(before)
    assert torch.equal(controller.states(), states)


# The network that recognises digits


def centres(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Centre of brightness (column, row) of each image, (n, 2) pixels."""
    images = pixels.reshape(-1, side, side)
    at = torch.arange(side, dtype=torch.float64)
    total = images.sum(dim=(1, 2))
    return torch.stack([(images.sum(dim=1) * at).sum(dim=1) / total, (images.sum(dim=2) * at).sum(dim=1) / total], dim=1)


@pytest.mark.parametrize("side", [8, 28])
def test_images_are_moved_by_up_to_a_pixel(monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    monkeypatch.setattr(distortion, "TURN", 0.0)
    monkeypatch.setattr(distortion, "SCALE", 0.0)
    one = torch.zeros(side, side, dtype=torch.float64)
    one[3, 2] = 1.0
    found = centres(distorted(one.reshape(1, -1).repeat(500, 1), torch.Generator().manual_seed(0)), side).numpy()
    assert found.min(axis=0) == pytest.approx([1, 2], abs=0.05)
    assert found.max(axis=0) == pytest.approx([3, 4], abs=0.05)
    assert found.mean(axis=0) == pytest.approx([2, 3], abs=0.1)


def test_images_are_turned_and_scaled_about_their_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distortion, "SHIFT", 0.0)
    at = torch.arange(28, dtype=torch.float64) - 13.5
    far = torch.exp(-((at - 8) ** 2 + at[:, None] ** 2) / 4).reshape(1, -1).repeat(500, 1)  # 8 pixels to the right
    place = centres(distorted(far, torch.Generator().manual_seed(0)), 28) - 13.5
    angles, lengths = torch.rad2deg(torch.atan2(place[:, 1], place[:, 0])), place.norm(dim=1)
    assert [float(angles.min()), float(angles.max())] == pytest.approx([-12, 12], abs=0.3)
    assert [float(lengths.min()), float(lengths.max())] == pytest.approx([8 / 1.1, 8 / 0.9], abs=0.1)


def test_distortion_is_repeated_by_its_seed() -> None:
    pixels = random(5, 64).abs()
    first, again, other = (distorted(pixels, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_images_that_are_not_square_are_refused() -> None:
    with pytest.raises(InputError, match="63 pixels is not square: 49 or 64 would be"):
        recogniser(63)


@pytest.mark.parametrize("side", [7, 8, 28])
def test_images_of_any_size_are_recognised_alike_in_training_and_after(side: int) -> None:
    network = recogniser(side**2)
    pixels = random(3, side**2)
    assert network(pixels).shape == (3, 10)
    assert network(pixels).dtype == torch.float64
    assert torch.equal(network.train()(pixels), network.eval()(pixels))
    assert sum(parameter.numel() for parameter in network.parameters()) < 25000


def blobs(count: int) -> Images:
    """Ten places of a bright spot of 2 x 2 among dim pixels."""
    digits = torch.arange(count) % 10
    pixels = 0.2 * torch.rand(count, 8, 8, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    for image, digit in zip(pixels, digits.tolist(), strict=True):
        row, column = 2 * (digit // 4), 2 * (digit % 4)
        image[row : row + 2, column : column + 2] += 0.6
    return Images(pixels.reshape(count, 64), digits)


def test_a_network_learns_to_choose_the_state_of_each_digit() -> None:
    torch.manual_seed(0)
    train, other, states = blobs(300), blobs(100), 15 * torch.tanh(random(10, 6))
    controller = Choice(recogniser(64), states, [20.0] * 6)
    before = head_accuracy(controller, other, states)
    entropies = learn(controller.network, train, other, 20, torch.Generator().manual_seed(0))
    assert before < 0.5
    assert head_accuracy(controller, other, states) > 0.97
    assert entropies[-1] < 0.2 * entropies[0]
    assert nearest(states + 0.1, states, controller.bounds).tolist() == list(range(10))


def test_the_weights_of_the_best_epoch_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels by chance: the more is learned, the worse is what is said of other images."""
    monkeypatch.setattr(recognition, "distorted", lambda pixels, generator: pixels)
    torch.manual_seed(0)
    train, other = (Images(blobs(n).pixels, torch.from_numpy(np.random.default_rng(n).integers(0, 10, n))) for n in (60, 50))
    network = recogniser(64)
    entropies = learn(network, train, other, 30, torch.Generator().manual_seed(0))
    assert min(entropies) < entropies[-1] - 0.05
    assert torch.nn.functional.cross_entropy(network(other.pixels), other.digits).item() == pytest.approx(min(entropies))


def test_an_epoch_is_short_where_images_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "MOST", 70)
    seen, network = list[int](), recogniser(64)
    network.register_forward_hook(lambda module, inputs, outputs: seen.append(len(inputs[0])))
    learn(network, blobs(300), blobs(100), 2, torch.Generator().manual_seed(0))
    assert seen == [64, 6, 70] * 2
