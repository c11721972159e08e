"""Figures -> sections, tables and tiles of a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Cell = str | float | int | bool | None


@dataclass(frozen=True)
class Table:
    """Rows of cells under heads, the first column names the row; a caption.

    shares  0 to 1 for each row, drawn as a bar, or none;  strong  numbers of rows that stand out
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    shares: Sequence[float] = ()
    strong: Sequence[int] = ()


@dataclass(frozen=True)
class Tile:
    """One figure that a reader shall see first."""

    value: str
    unit: str
    label: str
    good: bool = False


@dataclass(frozen=True)
class Section:
    """A part with its title; `name` is its anchor."""

    name: str
    title: str
    html: str


def told(value: Cell) -> str:
    """A cell as text: three digits of a number, thousands apart."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, int) or (abs(value) >= 1000 and abs(value) < 1e9):
        return f"{value:,.0f}"
    return f"{value:#.3g}"


def html(table: Table) -> str:
    """The table as an element of the page."""
    columns = list(zip(*table.rows, strict=True))
    sides = [' class="text"' if all(isinstance(cell, str) for cell in column) else "" for column in columns]
    heads = "".join(f'<th scope="col"{side}>{escape(head)}</th>' for head, side in zip(table.heads, sides, strict=True))
    if table.shares:
        heads += '<th scope="col" class="bar"><span class="unseen">as a bar</span></th>'
    rows = []
    for number, row in enumerate(table.rows):
        cells = [f"<td{side}>{escape(told(cell))}</td>" for cell, side in zip(row[1:], sides[1:], strict=True)]
        if table.shares:
            cells.append(f'<td class="bar"><i style="width:{100 * min(max(table.shares[number], 0.004), 1):.1f}%"></i></td>')
        name = f'<th scope="row">{escape(told(row[0]))}</th>'
        rows.append(f"<tr{' class=strong' if number in table.strong else ''}>{name}{''.join(cells)}</tr>")
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    body = "".join(rows)
    return f'<div class="wide"><table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def tiles_html(tiles: Iterable[Tile]) -> str:
    """Tiles in a row."""
    each = "".join(
        f'<div class="tile{" good" if one.good else ""}"><b>{escape(one.value)}<small>{escape(one.unit)}</small></b>'
        f"<span>{escape(one.label)}</span></div>"
        for one in tiles
    )
    return f'<div class="tiles">{each}</div>' if each else ""


def flattened(content: Mapping[str, Any], before: str = "") -> list[tuple[str, Cell]]:
    """Every number, word and short list of a result, by its path."""
    found: list[tuple[str, Cell]] = []
    for key, value in content.items():
        name = f"{before}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            found += flattened(value, f"{name}: ")
        elif isinstance(value, list):
            found += _of_list(name, value)
        else:
            found.append((name, value))
    return found


def _of_list(name: str, values: list[Any]) -> list[tuple[str, Cell]]:
    if values and all(isinstance(value, Mapping | list) for value in values):
        return flattened({f"{name} {number}": value for number, value in enumerate(values, start=1)})
    return [(name, ", ".join(map(told, values)) or "none")]
