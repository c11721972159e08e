"""Regression: 28 springs learn to move two nodes in proportion to a force, each with its own factor, both ways.

Of 100 forces within 0.196 N 70 are learned from. The factors of Li and Mao (2024) are within reach of stiffnesses of 3:1,
not of their own 1.67:1; with noise of 0.1 mm in what is to be learned, the test error comes down to that noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mnnfem import checkpoint
from mnnfem.run import Run, RunSettings
from mnnfem.settings import parse, run_main, setting
from mnnfem.springs.drawing import Picture, curves_figure, networks_figure
from mnnfem.springs.lattices import trapezoid
from mnnfem.springs.losses import squared
from mnnfem.springs.springnet import SpringNet, strip_bounds
from mnnfem.springs.tasks import REGRESSION, regression
from mnnfem.springs.training import Regime, fit, readings

EXAMPLES = """examples:
  ./run python workflows/spring_regression.py                three trainings, under a minute
  ./run python workflows/spring_regression.py --noise 0.2    of other noise, mm
"""
PAPER, WIDE = (1.5, 2.5), (1.0, 3.0)  # mm, widths of strips: stiffnesses of 1.67:1 and 3:1


@dataclass(frozen=True)
class RegressionSettings(RunSettings):
    epochs: int = setting(300, "passes over the samples in each training", low=1)
    batch: int = setting(16, "samples of a step", low=1)
    rate: float = setting(0.05, "Adam's at the start, in shares of the stiffnesses' range", low=1e-6, high=1)
    noise: float = setting(0.1, "standard deviation of the noisy targets", unit="mm", low=1e-6, high=10)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network; test errors against targets as seen and without noise, and that of the noise itself, all relative."""

    model: SpringNet
    losses: list[float]
    error: float
    clean_error: float
    floor: float


def fitted(widths: tuple[float, float], noise: float, settings: RegressionSettings) -> Fitted:
    """Train the trapezoid with strips of these widths, mm."""
    network = trapezoid()
    train, test, clean = regression(settings.seed, noise)
    model = SpringNet(network, REGRESSION, strip_bounds(network, *widths))
    regime, generator = Regime(settings.epochs, settings.rate, settings.batch), torch.Generator().manual_seed(settings.seed)
    losses = [epoch.loss for epoch in fit(model, train, squared(1.0), regime, generator)]
    answer, true = readings(model, test), torch.from_numpy(clean)
    size = float(test.wanted.norm())
    errors = (float((one - other).norm()) / size for one, other in ((answer, test.wanted), (answer, true), (true, test.wanted)))
    return Fitted(model, losses, *errors)


def main(argv: Sequence[str]) -> int:
    settings = parse(RegressionSettings, argv, __doc__, EXAMPLES)
    run = Run.begin("spring_regression", settings)
    pictures, curves = [], {}
    for name, widths, noise, bar in (
        ("3:1", WIDE, 0.0, 1e-6),
        ("1.67:1", PAPER, 0.0, 0.14),
        (f"3:1, noise {settings.noise:g} mm", WIDE, settings.noise, 1.1),
    ):
        found = fitted(widths, noise, settings)
        if noise:
            ratio = found.error / found.floor
            said = (
                f"relative test error {found.error:.3%}, {ratio:.3f} of the noise's own; {found.clean_error:.3%} without noise"
            )
            figures, bars = {"noisy_over_floor": ratio}, {f"test error within {bar:g} of the noise floor": ratio <= bar}
        else:
            said = f"relative test error {found.error:.2g}, {found.model.at_bounds()} of 28 bonds on a bound"
            figures, bars = {f"error_{name}": found.error}, {f"relative error of at most {bar:g}": found.error <= bar}
        run.tell(f"stiffnesses of {name}: {said}", figures, bars)
        share = found.model.share.detach().numpy()
        pictures.append(Picture(f"stiffnesses of {name}", found.model.network, share, found.model.ports))
        curves[name] = found.losses
        if name == "3:1":
            checkpoint.save(run.folder, found.model, {"task": run.name, "seed": settings.seed})
    networks_figure(run.folder.file("networks.png"), pictures)
    curves_figure(run.folder.file("loss.png"), {"loss (mm^2)": curves}, log=("loss (mm^2)",))
    return run.end(("networks.png", "loss.png"))


if __name__ == "__main__":
    run_main(main)
