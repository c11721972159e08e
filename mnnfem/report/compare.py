"""`mnnfem compare`: several runs beside each other, as a table, as JSON, and as a page with their curves."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from mnnfem.errors import InputError
from mnnfem.report.chart import Chart, Level, svg
from mnnfem.report.folder import Left, read_folder
from mnnfem.report.outcome import headline, is_experiment, unit_of
from mnnfem.report.page import document, write_page
from mnnfem.report.tables import Cell, Section, Table, html, told
from mnnfem.report.training import arms_of, curve
from mnnfem.runfolder import HERE, RESULT
from mnnfem.settings import parse, setting
from mnnfem.usage import option

TONES = 6  # colours of curves
EXAMPLES = """examples:
  mnnfem compare runs/translation/*
  mnnfem compare runs/rotation/a runs/rotation/b --out compared.html
  mnnfem compare runs/translation/* --json > compared.json
"""


@dataclass(frozen=True)
class CompareSettings:
    out: str = setting("", "also a page with the table, the curves and the settings that differ: its file")
    json: bool = setting(False, "print the figures as JSON instead of the table")


def compare_command(argv: Sequence[str]) -> int:
    """Run `mnnfem compare RUN RUN...`. InputError for a folder that is none of a run, and for fewer than two."""
    count = next((number for number, word in enumerate(argv) if word.startswith("-")), len(argv))
    settings = parse(CompareSettings, argv[count:], "Several runs beside each other.", EXAMPLES)
    if count < 2:
        raise InputError("Name at least two folders of runs first: mnnfem compare RUN RUN..., see --help.")
    runs = [read_folder(Path(word)) for word in argv[:count]]
    names = names_of(runs)
    figures = {name: figures_of(left) for name, left in zip(names, runs, strict=True)}
    print(json.dumps(figures, indent=2) if settings.json else as_text(table_of(figures)))
    for name, left in zip(names, runs, strict=True):
        if not left.finished:
            print(f"{name} has no result: it was interrupted, or it still goes on.", file=sys.stderr)
    if settings.out:
        write_page(Path(settings.out), page(names, runs, figures))
        print(f"the page is {settings.out}", file=sys.stderr)
    return 0


def names_of(runs: Sequence[Left]) -> list[str]:
    """The last part of each folder's path that tells them all apart."""
    parts = [left.path.resolve().parts for left in runs]
    if len(set(parts)) < len(parts):
        raise InputError("A folder is named twice: each run is compared once.")
    depth = next(depth for depth in range(1, 1 + max(map(len, parts))) if len({one[-depth:] for one in parts}) == len(parts))
    return ["/".join(one[-depth:]) for one in parts]


def figures_of(left: Left) -> dict[str, Any]:
    """What a run is compared by; None where it has no such figure."""
    result = left.result
    try:
        error, frozen, idle = headline(result) or (None, None, None)
        heldout = result["heldout"] if is_experiment(result) else (result.get("images") or result.get("digits") or {})
        solver, seconds = result.get("solver", {}), result.get("seconds")
        solves = solver.get("solves")
        return {
            "workflow": left.workflow,
            "seed": left.settings.get("seed"),
            "unit": unit_of(result),
            "error": error,
            "worst": heldout.get("worst"),
            "frozen geometry": frozen,
            "do nothing": idle,
            "failed": heldout.get("failed"),
            "crossed": heldout.get("crossed"),
            "steps": len(next(iter(arms_of(left.metrics).values()), [])),
            "training, min": seconds["training"] / 60 if isinstance(seconds, Mapping) and "training" in seconds else None,
            "solves": solves,
            "factorisations a solve": solver["factorisations"] / solves if solves else None,
        }
    except (KeyError, TypeError, AttributeError) as problem:
        raise InputError(f"{left.path}/{RESULT} is not as a run writes it ({type(problem).__name__}: {problem}).") from None


def table_of(figures: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row for each run; the run of the least error stands out, if they are of one workflow."""
    heads = ["run", *next(iter(figures.values()))]
    rows: list[list[Cell]] = [[name, *one.values()] for name, one in figures.items()]
    errors = [one["error"] for one in figures.values()]
    alike = len({one["workflow"] for one in figures.values()}) == 1 and None not in errors
    return Table(heads, rows, strong=(errors.index(min(errors)),) if alike else ())


def as_text(table: Table) -> str:
    """The table for a terminal, columns under each other."""
    rows = [list(table.heads), *([told(cell) for cell in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in padded)


def differing(names: Sequence[str], runs: Sequence[Left]) -> Table | None:
    """Settings that are not the same in all runs."""
    options = dict.fromkeys(name for left in runs for name in left.settings if name not in HERE)
    rows: list[list[Cell]] = []
    for name in options:
        values = [left.settings.get(name) for left in runs]
        if any(value != values[0] for value in values):
            rows.append([option(name), *("-" if value is None else str(value) for value in values)])
    return Table(("option", *names), rows) if rows else None


def page(names: Sequence[str], runs: Sequence[Left], figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Table, curves of the first arm of each run, and the settings that differ."""
    curves = []
    for tone, (name, left) in enumerate(zip(names, runs, strict=True)):
        steps = next(iter(arms_of(left.metrics).values()), [])
        if steps:
            curves.append(curve(name, steps, tone % TONES))
    unit, idle = (_common(figures, key) for key in ("unit", "do nothing"))
    levels = [Level("do nothing", float(idle))] if idle else []
    drawn = svg(Chart("step", f"mean error of the batch{f' ({unit})' if unit else ''}", curves, levels), "Training of all runs")
    caption = "<figcaption>The learned geometry's arm of each run: every step, pale, and a running mean.</figcaption>"
    other = differing(names, runs)
    parts = [
        Section("figures", "Figures", html(table_of(figures))),
        Section("training", "Training", f"<figure>{drawn}{caption}</figure>" if drawn else ""),
        Section("settings", "Settings that differ", html(other) if other else ""),
    ]
    title = f"{len(runs)} runs of {' and '.join(dict.fromkeys(left.workflow for left in runs))}".replace("_", " ")
    return document(title, f"<h1>{escape(title)}</h1>", parts)


def _common(figures: Mapping[str, Mapping[str, Any]], key: str) -> Any:
    """What all runs have alike, or None."""
    values = {one[key] for one in figures.values()}
    return values.pop() if len(values) == 1 else None
