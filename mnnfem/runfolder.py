"""The folder that a run leaves: made once, written atomically."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mpi4py import MPI

from mnnfem.errors import InputError
from mnnfem.onerank import done_once, one_rank_of


def default_folder(task: str, seed: int) -> str:
    """Where a run of the task goes that was not told."""
    return f"runs/{task}/{datetime.datetime.now():%Y-%m-%d-%H%M%S}-seed{seed}"


class RunFolder:
    """A new folder at `path`. InputError, and nothing made, if it exists or cannot be written.

    Of several ranks (`comm`), rank 0 alone makes it and writes.
    """

    def __init__(self, path: Path, comm: MPI.Comm = MPI.COMM_SELF) -> None:
        self.path, self.writes = path, comm.rank == 0
        with one_rank_of(comm):
            done_once(self._make)

    def _make(self) -> None:
        path = self.path
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            raise InputError(f"The output folder {path} exists already: choose another with --out, or remove it.") from None
        except OSError as problem:
            raise InputError(f"The output folder {path} cannot be made: {problem.strerror}.") from None

    def file(self, name: str) -> Path:
        """Path of a file in the folder; its parents are made."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file that is whole or not there."""
        self.write(name, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())

    def append_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Append one line to a JSONL file."""
        if self.writes:
            with open(self.file(name), "a") as file:
                file.write(json.dumps(content, allow_nan=False) + "\n")

    def write(self, name: str, content: bytes) -> None:
        """Write beside, flush to disk, rename."""
        if not self.writes:
            return
        path = self.file(name)
        beside = path.with_name(path.name + ".part")
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
