"""A run on one rank that tells its figures row by row, with the bars that they miss: settings, folder, end."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mpi4py import MPI

from mnnfem import metrics
from mnnfem.errors import InputError
from mnnfem.runfolder import RESULT, SETTINGS, RunFolder, default_folder, read_json, same_settings
from mnnfem.settings import setting
from mnnfem.versions import versions


@dataclass(frozen=True)
class RunSettings:
    """What every such workflow can be told."""

    out: str = setting("", "folder of the run, made new; without it runs/<workflow>/<date>-seed<seed>")
    seed: int = setting(0, "of what is drawn at random", low=0, high=2**32 - 1)
    resume: bool = setting(False, "begin anew in --out where a run was stopped; one that has ended stays as it is")
    json: bool = setting(False, "print the result as JSON, and nothing else on standard output")


def begun(name: str, settings: Any, default: str) -> RunFolder:
    """The folder of a run that begins: new, or with `settings.resume` that of one that was stopped.

    InputError on several ranks. Where the run has ended before, the program ends, with code 1 if bars were missed.
    """
    if MPI.COMM_WORLD.size > 1:
        raise InputError(f"This workflow trains on one rank, not on {MPI.COMM_WORLD.size}: start it without mpirun.")
    if settings.resume and not settings.out:
        raise InputError("--resume begins anew in the folder of a run: say which with --out FOLDER.")
    folder = RunFolder(Path(settings.out or default), resume=settings.resume)
    told = {"workflow": name, **dataclasses.asdict(settings)}
    if not folder.fresh:
        same_settings(told, folder.path)
    if (folder.path / RESULT).exists():
        print(f"The run in {folder.path} has ended before: nothing is left to do.", file=sys.stderr)
        sys.exit(1 if read_json(folder.path / RESULT).get("missed") else 0)
    folder.remove(metrics.FILE)
    folder.write_json(SETTINGS, told)
    return folder


@dataclass
class Run:
    """A run that goes on: its folder, the figures and sentences so far, and the bars that it missed."""

    name: str
    settings: RunSettings
    folder: RunFolder
    began: float
    result: dict[str, Any] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, name: str, settings: RunSettings) -> Run:
        """Make the folder, see `begun`."""
        torch.set_num_threads(1)
        folder = begun(name, settings, default_folder(name, settings.seed))
        return cls(name, settings, folder, time.perf_counter())

    def tell(self, sentence: str, figures: Mapping[str, Any], bars: Mapping[str, bool]) -> None:
        """One row: printed at once, its figures kept; `bars` are sentences of what was wanted, and whether it is so."""
        lost = [bar for bar, reached in bars.items() if not reached]
        self.missed += lost
        self.result.update(figures)
        told = sentence + "".join(f"; MISSED: {bar}" for bar in lost)
        print(told, file=sys.stderr if self.settings.json else sys.stdout, flush=True)

    def end(self, pictures: Sequence[str]) -> int:
        """Write the result, say where everything is, and return the exit code: 1 where a bar was missed."""
        seconds = time.perf_counter() - self.began
        self.result.update(
            workflow=self.name, missed=self.missed, seconds=seconds, seed=self.settings.seed, versions=versions()
        )
        self.folder.write_json(RESULT, self.result)
        if self.settings.json:
            print(json.dumps(self.result, indent=2))
        self.tell(f"{seconds:.0f} s; everything is in {self.folder.path}: look at {' and '.join(pictures)}", {}, {})
        return 1 if self.missed else 0
