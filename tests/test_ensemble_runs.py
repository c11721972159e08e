"""Training under mpirun: the same weights on any number of groups, and what becomes of failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.launch import Ended, start

SMALL = (
    "--small",
    "--layers",
    1,
    "--iterations",
    3,
    "--batch",
    5,
    "--heldout",
    2,
    "--bound",
    15,
    "--reach",
    5,
    "--design-rate",
    0.02,
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return start(0, tmp_path_factory.mktemp("one") / "run", *SMALL, "--fail", 0.2).whole()


@pytest.mark.parametrize("ranks", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_weights_are_bitwise_the_same_on_any_number_of_ranks(ranks: int, alone: Ended, tmp_path: Path) -> None:
    """With failed samples among them: all ranks skip the same ones, and need rank 0's weights for no step."""
    run = start(ranks, tmp_path / "run", *SMALL, "--fail", 0.2).whole()
    found, wanted = run.json("ensemble.json"), alone.json("ensemble.json")
    assert found["weights"] == wanted["weights"] * ranks
    assert found["replicas"] == wanted["replicas"] * ranks
    assert found["failed"] == wanted["failed"] > 0
    assert found["error"] == wanted["error"]
    assert len(run.steps) == 3  # one rank writes


def test_groups_of_ranks_share_each_sample(alone: Ended, tmp_path: Path) -> None:
    found = start(4, tmp_path / "run", *SMALL, "--ranks-per-sample", 2, "--fail", 0.2).whole().json("ensemble.json")
    assert len(set(found["weights"])) == 1
    assert found["error"] == pytest.approx(alone.json("ensemble.json")["error"], rel=1e-6)


def test_a_run_that_mostly_fails_stops_with_its_weights_saved(tmp_path: Path) -> None:
    run = start(2, tmp_path / "run", *SMALL, "--fail", 0.8)
    assert run.code == 1
    assert run.errors.count("samples of iteration") == 1
    assert "have no equilibrium, more than allowed. The first is sample" in run.errors
    assert (run.folder / "checkpoint/weights.safetensors").exists()


def test_a_broken_rank_ends_all_and_names_its_sample(tmp_path: Path) -> None:
    run = start(3, tmp_path / "run", *SMALL, "--break", 1)
    assert run.code != 0
    assert run.survivors == 0
    assert f"Rank 1 of 3 failed in sample {run.json('failure.json')['sample']}: FloatingPointError('planted')" in run.errors


def test_a_killed_rank_ends_all(tmp_path: Path) -> None:
    run = start(3, tmp_path / "run", *SMALL, "--kill", 1)
    assert run.code != 0
    assert run.survivors == 0
    assert "rank 1" in run.errors.lower()
