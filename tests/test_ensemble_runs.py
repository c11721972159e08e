"""Training under mpirun: the same weights on any number of groups, and what becomes of failures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("ensemble_run.py")


def start(ranks: int, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    launcher = ["mpirun", "-n", str(ranks)] if ranks > 1 else []
    command = [*launcher, sys.executable, str(SCRIPT), str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> str:
    done = start(1, tmp_path_factory.mktemp("one") / "run", "--fail", "0.2")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("ranks", [2, 3])
def test_weights_are_bitwise_the_same_on_any_number_of_ranks(ranks: int, alone: str, tmp_path: Path) -> None:
    """With failed samples among them: all ranks skip the same ones."""
    done = start(ranks, tmp_path / "run", "--fail", "0.2")
    assert done.returncode == 0, done.stderr
    digest, *rest = alone.split()
    assert done.stdout.split() == [digest] * ranks + rest
    assert int(rest[1]) > 0
    assert (tmp_path / "run/metrics.jsonl").read_text().count("\n") == 3  # one rank writes


def test_groups_of_ranks_share_each_sample(alone: str, tmp_path: Path) -> None:
    done = start(4, tmp_path / "run", "--size", "2", "--fail", "0.2")
    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.split()[:4])) == 1
    assert float(done.stdout.split()[-1]) == pytest.approx(float(alone.split()[-1]), rel=1e-6)


def test_a_run_that_mostly_fails_stops_with_its_weights_saved(tmp_path: Path) -> None:
    done = start(2, tmp_path / "run", "--fail", "0.8")
    assert done.returncode == 1
    assert done.stderr.count("samples of iteration") == 1
    assert "have no equilibrium, more than allowed. The first is sample" in done.stderr
    assert (tmp_path / "run/checkpoint/weights.safetensors").exists()


def test_a_broken_rank_ends_all_and_names_its_sample(tmp_path: Path) -> None:
    done = start(3, tmp_path / "run", "--break", "1")
    assert done.returncode != 0
    assert "Rank 1 of 3 failed in sample" in done.stderr
    assert "FloatingPointError('planted')" in done.stderr
