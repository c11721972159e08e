"""The command `mnnfem`."""

from __future__ import annotations

from collections.abc import Sequence

import mnnfem
from mnnfem.errors import InputError, unknown_name
from mnnfem.settings import run_main

USAGE = """usage: mnnfem COMMAND

  mnnfem doctor      versions, threads, BLAS, rendering; one fix line for each fault
  mnnfem mesh        a cellular solid of geometries/: its mesh, a table of its quality, a picture
  mnnfem export      a run or a family -> files for printers, cutters and casting, after all checks
  mnnfem check-print a file, a run or a family: all that is wrong with it for a process
  mnnfem plan        what a training will take: hours, ranks, memory
  mnnfem submit      a workflow, or a sweep of its settings -> jobs for Slurm
  mnnfem --version

Experiments are scripts: python workflows/translation.py --help
"""


def command(argv: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    name, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    if name in ("--help", "-h"):
        print(USAGE, end="")
        return 0
    if name == "--version":
        print(mnnfem.__version__)
        return 0
    if name == "mesh":
        from mnnfem.meshing import mesh_command

        return mesh_command(rest)
    if name in ("export", "check-print"):
        from mnnfem.fabricate import export

        return {"export": export.export_command, "check-print": export.check_command}[name](rest)
    if name == "submit":
        from mnnfem.cluster.submit import submit_command

        return submit_command(rest)
    if name == "plan":
        from mnnfem.cluster.advice import plan_command

        return plan_command(rest)
    if name != "doctor":
        raise unknown_name(
            "command", name, ["doctor", "mesh", "export", "check-print", "submit", "plan", "--help", "--version"]
        )
    if rest:
        raise InputError(f"mnnfem doctor takes no arguments, got {rest[0]!r}.")
    from mnnfem.doctor import report

    return report()


def main() -> None:
    """Entry point of the console script."""
    run_main(command)
