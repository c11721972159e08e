"""The programs of `workflows/` by name: their files, and the settings that each defines."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from mnnfem.errors import InputError

FOLDER = "workflows"  # found by name, as programs and not as a room of the package


def programs() -> dict[str, Path]:
    """Their files by name."""
    folder = Path(next(iter(importlib.import_module(FOLDER).__path__)))
    return {file.stem: file for file in sorted(folder.glob("[!_]*.py"))}


def program(name: str) -> ModuleType:
    """The module of one that is there."""
    return importlib.import_module(f"{FOLDER}.{name}")


def settings_kind(module: ModuleType) -> type[Any]:
    """The dataclass of the settings that a program defines. InputError where it has none of its own."""
    own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    for one in own:
        if dataclasses.is_dataclass(one) and one.__name__.endswith("Settings"):
            return one
    raise InputError(f"{module.__name__.replace('.', '/')}.py defines no settings of its own.")
