"""Settings: one frozen dataclass per program, flat `--name value` or `name = value` in a file, all mistakes told together."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from mpi4py import MPI

from mnnfem.errors import InputError, StorageError, TrainingStopped, unknown_name
from mnnfem.interrupt import STOPPED, Interrupted, end_by_signals
from mnnfem.runfolder import SETTINGS, read_json
from mnnfem.tables import read_table
from mnnfem.usage import CONFIG, fields_of, option, types_of, usage

S = TypeVar("S")
LARGEST = 10**9  # of whole numbers without an upper bound of their own
STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)  # no room, or no right
KINDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def setting(
    default: Any, help: str, unit: str = "", low: float | None = None, high: float | None = None, choices: Sequence[str] = ()
) -> Any:
    """A dataclass field with what `--help` and the check of its value need; bounds are inclusive."""
    metadata = {"help": help, "unit": unit, "low": low, "high": high, "choices": tuple(choices)}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Given:
    """Values by the names of settings, as they were written, and where: on the command line if `file` is empty."""

    values: Mapping[str, Any]
    file: str = ""

    def called(self, name: str) -> str:
        """A setting as it is written there."""
        return f"{name} in {self.file}" if self.file else option(name)


def parse(
    kind: type[S], argv: Sequence[str], description: str, examples: str, presets: Mapping[str, Mapping[str, Any]] | None = None
) -> S:
    """Settings from the command line: defaults, then `presets[scale]`, then `--config file.toml`, then what is typed.

    With --resume those of the run in --out take the place of the first two. Raises InputError that tells all unknown options
    and all values of the wrong type or out of range; exits 0 after --help.
    """
    if "--help" in argv or "-h" in argv:
        print(usage(kind, description, examples, presets or {}))
        sys.exit(0)
    mistakes: list[str] = []
    typed = _typed(kind, argv, mistakes)
    file = str(typed.pop(CONFIG, ""))
    written = _written(Path(file), mistakes) if file else {}
    return settle(kind, (_begun(kind, {**written, **typed}), Given(written, file), Given(typed)), presets, mistakes)


def settle(
    kind: type[S],
    given: Iterable[Given],
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    mistakes: Iterable[str] = (),
) -> S:
    """Settings from what was given, the later before the earlier. InputError that tells all mistakes, the known ones first."""
    told, values, fields = list(mistakes), dict[str, Any](), fields_of(kind)
    for one in given:
        for name, value in one.values.items():
            values[name], mistake = _settled(kind, one, name, value)
            told += [mistake] if mistake else []
    if told:
        raise InputError(told[0] if len(told) == 1 else f"{len(told)} mistakes:\n" + "\n".join(f"- {one}" for one in told))
    scale = str(values.get("scale", fields["scale"].default if "scale" in fields else ""))
    return kind(**{**(presets or {}).get(scale, {}), **values})


def run_main(main: Callable[[Sequence[str]], int | None]) -> NoReturn:
    """Run a program's main and exit with what it returns.

    InputError ends in one sentence and code 2, TrainingStopped or a disk that is full in code 1, a signal that asks the
    program to stop in 85; of several ranks one prints it.
    """
    end_by_signals()
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as mistake:
        _leave(str(mistake), 2)
    except (TrainingStopped, StorageError) as stop:
        _leave(str(stop), 1)
    except OSError as problem:
        if problem.errno not in STORAGE:
            raise
        _leave(f"{problem.filename or 'A file'} cannot be written: {problem.strerror}.", 1)
    except Interrupted as stop:
        _leave(str(stop), STOPPED)
    except KeyboardInterrupt:
        _leave("Stopped by a signal.", STOPPED)


def _leave(sentence: str, code: int, patience: float = 5.0) -> NoReturn:
    """Print once and exit together; ranks that others do not follow within `patience` seconds end them."""
    world = MPI.COMM_WORLD
    if world.rank == 0:
        print(sentence, file=sys.stderr, flush=True)
    together, began = world.Ibarrier(), time.monotonic()  # a rank that leaves early may take the sentence with it
    while not together.Test():
        if time.monotonic() - began > patience:
            print(f"Rank {world.rank} of {world.size} ends all: {sentence}", file=sys.stderr, flush=True)
            world.Abort(code)
        time.sleep(0.01)
    sys.exit(code)


class Parser(argparse.ArgumentParser):
    """Mistakes raise InputError instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[0].upper()}{message[1:]}; see --help.")


def _settled(kind: type, given: Given, name: str, value: Any) -> tuple[Any, str]:
    """A value as its setting's type, and what is wrong with it, if anything is."""
    fields, called = fields_of(kind), given.called(name)
    try:
        if name not in fields:
            if given.file:
                raise unknown_name(f"setting in {given.file}", name, fields)
            raise unknown_name("option", called, map(option, [*fields, CONFIG]))
        found = _converted(called, value, types_of(kind)[name], fields[name].metadata["unit"])
        _check(called, found, fields[name].metadata)
    except InputError as mistake:
        return value, str(mistake)
    return found, ""


def _typed(kind: type, argv: Sequence[str], mistakes: list[str]) -> dict[str, Any]:
    """Words of the command line by the names of settings; a flag is True."""
    flags = {name for name, one in types_of(kind).items() if one is bool}
    found, words = dict[str, Any](), list(argv)
    while words:
        word = words.pop(0)
        if not word.startswith("--") or word == "--":
            mistakes.append(f"Unexpected argument {word!r}: options are written --name value, see --help.")
            continue
        start, equals, value = word[2:].partition("=")
        name = start.replace("-", "_")
        if name in flags:
            found[name] = True
            if equals:
                mistakes.append(f"{option(name)} takes no value, got {value!r}.")
        elif equals:
            found[name] = value
        elif words and not words[0].startswith("--"):
            found[name] = words.pop(0)
        elif name in fields_of(kind) or name == CONFIG:
            mistakes.append(f"{option(name)} takes a value, and none was given; see --help.")
        else:
            found[name] = ""
    return found


def _begun(kind: type, told: Mapping[str, Any]) -> Given:
    """What the run was told that is to be resumed, if one is there."""
    file = Path(str(told.get("out", ""))) / SETTINGS
    if "resume" not in fields_of(kind) or not told.get("resume") or not told.get("out") or not os.path.exists(file):
        return Given({})  # nor where the name is too long for a file, which pathlib's exists() raises for
    return Given({name: value for name, value in read_json(file).items() if name in fields_of(kind)}, str(file))


def _written(file: Path, mistakes: list[str]) -> dict[str, Any]:
    try:
        found = read_table(str(file), "--config", "Files of settings", ", or type the options")
    except InputError as problem:
        mistakes.append(str(problem))
        return {}
    return {name.replace("-", "_"): value for name, value in found.items()}


def _converted(called: str, value: Any, kind: type, unit: str) -> Any:
    """A value as its setting's type; a text becomes a number if it is one, a whole number any number."""
    if type(value) is kind:
        if isinstance(value, str) and "\0" in value:
            raise InputError(f"{called} has a null character in it.")
        return value
    if (kind is float and type(value) is int) or (kind in (int, float) and type(value) is str):
        try:
            return kind(value)
        except (ValueError, OverflowError):
            pass
    written = f" in {unit}, without the unit" if unit else ""
    raise InputError(f"{called} takes {KINDS[kind]}{written}, got {_short(value)}.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check(called: str, value: Any, meta: Mapping[str, Any]) -> None:
    if meta["choices"] and value not in meta["choices"]:
        raise unknown_name(f"value for {called}", value, meta["choices"])
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{called} takes a finite number, got {value:g}.")
    low, high = meta["low"], meta["high"]
    if type(value) is int and abs(value) > max(LARGEST, high or 0):
        raise InputError(f"{called} takes a whole number of at most {high or LARGEST}, got {_short(value)}.")
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        unit = f" {meta['unit']}" if meta["unit"] else ""
        allowed = f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
        raise InputError(f"{called} is {value:g}{unit}, allowed {allowed}{unit}.")
