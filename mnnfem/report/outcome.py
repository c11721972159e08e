"""What a run has reached: the figures to see first, held-out errors against both arms, what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mnnfem.report.folder import Left
from mnnfem.report.tables import Cell, Table, Tile, flattened, told

HEADS = ("", "mean error", "worst", "targets", "failed", "walls crossed")
TIMES = {"setup": "set-up", "bank": "the bank of states", "ablation": "the frozen arm"}
ELSEWHERE = ("versions", "seconds", "seed", "workflow", "missed", "task", "unit", "solver")


def is_experiment(result: Mapping[str, Any]) -> bool:
    """Whether it is the result of a task with held-out targets and two arms."""
    return "heldout" in result


def is_display(result: Mapping[str, Any]) -> bool:
    """Whether it is that of a digit display."""
    return "digits" in result and "frozen_geometry" in result


def unit_of(result: Mapping[str, Any]) -> str:
    """Of the error."""
    return str(result.get("unit", ""))


def headline(result: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Held-out error, that of the frozen geometry and that of doing nothing; None where a result has no such arms."""
    if is_experiment(result):
        return result["heldout"]["after"], result["frozen_geometry"], result["do_nothing"]
    if is_display(result):
        kind = "images" if result.get("images") else "digits"
        return result[kind]["error"], result["frozen_geometry"][kind]["error"], result["do_nothing"]
    return None


def tiles(left: Left) -> list[Tile]:
    """At most four figures."""
    result = left.result
    found = headline(result)
    if found is None:
        missed = result.get("missed")
        return [Tile(str(len(missed)), "", "bars missed", not missed)] if isinstance(missed, list) else []
    error, frozen, idle = found
    unit = unit_of(result)
    first = [
        Tile(told(error), unit, "held-out error, learned geometry", error < frozen),
        Tile(told(frozen), unit, f"the same network, frozen geometry: {told(frozen / error)} times as far off"),
        Tile(told(idle), unit, "doing nothing"),
    ]
    if is_display(result):
        shown, images = result["digits"], result.get("images")
        last = Tile(f"{shown['exact']} of {shown['n']}", "", "digits shown", shown["exact"] == shown["n"])
        return (
            [*first[:2], last, Tile(f"{images['accuracy']:.1%}", "", "unseen images read correctly")]
            if images
            else [*first, last]
        )
    heldout, solver = result["heldout"], result.get("solver", {})
    bad = heldout["failed"] + solver.get("uncertified", 0)
    certified = Tile(
        f"{heldout['n'] - heldout['failed']} of {heldout['n']}", "", "held-out equilibria found and certified", not bad
    )
    return [*first, certified]


def heldout_table(left: Left) -> Table | None:
    """Learned, frozen and idle errors side by side; None where a result has no such arms."""
    result = left.result
    if is_experiment(result):
        return _experiment_table(left)
    return _display_table(result) if is_display(result) else None


def _experiment_table(left: Left) -> Table:
    result = left.result
    heldout, n = result["heldout"], result["heldout"]["n"]
    learned = "frozen geometry" if left.settings.get("frozen_geometry") else "learned geometry"
    rows: list[list[Cell]] = [
        [learned, heldout["after"], heldout["worst"], n, heldout["failed"], heldout["crossed"]],
        *(
            [f"the same, {fine['elements']:,} elements", *(fine["fine"][key] for key in ("error", "worst")), fine["n"],
             *(fine["fine"][key] for key in ("failed", "crossed"))]
            for fine in left.refined.values() if "fine" in fine
        ),
        ["before training", heldout["before"], None, n, None, None],
        ["frozen geometry, the network alone trained", result["frozen_geometry"], None, n, None, None],
        ["doing nothing", result["do_nothing"], None, n, None, None],
    ]  # fmt: skip
    caption = f"Errors in {unit_of(result)} on {n} held-out targets, each solve from rest. Bars: mean errors on one scale."
    return _with_bars(rows, caption)


def _display_table(result: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = []
    frozen = result["frozen_geometry"]
    named = (
        ("ten digits, learned geometry", result["digits"]),
        ("the same on four times the elements", result.get("finer_mesh")),
        ("ten digits, frozen geometry", frozen["digits"]),
        ("unseen images, learned geometry", result.get("images")),
        ("unseen images, frozen geometry", frozen.get("images")),
    )
    for name, one in named:
        if one:
            read = f"{one['exact']} ({one['accuracy']:.1%})"
            rows.append([name, one["error"], one["worst"], one["n"], one["failed"], one["crossed"], read, one["least_margin"]])
    grey, constant = result["do_nothing"], result.get("best_constant")
    rows += [["grey everywhere", grey, *[None] * 6], ["best picture that never changes", constant, *[None] * 6]]
    caption = "Errors in colours, summed over the seven windows. A margin of 1 is perfect; below 0.5 a segment is read wrongly."
    table = _with_bars(rows, caption)
    return Table((*HEADS, "read correctly", "least margin"), table.rows, caption, table.shares, (0,))


def _with_bars(rows: Sequence[Sequence[Cell]], caption: str) -> Table:
    errors = [float(row[1]) if isinstance(row[1], float | int) else 0.0 for row in rows]
    most = max(errors) or 1.0
    return Table(HEADS, rows, caption, [error / most for error in errors], (0,))


def solver_table(left: Left) -> Table:
    """Counts of all solves of the run, those of both arms; of an interrupted one, as far as it came."""
    counts = left.result.get("solver") or {
        "solves": sum(step.get("solves", 0) for step in left.metrics),
        "failed": sum(step.get("failed", 0) for step in left.metrics),
        "uncertified": sum(step.get("uncertified", 0) for step in left.metrics),
        "factorisations": sum(step.get("factorisations", 0) for step in left.metrics),
        "warm_starts": sum(step.get("warm", 0) for step in left.metrics),
    }
    solves = counts["solves"] or 1
    rows: list[list[Cell]] = [
        ["equilibria found", counts["solves"], ""],
        ["not found", counts["failed"], "left out of their step; in a test they count as a body at rest"],
        ["found, not certified", counts["uncertified"], "full load, residual below 1e-8, no inverted element, stable"],
        [
            "factorisations",
            counts["factorisations"],
            f"{counts['factorisations'] / solves:.2f} a solve; its certificate takes one",
        ],
        ["started from an equilibrium near by", counts["warm_starts"], f"{counts['warm_starts'] / solves:.0%} of them"],
        ["meshes made anew", sum(bool(step.get("renewal")) for step in left.metrics), "where a design had moved one too far"],
    ]
    seconds = left.result.get("seconds")
    if isinstance(seconds, Mapping):
        rows += [[f"minutes of {TIMES.get(name, name)}", float(value) / 60, ""] for name, value in seconds.items()]
    return Table(("", "number", ""), rows)


def figures_table(result: Mapping[str, Any]) -> Table | None:
    """All that a workflow of another kind has told."""
    rows = [(name, told(value)) for name, value in flattened({key: result[key] for key in result if key not in ELSEWHERE})]
    return Table(("figure", "value"), rows) if rows else None
