"""Work that one rank does for all: its result, or its error as the same sentence, reaches every rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from mpi4py import MPI

from mnnfem.errors import InputError

T = TypeVar("T")
_SHARING: ContextVar[MPI.Comm | None] = ContextVar("sharing", default=None)


@contextmanager
def one_rank_of(comm: MPI.Comm) -> Iterator[None]:
    """Inside, `done_once` works on rank 0 of `comm` alone, and all its ranks must come there; elsewhere each for itself."""
    outside = _SHARING.set(comm)
    try:
        yield
    finally:
        _SHARING.reset(outside)


def done_once(work: Callable[[], T]) -> T:
    """What `work` returns, by arrays that can be sent; an InputError of rank 0 is raised on every rank."""
    comm = _SHARING.get()
    if comm is None or comm.size == 1:
        return work()
    result: T | None = None
    problem: Exception | None = None
    if comm.rank == 0:
        try:
            result = work()
        except Exception as error:  # whatever it is: the other ranks wait for it
            problem = error if isinstance(error, InputError) else RuntimeError(f"{type(error).__name__} on rank 0: {error}")
    result, problem = comm.bcast((result, problem))
    if problem is not None:
        raise problem
    return result  # type: ignore[return-value]
