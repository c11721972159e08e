"""Samples over groups of ranks. Run under mpirun -n 2 and more as well."""

from __future__ import annotations

import pytest
from mpi4py import MPI

from mnnfem.ensemble import Ensemble
from mnnfem.errors import InputError

pytestmark = pytest.mark.mpi
WORLD = MPI.COMM_WORLD


@pytest.mark.parametrize("count", [0, 1, 2, 5, 16])
def test_every_rank_has_all_results_in_order(count: int) -> None:
    ensemble = Ensemble.of(WORLD)
    groups = ensemble.deal([False] * count)
    assert ensemble.run(groups, lambda k: (k, groups[k])) == list(enumerate(groups))
    assert WORLD.allgather(groups) == [groups] * WORLD.size
    assert all(groups.count(g) <= -(-count // WORLD.size) for g in range(WORLD.size))


def test_work_goes_where_it_is_sooner_done_up_to_a_fair_share() -> None:
    ensemble, last = Ensemble.of(WORLD), WORLD.size - 1
    groups = ensemble.deal([WORLD.rank == last] * 2 * WORLD.size)
    assert groups[:2] == [last, last]
    assert [groups.count(g) for g in range(WORLD.size)] == [2] * WORLD.size
    own = ensemble.deal([sample % WORLD.size == WORLD.rank for sample in range(2 * WORLD.size)])
    assert own == [sample % WORLD.size for sample in range(2 * WORLD.size)]


def test_ranks_of_a_group_work_together() -> None:
    ensemble = Ensemble.of(WORLD, WORLD.size)
    assert ensemble.group.size == WORLD.size
    assert ensemble.number == 0
    assert ensemble.run(ensemble.deal([False] * 3), lambda k: ensemble.group.allreduce(k)) == [0, WORLD.size, 2 * WORLD.size]


def test_groups_that_do_not_divide_the_ranks_are_refused() -> None:
    with pytest.raises(InputError, match="start a multiple of"):
        Ensemble.of(WORLD, WORLD.size + 1)
