"""The lines of metrics of a run -> curves of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mnnfem.mesh import Floats
from mnnfem.report.chart import Chart, Curve, Level
from mnnfem.report.folder import Left

Steps = Sequence[Mapping[str, Any]]


def arms_of(metrics: Steps) -> dict[str, list[Mapping[str, Any]]]:
    """The steps of each arm, all of its stages one after the other."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for step in metrics:
        if "loss" in step:
            found.setdefault(str(step.get("arm", "")).split(", ")[0], []).append(step)
    return found


def curve(name: str, steps: Steps, tone: int = 0) -> Curve:
    """Loss over the number of the step; a step without a solved sample has none."""
    losses = [np.nan if step["loss"] is None else step["loss"] for step in steps]
    return Curve(name, _numbers(steps), np.array(losses, dtype=np.float64), tone)


def loss_chart(left: Left, unit: str) -> Chart | None:
    """Error of each step's batch, of every arm, on a log scale; where a stage begins and where a mesh was made anew."""
    arms = arms_of(left.metrics)
    if not arms:
        return _ratio_chart(left.metrics)
    curves = [curve(name, steps, tone) for tone, (name, steps) in enumerate(arms.items())]
    idle = left.result.get("do_nothing")
    levels = [Level("do nothing", float(idle))] if idle else []
    return Chart("step", f"mean error of the batch ({unit})", curves, levels, events=_events(next(iter(arms.values()))))


def effort_chart(left: Left) -> Chart | None:
    """Factorisations that each solve of a step took."""
    curves = []
    for tone, (name, steps) in enumerate(arms_of(left.metrics).items()):
        if all("factorisations" in step for step in steps):
            each = np.array([step["factorisations"] / step["solves"] if step["solves"] else np.nan for step in steps])
            curves.append(Curve(name, _numbers(steps), each, tone))
    return Chart("step", "factorisations per solve", curves, log=False) if curves else None


def _events(steps: Steps) -> list[tuple[float, str]]:
    found, stage = [], str(steps[0].get("arm"))
    for number, step in enumerate(steps, start=1):
        if step.get("arm") != stage:
            stage = str(step.get("arm"))
            found.append((float(number), f"here begins: {stage}"))
        if step.get("renewal"):
            found.append((float(number), f"step {number}: mesh made anew, {step['renewal'].get('elements')} elements"))
    return found


def _numbers(steps: Sequence[Any]) -> Floats:
    """1, 2, ..., one for each."""
    return np.arange(1, len(steps) + 1, dtype=np.float64)


def _ratio_chart(metrics: Steps) -> Chart | None:
    """Of a search for Poisson's ratios: the ratio of each evaluation."""
    found: dict[str, list[float]] = {}
    for step in metrics:
        if "ratio" in step and "target" in step:
            found.setdefault(f"{step.get('solid')} {step['target']:+.1f}", []).append(float(step["ratio"]))
    curves = [
        Curve(name, _numbers(values), np.array(values), tone, rough=False) for tone, (name, values) in enumerate(found.items())
    ]
    return Chart("evaluation", "Poisson's ratio", curves, log=False) if curves else None
