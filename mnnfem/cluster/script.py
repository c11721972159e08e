"""The text of a job for Slurm, to be read before it is sent."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnnfem.interrupt import STOPPED

BODY = """
export OMP_NUM_THREADS="$SLURM_CPUS_PER_TASK"
{settings}
# All ranks leave together: the first to go does not end the others at once, but where one is lost they are given {grace} s.
srun --mpi={mpi} --cpus-per-task="$SLURM_CPUS_PER_TASK" --kill-on-bad-exit=0 --wait={grace} \\
    {command} "$@"
code=$?
# {stopped}: a signal came before the end of the time, and the state is saved. 138: it came before Python was there to take it.
case "$code" in {stopped} | 138)
    [ "${{SLURM_RESTART_COUNT:-0}}" -lt {requeues} ] && scontrol requeue "$SLURM_JOB_ID" && exit 0 ;;
esac
exit "$code"
"""
GRACE = 60  # s


@dataclass(frozen=True)
class Job:
    """What a job asks for, and what it runs.

    command   the words that each rank starts, of all runs;  runs  the further words of each run, several are a job array
    log       with %a for the number of the run;  directives  further lines of sbatch's;  before  lines of shell
    """

    name: str
    command: Sequence[str]
    runs: Sequence[Sequence[str]]
    log: Path
    folder: Path
    nodes: int
    ranks: int
    cpus: int
    memory: int
    time: str
    warning: int
    requeues: int
    mpi: str
    array: str
    directives: Sequence[str]
    before: str

    def text(self) -> str:
        """The file for sbatch."""
        asked = {
            "job-name": self.name,
            "chdir": str(self.folder),
            "nodes": str(self.nodes),
            "ntasks-per-node": str(self.ranks),
            "cpus-per-task": str(self.cpus),
            "mem-per-cpu": f"{-(-self.memory // self.cpus)}M" if self.memory else "",
            "time": self.time,
            "signal": f"USR1@{self.warning}",
            "open-mode": "append",
            "output": str(self.log),
            "array": self.array,
        }
        lines = [f"--{name}={shlex.quote(value)}" for name, value in asked.items() if value]
        head = "\n".join(f"#SBATCH {line}" for line in ("--requeue", *lines, *self.directives))
        body = BODY.format(
            settings=self._settings(),
            mpi=self.mpi,
            command=shlex.join(self.command),
            stopped=STOPPED,
            requeues=self.requeues,
            grace=GRACE,
        )
        before = f"{self.before}\n" if self.before else ""
        return f"#!/bin/bash\n# Written by mnnfem submit. Sent again, its runs go on where they are.\n{head}\n{before}{body}"

    def _settings(self) -> str:
        if not self.array:
            return f"set -- {shlex.join(self.runs[0])}"
        cases = [f"    {number}) set -- {shlex.join(run)} ;;" for number, run in enumerate(self.runs)]
        refused = '    *) echo "There is no run $SLURM_ARRAY_TASK_ID." >&2; exit 2 ;;'
        return "\n".join(['case "$SLURM_ARRAY_TASK_ID" in', *cases, refused, "esac"])
