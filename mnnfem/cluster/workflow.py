"""A workflow by name: its file, and the settings that its own parser makes of a command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from mnnfem.errors import InputError, unknown_name
from mnnfem.programs import program, programs, settings_kind
from mnnfem.settings import parse
from mnnfem.usage import CONFIG, fields_of, option

S = TypeVar("S")


@dataclass(frozen=True, eq=False)
class Workflow:
    """A program of `workflows/`: its file and module, and the type of its settings."""

    name: str
    file: Path
    module: ModuleType
    kind: type[Any]

    @property
    def options(self) -> dict[str, dataclasses.Field[Any]]:
        """Its options, as they are called in its settings."""
        return fields_of(self.kind)

    def parsed(self, argv: Sequence[str]) -> Any:
        """Its settings from a command line, by the check that it makes itself. InputError where it would refuse."""
        return parse(self.kind, argv, "", "", getattr(self.module, "PRESETS", None))


def workflow(name: str) -> Workflow:
    """A workflow by its name, or by the path of its file. InputError where there is none that can go on after a stop."""
    files, file = programs(), Path(name)
    stem = file.stem if file.suffix == ".py" else name
    if stem not in files or (file.suffix == ".py" and file.resolve() != files[stem].resolve()):
        raise unknown_name("workflow", name, files)
    module = program(stem)
    kind = settings_kind(module)
    if not hasattr(kind, "resume"):
        raise InputError(f"{files[stem].name} has no --resume: it is not for jobs that may be stopped and go on.")
    return Workflow(stem, files[stem], module, kind)


def asked(argv: Sequence[str], command: str, kind: type[S], about: str, examples: str) -> tuple[Workflow, S, list[str]]:
    """Of `mnnfem COMMAND WORKFLOW ...`: the workflow, the command's own settings of a `kind`, and the workflow's words."""
    if not argv or argv[0].startswith("-"):
        parse(kind, argv[:1], about, examples)
        raise InputError(f"Which workflow? Give its name first: mnnfem {command} translation, see --help.")
    what = workflow(argv[0])
    own, typed = divided(argv[1:], list(fields_of(kind)), list(what.options))
    return what, parse(kind, own, about, examples), typed


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
