"""Behaviour: a network of 28 springs learns how two of its nodes sink under one weight, by its own two displacement fields.

The trapezoid of Li and Mao (2024), held at its upper corners, 5 g at node 10. With the log-ratio loss one reading becomes
as large as it can against the other; with targets both take given values, where the stiffnesses' bounds allow it. Then
the gradient itself: how near noisy photographs bring it, by the adjoint field and by two other local rules.

With --forward and --adjoint the gradient is made of elongations that were measured on a bench, and nothing is trained.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mnnfem import checkpoint
from mnnfem.errors import InputError
from mnnfem.mesh import Floats
from mnnfem.run import Run, RunSettings
from mnnfem.settings import parse, run_main, setting
from mnnfem.springs.bench import gradient_of
from mnnfem.springs.drawing import Picture, curves_figure, lines_figure, networks_figure
from mnnfem.springs.exact import ExactSprings
from mnnfem.springs.fidelity import NOISE, bench_quality, compare_rules
from mnnfem.springs.iris import FULL
from mnnfem.springs.lattices import trapezoid
from mnnfem.springs.losses import Loss, log_ratio, squared
from mnnfem.springs.physics import Springs
from mnnfem.springs.records import read_elongations
from mnnfem.springs.springnet import SpringNet, strip_bounds
from mnnfem.springs.tasks import BEHAVIOUR, behaviour
from mnnfem.springs.training import Regime, fit, readings

EXAMPLES = """examples:
  ./run python workflows/spring_behaviour.py                       all of it, under a minute
  ./run python workflows/spring_behaviour.py --geometry exact      springs that turn with their nodes
  ./run python workflows/spring_behaviour.py --forward e.csv --adjoint a.csv --adjoint-scale 0.02
                                                                   dJ/dk of measured elongations (columns bond, elongation)
"""
PAPER, WIDE = (1.5, 2.5), (0.5, 3.5)  # mm, widths of strips: stiffnesses of 1.67:1 and 7:1
PUBLISHED = np.array([-0.62533, -0.47998])  # mm
TARGETS = (-0.5, -0.6, -0.7, -0.8)  # mm, of the second node; the first's is the first of these
SCALE = 0.4  # mm, about the displacement of the start


@dataclass(frozen=True)
class BehaviourSettings(RunSettings):
    epochs: int = setting(300, "steps of each training", low=1)
    rate: float = setting(0.05, "Adam's at the start, in shares of the stiffnesses' range", low=1e-6, high=1)
    geometry: str = setting("linear", "springs to first order, or exact ones that turn", choices=("linear", "exact"))
    repeats: int = setting(200, "noisy gradients of each rule at each noise", low=2)
    forward: str = setting("", "CSV of elongations in mm under the loads: with --adjoint, makes the gradient of them")
    adjoint: str = setting("", "CSV of elongations in mm under the adjoint loads, scaled")
    adjoint_scale: float = setting(1.0, "the adjoint loads that were hung over -dJ/du", low=1e-12)


@dataclass(frozen=True, eq=False)
class Learned:
    """A trained network, its readings (2,) mm, and its losses."""

    model: SpringNet
    reading: Floats
    losses: list[float]


def learn(widths: tuple[float, float], loss: Loss, wanted: torch.Tensor, settings: BehaviourSettings) -> Learned:
    """Train the trapezoid with strips of these widths, mm, on one sample."""
    network = trapezoid()
    exact = settings.geometry == "exact"
    physics = (ExactSprings if exact else Springs)(network, BEHAVIOUR.loads(network))
    model, sample = SpringNet(network, BEHAVIOUR, strip_bounds(network, *widths), physics, not exact), behaviour(wanted)
    regime = Regime(settings.epochs, settings.rate)
    losses = [epoch.loss for epoch in fit(model, sample, loss, regime, torch.Generator().manual_seed(settings.seed))]
    return Learned(model, readings(model, sample)[0].numpy(), losses)


def from_files(settings: BehaviourSettings) -> int:
    """Print dJ/dk of each bond from two measured fields."""
    if not (settings.forward and settings.adjoint):
        raise InputError("A gradient takes two fields: give both --forward and --adjoint.")
    network = trapezoid()
    forward, adjoint = (read_elongations(Path(name), network) for name in (settings.forward, settings.adjoint))
    print("bond,gradient")
    for bond, value in enumerate(gradient_of(forward, adjoint, settings.adjoint_scale)):
        print(f"{bond},{value:.9g}")
    return 0


def _pictured(title: str, learned: Learned) -> Picture:
    model = learned.model
    field = model.bridge.physics.solve(model.network.nodes, np.array([FULL]), model.stiffness().detach().numpy())
    at = ", ".join(f"{value:.3f}" for value in learned.reading)
    return Picture(f"{title}\n{at} mm", model.network, model.share.detach().numpy(), model.ports, 3 * field.displacement)


def main(argv: Sequence[str]) -> int:
    settings = parse(BehaviourSettings, argv, __doc__, EXAMPLES)
    if settings.forward or settings.adjoint:
        return from_files(settings)
    run = Run.begin("spring_behaviour", settings)
    linear = settings.geometry == "linear"

    ratio = learn(PAPER, log_ratio, torch.tensor([0]), settings)
    apart = float(np.abs(ratio.reading - PUBLISHED).max())
    run.tell(
        f"log-ratio loss, widths {PAPER[0]:g} to {PAPER[1]:g} mm: {ratio.reading[0]:.5f} / {ratio.reading[1]:.5f} mm after "
        f"{settings.epochs} steps, {ratio.model.at_bounds()} of 28 bonds on a bound",
        {"log_ratio": ratio.reading.tolist(), "at_bounds": ratio.model.at_bounds()},
        {f"within 1e-5 mm of {PUBLISHED[0]} / {PUBLISHED[1]}": apart <= 1e-5} if linear else {},
    )
    pictures, curves = [_pictured("log-ratio", ratio)], {"log-ratio": ratio.losses}
    share = float(ratio.reading[0] / ratio.reading.sum())
    for widths in (WIDE, PAPER):
        bounds = f"{widths[1] / widths[0]:.2f}:1"
        for target in TARGETS if widths == WIDE else TARGETS[-1:]:
            wanted = np.array([TARGETS[0], target])
            found = learn(widths, squared(SCALE), torch.from_numpy(wanted[None]), settings)
            error = float(np.abs(found.reading - wanted).max())
            reached = error <= 1e-3
            name = f"targets {wanted[0]:g}, {wanted[1]:g} mm at {bounds}"
            verdict = (
                "reached"
                if reached
                else (
                    f"not reached: {found.model.at_bounds()} of 28 bonds are on a bound. The larger reading can be "
                    f"{share:.1%} of both at these bounds (log-ratio loss), wanted {target / wanted.sum():.1%}: infeasible"
                )
            )
            run.tell(
                f"{name}: {found.reading[0]:.5f}, {found.reading[1]:.5f} mm, error {error:.1e} mm, {verdict}",
                {f"error_{-target:g}_{bounds}": error},
                {f"{name} within 1e-3 mm": reached} if widths == WIDE else {f"{name} reported as infeasible": not reached},
            )
            if target == TARGETS[-1]:
                pictures.append(_pictured(name, found))
                curves[name] = found.losses
    near = compare_rules((TARGETS[0], TARGETS[-1]), settings.repeats, settings.seed)
    at = NOISE.index(0.01)
    run.tell(
        f"gradient from photographs with {NOISE[at] * 1e3:g} um of noise, mean cosine with the exact one: "
        + ", ".join(f"{name} {values[at]:.3f}" for name, values in near.items()),
        {"noise": list(NOISE), "cosines": near},
        {"the adjoint the nearest": near["adjoint"][at] == max(values[at] for values in near.values())},
    )
    quality = bench_quality((TARGETS[0], TARGETS[-1]), settings.seed)
    run.tell(
        f"eight gradients from a bench with weights of 0.1 g and 10 um of noise: quality estimated {quality.estimated:.4f}, "
        f"their mean's cosine with the exact one {quality.true:.4f}",
        {"quality": dataclasses.asdict(quality)},
        {},
    )
    checkpoint.save(run.folder, ratio.model, {"task": run.name, "loss": "log-ratio", "seed": settings.seed})
    networks_figure(run.folder.file("networks.png"), pictures)
    curves_figure(run.folder.file("loss.png"), {"loss": curves}, log=("loss",))
    um = [1e3 * noise for noise in NOISE]
    lines_figure(run.folder.file("gradients.png"), um, near, ("noise of a photograph (um)", "cosine with the exact gradient"))
    return run.end(("networks.png", "gradients.png"))


if __name__ == "__main__":
    run_main(main)
