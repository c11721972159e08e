"""Failures as sentences: what, where, with which numbers, and what to do next."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from typing import Any, Literal

Failure = Literal["inverted", "stalled", "unstable", "overlap", "uncertified", "solver"]


class InputError(ValueError):
    """A value the user gave cannot be used; the programs print it and exit with code 2."""


class EquilibriumError(RuntimeError):
    """No certified equilibrium was reached.

    Attributes: kind (see `Failure`), reason (a phrase), load (fraction of the full load that was reached, 0..1),
    cell (index into `Mesh.cells` of the element concerned, or None) and advice (what to try).
    """

    def __init__(
        self, reason: str, load: float, cell: int | None = None, advice: str = "", kind: Failure = "uncertified"
    ) -> None:
        self.kind, self.reason, self.load, self.cell, self.advice = kind, reason, load, cell, advice
        where = "" if cell is None else f", in element {cell}"
        super().__init__(f"No equilibrium: {reason} at {load:.1%} of the load{where}.{' ' + advice if advice else ''}")

    def __reduce__(self) -> tuple[type[EquilibriumError], tuple[object, ...]]:
        """As made: it travels between ranks."""
        return type(self), (self.reason, self.load, self.cell, self.advice, self.kind)


class TrainingStopped(RuntimeError):
    """Too many samples of one step had no equilibrium, or what was trained cannot be made; the programs save the weights,
    print it and exit with code 1."""


class StorageError(RuntimeError):
    """A file could not be written; the programs print it and exit with code 1."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """An InputError that names the nearest valid spelling."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    nearest = f" Did you mean {close[0]!r}?" if close else ""
    return InputError(f"Unknown {kind} {name!r}.{nearest} Valid names: {', '.join(known)}.")


def package_for(what: str, module: str, package: str, otherwise: str = "") -> Any:
    """A module of a package that may not be installed. InputError, with what can be done otherwise, where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(f"{what} come with {package}, which is not installed: pip install {package}{otherwise}.") from None
