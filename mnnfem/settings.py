"""Settings: one frozen dataclass per program, flat `--name value`, mistakes answered in a sentence."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar, get_type_hints

from mpi4py import MPI

from mnnfem.errors import InputError, StorageError, TrainingStopped, unknown_name
from mnnfem.interrupt import STOPPED, Interrupted, end_by_signals

S = TypeVar("S")
STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)  # no room, or no right


def setting(
    default: Any, help: str, unit: str = "", low: float | None = None, high: float | None = None, choices: Sequence[str] = ()
) -> Any:
    """A dataclass field with what `--help` and the check of its value need; bounds are inclusive."""
    metadata = {"help": help, "unit": unit, "low": low, "high": high, "choices": tuple(choices)}
    return dataclasses.field(default=default, metadata=metadata)


def parse(
    kind: type[S], argv: Sequence[str], description: str, examples: str, presets: Mapping[str, Mapping[str, Any]] | None = None
) -> S:
    """Settings from the command line. `presets[scale]` replaces defaults; what is typed wins over both.

    Raises InputError for unknown options and for values of the wrong type or out of range; exits 0 after --help.
    """
    types = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    parser = Parser(
        description=description, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name, field in fields.items():
        option = "--" + name.replace("_", "-")
        if types[name] is bool:
            parser.add_argument(option, action="store_true", default=argparse.SUPPRESS, help=field.metadata["help"])
        else:
            parser.add_argument(option, default=argparse.SUPPRESS, metavar="VALUE", help=_help(field))
    known, unknown = parser.parse_known_args(argv)
    stray = next((word for word in unknown), None)
    if stray is not None:
        if stray.startswith("--"):
            raise unknown_name("option", stray.split("=")[0], ["--" + name.replace("_", "-") for name in fields])
        raise InputError(f"Unexpected argument {stray!r}: options are written --name value, see --help.")
    typed = {name: _convert(name, value, types[name]) for name, value in vars(known).items()}
    for name, value in typed.items():
        _check(name, value, fields[name].metadata)
    scale = str(typed.get("scale", fields["scale"].default if "scale" in fields else ""))
    return kind(**{**(presets or {}).get(scale, {}), **typed})


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


def _help(field: dataclasses.Field[Any]) -> str:
    meta = field.metadata
    span = ""
    if meta["choices"]:
        span = ", one of " + ", ".join(meta["choices"])
    elif meta["low"] is not None or meta["high"] is not None:
        low, high = ("" if bound is None else f"{bound:g}" for bound in (meta["low"], meta["high"]))
        span = f", {low} to {high}" if high else f", at least {low}"
    unit = f" {meta['unit']}" if meta["unit"] else ""
    default = "" if field.default in (None, "") else f" (default {field.default}{unit}{span})"
    return str(meta["help"] + default).replace("%", "%%")


def _convert(name: str, value: Any, kind: type) -> Any:
    if kind is bool or kind is str:
        return value
    try:
        return kind(value)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise InputError(f"--{name.replace('_', '-')} takes {what}, got {value!r}.") from None


def _check(name: str, value: Any, meta: Mapping[str, Any]) -> None:
    option = "--" + name.replace("_", "-")
    if meta["choices"] and value not in meta["choices"]:
        raise unknown_name(f"value for {option}", value, meta["choices"])
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{option} takes a finite number, got {value:g}.")
    low, high = meta["low"], meta["high"]
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        unit = f" {meta['unit']}" if meta["unit"] else ""
        allowed = f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
        raise InputError(f"{option} is {value:g}{unit}, allowed {allowed}{unit}.")
