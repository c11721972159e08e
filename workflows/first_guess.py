"""First guess: a network learns the equilibria of a 5x5 panel of any pore shapes, from the energy alone, to start solves from.

The family: 384 radii in [0.3, 0.7], the panel's left and right face each moved by up to --reach. In each step fresh members are
drawn and their energies lowered through the finite-element forms: no equilibrium is solved. What comes out starts solves of
the family, see benchmarks/warm_start.py for what that saves.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from geometries.star_pores import star_pores
from mnnfem import checkpoint, guess
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.errors import EquilibriumError, InputError, unknown_name
from mnnfem.guess.family import Cells, Family, Instances
from mnnfem.guess.learned import LearnedGuess, describe, load
from mnnfem.guess.learning import Regime, energy_gradient, fresh, learn
from mnnfem.guess.network import DEEPEST, WIDEST, CellNetwork, Size
from mnnfem.guess.reference import Reference
from mnnfem.guess.watch import Look, Watch
from mnnfem.material import NeoHookean
from mnnfem.metrics import FILE
from mnnfem.run import Run, RunSettings
from mnnfem.settings import parse, run_main, setting

EXAMPLES = """examples:
  ./run python workflows/first_guess.py                             nine minutes on one core
  ./run python workflows/first_guess.py --poisson 0.46 --reach 50   where panels buckle
"""
WATCHED = 64  # members whose energy is told while others are learned from
WEIGHTS = "guess.safetensors"
SHIPPED = {"panel": (0.3, 25.0), "buckling": (0.46, 50.0)}  # Poisson's ratio and reach, mm, of what lies in mnnfem/guess


@dataclass(frozen=True)
class FirstGuessSettings(RunSettings):
    poisson: float = setting(0.3, "Poisson's ratio", low=0, high=0.49)
    reach: float = setting(25.0, "largest displacement of a driven face", unit="mm", low=0.1, high=60)
    steps: int = setting(Regime.steps, "of the training", low=1)
    batch: int = setting(Regime.batch, "fresh members of the family in each step", low=1)
    rate: float = setting(Regime.rate, "of the steps, at the start of its cosine", low=1e-6, high=1)
    ramp: float = setting(Regime.ramp, "share of the steps over which the range of the displacements opens", low=0, high=1)
    channels: int = setting(Size.channels, "of a cell's state, a multiple of 4", low=4, high=WIDEST)
    layers: int = setting(Size.layers, "that mix the cells", low=1, high=DEEPEST)
    ship: bool = setting(False, "put what is learned in the place of the shipped guess of this family")


def panels(poisson: float, reach: float, cells: int = 5) -> Family:
    """Panels of `cells` x `cells`, the middle one solid, held and driven as in the translation."""
    panel = Cells(cells, cells, 50.0, ((cells // 2, cells // 2),))
    geometry = star_pores(panel.columns, panel.rows, panel.side, panel.solid)
    drives = [Drive(name, (1.0, 0.0), reach) for name in ("left_middle", "right_middle")]
    return panel.family(geometry, Boundary(held=("corners",), drives=drives), NeoHookean(poisson=poisson), (0.3, 0.7))


@dataclass(frozen=True, eq=False)
class Shipped:
    """A guess that is shipped, ungated, with its family, a body to solve with, and what its file tells of its training."""

    family: Family
    body: Body
    reference: Reference
    guess: LearnedGuess
    told: Mapping[str, Any]


def shipped(name: str) -> Shipped:
    """One of those in mnnfem/guess. InputError for another name."""
    if name not in SHIPPED:
        raise unknown_name("shipped guess", name, SHIPPED)
    family = panels(*SHIPPED[name])
    body = family.body(factors=2)
    reference = Reference(family, body.solid)
    found, told = load(shipped_file(name), reference)
    return Shipped(family, body, reference, found, told)


def shipped_file(name: str) -> Path:
    """Where the weights of a shipped guess are."""
    return Path(guess.__file__).with_name(f"{name}.safetensors")


def replaced(settings: FirstGuessSettings) -> Path:
    """The file of the shipped guess of the settings' family. InputError where none is shipped."""
    for name, known in SHIPPED.items():
        if known == (settings.poisson, settings.reach):
            return shipped_file(name)
    families = " and ".join(f"--poisson {poisson:g} --reach {reach:g}" for poisson, reach in SHIPPED.values())
    raise InputError(f"No guess is shipped for --poisson {settings.poisson:g} --reach {settings.reach:g}, but for {families}.")


def excesses(guess: LearnedGuess, body: Body, members: Instances) -> list[float]:
    """By which share the energies of guesses are above those of the equilibria, of the members for which one is found."""
    family, found = guess.family, list[float]()
    for design, controls in zip(members.designs, members.controls, strict=True):
        inputs = family.points(design), controls, family.law.values
        start = guess(*inputs)
        assert start is not None, "members belong to their family"
        with suppress(EquilibriumError):
            end = body.solve(*inputs, start)
            body.solid.set_inputs(family.points(design), family.law.values, controls)
            found.append(body.solid.energy(start.displacement) / end.record.energy - 1)
    return found


def main(argv: Sequence[str]) -> int:
    settings = parse(FirstGuessSettings, argv, __doc__, EXAMPLES)
    target = replaced(settings) if settings.ship else None
    run = Run.begin("first_guess", settings)
    family, seed = panels(settings.poisson, settings.reach), settings.seed
    body, size = family.body(), Size(settings.channels, settings.layers)
    reference = Reference(family, body.solid)
    network = CellNetwork(reference, size, torch.Generator().manual_seed(seed))
    regime = Regime(settings.steps, settings.batch, settings.rate, ramp=settings.ramp)
    drawn = fresh(family, regime, np.random.default_rng([seed, 1]))
    gradient = energy_gradient(body.solid, family, reference.energy)
    watched = family.sample(WATCHED, np.random.default_rng([seed, 2]))
    with tqdm(total=settings.steps, disable=None) as bar:

        def show(look: Look) -> None:
            bar.update(look.step - bar.n)
            bar.set_postfix(energy=f"{look.energy:.4f}")
            run.folder.append_json(FILE, look.line)

        learned = LearnedGuess(network, reference)
        watch = Watch(learned, watched, max(1, settings.steps // 50), show)
        learn(network, drawn, gradient, regime, watch)
    cost = {"seconds": watch.seconds, "steps": settings.steps, "batch": settings.batch, "seed": seed}
    run.folder.write(WEIGHTS, checkpoint.packed(network.state_dict(), describe(family, size, **cost)))
    if target is not None:
        shutil.copyfile(run.folder.file(WEIGHTS), target)
    weights = sum(tensor.numel() for tensor in network.parameters())
    above = np.array(excesses(learned, body, watched) or [np.inf])
    median, most = np.median(above), np.percentile(above, 95)
    run.tell(
        f"{weights} weights, {settings.steps} steps in {cost['seconds']:.0f} s of processor time; the energy of {len(above)} "
        f"others' guesses is {median:.2%} above their equilibria's in the median, {most:.2%} at the 95th percentile",
        {
            "weights": weights,
            "cost": cost,
            "looks": [look.line for look in watch.looks],
            "excess": {name: float(x) if np.isfinite(x) else None for name, x in (("median", median), ("p95", most))},
        },
        {},
    )
    return run.end((WEIGHTS,))


if __name__ == "__main__":
    run_main(main)
