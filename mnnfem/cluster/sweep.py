"""A sweep: a TOML table of option values -> the options of each run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from mnnfem.cluster.workflow import Workflow
from mnnfem.errors import InputError, unknown_name
from mnnfem.settings import Given, settle
from mnnfem.tables import read_table
from mnnfem.usage import option
from mnnfem.usage import typed as as_typed

OWN = ("out", "resume")  # each run of a sweep is given these


def sweep(file: str, workflow: Workflow, typed: Sequence[str]) -> list[list[str]]:
    """The options of each run: every row of `[[rows]]` with every combination of the lists in `[product]`.

    typed  the options that all runs have; each run's are parsed together with them.
    InputError for what cannot be read, for options that the workflow lacks or that are typed as well, and for values that it
    would refuse, with the number of the run.
    """
    table = read_table(file, "The sweep", "Sweeps")
    rows, product = table.get("rows", [{}]), table.get("product", {})
    for key in table:
        if key not in ("rows", "product"):
            raise unknown_name(f"table in {file}", key, ("rows", "product"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"Rows in {file} are written [[rows]], each with a line like seed = 1.")
    if not isinstance(product, dict) or not all(isinstance(values, list) and values for values in product.values()):
        raise InputError(f"[product] in {file} has a list of values for each option, like seed = [0, 1, 2].")
    runs = [
        {**row, **dict(zip(product, values, strict=True))} for row in rows for values in itertools.product(*product.values())
    ]
    if not any(runs):
        raise InputError(f"{file} has no runs: give [product] lists of values, or [[rows]].")
    for row in rows:
        if twice := sorted(row.keys() & product.keys()):
            raise InputError(f"{file} has {twice[0]!r} both in [[rows]] and in [product]: leave it in one.")
    return [_options(run, number, file, workflow, typed) for number, run in enumerate(runs)]


def _options(run: Mapping[str, Any], number: int, file: str, workflow: Workflow, typed: Sequence[str]) -> list[str]:
    where, already = f"run {number} of {file}", {word.split("=")[0] for word in typed}
    values = {name.replace("-", "_"): value for name, value in run.items()}
    for name in values:
        if name in OWN:
            raise InputError(f"{option(name)} in {where}: each run of a sweep is given its own.")
        if option(name) in already:
            raise InputError(f"{option(name)} in {where} is in the command as well: leave it in one of the two.")
    settle(workflow.kind, [Given(values, where)])
    words = as_typed(values)
    workflow.parsed([*typed, *words])
    return words
