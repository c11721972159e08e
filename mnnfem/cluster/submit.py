"""`mnnfem submit`: a workflow and its options -> a job for Slurm, or one for each run of a sweep."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpi4py import MPI

from mnnfem.cluster.script import Job
from mnnfem.cluster.sweep import sweep
from mnnfem.cluster.workflow import Workflow, asked
from mnnfem.errors import InputError
from mnnfem.programs import FOLDER
from mnnfem.runfolder import default_folder
from mnnfem.settings import setting

ABOUT = """mnnfem submit WORKFLOW [options of the workflow] [options below]

Writes a job for Slurm beside the run's folder and sends it. Before its time is over the run saves its state and goes on in
the same job, started again, until it is done. All settings are checked before anything is sent.
"""
EXAMPLES = """examples:
  mnnfem submit translation --scale paper --ranks 8 --time 02:00:00
  mnnfem submit rotation --seed 3 --out runs/rotation/3 --nodes 2 --ranks 16 --dry-run
  mnnfem submit translation --iterations 600 --array sweep.toml

sweep.toml, each combination a run of its own in OUT/<number>:
  [product]
  seed = [0, 1, 2, 3, 4]
  reach = [10, 15]
or run by run, and both together:
  [[rows]]
  seed = 7
  frozen-geometry = true
"""
LIBRARIES = {"Open MPI": "pmix", "MPICH": "pmi2", "Intel": "pmi2", "MVAPICH": "pmi2"}
LEAST_RUN = 60  # s, between the start of a job and its signal


@dataclass(frozen=True)
class JobSettings:
    """What a job can be told beside the workflow's options."""

    nodes: int = setting(1, "machines", low=1)
    ranks: int = setting(1, "MPI ranks on each; the samples of a step are dealt to all of them", low=1)
    cpus: int = setting(1, "cores of each rank", low=1)
    memory: int = setting(0, "of each rank; 0 is what the cluster gives", unit="MB", low=0)
    time: str = setting("04:00:00", "of one start, hours:minutes:seconds or days-hours:minutes:seconds")
    partition: str = setting("", "partition of the cluster")
    account: str = setting("", "account that is charged")
    sbatch: str = setting("", "further options of sbatch, as one word: 'qos=long constraint=zen4'")
    array: str = setting("", "a TOML file of option values: a job array, one run for each")
    at_once: int = setting(0, "most runs of it at the same time; 0 is all", low=0)
    warning: int = setting(120, "before its time is over the run is told to save", unit="s", low=10)
    requeues: int = setting(50, "most starts after the first", low=0)
    mpi: str = setting("", "what srun starts ranks with; without it by the MPI library, see srun --mpi=list")
    python: str = setting("", "what starts Python in the job: 'apptainer exec mnnfem.sif python'; without it the one in use")
    before: str = setting("", "lines of shell before it: 'module load dolfinx'")
    dry_run: bool = setting(False, "write the job, and do not send it")


def submit_command(argv: Sequence[str]) -> int:
    """Run `mnnfem submit` with these arguments; returns the exit code."""
    what, told, typed = asked(argv, "submit", JobSettings, ABOUT, EXAMPLES)
    settings = what.parsed(typed)
    rows = sweep(told.array, what, typed) if told.array else [[]]
    for row in rows:
        _check_ranks(what, what.parsed([*typed, *row]), told.nodes * told.ranks)
    out = Path(settings.out or default_folder(what.name, settings.seed))
    job = _job(what, _without(typed, ("out", "resume")), rows, out, told)
    file = _write(job, out)
    print(f"{file}: {_what(job)}")
    if not told.dry_run:
        return _send(file, job)
    print(f"Not sent: read it, then send it with sbatch {shlex.quote(str(file))}", file=sys.stderr)
    return 0


def _job(what: Workflow, typed: Sequence[str], rows: Sequence[Sequence[str]], out: Path, told: JobSettings) -> Job:
    root, many = what.file.parents[1], bool(told.array)
    started = told.python or (_near(root / "run") + " python" if "MNNFEM_INSIDE" in os.environ else sys.executable)
    runs = [[*row, "--out", str(out / str(number) if many else out), "--resume"] for number, row in enumerate(rows)]
    limit = f"%{told.at_once}" if told.at_once else ""
    for name, value in dataclasses.asdict(told).items():
        if isinstance(value, str) and not (value.isprintable() or name == "before"):
            raise InputError(f"--{name} is one line of text, got {value!r}.")
    directives = [f"--{name}={shlex.quote(getattr(told, name))}" for name in ("partition", "account") if getattr(told, name)]
    return Job(
        name=what.name,
        command=[*shlex.split(started), "-m", "mpi4py", "-m", f"{FOLDER}.{what.name}", *typed],
        runs=runs,
        log=Path(f"{str(out).replace('%', '%%')}{'/%a' if many else ''}.log"),
        folder=Path.cwd(),
        nodes=told.nodes,
        ranks=told.ranks,
        cpus=told.cpus,
        memory=told.memory,
        time=_time(told),
        warning=told.warning,
        requeues=told.requeues,
        mpi=told.mpi or next((name for library, name in LIBRARIES.items() if library in MPI.Get_library_version()), "none"),
        array=f"0-{len(rows) - 1}{limit}" if many else "",
        directives=directives + _further(told.sbatch),
        before=told.before,
    )


def _check_ranks(what: Workflow, settings: Any, ranks: int) -> None:
    size = getattr(settings, "ranks_per_sample", None)
    if size is None and ranks > 1:
        raise InputError(f"{what.name} runs on one rank, not on {ranks}: leave --nodes and --ranks.")
    if size is not None and ranks % size:
        raise InputError(f"{ranks} ranks do not divide into groups of {size}: give --nodes times --ranks a multiple of it.")


def _time(told: JobSettings) -> str:
    found = re.fullmatch(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)", told.time)
    if not found:
        raise InputError(f"--time is written hours:minutes:seconds or days-hours:minutes:seconds, got {told.time!r}.")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    whole = ((24 * days + hours) * 60 + minutes) * 60 + seconds
    if whole < told.warning + LEAST_RUN:
        raise InputError(
            f"--time {told.time} leaves less than {LEAST_RUN} s before the run is told to save, --warning {told.warning} s "
            "before its end: give it more time."
        )
    return told.time


def _further(sbatch: str) -> list[str]:
    words = shlex.split(sbatch)
    for word in words:
        if not re.fullmatch(r"[a-z][a-z-]*(=.*)?", word):
            raise InputError(f"--sbatch takes options of sbatch like 'qos=long constraint=zen4', got {word!r}.")
    return [shlex.quote(f"--{word}") for word in words]


def _without(words: Sequence[str], names: Sequence[str]) -> list[str]:
    """Words without these options and what follows them."""
    kept, leave = list[str](), False
    for word in words:
        if word.startswith("--"):
            leave = word[2:].split("=")[0].replace("-", "_") in names
        if not leave:
            kept.append(word)
    return kept


def _near(file: Path) -> str:
    """As seen from here, where the job starts, if it lies below."""
    here = Path.cwd()
    return f"./{file.relative_to(here)}" if file.is_relative_to(here) else str(file)


def _write(job: Job, out: Path) -> Path:
    file = out.with_name(out.name + ".sbatch")
    for path in (file, out):
        if path.exists():
            again = f"sbatch {file} goes on with its runs" if file.exists() else "remove it"
            raise InputError(f"{path} exists already: choose another with --out, or {again}.")
    try:
        job.log.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(job.text())
    except OSError as problem:
        raise InputError(f"{file} cannot be written: {problem.strerror}.") from None
    return file


def _what(job: Job) -> str:
    jobs = f"{len(job.runs)} jobs" if job.array else "one job"
    nodes = "one node" if job.nodes == 1 else f"{job.nodes} nodes"
    return f"{jobs} on {nodes} with {job.ranks} rank{'s' * (job.ranks > 1)} on each, at most {job.time} at a time"


def _send(file: Path, job: Job) -> int:
    if shutil.which("sbatch") is None:
        raise InputError(f"sbatch is not here, so nothing is sent: send {file} with sbatch where Slurm is.")
    sent = subprocess.run(["sbatch", str(file)], capture_output=True, text=True)
    if sent.returncode:
        raise InputError(f"sbatch refuses {file}: {sent.stderr.strip()}")
    print(sent.stdout.strip())
    number = sent.stdout.split()[-1]
    print(f"How far: squeue -j {number}; what it says: {job.log}; end it: scancel {number}", file=sys.stderr)
    return 0
