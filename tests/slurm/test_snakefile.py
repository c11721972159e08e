"""workflows/Snakefile, here and with each step a job: MNNFEM_WITH=slurm ./run pytest -m slurm"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.slurm.test_jobs import SMALL, Cluster, cluster, weights

pytestmark = pytest.mark.slurm
__all__ = ["cluster"]
ROOT = Path(__file__).parents[2]


def snakemake(cluster: Cluster, out: Path, *words: str) -> str:
    """Train two steps with two seeds, and all that follows; what Snakemake says."""
    options = " ".join(["--iterations", "2", *SMALL])
    told = ["--config", "name=translation", "seeds=0,1", f"options={options}", f"out={out}", "ranks=2", "minutes=30"]
    command = ["snakemake", "-s", str(ROOT / "workflows/Snakefile"), *words, *told]
    done = subprocess.run(command, cwd=out.parent, env=cluster.variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def check_runs(out: Path) -> None:
    for seed in (0, 1):
        run = out / f"seed{seed}"
        for name in ("report.html", "refined/result.json", "print/translation.stl", "print/print.json"):
            assert (run / name).exists(), name
    assert weights(out / "seed0") != weights(out / "seed1")


def test_two_seeds_are_trained_verified_reported_and_exported_alike_here_and_on_slurm(cluster: Cluster, tmp_path: Path) -> None:
    here, jobs = tmp_path / "here", tmp_path / "jobs"
    snakemake(cluster, here, "--cores", "2")
    check_runs(here)
    said = snakemake(cluster, jobs, "--executor", "slurm", "--jobs", "4", "--slurm-status-command", "squeue")
    check_runs(jobs)
    assert said.count("has been submitted with SLURM jobid") == 8
    assert [weights(jobs / f"seed{seed}") for seed in (0, 1)] == [weights(here / f"seed{seed}") for seed in (0, 1)]
