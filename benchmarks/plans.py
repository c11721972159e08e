"""What `mnnfem plan` foresees against what runs then take: seconds of set-up, training and evaluation, and memory.

    plans.py [--iterations 150] [--ranks 2] [--json FILE]

Each workflow is planned and then run, on one rank; the first on `--ranks`, too. Bars: predicted / actual seconds from 0.67 to
1.5, memory predicted at least what was taken. On a machine with other work both change with it: read the load beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import finish

RUNS = {
    "translation": [],
    "rotation": [],
    "shape_matching": [],
    "translation, a finer mesh at the end": ["--fine-iterations", "20"],
}
RATIO = 1.5


@dataclass(frozen=True)
class Taken:
    """What a run took: seconds without the pictures, and the largest memory of a rank, MB."""

    seconds: float
    memory: float


def planned(name: str, options: list[str]) -> dict[str, Any]:
    """The plan as JSON."""
    command = [sys.executable, "-m", "mnnfem", "plan", name, *options, "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def taken(name: str, options: list[str], ranks: int) -> Taken:
    """A run on so many ranks."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        launcher = ["mpirun", "-n", str(ranks)] if ranks > 1 else []
        command = [*launcher, sys.executable, "-m", f"workflows.{name}", *options, "--out", str(out)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"{' '.join(command)} ended with code {os.waitstatus_to_exitcode(status)}.")
        seconds = json.loads((out / "result.json").read_text())["seconds"]
    return Taken(sum(seconds.values()), usage.ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=150, metavar="N", help="optimiser steps (default 150)")
    parser.add_argument("--ranks", type=int, default=2, metavar="N", help="of the last run (default 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as one flat JSON object")
    arguments = parser.parse_args()
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"--json {arguments.json}: there is no folder {arguments.json.parent}.")
    figures, missed = dict[str, float](), list[str]()
    for title, more in RUNS.items():
        compare(title, ["--iterations", str(arguments.iterations), *more], arguments.ranks, figures, missed)
    figures["load of the machine"] = os.getloadavg()[2]
    finish(figures, missed, arguments.json)


def compare(title: str, options: list[str], most: int, figures: dict[str, float], missed: list[str]) -> None:
    """Plan and run one workflow, the translation on `most` ranks as well; add its figures and the bars that it misses."""
    name = title.split(",")[0]
    plan = planned(name, [*options, "--most-ranks", str(most)])
    for ranks in map(int, plan["seconds"] if title == "translation" else ["1"]):
        span, actual = plan["seconds"][str(ranks)], taken(name, options, ranks)
        ratio, where = span["likely"] / actual.seconds, f"{title}, {ranks} rank{'s' * (ranks > 1)}"
        print(
            f"{where}: {span['likely']:.0f} s ({span['least']:.0f} to {span['most']:.0f}), {actual.seconds:.0f} s", flush=True
        )
        figures[f"{where}: predicted s"], figures[f"{where}: actual s"] = span["likely"], actual.seconds
        figures[f"{where}: predicted / actual"] = ratio
        if not 1 / RATIO <= ratio <= RATIO:
            missed.append(f"{where}: predicted / actual {ratio:.2f}, wanted {1 / RATIO:.2f} to {RATIO:g}")
        if ranks == 1:
            figures[f"{where}: predicted / actual memory"] = plan["memory"] / actual.memory
            if plan["memory"] < actual.memory:
                missed.append(f"{where}: {actual.memory:.0f} MB were taken, {plan['memory']} foreseen")


if __name__ == "__main__":
    main()
