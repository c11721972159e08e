"""A workflow by name: its file, and the settings that its own parser makes of a command line."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from mnnfem.errors import InputError, unknown_name
from mnnfem.reopen import FOLDER
from mnnfem.settings import parse
from mnnfem.usage import CONFIG, fields_of, option, types_of


@dataclass(frozen=True, eq=False)
class Workflow:
    """A program of `workflows/`: its file and module, and the type of its settings."""

    name: str
    file: Path
    module: ModuleType
    kind: type[Any]

    @property
    def options(self) -> dict[str, type]:
        """Its options, as they are called in its settings, and their types."""
        return {name: types_of(self.kind)[name] for name in fields_of(self.kind)}  # type: ignore[arg-type]

    def parsed(self, argv: Sequence[str]) -> Any:
        """Its settings from a command line, by the check that it makes itself. InputError where it would refuse."""
        return parse(self.kind, argv, "", "", getattr(self.module, "PRESETS", None))


def workflow(name: str) -> Workflow:
    """A workflow by its name, or by the path of its file. InputError where there is none that can go on after a stop."""
    folder = Path(next(iter(importlib.import_module(FOLDER).__path__)))
    files = {file.stem: file for file in sorted(folder.glob("[!_]*.py"))}
    asked = Path(name)
    stem = asked.stem if asked.suffix == ".py" else name
    if stem not in files or (asked.suffix == ".py" and asked.resolve() != files[stem].resolve()):
        raise unknown_name("workflow", name, files)
    module = importlib.import_module(f"{FOLDER}.{stem}")
    kinds = [
        one
        for one in vars(module).values()
        if inspect.isclass(one) and dataclasses.is_dataclass(one) and one.__module__ == module.__name__
    ]
    kind = next(one for one in kinds if one.__name__.endswith("Settings"))
    if not hasattr(kind, "resume"):
        raise InputError(f"{files[stem].name} has no --resume: it is not for jobs that may be stopped and go on.")
    return Workflow(stem, files[stem], module, kind)


def divided(argv: Sequence[str], own: Sequence[str], others: Sequence[str]) -> tuple[list[str], list[str]]:
    """A command line in two: the options named in `own`, and those in `others`, --config too. InputError for any other."""
    parts: tuple[list[str], list[str]] = ([], [])
    part = parts[1]
    for word in argv:
        if word in ("-h", "--help"):
            part = parts[0]
        elif word.startswith("--"):
            name = word[2:].split("=")[0].replace("-", "_")
            if name not in (*own, *others, CONFIG):
                raise unknown_name("option", word.split("=")[0], map(option, (*own, *others, CONFIG)))
            part = parts[0] if name in own else parts[1]
        part.append(word)
    return parts
