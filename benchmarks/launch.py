"""Starts `benchmarks.ensemble_run` on some ranks and waits until the last of them is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE, GRACE = 600.0, 20.0  # s: for a training; for ranks that outlive mpirun


@dataclass(frozen=True)
class Ended:
    """A training that has ended: exit code, what it printed as errors, its folder, when its last rank was gone (time.time()).

    survivors   ranks that were still there GRACE seconds after mpirun
    """

    code: int
    errors: str
    folder: Path
    time: float
    survivors: int

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file of its folder; RuntimeError with what was printed if it was not written."""
        file = self.folder / name
        if not file.exists():
            raise RuntimeError(f"The training in {self.folder} ended with code {self.code}, no {name}:\n{self.errors}")
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The lines of its metrics."""
        return [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]

    def whole(self) -> Ended:
        """Itself; RuntimeError with what was printed if it failed."""
        if self.code:
            raise RuntimeError(f"The training in {self.folder} ended with code {self.code}:\n{self.errors}")
        return self


def start(ranks: int, folder: Path, *options: object) -> Ended:
    """Train under `mpirun -n ranks`, or with 0 ranks without mpirun; `options` are those of `benchmarks.ensemble_run`."""
    launcher = ["mpirun", "-n", str(ranks)] if ranks else []
    command = [*launcher, sys.executable, "-m", "benchmarks.ensemble_run", "--out", str(folder), *map(str, options)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            _, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.terminate()  # mpirun takes its ranks with it
            _, errors = process.communicate()
    run = Ended(process.returncode, errors, folder, time.time(), 0)
    numbers = run.json("ranks.json")["processes"]
    while any(map(_lives, numbers)) and time.time() < run.time + GRACE:
        time.sleep(0.01)
    return Ended(run.code, errors, folder, time.time(), sum(map(_lives, numbers)))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
