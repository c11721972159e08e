"""Retraining: springs that tell irises apart learn to regress and back again, and make up for each bond that is cut.

The switch is irises, regression, irises, each started from the stiffnesses that the last one ended with. Damage: every one of
the 28 bonds is cut in turn, and what is left is trained on; bonds without which a node would move freely are named. Its
ports are chosen, on the training share, for what a short training makes of the network with any one bond cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mnnfem import checkpoint
from mnnfem.run import Run, RunSettings
from mnnfem.settings import parse, run_main, setting
from mnnfem.springs.classifier import accuracy, train_classifier
from mnnfem.springs.drawing import Picture, bars_figure, networks_figure
from mnnfem.springs.flowers import SIGNED, SIGNED_RATE, WIDE, signed, signed_ports
from mnnfem.springs.iris import Shares, irises
from mnnfem.springs.losses import squared
from mnnfem.springs.modes import modes_of
from mnnfem.springs.nodemap import Search
from mnnfem.springs.springnet import SpringNet, strip_bounds
from mnnfem.springs.tasks import REGRESSION, regression
from mnnfem.springs.training import Regime, fit, readings

EXAMPLES = """examples:
  ./run python workflows/spring_retrain.py               three switches and 28 cuts, two to three minutes
  ./run python workflows/spring_retrain.py --seeds 10    ten switches, as the benchmark does
"""
RATE = 0.03
ENDURING = Search(first=64, rounds=0, kept=4, children=8, damaged=16)


@dataclass(frozen=True)
class RetrainSettings(RunSettings):
    seeds: int = setting(3, "switches, each with its own shares, ports and regression", low=1, high=1000)
    epochs: int = setting(1000, "steps of each training on the irises", low=1)
    regression_epochs: int = setting(400, "steps of the training for regression", low=1)
    repair_epochs: int = setting(500, "steps after a cut, from each start", low=1)
    repair_starts: int = setting(1, "starts after a cut: where it is, and about there; the best in training is kept", low=1)


@dataclass(frozen=True, eq=False)
class Switch:
    """Test accuracy on the irises before and after, and 1 - relative test error of the regression between."""

    before: float
    regression: float
    after: float
    models: tuple[SpringNet, SpringNet, SpringNet]


@dataclass(frozen=True)
class Cut:
    """A bond that was cut, and the test accuracy right after that and after retraining."""

    bond: int
    damaged: float
    repaired: float


@dataclass(frozen=True, eq=False)
class Damage:
    """A classifier, its test accuracy, what it is with each bond cut, and the bonds that cannot be."""

    model: SpringNet
    whole: float
    cuts: tuple[Cut, ...]
    essential: list[int]


def switch(seed: int, settings: RetrainSettings) -> Switch:
    """Irises, regression, irises."""
    shares = irises(seed)
    ports = signed_ports(shares, seed)
    first = signed(shares, ports, settings.epochs, seed)
    network, bounds = first.model.network, first.model.bounds
    middle = SpringNet(network, REGRESSION, bounds)
    middle.load_state_dict(first.model.state_dict())
    train, test, _ = regression(seed)
    for _ in fit(middle, train, squared(1.0), Regime(settings.regression_epochs, RATE), torch.Generator().manual_seed(seed)):
        pass
    error = float((readings(middle, test) - test.wanted).norm() / test.wanted.norm())
    last = SpringNet(network, ports, bounds)
    last.load_state_dict(middle.state_dict())
    train_classifier(last, shares.train, SIGNED, Regime(settings.epochs, SIGNED_RATE), seed)
    return Switch(first.test, 1 - error, accuracy(last, shares.test, SIGNED), (first.model, middle, last))


def cut(model: SpringNet, bond: int, shares: Shares, settings: RetrainSettings) -> Cut:
    """What is left without the bond, with the other stiffnesses as they were, and trained on."""
    network = model.network.without([bond])
    left = SpringNet(network, model.ports, strip_bounds(network, *WIDE))
    left.set_stiffness_(np.delete(model.stiffness().detach().numpy(), bond))
    damaged = accuracy(left, shares.test, SIGNED)
    train_classifier(
        left, shares.train, SIGNED, Regime(settings.repair_epochs, SIGNED_RATE), settings.seed, settings.repair_starts
    )
    return Cut(bond, damaged, accuracy(left, shares.test, SIGNED))


def damage(seed: int, settings: RetrainSettings) -> Damage:
    """A classifier on the shares of this seed, and every one of its bonds cut that can be."""
    shares = irises(seed)
    model = signed(shares, signed_ports(shares, seed, ENDURING), settings.epochs, seed).model
    essential = [int(bond) for bond in modes_of(model.network).essential]
    cuts = [cut(model, bond, shares, settings) for bond in range(len(model.network.bonds)) if bond not in essential]
    return Damage(model, accuracy(model, shares.test, SIGNED), tuple(cuts), essential)


def main(argv: Sequence[str]) -> int:
    settings = parse(RetrainSettings, argv, __doc__, EXAMPLES)
    run = Run.begin("spring_retrain", settings)
    switches = [switch(settings.seed + number, settings) for number in range(settings.seeds)]
    before, between, after = np.array([(one.before, one.regression, one.after) for one in switches]).T
    lost = before - after
    run.tell(
        f"switch, {len(switches)} seeds: irises {before.mean():.4f}, regression at least {between.min():.6f}, "
        f"irises again {after.mean():.4f}, at most {lost.max():.4f} less than before",
        {"switch": {"before": before.tolist(), "regression": between.tolist(), "after": after.tolist()}},
        {"regression at least 0.999": between.min() >= 0.999, "irises back within 0.01": lost.max() <= 0.01},
    )
    found = damage(settings.seed, settings)
    model, cuts, network = found.model, found.cuts, found.model.network
    for bond in found.essential:
        run.tell(f"{network.name(bond)} cannot be cut: {modes_of(network.without([bond])).sentence}", {}, {})
    damaged, repaired = np.array([one.damaged for one in cuts]), np.array([one.repaired for one in cuts])
    run.tell(
        f"damage, {len(cuts)} bonds: test {found.whole:.4f}, after the cut {damaged.mean():.4f} (least {damaged.min():.4f}), "
        f"retrained {repaired.mean():.4f} (least {repaired.min():.4f})",
        {"essential": found.essential, "whole": found.whole, "damaged": damaged.tolist(), "repaired": repaired.tolist()},
        {"mean after retraining 0.95": repaired.mean() >= 0.95, "least 0.85": repaired.min() >= 0.85},
    )
    checkpoint.save(run.folder, model, {"task": run.name, "seed": settings.seed})
    pictures = [
        Picture(title, network, one.share.detach().numpy(), one.ports)
        for title, one in zip(("irises", "regression", "irises again"), switches[0].models, strict=True)
    ]
    networks_figure(run.folder.file("switch.png"), pictures)
    names = [str(one.bond) for one in cuts]
    heights = {"after the cut": [one.damaged for one in cuts], "after retraining": [one.repaired for one in cuts]}
    bars_figure(run.folder.file("damage.png"), names, heights, "test accuracy without this bond")
    return run.end(("switch.png", "damage.png"))


if __name__ == "__main__":
    run_main(main)
