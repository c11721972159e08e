"""`mnnfem rerun`: a run again, from its settings alone, and whether it ends with the same weights."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpi4py import MPI

from mnnfem.checkpoint import WEIGHTS, digest, read_tensors
from mnnfem.errors import InputError
from mnnfem.reopen import program_with, settings_of
from mnnfem.runfolder import HERE, RESULT, read_json
from mnnfem.settings import parse, setting
from mnnfem.usage import typed

EXAMPLES = """examples:
  mnnfem rerun runs/translation/paper
  mpirun -n 2 mnnfem rerun runs/translation/paper --out /tmp/again
"""
COST = {"seconds", "versions", "factorisations"}  # what a result may differ in


@dataclass(frozen=True)
class RerunSettings:
    out: str = setting("", "folder of the second run, made new; without it RUN-again")


def rerun_command(argv: Sequence[str]) -> int:
    """Run `mnnfem rerun`: exit code 0 if weights, or for a workflow without them the result, are the same, else 1."""
    run, rest = (Path(argv[0]), argv[1:]) if argv and not argv[0].startswith("-") else (None, argv)
    told = parse(RerunSettings, rest, "usage: mnnfem rerun RUN [--out NEW]\n\n" + (__doc__ or ""), EXAMPLES)
    if run is None:
        raise InputError("Which run? Give its folder first: mnnfem rerun RUN [--out NEW], see --help.")
    _, stored = settings_of(run)
    if not (run / RESULT).exists():
        raise InputError(f"{run} has no {RESULT} to compare with: it has not ended. Its command with --resume ends it.")
    again = Path(told.out or f"{run}-again")
    told_again = typed({name: value for name, value in stored.items() if name not in {*HERE, "workflow"}})
    program_with("\ndef main(", stored.get("workflow", "")).main([*told_again, f"--out={again}"])
    same, sentence = compared(run, again)
    if MPI.COMM_WORLD.rank == 0:
        print(sentence, file=sys.stdout if same else sys.stderr)
    return 0 if same else 1


def compared(run: Path, again: Path) -> tuple[bool, str]:
    """Whether two runs ended alike, and in words."""
    results = [read_json(folder / RESULT) for folder in (run, again)]
    if not (run / WEIGHTS).exists():
        same = _figures(results[0]) == _figures(results[1])
        return same, f"The results of {run} and {again} are {'equal' if same else 'NOT equal'}; there are no weights."
    first, second = (read_tensors(folder / WEIGHTS) for folder in (run, again))
    if digest(first) == digest(second):
        return True, f"The weights of {run} and {again} are equal, bit for bit: SHA-256 {digest(first)}."
    shared = [name for name in first if name in second and first[name].shape == second[name].shape]
    apart = max((float((first[name] - second[name]).abs().max()) for name in shared if first[name].numel()), default=0.0)
    versions = [result.get("versions", {}) for result in results]
    changed = [f"{name} {was} -> {versions[1].get(name)}" for name, was in versions[0].items() if versions[1].get(name) != was]
    why = f"versions have changed: {', '.join(changed)}" if changed else "with the same versions: was it another machine?"
    return False, f"The weights of {run} and {again} are NOT equal, by at most {apart:.3g}; {why}"


def _figures(result: Any) -> str:
    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without(one) for name, one in value.items() if name not in COST}
        return [without(one) for one in value] if isinstance(value, list) else value

    return json.dumps(without(result), sort_keys=True)
