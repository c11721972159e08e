"""What the workflows of learned bases share: settings, a basis learned or read, rows told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from mnnfem.mesh import Floats
from mnnfem.metapde.basis import Basis
from mnnfem.metapde.evaluation import Tally
from mnnfem.metapde.pictures import Shown, cost_figure, fields_figure
from mnnfem.metapde.problems import Size, problem
from mnnfem.metapde.train import MOST, device_of, trained
from mnnfem.metapde.training import Regime
from mnnfem.metapde.weights import KINDS, Origin, load
from mnnfem.run import Run, RunSettings
from mnnfem.settings import setting

HELD_OUT = 2026  # seed of the unseen instances, whatever the training's
UNLEARNED = "not learned"  # a basis of random functions, solved for as the learned one


@dataclass(frozen=True)
class LearnedSettings(RunSettings):
    weights: str = setting("", "file of a learned basis to judge, instead of a training")
    minutes: float = setting(5.0, "of the training", unit="minutes", low=0.001, high=1000)
    iterations: int = setting(MOST, "of the training, at most", low=1)
    batch: int = setting(8, "instances of a step", low=1, high=4096)
    points: int = setting(256, "random points of an instance in a step", low=16, high=65536)
    rate: float = setting(2e-3, "Adam's at the start", low=1e-6, high=1)
    width: int = setting(64, "functions in the basis", low=4, high=1024)
    depth: int = setting(3, "layers of the network that makes them", low=1, high=16)
    newton: int = setting(2, "Gauss-Newton steps that it is learned for", low=1, high=10)
    dtype: str = setting("float32", "numbers of the network", choices=tuple(KINDS))
    device: str = setting("auto", "where torch computes; auto is a GPU where there is one", choices=("auto", "cpu", "cuda"))
    instances: int = setting(100, "unseen instances to judge by", low=1, high=10000)
    judged: int = setting(1024, "random points at which an unseen instance is solved", low=16, high=65536)


Told = TypeVar("Told", bound=LearnedSettings)


def unseen(name: str, settings: LearnedSettings) -> Floats:
    """Instances (count, p) of a problem to judge by."""
    found: Floats = problem(name).draw(settings.instances, torch.Generator().manual_seed(HELD_OUT)).numpy()
    return found


def basis_for(name: str, run: Run, settings: LearnedSettings) -> tuple[Basis, Origin]:
    """The basis in the settings' file, or one that is learned now and kept in the run's folder."""
    file = Path(settings.weights) if settings.weights else run.folder.file("checkpoint/basis.safetensors")
    device = device_of(settings.device)
    if not settings.weights:
        size = Size(settings.width, settings.depth, settings.newton)
        regime = Regime(settings.batch, settings.points, settings.rate, settings.minutes, settings.iterations)
        trained(Origin(name, size, settings.seed, settings.dtype), regime, device, file)
    basis, origin = load(file, name)
    figures = {"training steps": origin.steps, "training seconds": origin.seconds, "training device": origin.device}
    told = f"{origin.size.width} functions learned in {origin.steps} steps, {origin.seconds:.0f} s on {origin.device}"
    run.tell(told, figures, {})
    return basis.to(device), origin


def steps_of(count: int) -> str:
    """The name of what is found by so many steps."""
    return f"learned, {count} steps"


def judge(
    name: str,
    settings: Told,
    compared: Callable[[Basis, Basis, Told], tuple[Tally, list[Shown]]],
    bar: float,
    rival: str,
    labels: tuple[str, str] = ("x", "y"),
) -> int:
    """Learn or read a basis of a problem, compare it, with one that has learned nothing, with others; tell, draw, end.

    The bar is on the median after the steps that the basis has learned for; `rival` begins names of rows.
    """
    run = Run.begin(f"metapde_{name}", settings)
    learned, origin = basis_for(name, run, settings)
    tally, shown = compared(learned, origin.basis().to(device_of(settings.device)), settings)
    for row in tally.rows():
        barred = row.name == steps_of(learned.steps)
        run.tell(row.sentence, row.figures, {f"a median of at most {bar:.1%}": row.median <= bar} if barred else {})
    return drawn(run, tally, shown, rival, labels)


def drawn(run: Run, tally: Tally, shown: Sequence[Shown], rival: str, labels: tuple[str, str] = ("x", "y")) -> int:
    """Draw and end. Names of rows begin with `rival` or with "learned"."""
    fields_figure(run.folder.file("fields.png"), shown, labels)
    own, others = ([row for row in tally.rows() if row.name.startswith(start)] for start in ("learned", rival))
    cost_figure(run.folder.file("cost.png"), own, others, rival)
    return run.end(("fields.png", "cost.png"))
