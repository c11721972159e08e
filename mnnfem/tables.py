"""Tables that a user wrote: TOML files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mnnfem.errors import InputError, package_for


def read_table(file: str, called: str, many: str, otherwise: str = "") -> dict[str, Any]:
    """The table in a TOML file. InputError, in which it is `called` so, where it cannot be read.

    many, otherwise   what such files are, and what can be done without them, where Python has no reader of TOML
    """
    reader = package_for(many, "tomllib", "Python 3.11", otherwise)
    try:
        table: dict[str, Any] = reader.loads(Path(file).read_text())
    except OSError as problem:
        raise InputError(f"{called} {file} cannot be read: {problem.strerror}.") from None
    except (ValueError, RecursionError) as problem:
        raise InputError(f"{called} {file} is not a TOML file: {problem}.") from None
    return table
