"""Jobs of `mnnfem submit` on a real Slurm: MNNFEM_WITH=slurm ./run pytest -m slurm"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.slurm.cluster import slurm

pytestmark = pytest.mark.slurm
PATIENCE = 3600.0  # s
SMALL = ("--batch", "2", "--heldout", "2")


@dataclass(frozen=True)
class Cluster:
    """The variables under which Slurm's commands find it."""

    variables: dict[str, str]

    def run(self, *command: str) -> str:
        """What a command prints."""
        done = subprocess.run(command, env=self.variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def submit(self, *words: str) -> str:
        """The number of a job."""
        return self.run(sys.executable, "-m", "mnnfem", "submit", *words).split()[-1]

    def ended(self, job: str) -> list[dict[str, str]]:
        """What Slurm knows of a job, or of each of an array, once none is waiting or running."""
        until = time.monotonic() + PATIENCE
        while self.run("squeue", "--noheader", "--jobs", job).strip():
            assert time.monotonic() < until
            time.sleep(1)
        lines = self.run("scontrol", "--oneliner", "show", "job", job).splitlines()
        return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines if line]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with slurm(tmp_path_factory.mktemp("slurm")) as variables:
        yield Cluster(variables)


def weights(run: Path) -> str:
    return hashlib.sha256((run / "checkpoint/weights.safetensors").read_bytes()).hexdigest()


def wait_for_steps(run: Path, count: int) -> None:
    metrics, until = run / "metrics.jsonl", time.monotonic() + PATIENCE
    while not metrics.exists() or len(metrics.read_text().splitlines()) < count:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_run_goes_on_when_its_time_is_over_and_ends_with_the_same_weights(cluster: Cluster, tmp_path: Path) -> None:
    """Two minutes at a time on two ranks, told a minute before; the other at once and on one rank."""
    options = ["translation", "--iterations", "400", *SMALL]
    out, whole = tmp_path / "interrupted", tmp_path / "whole"
    job = cluster.submit(*options, "--ranks", "2", "--out", str(out), "--time", "00:02:00", "--warning", "60")
    (alone,) = cluster.ended(cluster.submit(*options, "--out", str(whole)))
    (seen,) = cluster.ended(job)
    assert (alone["JobState"], alone["Restarts"]) == ("COMPLETED", "0")
    assert seen["JobState"] == "COMPLETED"
    assert int(seen["Restarts"]) >= 1
    assert out.with_name("interrupted.log").read_text().count("Stopped by SIGUSR1") == int(seen["Restarts"])
    assert weights(out) == weights(whole)


def test_an_array_of_four_runs(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text("[product]\nseed = [0, 1]\nbound = [30, 40]\n")
    out = tmp_path / "runs"
    sweep = ["--array", str(tmp_path / "sweep.toml"), "--out", str(out)]
    jobs = cluster.ended(cluster.submit("translation", "--iterations", "2", *SMALL, *sweep))
    assert [job["JobState"] for job in jobs] == ["COMPLETED"] * 4
    told = [json.loads((out / str(number) / "settings.json").read_text()) for number in range(4)]
    assert [(one["seed"], one["bound"]) for one in told] == [(0, 30), (0, 40), (1, 30), (1, 40)]
    assert len({weights(out / str(number)) for number in range(4)}) == 4


def test_a_cancelled_run_stays_cancelled(cluster: Cluster, tmp_path: Path) -> None:
    out = tmp_path / "run"
    job = cluster.submit("translation", "--iterations", "5000", *SMALL, "--out", str(out))
    wait_for_steps(out, 2)
    cluster.run("scancel", job)
    (seen,) = cluster.ended(job)
    assert (seen["JobState"], seen["Restarts"]) == ("CANCELLED", "0")


def test_ranks_that_mpi_has_not_joined_are_refused(cluster: Cluster, tmp_path: Path) -> None:
    """Not four runs, one beside the other, into the same folder."""
    out = tmp_path / "run"
    (seen,) = cluster.ended(cluster.submit("translation", "--ranks", "2", "--mpi", "none", *SMALL, "--out", str(out)))
    assert (seen["JobState"], seen["ExitCode"]) == ("FAILED", "2:0")
    assert "srun has started 2 processes, but MPI has not joined them" in (tmp_path / "run.log").read_text()
    assert not out.exists()
