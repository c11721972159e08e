"""MAML and LEAP on the regression of sinusoids: 10 points of an unseen sinusoid, then how far is the field from it?

    meta_learning.py [--json FILE]

    task    y = A sin(x + p), A in U(0.1, 5), p in U(0, pi), x in U(-5, 5) (Finn et al., ICML 2017, section 5.1)
    joint   the same network trained on all sinusoids as one, then adapted by as many steps at the best of several rates
    bars    after MAML's steps at most a quarter of the joint network's error, LEAP's at most a half, to first order less than
            it; after 200 meta-steps, not the tens of thousands of Finn et al., whose error is below a tenth of it

Errors are mean squares over 200 unseen sinusoids, three seeds; the median over the seeds counts.
"""

from __future__ import annotations

import itertools
import math
import sys
import time
from functools import partial
from statistics import median

import torch

from benchmarks.report import bench_main
from mnnfem.metapde.leap import Leap
from mnnfem.metapde.maml import Maml
from mnnfem.metapde.objective import Field, Parameters, Sample
from mnnfem.metapde.siren import Siren

SHOTS, STEPS, LEAP_STEPS, TASKS, META_STEPS, SEEDS = 10, 5, 40, 25, 200, 3
RATE = 0.01  # Adam's of the training; at 0.003 MAML is at 0.27 after 100 steps, at 0.01 at 0.13
UNSEEN, DENSE = 200, 100
RATES = (0.003, 0.01, 0.03, 0.1)  # of the joint network's adaptation: the best counts
BARS = {  # a method, the joint network that takes as many steps, and the most that the ratio of their errors may be
    "MAML": ("joint, few steps", 0.25),
    "MAML, first order": ("joint, few steps", 1.0),
    "LEAP": ("joint, more steps", 0.5),
}


def squares(field: Field, sample: Sample) -> torch.Tensor:
    """Mean square of what is missing."""
    return (field(sample["x"]) - sample["y"]).square().mean()


def sinusoids(count: int, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Sample, Sample]:
    """Points of `count` sinusoids, (count, *shape, 1), and other points of the same ones, (count, DENSE, 1)."""

    def uniform(low: float, high: float, *size: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(*size, generator=generator, dtype=torch.float64)

    amplitude, phase = uniform(0.1, 5, count), uniform(0, math.pi, count)

    def points(*size: int) -> Sample:
        x = uniform(-5, 5, count, *size, 1)
        own = (count, *[1] * (len(size) + 1))
        return {"x": x / 5, "y": amplitude.reshape(own) * torch.sin(x + phase.reshape(own))}

    return points(*shape), points(DENSE)


def shots(steps: int, count: int, generator: torch.Generator) -> tuple[Sample, Sample]:
    """The same SHOTS points in every step, and others to test with."""
    few, dense = sinusoids(count, (SHOTS,), generator)
    return {name: one[:, None].expand(-1, steps, -1, -1) for name, one in few.items()}, dense


def error(field: torch.nn.Module, found: Parameters, dense: Sample) -> float:
    """Mean square over the instances of parameters (instances, ...)."""

    def one(parameters: Parameters, sample: Sample) -> torch.Tensor:
        return squares(partial(torch.func.functional_call, field, parameters), sample)

    return float(torch.func.vmap(one)(found, dense).mean())


def field_of(seed: int) -> Siren:
    """The network that all methods train."""
    return Siren(1, 1, (40, 40), torch.Generator().manual_seed(seed))


def maml(seed: int, first_order: bool) -> float:
    """The error after MAML's steps."""
    generator = torch.Generator().manual_seed(seed)
    learner = Maml(field_of(seed), squares, STEPS, 0.01, first_order)
    _optimised(learner.parameters(), lambda: learner.meta_loss(*shots(STEPS, TASKS, generator)).backward())
    few, dense = shots(STEPS, UNSEEN, torch.Generator().manual_seed(2026))
    found = torch.func.vmap(learner.adapted)(few)
    return error(learner.field, {name: one.detach() for name, one in found.items()}, dense)


def leap(seed: int) -> float:
    """The error after LEAP's steps: of gradient descent, as Adam's are as long wherever a path begins, which tells nothing."""
    generator = torch.Generator().manual_seed(seed)
    learner = Leap(field_of(seed), squares, LEAP_STEPS, partial(torch.optim.SGD, lr=0.01))
    _optimised(learner.field.parameters(), lambda: learner.meta_backward(shots(LEAP_STEPS + 1, TASKS, generator)[0]))
    few, dense = shots(LEAP_STEPS + 1, UNSEEN, torch.Generator().manual_seed(2026))
    return error(learner.field, learner.adapted(few), dense)


def joint(seed: int, steps: int) -> float:
    """The error after as many steps, of the best kind and rate, from a network that was trained on all sinusoids at once."""
    generator, field = torch.Generator().manual_seed(seed), field_of(seed)

    def backward() -> None:
        few, _ = sinusoids(TASKS, (SHOTS,), generator)
        squares(field, {name: one.flatten(0, 1) for name, one in few.items()}).backward()

    _optimised(field.parameters(), backward)
    few, dense = shots(steps + 1, UNSEEN, torch.Generator().manual_seed(2026))
    kinds = itertools.product((torch.optim.SGD, torch.optim.Adam), RATES)
    found = [Leap(field, squares, steps, partial(kind, lr=rate)).adapted(few) for kind, rate in kinds]
    return min(error(field, one, dense) for one in found)


def _optimised(parameters, backward) -> None:  # type: ignore[no-untyped-def]
    """Adam over META_STEPS gradients, its rate decaying along a cosine."""
    optimiser = torch.optim.Adam(list(parameters), lr=RATE)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, META_STEPS)
    for _ in range(META_STEPS):
        optimiser.zero_grad()
        backward()
        optimiser.step()
        decay.step()


METHODS = {
    "joint, few steps": partial(joint, steps=STEPS),
    "joint, more steps": partial(joint, steps=LEAP_STEPS),
    "MAML": partial(maml, first_order=False),
    "MAML, first order": partial(maml, first_order=True),
    "LEAP": leap,
}


def measure() -> tuple[dict[str, float], list[str]]:
    """Figures by name, and the bars missed."""
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    for name, method in METHODS.items():
        began = time.perf_counter()
        errors = [method(seed) for seed in range(SEEDS)]
        print(f"... {name}: {', '.join(f'{one:.4f}' for one in errors)}", file=sys.stderr, flush=True)
        figures |= {f"{name}: error": median(errors), f"{name}: worst": max(errors)}
        figures[f"{name}: seconds a seed"] = (time.perf_counter() - began) / SEEDS
    missed = []
    for name, (other, bar) in BARS.items():
        ratio = figures[f"{name} / {other}"] = figures[f"{name}: error"] / figures[f"{other}: error"]
        missed += [f"{name} / {other} {ratio:.3g}, wanted at most {bar}"] if ratio > bar else []
    return figures, missed


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
