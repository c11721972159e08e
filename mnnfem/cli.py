"""The command `mnnfem`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import mnnfem
from mnnfem.errors import unknown_name
from mnnfem.settings import run_main

COMMANDS = {  # what each is for, and the function that runs it: loaded when it is asked for
    "doctor": ("versions, threads, BLAS, rendering; one fix line for each fault", "mnnfem.doctor:doctor_command"),
    "mesh": ("a cellular solid of geometries/: its mesh, a table of its quality, a picture", "mnnfem.meshing:mesh_command"),
    "plan": ("what a training will take: hours, ranks, memory", "mnnfem.cluster.advice:plan_command"),
    "submit": ("a workflow, or a sweep of its settings -> jobs for Slurm", "mnnfem.cluster.submit:submit_command"),
    "rerun": ("a run again from its settings: does it end with the same weights?", "mnnfem.rerun:rerun_command"),
    "report": ("a run -> one HTML page: a body to turn, curves, errors, print checks", "mnnfem.report.command:report_command"),
    "compare": ("several runs: a table, JSON, a page of their curves and settings", "mnnfem.report.compare:compare_command"),
    "export": (
        "a run or a family -> files for printers, cutters and casting, after all checks",
        "mnnfem.fabricate.export:export_command",
    ),
    "check-print": (
        "a file, a run or a family: all that is wrong with it for a process",
        "mnnfem.fabricate.export:check_command",
    ),
}


def usage() -> str:
    """All commands."""
    rows = [f"  mnnfem {name:<12}{purpose}" for name, (purpose, _) in COMMANDS.items()]
    lines = ["usage: mnnfem COMMAND", "", *rows, "  mnnfem --version", ""]
    return "\n".join([*lines, "Experiments are scripts: python workflows/translation.py --help"])


def command(argv: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    name, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    if name in ("--help", "-h"):
        print(usage())
        return 0
    if name == "--version":
        print(mnnfem.__version__)
        return 0
    if name not in COMMANDS:
        raise unknown_name("command", name, [*COMMANDS, "--help", "--version"])
    module, function = COMMANDS[name][1].split(":")
    code: int = getattr(importlib.import_module(module), function)(rest)
    return code


def main() -> None:
    """Entry point of the console script."""
    run_main(command)
