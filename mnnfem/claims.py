"""Which samples of a batch are taken, seen by all groups: one that has done its own goes on with those of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from mpi4py import MPI


class Claims:
    """A counter for each group, in memory that all ranks of a machine share: how many of its samples are taken.

    There are two sets of counters, for batches in turn: while one is in use, nobody reads the other, which is set to zero.
    """

    def __init__(self, world: MPI.Intracomm, group: MPI.Comm, peers: MPI.Comm) -> None:
        self.group, self.number, self.groups = group, peers.rank, peers.size
        size = 2 * peers.size * MPI.INT64_T.Get_size() if world.rank == 0 else 0
        self.window = MPI.Win.Allocate_shared(size, MPI.INT64_T.Get_size(), comm=world)
        self.window.Lock_all()
        self.batch = 0
        if world.rank == 0:
            self._set(0)
        world.Barrier()

    @classmethod
    def of(cls, world: MPI.Intracomm, group: MPI.Comm, peers: MPI.Comm) -> Claims | None:
        """None where there is one group only, or where ranks are on several machines. Collective."""
        if peers.size == 1:
            return None
        machine = world.Split_type(MPI.COMM_TYPE_SHARED)
        together = machine.size == world.size
        machine.Free()
        return cls(world, group, peers) if together else None

    def taken(self, dealt: Sequence[Sequence[int]]) -> Iterator[int]:
        """The samples that this group does: of its own list first, then of those of the groups after it.

        dealt: the samples of each group, the same on all ranks. All exhaust this, and wait for each other, before the next.
        """
        base = self.groups * (self.batch % 2)
        if self.group.rank == 0 and self.number == 0:
            self._set(self.groups - base)
        self.batch += 1
        for k in range(self.groups):
            owner = (self.number + k) % self.groups
            while (place := self._next(base + owner)) < len(dealt[owner]):
                yield dealt[owner][place]

    def _next(self, counter: int) -> int:
        before = np.zeros(1, np.int64)
        if self.group.rank == 0:
            self.window.Fetch_and_op(np.ones(1, np.int64), before, 0, counter, MPI.SUM)
            self.window.Flush(0)
        return int(self.group.bcast(before[0]) if self.group.size > 1 else before[0])

    def _set(self, first: int) -> None:
        """Zero in the counters of one set."""
        zero = np.zeros(1, np.int64)
        for counter in range(first, first + self.groups):
            self.window.Fetch_and_op(zero, np.empty(1, np.int64), 0, counter, MPI.REPLACE)
        self.window.Flush(0)
