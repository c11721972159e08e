"""`mnnfem plan`: what a workflow's training will take, and the command that sends it."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mpi4py import MPI

from mnnfem.cluster.forecast import Forecast, forecast
from mnnfem.cluster.workflow import asked
from mnnfem.ensemble import Ensemble
from mnnfem.errors import InputError
from mnnfem.plan import Experiment, Settings
from mnnfem.settings import setting

ABOUT = """mnnfem plan WORKFLOW [options of the workflow] [options below]

Takes some steps of the training, on this machine, and tells how long it will be, on how many ranks, and what memory they need.
"""
EXAMPLES = """examples:
  mnnfem plan translation --scale paper
  mpirun -n 2 mnnfem plan rotation --scale paper --ranks-per-sample 2     each sample's mesh over two ranks: does it pay?
"""
MARGIN, ROUND = 1.5, 100  # of the time and memory that are asked for over those foreseen; MB
LONGEST = 24 * 60  # minutes of one start; a run that needs more is started again


@dataclass(frozen=True)
class PlanSettings:
    """What a plan can be told beside the workflow's options."""

    measure: float = setting(60.0, "about how long steps are timed", unit="s", low=1)
    most_ranks: int = setting(64, "that may be advised", low=1)
    json: bool = setting(False, "print the plan as JSON, and nothing else on standard output")


def plan_command(argv: Sequence[str]) -> int:
    """Run `mnnfem plan` with these arguments; returns the exit code."""
    what, told, typed = asked(argv, "plan", PlanSettings, ABOUT, EXAMPLES)
    settings = what.parsed(typed)
    torch.set_num_threads(1)
    experiment = what.module.experiment(settings)
    if not isinstance(experiment, Experiment):
        raise InputError(f"{what.name} trains in stages of its own, which mnnfem plan does not know.")
    world, size = MPI.COMM_WORLD, settings.ranks_per_sample
    if world.size != size:
        raise InputError(f"A plan is made on the ranks of one sample: start it with mpirun -n {size}, not on {world.size}.")
    found = forecast(experiment, settings, told.measure, Ensemble.of(world, size))
    numbers = advised(found, settings, told.most_ranks // size)
    command = submit_words(what.name, typed, numbers)
    if world.rank == 0:
        print(json.dumps({**numbers, "submit": command}, indent=2) if told.json else _sentences(numbers, settings), flush=True)
        if not told.json:
            print(command)
    return 0


def advised(found: Forecast, settings: Settings, most: int) -> dict[str, Any]:
    """The plan for programs: seconds on one group and on as many as pay, ranks, MB for each, minutes to ask for."""
    groups = found.groups(max(most, 1))
    spans = {number: dataclasses.asdict(found.seconds(number)) for number in sorted({1, groups})}
    minutes = math.ceil(MARGIN * found.seconds(groups).most / 600) * 10
    return {
        "ranks_per_sample": settings.ranks_per_sample,
        "groups": groups,
        "ranks": groups * settings.ranks_per_sample,
        "memory": math.ceil(MARGIN * found.memory / ROUND) * ROUND,
        "seconds": spans,
        "minutes": min(minutes, LONGEST),
        "step": dataclasses.asdict(found.step),
        "shared": found.shared,
    }


def submit_words(name: str, typed: Sequence[str], plan: dict[str, Any]) -> str:
    """The command that sends the run that was planned."""
    hours, minutes = divmod(plan["minutes"], 60)
    asked = f"--ranks {plan['ranks']} --memory {plan['memory']} --time {hours:02d}:{minutes:02d}:00"
    return " ".join(["mnnfem submit", name, *map(shlex.quote, typed), asked])


def _sentences(plan: dict[str, Any], settings: Settings) -> str:
    def hours(span: dict[str, float]) -> str:
        unit, size = ("h", 3600) if span["likely"] >= 3600 else ("min", 60)
        return f"{span['likely'] / size:.1f} {unit} ({span['least'] / size:.1f} to {span['most'] / size:.1f})"

    step, groups = plan["step"], plan["groups"]
    lines = [
        f"a step of {settings.batch} samples: {step['likely']:.2f} s ({step['least']:.2f} to {step['most']:.2f}) on one group; "
        f"{plan['shared']:.0%} of it however many groups there are",
        f"training and evaluation, pictures not included: {hours(plan['seconds'][1])} on one group",
    ]
    if groups > 1:
        lines.append(f"on {groups} groups, beyond which cores idle: {hours(plan['seconds'][groups])}")
    lines.append(
        f"{plan['ranks']} ranks, {plan['ranks_per_sample']} for each sample, {plan['memory']} MB for each; "
        "on processors that are as fast as this one, and as busy"
    )
    return "\n".join(lines)
