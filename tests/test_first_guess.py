"""First guesses of a small family: whitened outputs, the gradient of the energy in the weights, the gate, the file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.guessed import cases
from benchmarks.starts import Exact, Table, linear, middle, solved
from benchmarks.trials import COLD, break_even, summary, tried
from mnnfem import checkpoint
from mnnfem.body import Body
from mnnfem.equilibrium import Start
from mnnfem.errors import InputError
from mnnfem.guess.classical import Guess, Interpolation, nothing
from mnnfem.guess.family import Family
from mnnfem.guess.gate import Gated, Limits
from mnnfem.guess.learned import LearnedGuess, describe, load
from mnnfem.guess.learning import Regime, energy_gradient, fresh, learn
from mnnfem.guess.modal import static_modes
from mnnfem.guess.muon import Muon, orthogonal
from mnnfem.guess.network import CellNetwork, Size
from mnnfem.guess.nodal import cell_fields
from mnnfem.guess.reference import Reference
from mnnfem.guess.watch import Look, Watch
from mnnfem.mesh import Floats
from workflows import first_guess
from workflows.first_guess import SHIPPED, FirstGuessSettings, excesses, main, panels, replaced, shipped, shipped_file

SIZE = Size(channels=8, layers=1)


@pytest.fixture(scope="module")
def family() -> Family:
    """3x3 cells, the middle one solid."""
    return panels(0.3, 12.0, cells=3)


@pytest.fixture(scope="module")
def small(family: Family) -> Body:
    return family.body(factors=2)


@pytest.fixture(scope="module")
def reference(family: Family, small: Body) -> Reference:
    return Reference(family, small.solid)


@pytest.fixture
def network(reference: Reference) -> CellNetwork:
    """One whose output is not the linear-elastic answer."""
    made = CellNetwork(reference, SIZE, torch.Generator().manual_seed(3))
    for head in (made.smooth, made.nodal):
        torch.nn.init.normal_(head.weight, std=0.02, generator=torch.Generator().manual_seed(4))
    return made


def relative(a: Floats, b: Floats) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


def test_the_reference_answers_as_the_solver_does_to_a_small_control(family: Family, small: Body, reference: Reference) -> None:
    controls = np.array([2e-4, -1e-4])
    exact = small.solve(family.points(family.middle), controls, family.law.values)
    assert relative(controls @ reference.lifts, exact.displacement) < 1e-4
    assert float(reference.energy(controls)) == pytest.approx(exact.record.energy, rel=1e-4)


def test_outputs_are_whitened(reference: Reference) -> None:
    """Smooth fields are orthonormal in energy; so are the nodes' own in the cells' mean stiffness."""
    smooth = static_modes(reference).reshape(reference.solid.size, -1)
    assert np.abs(smooth.T @ (reference.stiffness @ smooth) - np.eye(smooth.shape[1])).max() < 1e-8
    cells = cell_fields(reference)
    assert cells.dofs.shape[0] == 8
    free = [own for own in cells.dofs if reference.solid.free[own].all()]
    means = sum(cells.root @ reference.stiffness[own][:, own].toarray() @ cells.root for own in free) / len(free)
    assert np.abs(means - np.eye(len(means))).max() < 1e-8


def test_a_design_is_found_from_its_nodes_and_nothing_else_is(family: Family) -> None:
    design = family.sample(1, np.random.default_rng(0)).designs[0]
    points = family.points(design)
    found = family.design_of(points)
    assert found is not None
    assert np.abs(found - design).max() < 1e-9
    for other in (points[:-1], points + 1e-3 * np.eye(len(points), 2), family.points(np.full_like(design, 0.8))):
        assert family.design_of(other) is None


def test_the_energys_gradient_in_the_weights(family: Family, reference: Reference, network: CellNetwork) -> None:
    """Taylor remainders of the mean energy fall with the square of the step, in double precision; with a fault they do not."""
    solid, members = reference.solid, family.sample(2, np.random.default_rng(1))
    network = network.double()
    inputs = torch.from_numpy(members.designs), torch.from_numpy(members.controls)
    weights = torch.nn.utils.parameters_to_vector(network.parameters()).detach()

    def mean_energy(now: torch.Tensor) -> float:
        torch.nn.utils.vector_to_parameters(now, network.parameters())
        with torch.no_grad():
            found = network(*inputs).numpy()
        total = 0.0
        for design, controls, u in zip(members.designs, members.controls, found, strict=True):
            solid.set_inputs(family.points(design), family.law.values, controls)
            total += solid.energy(u) / float(reference.energy(controls))
        return total / len(members)

    begin = mean_energy(weights)
    found = network(*inputs)
    rows = energy_gradient(solid, family, reference.energy)(members, found.detach().numpy()) / len(members)
    found.backward(torch.from_numpy(rows))
    slopes = torch.cat([weight.grad.flatten() for weight in network.parameters()])
    drawn = torch.randn(len(weights), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    way = (slopes / slopes.norm() + drawn / drawn.norm()) * weights.norm()  # a random one alone would hardly change the energy
    slope = float(slopes @ way)
    steps = 2e-3 * 0.5 ** np.arange(4)
    for factor, order in ((1.0, (1.9, 2.2)), (1.01, (0.0, 1.5))):  # a gradient that is off by 1 % is seen
        remainders = [abs(mean_energy(weights + step * way) - begin - factor * step * slope) for step in steps]
        rate = float(np.log2(remainders[-2] / remainders[-1]))
        assert order[0] < rate < order[1], remainders


def test_forces_of_what_turns_elements_over_are_those_of_less(family: Family, small: Body, reference: Reference) -> None:
    members = family.sample(1, np.random.default_rng(2))
    gradient = energy_gradient(small.solid, family, reference.energy)
    wild = 40 * members.controls @ reference.lifts
    small.solid.set_inputs(family.points(members.designs[0]), family.law.values, members.controls[0])
    assert not np.isfinite(small.solid.energy(wild[0]))
    rows = gradient(members, wild)
    assert np.isfinite(rows).all()
    assert rows.any()
    assert not gradient(members, 1e9 * wild).any()


def test_a_momentum_is_made_orthogonal() -> None:
    """Tall, wide and batched: its singular vectors stay, its singular values, a hundred apart, come near to 1."""
    for shape in ((2, 3, 12, 5), (5, 12)):
        u, _, v = torch.linalg.svd(torch.randn(shape, generator=torch.Generator().manual_seed(0)), full_matrices=False)
        made = orthogonal(7.0 * (u * torch.logspace(0, -2, 5)) @ v)
        values = (u.mT @ made @ v.mT).diagonal(dim1=-2, dim2=-1)
        assert torch.linalg.matrix_norm(made - (u * values[..., None, :]) @ v).max() < 1e-4
        assert 0.6 < values.min() <= values.max() < 1.3


def test_steps_of_muon_are_of_the_rate_along_nesterovs_momentum() -> None:
    generator = torch.Generator().manual_seed(1)
    first, gradients = torch.zeros(6, 4), [torch.randn(6, 4, generator=generator) for _ in range(2)]
    weights = first.clone().requires_grad_()
    optimiser = Muon([weights], lr=0.02)
    for gradient in gradients:
        weights.grad = gradient
        optimiser.step()
    a, b = gradients
    ways = [orthogonal(a), orthogonal(0.05 * b + 0.95 * (0.95 * 0.05 * a + 0.05 * b))]
    assert torch.allclose(weights.detach(), -0.02 * 0.2 * 6**0.5 * (ways[0] + ways[1]), atol=1e-6)
    assert float(ways[1].square().mean().sqrt()) * 6**0.5 == pytest.approx(1.0, rel=0.3)


def test_training_lowers_the_energy(family: Family, small: Body, reference: Reference) -> None:
    """From the linear-elastic answer, 60 steps take a quarter off the excess of energy; bitwise again."""
    members = family.sample(6, np.random.default_rng(9))
    ends = [small.solve(family.points(d), c, family.law.values) for d, c in zip(*vars(members).values(), strict=True)]

    def excess(guess: LearnedGuess) -> float:
        shares = []
        for end in ends:
            start = guess(end.points, end.controls, end.material)
            assert start is not None
            small.solid.set_inputs(end.points, end.material, end.controls)
            shares.append(small.solid.energy(start.displacement) / end.record.energy - 1)
        return float(np.mean(shares))

    def trained() -> tuple[LearnedGuess, list[Look]]:
        made, regime = CellNetwork(reference, SIZE, torch.Generator().manual_seed(0)), Regime(steps=60, batch=4, rate=0.03)
        guess, shown = LearnedGuess(made, reference), list[Look]()
        watch = Watch(guess, members, 20, shown.append)
        gradient = energy_gradient(small.solid, family, reference.energy)
        learn(made, fresh(family, regime, np.random.default_rng(0)), gradient, regime, watch)
        assert shown == watch.looks
        return guess, shown

    before = LearnedGuess(CellNetwork(reference, SIZE, torch.Generator().manual_seed(0)), reference)
    (guess, looks), (again, _) = trained(), trained()
    assert excess(guess) < 0.75 * excess(before)
    assert [look.step for look in looks] == [20, 40, 60]
    assert looks[-1].energy < looks[0].energy
    weights = again.network.state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in guess.network.state_dict().items())


def test_a_guess_is_for_its_family_alone(family: Family, reference: Reference, network: CellNetwork) -> None:
    guess, values = LearnedGuess(network, reference), family.law.values
    points, controls = family.points(family.middle), np.array([3.0, -5.0])
    start = guess(points, controls, values)
    assert start is not None
    prescribed = reference.solid.prescribed
    assert np.array_equal(start.displacement[prescribed], reference.solid.lift(controls)[prescribed])
    rest = guess(points, np.zeros(2), values)
    assert rest is not None
    assert not rest.displacement.any()
    assert guess(points, np.array([12.5, 0.0]), values) is None
    assert guess(points, controls, 1.01 * values) is None
    assert guess(points * 1.01, controls, values) is None


def test_the_gate_lets_good_guesses_pass_and_what_is_solved_stays_solved(
    family: Family, small: Body, reference: Reference
) -> None:
    points, controls, values = family.points(family.middle), np.array([6.0, -6.0]), family.law.values
    cold = small.solve(points, controls, values)
    bent = cold.displacement + 0.5 * np.where(small.solid.free, np.random.default_rng(0).normal(size=small.solid.size), 0.0)
    over = 30 * cold.displacement
    guesses: dict[str, tuple[Callable[..., Start | None], bool]] = {
        "the solution": (lambda *_: Start(cold.displacement, controls), True),
        "noise": (lambda *_: Start(bent, controls), False),
        "elements turned over": (lambda *_: Start(over, controls), False),
        "none": (nothing, False),
    }
    for name, (guess, passes) in guesses.items():
        gated = Gated(guess, reference)
        start = gated(points, controls, values)
        assert (start is not None) == passes, name
        end = small.solve(points, controls, values, start)
        assert end.record.warm == passes
        assert relative(end.displacement, cold.displacement) < 1e-6
    verdict = gated.judged(Start(cold.displacement, controls), points, values)
    assert verdict.excess < 1e-9
    assert verdict.energy == pytest.approx(cold.record.energy)
    assert not verdict.within(Limits(det_f=0.99))
    assert small.solve(points, controls, values, Start(over, controls)).record.certified  # and without a gate


def test_the_excess_is_what_newtons_step_would_save(family: Family, small: Body, reference: Reference) -> None:
    """On the middle design near rest the reference stiffness is the tangent, so the estimate is the excess itself."""
    points, controls, values = family.points(family.middle), np.array([0.01, 0.02]), family.law.values
    end = small.solve(points, controls, values)
    off = 1e-4 * np.where(small.solid.free, np.sin(np.arange(small.solid.size)), 0.0)
    verdict = Gated(nothing, reference).judged(Start(end.displacement + off, controls), points, values)
    assert verdict.excess == pytest.approx((verdict.energy - end.record.energy) / verdict.energy, rel=0.02)


def test_a_table_is_interpolated(family: Family, small: Body) -> None:
    """It gives back what it holds, and a line between two."""
    points, controls, values = family.points(family.middle), np.array([4.0, 2.0]), family.law.values
    end = small.solve(points, controls, values)
    table = Interpolation(
        lambda points, controls: None if controls[0] > 5 else controls[:1],
        np.array([[0.0], [4.0]]),
        np.stack([np.zeros_like(end.displacement), end.displacement]),
        "linear",
    )
    start = table(points, np.array([1.0, 0.5]), values)
    assert start is not None
    assert relative(start.displacement, 0.25 * end.displacement) < 1e-9
    assert table(points, np.array([6.0, 0.5]), values) is None


def test_weights_come_back_from_their_file_and_others_are_refused(
    family: Family, reference: Reference, network: CellNetwork, tmp_path: Path
) -> None:
    file, told = tmp_path / "guess.safetensors", describe(family, SIZE, seconds=1.0)
    whole = checkpoint.packed(network.state_dict(), told)
    file.write_bytes(whole)
    guess, read = load(file, reference)
    assert read["cost"] == {"seconds": 1.0}
    inputs = family.points(family.middle), np.array([3.0, -5.0]), family.law.values
    own, again = LearnedGuess(network, reference)(*inputs), guess(*inputs)
    assert own is not None
    assert again is not None
    assert np.array_equal(own.displacement, again.displacement)
    state = network.state_dict()
    for change, message in (
        ({**told, "reach": 99.0}, "was trained for reach 99.0, here they are 12.0"),
        ({**told, "layers": 2}, "it misses tensor 'inner.1"),
        ({**told, "channels": 12}, r"place is \[9, 8\] float32, here \[9, 12\]"),
        ({**told, "channels": 10**9}, "channels are a multiple of 4 up to 1024, got 1000000000"),
        ({**told, "channels": "many"}, "does not tell the size of its network"),
        ({name: value for name, value in told.items() if name != "layers"}, "does not tell the size of its network"),
    ):
        file.write_bytes(checkpoint.packed(state, change))
        with pytest.raises(InputError, match=message):
            load(file, reference)
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match="is not as it was written"):
        load(file, reference)
    torch.save(state, file)
    with pytest.raises(InputError, match="no whole file of safetensors"):
        load(file, reference)


def test_a_trial_tells_what_a_guess_saved(family: Family, small: Body, reference: Reference) -> None:
    """The solution itself is without error and takes the certificate's factorisation; a wild start is no loss."""
    unseen = cases(family, family.sample(2, np.random.default_rng(5)))
    exact = Exact(small, unseen)
    guesses: dict[str, Guess] = {COLD: nothing, "exact": exact, "middle": middle(reference), "own": linear(reference)}
    guesses["wild"] = lambda points, controls, values: Start(40 * controls @ reference.lifts, controls)
    trials = tried(small, guesses, unseen, times=1)
    figures = summary(trials)
    assert max(figures["exact: L2"], figures["exact: H1"]) < 1e-9
    assert figures["exact: factorisations"] == 1 < figures["cold: factorisations"]
    assert 0 < figures["own: H1"] < figures["middle: H1"] < 0.5
    assert 0 < figures["own: energy excess"] < figures["middle: energy excess"] < 1
    for name in guesses:
        assert figures[f"{name}: lost"] == 0
        assert figures[f"{name}: share on the lowest branch"] == 1
    assert "cold: L2" not in figures
    for row, seconds in zip(trials, (1.05, 1.2), strict=True):
        row |= {name: dataclasses.replace(row[name], seconds=taken) for name, taken in ((COLD, 1.0), ("exact", seconds))}
    figures = summary(trials)
    assert figures["exact: slower than 1.1 x, share"] == 0.5
    assert figures["exact: slowest against cold"] == pytest.approx(1.2)
    assert break_even(figures, COLD, 10.0, "exact") == pytest.approx(80)
    assert break_even(figures, "exact", 10.0) == np.inf


def test_a_table_finds_what_it_holds(family: Family, small: Body, reference: Reference) -> None:
    """Exactly the nearest one; the regression, which left each out to choose its ridge, nearer than without a table."""
    known = solved(family, small, 12, np.random.default_rng(6))
    table, values = Table(reference, known), family.law.values
    inputs = family.points(known.designs[3]), known.controls[3], values
    assert relative(table.nearest(*inputs).displacement, known.displacements[3]) < 1e-9
    off = [relative(guess(*inputs).displacement, known.displacements[3]) for guess in (middle(reference), table.ridge)]
    assert off[1] < 0.8 * off[0]


def test_the_shipped_guess_starts_members_that_it_has_not_seen() -> None:
    """With its figures of training on record. An energy 0.7 % above the equilibrium's in the median, 1.4 % for 95 in 100."""
    own = shipped("panel")
    assert own.told["cost"]["seconds"] < 600
    gated, unseen = Gated(own.guess, own.reference), cases(own.family, own.family.sample(2, np.random.default_rng(5)))
    figures = summary(tried(own.body, {COLD: nothing, "learned": gated}, unseen, times=1))
    assert figures["learned: started, share"] == 1
    assert figures["learned: energy excess"] < 0.02
    assert figures["learned: lost"] == 0
    with pytest.raises(InputError, match=r"Unknown shipped guess 'panels'\. Did you mean 'panel'"):
        shipped("panels")


def test_what_is_learned_takes_the_place_of_the_guess_of_its_family_alone() -> None:
    assert [replaced(FirstGuessSettings(poisson=nu, reach=reach)).stem for nu, reach in SHIPPED.values()] == list(SHIPPED)
    assert replaced(FirstGuessSettings()) == shipped_file("panel")
    with pytest.raises(
        InputError, match=r"No guess is shipped for --poisson 0\.3 --reach 30, but for --poisson 0\.3 --reach 25 and"
    ):
        replaced(FirstGuessSettings(reach=30.0))


def test_the_workflow_tells_how_near_its_guesses_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the equilibria of members that it did not learn from; what it writes is a guess of its family."""
    monkeypatch.setattr(first_guess, "WATCHED", 2)
    monkeypatch.setattr(first_guess, "panels", partial(panels, cells=3))
    small = ["--reach", "12", "--batch", "2", "--channels", "8", "--layers", "1"]
    excess = []
    for steps in (1, 40):
        out = tmp_path / f"{steps}"
        assert main([*small, "--steps", f"{steps}", "--rate", "0.03", "--out", str(out)]) == 0
        result = json.loads((out / "result.json").read_text())
        excess.append(result["excess"]["median"])
    assert 0 < excess[1] < 0.9 * excess[0]
    family = panels(0.3, 12.0, cells=3)
    body = family.body()
    learned, told = load(out / "guess.safetensors", Reference(family, body.solid))
    watched = family.sample(2, np.random.default_rng([0, 2]))
    assert np.median(excesses(learned, body, watched)) == pytest.approx(excess[1], rel=1e-6)
    assert told["cost"]["steps"] == 40
