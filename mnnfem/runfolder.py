"""The folder that a run leaves: made once, written atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnnfem.errors import InputError


class RunFolder:
    """A new folder at `path`. InputError, and nothing made, if it exists or cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
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
        write_atomically(self.file(name), (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())

    def append_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Append one line to a JSONL file."""
        with open(self.file(name), "a") as file:
            file.write(json.dumps(content, allow_nan=False) + "\n")


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside, flush to disk, rename."""
    beside = path.with_name(path.name + ".part")
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
