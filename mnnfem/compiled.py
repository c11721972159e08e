"""Forms and expressions compiled: once, by one process, whoever else needs them at the same time."""

from __future__ import annotations

import fcntl
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

import ufl
from dolfinx import fem, jit
from mpi4py import MPI

from mnnfem.mesh import Floats

T = TypeVar("T")
PATIENCE = 60  # seconds that a file may take to be seen by another machine (NFS keeps listings so long)
LOCK = "mnnfem.lock"
UNFINISHED = re.compile(r"remove (\S+\.c)\)")  # in dolfinx's message, where a file is there and its compilation is not


def form(integrals: ufl.Form) -> fem.Form:
    """A form of one mesh, compiled. Collective on the mesh's ranks."""
    (domain,) = integrals.ufl_domains()
    number = zlib.crc32(integrals.signature().encode())
    return _once(domain.ufl_cargo().comm, number, lambda options: fem.form(integrals, jit_options=options))


def expression(value: Any, points: Floats) -> fem.Expression:
    """A UFL expression at reference points of each element, compiled. Collective on the mesh's ranks."""
    comm = ufl.domain.extract_unique_domain(value).ufl_cargo().comm
    return _once(comm, 0, lambda options: fem.Expression(value, points, comm=comm, jit_options=options))


def _once(comm: MPI.Comm, number: int, compiled: Callable[[dict[str, Any]], T]) -> T:
    """dolfinx lets rank 0 of a mesh compile before the others; other meshes' ranks and other jobs wait for its lock.

    Without it they would wait for dolfinx's timeout of 10 s, and fail. Who compiles holds the lock, so a file that is not
    ready although it is there was left by a process that was killed: it is removed, and compiled after all.
    """
    options = {"timeout": PATIENCE}
    with _locked(Path(jit.get_options()["cache_dir"]), number) if comm.rank == 0 else nullcontext():
        try:
            return compiled(options)
        except (TimeoutError, RuntimeError) as problem:  # dolfinx raises on all ranks of the mesh, and tells rank 0 why
            left = UNFINISHED.search(str(problem))
            if not comm.bcast(left is not None):
                raise
            if comm.rank == 0 and left is not None:
                Path(left[1]).unlink(missing_ok=True)
            return compiled(options)


@contextmanager
def _locked(cache: Path, number: int) -> Iterator[None]:
    """Hold one of the cache's locks, which the system frees when a process ends; none where the file system has none."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / LOCK, "w") as file:
        with suppress(OSError):
            fcntl.lockf(file, fcntl.LOCK_EX, 1, number)
        yield
