"""What `--help` says of a program: examples, then every setting with unit, default and range."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping
from functools import cache
from typing import Any, get_type_hints

CONFIG = "config"  # the option that names a file of settings


def option(name: str) -> str:
    """A setting's name on the command line."""
    return "--" + name.replace("_", "-")


def typed(values: Mapping[str, Any]) -> list[str]:
    """Settings as they are typed, each in one word; a flag that is off is not."""
    told = {option(name): value for name, value in values.items() if value is not False}
    return [name if value is True else f"{name}={value}" for name, value in told.items()]


def fields_of(kind: type) -> dict[str, dataclasses.Field[Any]]:
    """A dataclass's fields by their names."""
    return {field.name: field for field in dataclasses.fields(kind)}


@cache
def types_of(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields by their names."""
    return get_type_hints(kind)


def usage(kind: type, description: str, examples: str, presets: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole text, for settings of one kind. `presets`: values that another --scale has."""
    lines = [description.strip(), "", examples.strip(), "", "options:"]
    rows = [(f"{CONFIG} FILE", "a TOML file of these settings, name = value; what is typed wins over it")]
    types = types_of(kind)
    for name, field in fields_of(kind).items():
        rows.append((name.replace("_", "-") + ("" if types[name] is bool else " VALUE"), _help(name, field, presets)))
    for name, text in [*rows, ("help", "show this and exit")]:
        lines += [f"  --{name}", *textwrap.wrap(text, 100, initial_indent=" " * 8, subsequent_indent=" " * 8)]
    return "\n".join(lines)


def _help(name: str, field: dataclasses.Field[Any], presets: Mapping[str, Mapping[str, Any]]) -> str:
    meta = field.metadata
    span = ""
    if meta["choices"]:
        span = ", one of " + ", ".join(meta["choices"])
    elif meta["low"] is not None or meta["high"] is not None:
        low, high = ("" if bound is None else f"{bound:g}" for bound in (meta["low"], meta["high"]))
        span = f", {low} to {high}" if high else f", at least {low}"
    unit = f" {meta['unit']}" if meta["unit"] else ""
    others = "".join(f", --scale {scale}: {values[name]}" for scale, values in presets.items() if name in values)
    plain = "off" if field.default is False else field.default
    default = "" if field.default in (None, "") else f" (default {plain}{unit}{span}{others})"
    return str(meta["help"] + default)
