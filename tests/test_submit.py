"""`mnnfem submit` without Slurm: the text of a job, the runs of a sweep, and what is refused before anything is sent."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

import pytest

from mnnfem.cli import command
from mnnfem.cluster.submit import JobSettings
from mnnfem.cluster.workflow import workflow
from mnnfem.errors import InputError
from mnnfem.programs import FOLDER

STAND_INS = """#!/bin/bash
srun() { printf '%s\\n' "$@" >words; return $CODE; }
scontrol() { echo "$@" >requeued; }
. ./job.sbatch
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, from where jobs start."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def submit(*words: str) -> str:
    """The job that is written."""
    assert command(["submit", "translation", "--out", "job", "--dry-run", *words]) == 0
    return Path("job.sbatch").read_text()


def started(folder: Path, code: int, **variables: str) -> tuple[int, list[str], bool]:
    """The job as bash runs it, with stand-ins for Slurm: its exit code, srun's words, and whether it was requeued."""
    (folder / "start.sh").write_text(STAND_INS)
    slurm = {"CODE": str(code), "SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "2", **variables}
    done = subprocess.run(["bash", "start.sh"], cwd=folder, env={**os.environ, **slurm}, capture_output=True, text=True)
    words = (folder / "words").read_text().splitlines() if (folder / "words").exists() else []
    return done.returncode, words, (folder / "requeued").exists()


def test_a_job_asks_for_what_it_was_told(here: Path) -> None:
    asked = ("--nodes", "2", "--ranks", "4", "--cpus", "2", "--memory", "3001", "--time", "1-02:00:00")
    text = submit("--seed", "3", *asked, "--partition", "long", "--account=me", "--sbatch", "qos=high exclusive")
    lines = [line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH")]
    wanted = "--nodes=2 --ntasks-per-node=4 --cpus-per-task=2 --mem-per-cpu=1501M --time=1-02:00:00 --partition=long"
    fixed = "--account=me --qos=high --exclusive --requeue --open-mode=append --signal=USR1@120 --output=job.log"
    assert set(f"{wanted} {fixed} --chdir={here} --job-name=translation".split()) == set(lines)
    code, words, again = started(here, 0)
    assert (code, again) == (0, False)
    assert words[-9:] == ["-m", "mpi4py", "-m", "workflows.translation", "--seed", "3", "--out", "job", "--resume"]


@pytest.mark.parametrize(
    ("code", "starts", "again"), [(85, 0, True), (85, 50, False), (138, 0, True), (1, 0, False), (137, 0, False)]
)
def test_only_a_run_that_was_told_to_stop_is_started_again(here: Path, code: int, starts: int, again: bool) -> None:
    submit()
    ended, _, requeued = started(here, code, SLURM_RESTART_COUNT=str(starts))
    assert requeued == again
    assert ended == (0 if again else code)


def test_each_run_of_a_sweep_has_its_settings_and_its_folder(here: Path) -> None:
    Path("sweep.toml").write_text("[product]\nseed = [0, 1]\n[[rows]]\nreach = 10\n[[rows]]\nfrozen-geometry = true\n")
    text = submit("--array", "sweep.toml", "--at-once", "2")
    assert "#SBATCH --array=0-3%2\n" in text
    assert "#SBATCH --output=job/%a.log\n" in text
    runs = ["--reach=10 --seed=0", "--reach=10 --seed=1", "--frozen-geometry --seed=0", "--frozen-geometry --seed=1"]
    for number, options in enumerate(runs):
        _, words, _ = started(here, 0, SLURM_ARRAY_TASK_ID=str(number))
        assert words[words.index("workflows.translation") + 1 :] == [*options.split(), "--out", f"job/{number}", "--resume"]
    (here / "words").unlink()
    assert started(here, 0, SLURM_ARRAY_TASK_ID="4")[:2] == (2, [])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[product]\nseeds = [1]", "Unknown setting in run 0 of sweep.toml 'seeds'. Did you mean 'seed'"),
        ("[product]\nreach = [10, 31]", "reach in run 1 of sweep.toml is 31 mm, allowed 0.1 to 30 mm."),
        ("[[rows]]\nseed = 1.5", "seed in run 0 of sweep.toml takes a whole number, got 1.5"),
        ("[[rows]]\nfrozen-geometry = 1", "frozen_geometry in run 0 of sweep.toml takes true or false, got 1"),
        ("[[rows]]\nout = 'here'", "--out in run 0 of sweep.toml: each run of a sweep is given its own"),
        ("[[rows]]\nbatch = 1", "--batch in run 0 of sweep.toml is in the command as well"),
        ("[[rows]]\nranks-per-sample = 2", "1 ranks do not divide into groups of 2"),
        ("[product]\nseed = 1", "has a list of values for each option"),
        ("[product]", "has no runs"),
        ("[[rows]]\nseed = 1\n[product]\nseed = [2]", "'seed' both in"),
        ("[array]\nseed = [1]", "Unknown table in sweep.toml 'array'"),
        ("seed = [", "The sweep sweep.toml is not a TOML file"),
    ],
)
def test_a_wrong_sweep_is_refused_before_anything_is_written(here: Path, table: str, words: str) -> None:
    Path("sweep.toml").write_text(table)
    with pytest.raises(InputError) as refused:
        submit("--array", "sweep.toml", "--batch", "2")
    assert words in str(refused.value)
    assert [file.name for file in here.iterdir()] == ["sweep.toml"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--node", "2"], "Unknown option '--node'. Did you mean '--nodes'"),
        (["--reach", "31"], "--reach is 31 mm"),
        (["--ranks", "0"], "--ranks is 0, allowed at least 1"),
        (["--time", "90"], "--time is written hours:minutes:seconds"),
        (["--time", "00:02:59"], "leaves less than 60 s before the run is told to save"),
        (["--ranks", "3", "--ranks-per-sample", "2"], "3 ranks do not divide into groups of 2"),
        (["--partition", "a\n#SBATCH --x"], "--partition is one line of text"),
        (["--sbatch", "-n 3"], "--sbatch takes options of sbatch like"),
        (["--array", "none.toml"], "none.toml cannot be read"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(here: Path, options: list[str], words: str) -> None:
    with pytest.raises(InputError) as refused:
        submit(*options)
    assert words in str(refused.value)
    assert not list(here.iterdir())


def test_what_is_there_is_not_written_over(here: Path) -> None:
    submit()
    with pytest.raises(InputError, match=r"job.sbatch exists already: .* sbatch job.sbatch goes on"):
        submit()


@pytest.mark.parametrize(("name", "words"), [("translatoin", "Did you mean 'translation'"), ("evaluate", "has no --resume")])
def test_only_workflows_that_go_on_after_a_stop_are_sent(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        command(["submit", name])


def test_without_slurm_the_job_is_written_and_not_sent(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(here))
    with pytest.raises(InputError, match="sbatch is not here, so nothing is sent: send job"):
        command(["submit", "translation", "--out", "job"])
    assert Path("job.sbatch").exists()


def test_no_option_of_a_job_is_one_of_a_workflow() -> None:
    own = {field.name for field in dataclasses.fields(JobSettings)}
    for name in ("translation", "rotation", "shape_matching", "digit_display"):
        assert not own & workflow(str(Path(__file__).parents[1] / FOLDER / f"{name}.py")).options.keys()
