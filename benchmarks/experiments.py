"""What the runs of the workflows reached, from their folders: experiments.py RUN [RUN ...] [--json FILE]

Runs are grouped by task, controls and scale, several seeds of one group with mean and 95 % interval. Bars:

    all           learned geometry beats frozen geometry in every run; no held-out state failed, is uncertified or crossed
    --scale paper error, and how many times less than that of the frozen geometry and of the body at rest; seconds
    verified      the same on a mesh of four times the elements, where evaluate.py has left it in RUN/refined_1

    ./run python workflows/translation.py --scale paper --out runs/translation/paper
    ./run python workflows/evaluate.py runs/translation/paper
    ./run python benchmarks/experiments.py runs/translation/paper
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from benchmarks.report import finish

Figures = dict[str, float]


@dataclass(frozen=True)
class Bar:
    """A figure of a group, and what it must not exceed or fall short of."""

    figure: str
    bound: float
    least: bool = False

    def missed_by(self, value: float) -> bool:
        """Whether the value is on the wrong side, or no number."""
        return not (value >= self.bound if self.least else value <= self.bound)

    def sentence(self, group: str, value: float) -> str:
        """What was wanted and what was found."""
        return f"{group}: {self.figure} {value:.4g}, wanted {'at least' if self.least else 'at most'} {self.bound:g}"


SOUND = [Bar(name, 0) for name in ("failed", "uncertified", "crossed")]
FINE_SOUND = [Bar(f"finer mesh: {bar.figure}", 0) for bar in SOUND]
EVERY = [*SOUND, Bar("frozen / learned, least", 1.0, least=True)]
PAPER = {
    "translation": [Bar("error", 0.2), Bar("frozen / learned, least", 8, least=True), Bar("seconds", 1200)],
    "rotation single": [Bar("error", 0.8), Bar("seconds", 1800)],
    "rotation double": [Bar("error", 1.0), Bar("seconds", 5400)],
    "shape_matching": [Bar("error / do nothing", 0.3), Bar("error / frozen", 0.6), Bar("seconds", 3600)],
    "digit_display": [
        Bar("exact", 10, least=True),
        Bar("least margin", 0.7, least=True),
        Bar("images: error", 0.25),
        Bar("images: accuracy", 0.95, least=True),
        Bar("images: accuracy below the network's", 0.01),
        Bar("seconds", 3600),
    ],
}
VERIFIED = {
    "translation": [Bar("finer mesh: error", 0.4)],
    "rotation single": [Bar("finer mesh: error", 1.2)],
    "digit_display": [Bar("finer mesh: change of error", 0.15)],
}


@dataclass(frozen=True)
class Run:
    """One run: the group it belongs to, and its figures."""

    group: str
    paper: bool
    figures: Figures

    @property
    def bars(self) -> list[Bar]:
        """What is asked of it."""
        task = self.group.removesuffix(", paper")
        verified = [*FINE_SOUND, *VERIFIED.get(task, [])] if "finer mesh: error" in self.figures else []
        return [*EVERY, *(PAPER[task] if self.paper else []), *(verified if self.paper else [])]


def read(folder: Path) -> Run:
    """A run from its folder. SystemExit, with a sentence, where it is none."""
    try:
        settings, result = (json.loads((folder / name).read_text()) for name in ("settings.json", "result.json"))
        verified = folder / "refined_1/result.json"
        finer = json.loads(verified.read_text()) if verified.exists() else None
    except (OSError, json.JSONDecodeError) as problem:
        sys.exit(f"{folder} is not the folder of a finished run: {problem}.")
    paper = settings["scale"] == "paper"
    name = " ".join([settings["workflow"], *([settings["controls"]] if settings["workflow"] == "rotation" else [])])
    figures = _of_display(result) if result["task"] == "digit_display" else _of_watched(result, finer)
    seconds = sum(result["seconds"].values())
    solver = {"uncertified": result["solver"]["uncertified"], "seconds": seconds}
    return Run(name + ", paper" * paper, paper, {**figures, **solver})


def _of_watched(result: Mapping[str, Any], finer: Mapping[str, Any] | None) -> Figures:
    tested, frozen = result["heldout"], result["frozen_geometry"]
    figures = {
        "error": tested["after"],
        "worst": tested["worst"],
        "frozen": frozen,
        "do nothing": result["do_nothing"],
        "frozen / learned, least": frozen / tested["after"],
        "error / frozen": tested["after"] / frozen,
        "error / do nothing": tested["after"] / result["do_nothing"],
        "failed": tested["failed"],
        "crossed": tested["crossed"],
        "deepest overlap": tested["deepest_overlap"],
    }
    if finer:
        kept = ("error", "failed", "uncertified", "crossed", "deepest_overlap")
        figures |= {f"finer mesh: {name}": finer["fine"][name] for name in kept}
    return figures


def _of_display(result: Mapping[str, Any]) -> Figures:
    digits, finer, images, frozen = (result[key] for key in ("digits", "finer_mesh", "images", "frozen_geometry"))
    tests = [digits, *([images] if images else [])]
    figures = {
        "error": digits["error"],
        "frozen": frozen["digits"]["error"],
        "frozen / learned, least": frozen["digits"]["error"] / digits["error"],
        "exact": digits["exact"],
        "least margin": digits["least_margin"],
        "finer mesh: error": finer["error"],
        "finer mesh: change of error": finer["error"] / digits["error"] - 1,
        **{name: sum(test[name] for test in tests) for name in ("failed", "crossed")},
        **{f"finer mesh: {name}": finer[name] for name in ("failed", "crossed")},
        "finer mesh: uncertified": 0.0,
    }
    if images:
        figures |= {
            "images: error": images["error"],
            "images: accuracy": images["accuracy"],
            "images: accuracy below the network's": images["network_accuracy"] - images["accuracy"],
            "images: frozen accuracy": frozen["images"]["accuracy"],
        }
    return figures


def summary(runs: Sequence[Run]) -> Figures:
    """Means over the runs of one group, counts added up, and of errors the half width of the 95 % interval."""
    found: Figures = {"runs": len(runs)}
    for name in runs[0].figures:
        values = np.array([run.figures[name] for run in runs if name in run.figures])
        counts, least = name.split(": ")[-1] in ("failed", "uncertified", "crossed"), name.endswith("least")
        found[name] = float(values.sum() if counts else values.min() if least else values.mean())
        if name == "error" and len(values) > 1:
            half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
            found["error, 95 % interval +-"] = float(half)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as one flat JSON object")
    arguments = parser.parse_args()
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"--json {arguments.json}: there is no folder {arguments.json.parent}.")
    groups: dict[str, list[Run]] = {}
    for run in map(read, arguments.runs):
        groups.setdefault(run.group, []).append(run)
    figures: Figures = {}
    missed: list[str] = []
    for group, runs in groups.items():
        found = summary(runs)
        figures |= {f"{group}: {name}": value for name, value in found.items()}
        bars = {bar.figure: bar for bar in runs[0].bars}  # the stricter of two comes last
        missed += [bar.sentence(group, found[bar.figure]) for bar in bars.values() if bar.missed_by(found[bar.figure])]
    finish(figures, missed, arguments.json)


if __name__ == "__main__":
    main()
