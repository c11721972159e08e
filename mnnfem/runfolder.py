"""The folder that a run leaves: made once, used by one process at a time, written atomically."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import os
import socket
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mpi4py import MPI

from mnnfem.errors import InputError, StorageError
from mnnfem.onerank import done_once, one_rank_of

LOCK, SETTINGS, RESULT = ".lock", "settings.json", "result.json"
FREE = {"out", "resume", "checkpoint_minutes", "tensorboard"}  # settings on which no result depends
HERE = {*FREE, "json"}  # settings of one call, not of what is computed
BUSY = (errno.EWOULDBLOCK, errno.EACCES)


def default_folder(task: str, seed: int) -> str:
    """Where a run of the task goes that was not told."""
    return f"runs/{task}/{datetime.datetime.now():%Y-%m-%d-%H%M%S}-seed{seed}"


class RunFolder:
    """A folder at `path`, new unless a run is to be resumed in it. InputError if it exists, cannot be written, or is in use.

    Of several ranks (`comm`), rank 0 alone makes it and writes. For a run, which others may want to resume, it holds a lock,
    which the system takes back when the process ends, however that does. The lock is flock's: all machines see it on NFS,
    and on Lustre and GPFS where they are mounted with it; where there is none a warning is printed, and the folder is used.

    resume  whether a run may be there; None for a folder that is no run's
    fresh   whether there is no run in it yet
    """

    def __init__(self, path: Path, comm: MPI.Comm = MPI.COMM_SELF, resume: bool | None = None) -> None:
        self.path, self.writes = path, comm.rank == 0
        self._release: Callable[[], object] = lambda: None
        with one_rank_of(comm):
            self.fresh = done_once(lambda: self._open(resume))

    def _open(self, resume: bool | None) -> bool:
        path = self.path
        try:
            path.mkdir(parents=True, exist_ok=bool(resume))
            if resume is not None:
                self._release = weakref.finalize(self, os.close, _locked(path / LOCK))
            held = {file.name for file in path.iterdir()} - {LOCK, SETTINGS + ".part"}
        except FileExistsError:
            again = "remove it" if resume is None else "remove it, or give --resume to go on with a run in it"
            raise InputError(f"The output folder {path} exists already: choose another with --out, or {again}.") from None
        except OSError as problem:
            raise InputError(f"The output folder {path} cannot be made or written: {problem.strerror}.") from None
        if held and SETTINGS not in held:
            self.release()
            raise InputError(f"{path} is not the folder of a run, as it has no {SETTINGS}: nothing can be resumed in it.")
        return not held

    def release(self) -> None:
        """Give the lock back before the process ends."""
        self._release()

    def file(self, name: str) -> Path:
        """Path of a file in the folder; its parents are made."""
        path = self.path / name
        with _storing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file that is whole or not there."""
        self.write(name, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())

    def append_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Append one line to a JSONL file. StorageError if it cannot be written."""
        if self.writes:
            path = self.file(name)
            with _storing(path), open(path, "a") as file:
                file.write(json.dumps(content, allow_nan=False) + "\n")

    def write(self, name: str, content: bytes) -> None:
        """Write beside, flush to disk, rename, flush the folder. StorageError if it cannot, and what was there before stays."""
        if not self.writes:
            return
        path = self.file(name)
        beside = path.with_name(path.name + ".part")
        with _storing(path):
            try:
                with open(beside, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(beside, path)
                flush(path.parent)
            except OSError:
                with contextlib.suppress(OSError):
                    beside.unlink(missing_ok=True)
                raise

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self.writes:
            with _storing(self.path / name):
                (self.path / name).unlink(missing_ok=True)


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; InputError where it cannot be read or holds none."""
    try:
        return parsed(file.read_bytes(), file)
    except OSError as problem:
        raise InputError(f"{file} cannot be read: {problem.strerror}.") from None


def parsed(content: bytes | str, file: Path) -> dict[str, Any]:
    """A JSON object that is in `file`; InputError where it is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise InputError(f"{file} cannot be used: it is not JSON ({problem}).") from None
    if not isinstance(found, dict):
        raise InputError(f"{file} cannot be used: it holds no JSON object.")
    return found


def flush(path: Path) -> None:
    """What was written to a file, or to a folder's list of files, to disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise StorageError(f"{path} cannot be written: {problem.strerror}.") from None


def _locked(path: Path) -> int:
    """A lock on a file, kept until the process ends; its number. InputError, with the holder, if another has it."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        if problem.errno in BUSY:
            holder = os.read(number, 200).decode(errors="replace").strip()
            os.close(number)
            raise InputError(
                f"The run folder {path.parent} is in use by {holder or 'another process'}: "
                "wait until that has ended, or choose another with --out."
            ) from None
        print(f"{path.parent} lies on a file system without locks: see that no other job uses it.", file=sys.stderr)
    os.ftruncate(number, 0)
    os.pwrite(number, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    return number


def same_settings(told: Mapping[str, Any], path: Path) -> None:
    """InputError where the run in `path` was begun with other settings than those told."""
    begun = read_json(path / SETTINGS)
    differ = [name for name in told if name not in FREE and name in begun and begun[name] != told[name]]
    if differ:
        was = ", ".join(f"{name} {begun[name]!r} (now {told[name]!r})" for name in differ)
        raise InputError(f"The run in {path} was begun with {was}: resume it with the same, or choose another --out.")
