"""Samples over groups of ranks. Run under mpirun -n 2 and more as well."""

from __future__ import annotations

import time

import pytest
import torch
from mpi4py import MPI

from mnnfem.dealt import dealt
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


@pytest.mark.parametrize("batch", [1, 2 * WORLD.size, 2 * WORLD.size + 1])
def test_a_group_that_is_done_takes_the_samples_of_others(batch: int) -> None:
    ensemble = Ensemble.of(WORLD)
    for slow in range(3):  # the two sets of counters, and the first again
        slow %= WORLD.size

        def work(sample: int, slow: int = slow) -> tuple[int, int]:
            if ensemble.number == slow:
                time.sleep(0.3)
            return sample, ensemble.number

        results, groups = ensemble.share([False] * batch, work)
        assert results == list(enumerate(groups))
        assert WORLD.allgather(groups) == [groups] * WORLD.size
        if WORLD.size > 1:
            assert groups.count(slow) <= 1


def test_ranks_of_a_group_take_samples_together() -> None:
    ensemble = Ensemble.of(WORLD, max(WORLD.size // 2, 1))
    if WORLD.size % 2 and WORLD.size > 1:
        return
    results, groups = ensemble.share([True] * 5, lambda k: ensemble.group.allreduce(k))
    assert results == [k * ensemble.group.size for k in range(5)]
    assert WORLD.allgather(groups) == [groups] * WORLD.size


def test_ranks_of_a_group_work_together() -> None:
    ensemble = Ensemble.of(WORLD, WORLD.size)
    assert ensemble.group.size == WORLD.size
    assert ensemble.number == 0
    assert ensemble.run(ensemble.deal([False] * 3), lambda k: ensemble.group.allreduce(k)) == [0, WORLD.size, 2 * WORLD.size]


def test_groups_that_do_not_divide_the_ranks_are_refused() -> None:
    with pytest.raises(InputError, match="start a multiple of"):
        Ensemble.of(WORLD, WORLD.size + 1)


def test_a_function_of_each_sample_has_the_same_value_and_gradient_wherever_it_is_done() -> None:
    generator = torch.Generator().manual_seed(3)
    shared, rows, others = (
        torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((4,), (5, 4), (5, 2, 3))
    )
    weights = torch.arange(1.0, 6.0, dtype=torch.float64)
    tensors, done = [one.requires_grad_() for one in (shared, rows, others)], []

    def one(shared: torch.Tensor, row: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        done.append(1)
        return (shared * row).sum() ** 2 + (shared.sum() * other).square().sum()

    values = dealt(Ensemble.of(WORLD), one, shared, (rows, others))
    found = torch.autograd.grad(weights @ values, tensors)
    assert WORLD.allreduce(len(done)) == 5
    direct = torch.stack([one(shared, row, other) for row, other in zip(rows, others, strict=True)])
    assert torch.equal(values, direct)
    for slope, wanted in zip(found, torch.autograd.grad(weights @ direct, tensors), strict=True):
        torch.testing.assert_close(slope, wanted, rtol=1e-13, atol=1e-13)
    alone = torch.autograd.grad(weights @ dealt(Ensemble.alone(), one, shared, (rows, others)), tensors)
    assert all(torch.equal(a, b) for a, b in zip(found, alone, strict=True))


def test_a_function_that_leaves_an_input_out_has_no_slope_there() -> None:
    shared, rows = (torch.ones(shape, dtype=torch.float64, requires_grad=True) for shape in ((2,), (3, 2)))
    dealt(Ensemble.of(WORLD), lambda shared, row: row.sum(), shared, (rows,)).sum().backward()
    assert shared.grad is not None
    assert rows.grad is not None
    assert shared.grad.tolist() == [0, 0]
    assert rows.grad.tolist() == [[1, 1]] * 3


@pytest.mark.skipif(WORLD.size > 1, reason="for ranks that are alone")
def test_processes_that_mpi_has_not_joined_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    with pytest.raises(InputError, match="srun has started 4 processes, but MPI has not joined them"):
        Ensemble.of(WORLD)
