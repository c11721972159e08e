"""Losses, training, ports and classifiers of springs, the bench, its records, and the local rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from mnnfem.errors import InputError
from mnnfem.springs.batched import Batched
from mnnfem.springs.bench import GRAM, InSitu, SimulatedBench, Weights, gradient_of, quality_of
from mnnfem.springs.classifier import Reading, accuracy, noisy_accuracy, train_classifier
from mnnfem.springs.flowers import SIGNED, WIDE, in_situ
from mnnfem.springs.iris import FULL, irises
from mnnfem.springs.lattices import trapezoid
from mnnfem.springs.losses import largest, largest_size, log_ratio, softmax, squared
from mnnfem.springs.nodemap import Search, _Choice, _crowd, _cuts, choose_ports
from mnnfem.springs.physics import Springs
from mnnfem.springs.ports import Port, Ports
from mnnfem.springs.records import read_elongations, write_elongations
from mnnfem.springs.rules import RULES, Trial, _clamps, adjoint, cosines, coupled_learning, equilibrium_propagation
from mnnfem.springs.springnet import SpringNet, strip_bounds
from mnnfem.springs.tasks import BEHAVIOUR, IRIS, REGRESSION, behaviour, regression
from mnnfem.springs.training import Regime, Samples, fit, readings

NETWORK = trapezoid()
QUICK = Search(first=8, rounds=2, kept=2, children=3, epochs=10)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_losses_by_hand() -> None:
    read, wanted = torch.tensor([[-0.6, 0.2], [0.1, -0.1]], dtype=torch.float64), torch.tensor([0, 1])
    assert log_ratio(read, wanted).tolist() == pytest.approx([np.log(0.8 / 0.6), np.log(2)])
    assert softmax(0.2)(read, wanted).tolist() == pytest.approx([np.log(1 + np.exp(4)), np.log(1 + np.exp(1))])
    assert squared(0.1)(read, torch.zeros(2, 2)).tolist() == pytest.approx([20.0, 1.0])
    assert largest(read).tolist() == [1, 0]
    assert largest_size(read).tolist() == [0, 0]


def test_the_behaviour_of_the_paper_is_reached() -> None:
    """-0.62533 / -0.47998 mm, every bond on a bound; its mirror image for the other class."""
    read = []
    for wanted in (0, 1):
        model = SpringNet(NETWORK, BEHAVIOUR, strip_bounds(NETWORK))
        for _ in fit(model, behaviour(torch.tensor([wanted])), log_ratio, Regime(100, 0.05), generator()):
            pass
        read.append(readings(model, behaviour(torch.tensor([wanted])))[0].tolist())
        assert model.at_bounds() == 28
    assert read[0] == pytest.approx([-0.62533, -0.47998], abs=1e-5)
    assert read[1] == pytest.approx(read[0][::-1], abs=1e-9)


def test_one_step_divides_a_short_batch_by_its_samples_and_stays_within_bounds() -> None:
    """The mean loss of an epoch is that of all samples, however they are dealt to batches."""
    train, _, _ = regression(0)
    few = train.of(torch.arange(5))
    for batch in (0, 2, 5):
        model = SpringNet(NETWORK, REGRESSION, strip_bounds(NETWORK))
        (epoch,) = fit(model, few, squared(1.0), Regime(1, 1e-9, batch), generator())
        assert epoch.loss == pytest.approx(float(squared(1.0)(readings(model, few), few.wanted).mean()), rel=1e-6)
    for _ in fit(model, few, squared(1.0), Regime(3, 10.0), generator()):
        assert float(model.share.detach().min()) >= 0
        assert float(model.share.detach().max()) <= 1
    assert (
        (model.stiffness().detach().numpy() >= model.bounds.lower) & (model.stiffness().detach().numpy() <= model.bounds.upper)
    ).all()
    with pytest.raises(InputError, match="no samples"):
        next(fit(model, few.of(torch.zeros(0, dtype=torch.int64)), squared(1.0), Regime(1, 0.1), generator()))


def test_stiffnesses_are_set_and_clipped() -> None:
    model = SpringNet(NETWORK, BEHAVIOUR, strip_bounds(NETWORK))
    wanted = np.linspace(0.09, 0.16, 28)
    model.set_stiffness_(wanted)
    assert model.stiffness().detach().numpy() == pytest.approx(np.maximum(wanted, model.bounds.lower))
    with pytest.raises(InputError, match="There are 28 bonds, got bounds of 27"):
        SpringNet(NETWORK, BEHAVIOUR, strip_bounds(NETWORK.without([0])))


def test_a_constant_load_adds_its_field() -> None:
    """Readings with a bias are those without it plus those of the bias alone."""
    bare, bounds = Ports((Port(10, 1),), (Port(12, 0),)), strip_bounds(NETWORK)
    both = Ports(bare.inputs, bare.outputs, Port(5, 1, -1.0), 0.03)
    only = Ports((Port(5, 1, -1.0),), bare.outputs)
    loads = torch.tensor([[0.01], [0.0]], dtype=torch.float64)
    constant = torch.full((2, 1), 0.03, dtype=torch.float64)
    sum_ = SpringNet(NETWORK, bare, bounds)(loads) + SpringNet(NETWORK, only, bounds)(constant)
    assert torch.allclose(SpringNet(NETWORK, both, bounds)(loads), sum_, rtol=1e-12)


def test_irises_are_divided_and_scaled_by_the_training_share_alone() -> None:
    shares = irises(3)
    assert (len(shares.train), len(shares.test)) == (105, 45)
    assert float(shares.train.inputs.max(dim=0).values.min()) == pytest.approx(FULL)
    assert sorted(torch.cat([shares.train.wanted, shares.test.wanted]).tolist()) == [0] * 50 + [1] * 50 + [2] * 50
    assert not torch.equal(irises(4).test.wanted, shares.test.wanted)


@pytest.mark.parametrize("axis_outputs", [2, 3])
def test_a_crowd_reads_what_its_networks_read(axis_outputs: int) -> None:
    """Chosen ports, dense and batched, against the physics through the bridge: cut networks, too."""
    shares = irises(0)
    bounds = strip_bounds(NETWORK, *WIDE)
    classes = shares.train.wanted.clamp(max=axis_outputs - 1)
    train = Samples(shares.train.inputs, classes)
    ports = choose_ports(NETWORK, train, axis_outputs, bounds, softmax(0.05), 1, FULL, QUICK)
    assert ports.bias is not None
    assert len({port.node for port in ports.loaded}) == 5
    reads = np.searchsorted(NETWORK.free, [NETWORK.dof(port.node, port.axis) for port in ports.outputs])
    choice = _Choice(np.array([port.node for port in ports.loaded]), reads, np.array([port.sign for port in ports.outputs]))
    share = torch.from_numpy(np.random.default_rng(0).uniform(size=28))
    loads = torch.cat([train.inputs, torch.full((105, 1), FULL, dtype=torch.float64)], dim=1)
    cuts = _cuts(NETWORK)
    assert cuts.shape == (27, 28)
    found = Batched(NETWORK, bounds).readings(share.expand(27, -1), _crowd(NETWORK, 1, [choice]).damaged(cuts), loads)
    for row in (0, 5):
        cut = np.flatnonzero(cuts[row].numpy() == 0).tolist()
        network = NETWORK.without(cut)
        model = SpringNet(network, ports, strip_bounds(network, *WIDE))
        model.share.data = share[cuts[row] == 1]
        assert torch.allclose(found[row], model(train.inputs), rtol=1e-9)


def test_the_choice_of_ports_sees_training_samples_alone_and_improves_with_rounds() -> None:
    shares, bounds = irises(0), strip_bounds(NETWORK, *WIDE)
    losses = []
    for rounds in (0, 6):
        ports = choose_ports(NETWORK, shares.train, 3, bounds, softmax(0.05), 0, FULL, Search(8, rounds, 2, 6, 30))
        model = SpringNet(NETWORK, ports, bounds)
        history = train_classifier(model, shares.train, SIGNED, Regime(60, 0.05), 0)
        losses.append(history.epochs[-1].loss)
        assert len(history.accuracy) == 60
    assert losses[1] < 0.7 * losses[0]
    wide = Samples(torch.zeros(4, 13, dtype=torch.float64), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(InputError, match="13 nodes are to be loaded and 3 components read; 12 and 24 are free"):
        choose_ports(NETWORK, wide, 3, bounds, softmax(0.05), 0)


def test_of_several_starts_the_best_on_the_training_share_is_kept() -> None:
    shares = irises(6)  # whose first start stops where a reading would have to change its sign
    scores = []
    for starts in (1, 3):
        model = SpringNet(NETWORK, IRIS, strip_bounds(NETWORK, 1.25, 2.75))
        reading = Reading(log_ratio, largest_size, aligned=False)
        history = train_classifier(model, shares.train, reading, Regime(8, 0.05, 16), 0, starts)
        scores.append(accuracy(model, shares.train, reading))
        assert scores[-1] == pytest.approx(max(history.accuracy))
    assert scores[1] >= scores[0]
    assert accuracy(model, shares.train, reading) == max(history.accuracy)
    clean = accuracy(model, shares.test, reading)
    assert noisy_accuracy(model, shares.test, reading, 1e-9, 0) == pytest.approx(clean)
    assert noisy_accuracy(model, shares.test, reading, 1.0, 0) < clean - 0.2


def test_what_is_kept_is_the_state_whose_loss_was_least() -> None:
    """Steps as long as the whole range throw the state about: what is kept is better than all but the best."""
    shares, ports = irises(0), Ports(IRIS.inputs, IRIS.outputs, Port(5, 1, -1.0), FULL)
    model = SpringNet(NETWORK, ports, strip_bounds(NETWORK, *WIDE))
    history = train_classifier(model, shares.train, SIGNED, Regime(12, 1.0, last=1.0), 0)
    kept = float(SIGNED.loss(readings(model, shares.train), shares.train.wanted).mean())
    later = [epoch.loss for epoch in history.epochs[1:]]  # an epoch's loss is that before its step
    assert kept <= min(later) + 1e-12
    assert max(later) > 1.05 * kept


def test_a_bench_without_noise_gives_the_exact_gradient() -> None:
    """And with weights of 0.1 g nearly so; the adjoint loads are scaled to the most that can be hung."""
    loads, k = BEHAVIOUR.loads(NETWORK), strip_bounds(NETWORK).start
    seed = np.zeros((14, 2))
    seed[[12, 13], 1] = 0.2, -0.3
    exact = Springs(NETWORK, loads)
    wanted = exact.vjp(exact.solve(NETWORK.nodes, np.array([FULL]), k), seed).material
    for step, tolerance in ((0.0, 1e-12), (0.1 * GRAM, 2e-2)):
        bench = SimulatedBench(NETWORK, noise=0.0)
        lab = InSitu(NETWORK, loads, bench, Weights(step, 20 * GRAM))
        found = lab.vjp(lab.solve(NETWORK.nodes, np.array([FULL]), k), seed).material
        assert np.linalg.norm(found - wanted) <= tolerance * np.linalg.norm(wanted)
        assert bench.photographs == 2
    assert np.linalg.norm(found - wanted) > 1e-6 * np.linalg.norm(wanted)


def test_a_callback_is_a_bench_and_its_faults_are_named() -> None:
    class Callback:
        def __init__(self, answer: np.ndarray) -> None:
            self.answer = answer

        def measure(self, stiffness: np.ndarray, forces: np.ndarray) -> np.ndarray:
            return self.answer

    loads, k = BEHAVIOUR.loads(NETWORK), strip_bounds(NETWORK).start
    good = np.random.default_rng(0).normal(size=(14, 2))
    found = InSitu(NETWORK, loads, Callback(good)).solve(NETWORK.nodes, np.array([FULL]), k)
    assert np.array_equal(found.displacement, good)
    holes = good.copy()
    holes[3, 1] = np.nan
    for answer, message in ((good[:13], r"shape \(13, 2\)"), (holes, "27 of them numbers")):
        with pytest.raises(InputError, match=message):
            InSitu(NETWORK, loads, Callback(answer)).solve(NETWORK.nodes, np.array([FULL]), k)
    with pytest.raises(InputError, match=r"more than the 0\.098 N that can be hung"):
        InSitu(NETWORK, loads, Callback(good), Weights(0.0, 10 * GRAM)).solve(NETWORK.nodes, np.array([0.2]), k)
    with pytest.raises(InputError, match="1 photograph or more"):
        InSitu(NETWORK, loads, Callback(good), repeats=0)
    with pytest.raises(InputError, match="0 <= step < most"):
        Weights(0.2, 0.1)


def test_the_quality_of_a_gradient_is_estimated_from_its_repetitions() -> None:
    """The estimate against the true cosine of means of 8, within 0.06; without any signal it is near 0."""
    rng = np.random.default_rng(1)
    true = rng.normal(size=400)
    for noise in (0.3, 1.0, 3.0):
        seen = true + noise * rng.normal(size=(8, 400))
        mean = seen.mean(axis=0)
        cosine = mean @ true / (np.linalg.norm(mean) * np.linalg.norm(true))
        assert quality_of(seen) == pytest.approx(cosine, abs=0.06)
    assert quality_of(rng.normal(size=(8, 4000))) < 0.35
    with pytest.raises(InputError, match="2 measurements or more"):
        quality_of(seen[:1])


def test_training_in_situ_survives_noise() -> None:
    """Few epochs on photographs with 20 um of noise; on ones with 1 mm it learns next to nothing."""
    shares = irises(0)
    few = type(shares)(shares.train.of(torch.arange(24)), shares.test)
    ports = choose_ports(NETWORK, few.train, 3, strip_bounds(NETWORK, *WIDE), softmax(0.05), 0, FULL, Search(32, 4, 2, 8, 30))
    losses = [in_situ(few, ports, 20, noise, 0).history.epochs[-1].loss for noise in (0.0, 0.02, 2.0)]
    assert losses[1] == pytest.approx(losses[0], rel=0.5)
    assert losses[2] > 3 * losses[1]


@pytest.fixture
def trial() -> Trial:
    springs = Springs(NETWORK, BEHAVIOUR.loads(NETWORK))
    forces = np.zeros((14, 2))
    forces[10, 1] = -FULL

    def slope(u: np.ndarray) -> np.ndarray:
        found = np.zeros_like(u)
        found[[12, 13], 1] = u[[12, 13], 1] - np.array([-0.5, -0.8])
        return found

    return Trial(springs, strip_bounds(NETWORK).start, forces, slope, FULL, 0.0)


def test_without_noise_the_adjoint_is_exact_and_propagation_tends_to_it(trial: Trial) -> None:
    """Equilibrium propagation's error is of first order in its nudge; coupled learning's has another limit."""
    rng = np.random.default_rng(0)
    assert cosines(trial, adjoint, 2, 0) == pytest.approx(1.0, abs=1e-12)
    wanted = adjoint(trial, rng)
    errors = [np.linalg.norm(equilibrium_propagation(replace(trial, load=FULL / nudge), rng) - wanted) for nudge in (100, 200)]
    assert errors[0] == pytest.approx(2 * errors[1], rel=1e-6)
    assert errors[0] < 0.02 * np.linalg.norm(wanted)
    small = replace(trial, load=1e-4 * FULL)
    assert 0.5 < float(cosines(small, coupled_learning, 1, 0)[0]) < 0.95


def test_clamped_outputs_go_where_coupled_learning_wants_them(trial: Trial) -> None:
    springs = trial.springs
    free = springs.respond(NETWORK.nodes, trial.stiffness, trial.forces)
    way = -trial.slope(free)
    clamps, length = _clamps(trial, way)
    moved = springs.respond(NETWORK.nodes, trial.stiffness, trial.forces + clamps) - free
    assert moved[[12, 13], 1] == pytest.approx(length * way[[12, 13], 1], rel=1e-9)
    assert np.abs(clamps).max() == pytest.approx(FULL)


def test_with_noise_the_adjoint_is_nearest(trial: Trial) -> None:
    noisy = replace(trial, noise=0.01)
    found = {name: cosines(noisy, rule, 100, 0).mean() for name, rule in RULES.items()}
    assert found["adjoint"] == pytest.approx(0.992, abs=0.004)
    assert found["adjoint"] > found["equilibrium propagation"] > found["coupled learning"]


def test_measured_elongations_make_the_gradient(tmp_path: Path) -> None:
    springs, k = Springs(NETWORK, BEHAVIOUR.loads(NETWORK)), strip_bounds(NETWORK).start
    seed = np.random.default_rng(0).normal(size=(14, 2))
    forward = springs.solve(NETWORK.nodes, np.array([FULL]), k)
    second = Springs(NETWORK, sp.csr_matrix(-0.01 * seed.reshape(1, -1))).solve(NETWORK.nodes, np.ones(1), k)
    for name, field in (("e.csv", forward), ("a.csv", second)):
        write_elongations(tmp_path / name, field.elongations)
    read = [read_elongations(tmp_path / name, NETWORK) for name in ("e.csv", "a.csv")]
    assert gradient_of(*read, scale=0.01) == pytest.approx(springs.vjp(forward, seed).material, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [], "must begin with the line bond,elongation; got 'nothing'"),
        (lambda lines: ["bond,stretch", *lines[1:]], "must begin with the line bond,elongation; got 'bond,stretch'"),
        (lambda lines: [*lines[:5], "4,abc", *lines[6:]], "line 6: wanted the number of a bond .* got '4,abc'"),
        (lambda lines: [*lines[:5], "4,nan", *lines[6:]], "line 6: wanted the number of a bond"),
        (lambda lines: [*lines[:5], "4", *lines[6:]], "line 6: wanted the number of a bond"),
        (lambda lines: [*lines[:5], *lines[7:]], "has 26 of 28 bonds; missing: 4, 5. Measure these too"),
        (lambda lines: [*lines, "28,0.1"], "line 30: there is no bond 28, they are 0 to 27"),
        (lambda lines: [*lines, "3,0.1"], "line 30: bond 3 is there for the second time"),
    ],
)
def test_bad_records_are_refused_with_their_line(change, message: str, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    write_elongations(path, np.linspace(0, 1, 28))
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(InputError, match=message):
        read_elongations(path, NETWORK)
    with pytest.raises(InputError, match=r"cannot be read: No such file or directory\."):
        read_elongations(tmp_path / "nothing.csv", NETWORK)
    path.write_bytes(bytes([0xFF, 0xFE, 0x00]))
    with pytest.raises(InputError, match="it is no text"):
        read_elongations(path, NETWORK)
