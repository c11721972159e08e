"""Samples over groups of ranks: each group works on some, every rank ends with all of them, in order."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mpi4py import MPI

from mnnfem.claims import Claims
from mnnfem.errors import InputError

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Groups of ranks.

    world   all ranks;  group: those that work on one sample together, over which its mesh is spread
    peers   the ranks of the same number in every group: they exchange results
    claims  which samples are taken, where a group that is done may take others'
    """

    world: MPI.Intracomm
    group: MPI.Comm
    peers: MPI.Comm
    claims: Claims | None = None

    @classmethod
    def of(cls, world: MPI.Intracomm, size: int = 1) -> Ensemble:
        """Groups of `size` neighbouring ranks each. Collective. InputError where they do not divide the ranks, or are none."""
        started = int(os.environ.get("SLURM_STEP_NUM_TASKS", 1))
        if world.size == 1 < started:
            raise InputError(
                f"srun has started {started} processes, but MPI has not joined them: each is alone. "
                "Another srun --mpi=... will, see srun --mpi=list; mnnfem submit has the option --mpi."
            )
        if size < 1 or world.size % size:
            raise InputError(f"{world.size} ranks do not divide into groups of {size}: start a multiple of {size} ranks.")
        number, place = divmod(world.rank, size)
        group, peers = world.Split(number, place), world.Split(place, number)
        return cls(world, group, peers, Claims.of(world, group, peers))

    @classmethod
    def alone(cls) -> Ensemble:
        """Each rank for itself."""
        return cls(MPI.COMM_SELF, MPI.COMM_SELF, MPI.COMM_SELF)

    @property
    def number(self) -> int:
        """Of this rank's group."""
        return self.peers.rank

    @property
    def root(self) -> bool:
        """Whether this is the one rank that writes and prints."""
        return self.world.rank == 0

    def deal(self, keeps: Sequence[bool]) -> list[int]:
        """The group of each sample, the same on all ranks: one that keeps what it needs as far as shares stay even.

        keeps: for each sample, whether this group would get it done sooner than others. Collective.
        """
        kept = list(zip(*self.peers.allgather(list(keeps)), strict=True))
        share, loads, groups = -(-len(kept) // self.peers.size), [0] * self.peers.size, [-1] * len(kept)
        for rooms in (True, False):
            for sample, holders in enumerate(kept):
                if groups[sample] >= 0:
                    continue
                able = [g for g, holds in enumerate(holders) if loads[g] < share and (holds or not rooms)]
                if able:
                    groups[sample] = min(able, key=lambda g: loads[g])
                    loads[groups[sample]] += 1
        return groups

    def run(self, groups: Sequence[int], work: Callable[[int], Result]) -> list[Result]:
        """work(k) of every sample k, done by its group, in the order of the samples. Collective.

        Expected failures are results. Anything that `work` raises ends all ranks, and the message names rank and sample.
        """
        return self._results((k for k, group in enumerate(groups) if group == self.number), work)[0]

    def share(self, keeps: Sequence[bool], work: Callable[[int], Result]) -> tuple[list[Result], list[int]]:
        """The same where any group may do any sample, and the group that did each: as dealt, until one has no more to do.

        That one then takes samples that were dealt to others, where groups can see what is taken. Who does which so depends on
        how fast they are: nothing that `work` returns may depend on it. Collective.
        """
        groups = self.deal(keeps)
        if self.claims is None:
            return self.run(groups, work), groups
        return self._results(
            self.claims.taken([[k for k, g in enumerate(groups) if g == one] for one in range(self.peers.size)]), work
        )

    def _results(self, mine: Iterable[int], work: Callable[[int], Result]) -> tuple[list[Result], list[int]]:
        done: dict[int, Result] = {}
        sample = -1
        try:
            for sample in mine:
                done[sample] = work(sample)
        except BaseException as problem:
            if self.world.size > 1:
                self._end(f"in sample {sample}", problem)
            raise
        found = {k: (result, group) for group, part in enumerate(self.peers.allgather(done)) for k, result in part.items()}
        ordered = [found[k] for k in range(len(found))]
        return [result for result, _ in ordered], [group for _, group in ordered]

    def agree(self, value: Any) -> Any:
        """Rank 0's value, on all ranks. Collective."""
        return self.world.bcast(value)

    def _end(self, where: str, problem: BaseException) -> None:
        traceback.print_exception(problem)
        print(
            f"Rank {self.world.rank} of {self.world.size} failed {where}: {problem!r}. All ranks end.",
            file=sys.stderr,
            flush=True,
        )
        self.world.Abort(1)
