"""What a run was, in words: its workflow's own description, its options, and the command that runs it again."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mnnfem.errors import InputError
from mnnfem.programs import program, programs, settings_kind
from mnnfem.runfolder import HERE
from mnnfem.usage import fields_of, option


@dataclass(frozen=True)
class Told:
    """A workflow's description: its title, a sentence, and paragraphs."""

    title: str
    lead: str
    paragraphs: list[str]


@dataclass(frozen=True)
class Option:
    """One option of a run: name, value with unit, what it is, and whether it is another than the workflow takes by itself."""

    name: str
    value: str
    meaning: str
    chosen: bool


def described(workflow: str) -> Told:
    """From the first lines of the workflow's file; where there is no such file, its name alone."""
    file = programs().get(workflow)
    text = ast.get_docstring(ast.parse(file.read_text())) if file else None
    if not text:
        return Told(workflow.replace("_", " ").capitalize() or "A run", "", [])
    first, *paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    title, _, lead = first.partition(": ")
    return Told(title, lead[:1].upper() + lead[1:], paragraphs)


def options(workflow: str, settings: Mapping[str, Any]) -> tuple[list[Option], str]:
    """Every stored setting, and the command that runs it again. InputError where the workflow of here does not know them.

    Without what concerns the folder: it makes a new one. How many ranks there were changes no figure.
    """
    kind, presets = _settings_of(workflow)
    fields = fields_of(kind)
    strange = sorted(set(settings) - set(fields))
    if strange:
        raise InputError(f"workflows/{workflow}.py as it is now has no option {' or '.join(strange)}.")
    scale = str(settings.get("scale", ""))
    usual = {name: field.default for name, field in fields.items()} | dict(presets.get(scale, {}))
    told, words = [], ["./run", "python", f"workflows/{workflow}.py"]
    for name, value in settings.items():
        meta = fields[name].metadata
        chosen = value != (fields[name].default if name == "scale" else usual[name]) and name not in HERE
        unit = f" {meta['unit']}" if meta["unit"] else ""
        told.append(Option(option(name), f"{_plain(value)}{unit}", meta["help"], chosen))
        if chosen:
            words += [told[-1].name] if value is True else [told[-1].name, str(value)]
    return told, shlex.join(words)


def _plain(value: Any) -> str:
    return {True: "yes", False: "no", "": "-"}.get(value, f"{value}") if isinstance(value, bool | str) else f"{value:g}"


def _settings_of(workflow: str) -> tuple[type[Any], Mapping[str, Mapping[str, Any]]]:
    """The dataclass of the workflow's settings, and its presets."""
    if workflow not in programs():
        raise InputError(f"There is no workflow {workflow!r} here, so its options are not known.")
    module = program(workflow)
    return settings_kind(module), getattr(module, "PRESETS", {})
