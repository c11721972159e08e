"""The irises learned three ways: with the paper's loss, with signed readings, and in situ from noisy photographs."""

from __future__ import annotations

from dataclasses import dataclass

from mnnfem.springs.bench import InSitu, SimulatedBench
from mnnfem.springs.classifier import History, Reading, accuracy, noisy_accuracy, train_classifier
from mnnfem.springs.iris import FULL, Shares
from mnnfem.springs.lattices import trapezoid
from mnnfem.springs.losses import largest, largest_size, log_ratio, softmax
from mnnfem.springs.nodemap import Search, choose_ports
from mnnfem.springs.ports import Ports
from mnnfem.springs.springnet import SpringNet, strip_bounds
from mnnfem.springs.tasks import IRIS
from mnnfem.springs.training import Regime

PAPER, WIDE = (1.25, 2.75), (0.5, 3.5)  # mm, widths of strips: what the published curves take, and 7:1
MARGIN = 0.02  # mm of reading that count as one step of the softmax; readings then differ by several times that
SEARCHED = 0.05  # the same while ports are chosen
PUBLISHED = Reading(log_ratio, largest_size, aligned=False)
SIGNED = Reading(softmax(MARGIN), largest, aligned=True)
SIGNED_RATE = 0.05


@dataclass(frozen=True, eq=False)
class Trained:
    """A classifier, its history, and its accuracy on both shares, without noise."""

    model: SpringNet
    reading: Reading
    history: History
    train: float
    test: float


def published(shares: Shares, epochs: int, starts: int, seed: int) -> Trained:
    """The paper's ports and loss, batches of 16."""
    network = trapezoid()
    model = SpringNet(network, IRIS, strip_bounds(network, *PAPER))
    return _trained(model, shares, PUBLISHED, Regime(epochs, 0.03, 16), seed, starts)


def signed_ports(shares: Shares, seed: int, search: Search = Search()) -> Ports:
    """Ports chosen on the training samples, with a constant load of 5 g."""
    network = trapezoid()
    bounds = strip_bounds(network, *WIDE)
    return choose_ports(network, shares.train, 3, bounds, softmax(SEARCHED), seed, FULL, search)


def signed(shares: Shares, ports: Ports, epochs: int, seed: int) -> Trained:
    """Signed softmax, all samples in every step."""
    network = trapezoid()
    model = SpringNet(network, ports, strip_bounds(network, *WIDE))
    return _trained(model, shares, SIGNED, Regime(epochs, SIGNED_RATE), seed)


def in_situ(shares: Shares, ports: Ports, epochs: int, noise: float, seed: int) -> Trained:
    """The same on a simulated bench whose photographs have noise of `noise` mm: every field of every sample is one.

    What it has learned is told by the network itself, without noise.
    """
    network = trapezoid()
    bounds, bench = strip_bounds(network, *WIDE), SimulatedBench(network, noise, seed=seed)
    lab = SpringNet(network, ports, bounds, InSitu(network, ports.loads(network), bench), linear=False)
    history = train_classifier(lab, shares.train, SIGNED, Regime(epochs, 0.03, 16), seed)
    model = SpringNet(network, ports, bounds)
    model.load_state_dict(lab.state_dict())
    scores = (accuracy(model, share, SIGNED) for share in (shares.train, shares.test))
    return Trained(model, SIGNED, history, *scores)


def margins(trained: Trained, shares: Shares, noise: float, seed: int) -> float:
    """Test accuracy where readings have noise of `noise` mm, too."""
    return noisy_accuracy(trained.model, shares.test, trained.reading, noise, seed)


def _trained(model: SpringNet, shares: Shares, reading: Reading, regime: Regime, seed: int, starts: int = 1) -> Trained:
    history = train_classifier(model, shares.train, reading, regime, seed, starts)
    return Trained(model, reading, history, *(accuracy(model, share, reading) for share in (shares.train, shares.test)))
