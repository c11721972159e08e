"""What a way of making can do: the narrowest wall, pore and gap, the bed, the layers."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnnfem.errors import InputError, unknown_name
from mnnfem.tables import read_table


@dataclass(frozen=True)
class Process:
    """Limits for planning, in mm; a machine, a material and an experiment of one's own say it better.

    wall    least thickness of material;  pore  least width of a hole;  gap  least width of a void between two walls
    bed     room of the machine in x, y and z
    layer   height of a layer that is laid on the one below, 0 where nothing has to carry the next one
    chord   how far a straight edge may be from the curve that it stands for
    kerf    width of what a cut takes away
    aspect  greatest height of a mould's pillar over its width, 0 where there is no mould
    """

    name: str
    wall: float
    pore: float
    gap: float
    bed: tuple[float, float, float]
    layer: float = 0.0
    chord: float = 0.05
    kerf: float = 0.0
    aspect: float = 0.0


# Walls, holes and gaps are those that machine makers advise; beds are those of large machines of each kind.
PROCESSES = {
    one.name: one
    for one in (
        Process("fdm", wall=1.2, pore=2.0, gap=0.5, bed=(300, 300, 300), layer=0.2),
        Process("sla", wall=0.6, pore=0.5, gap=0.5, bed=(300, 300, 300), layer=0.1, chord=0.02),
        Process("sls", wall=0.8, pore=1.0, gap=0.5, bed=(380, 284, 380), chord=0.03),
        Process("laser", wall=1.0, pore=0.5, gap=0.3, bed=(600, 400, 20), chord=0.02, kerf=0.2),
        Process("casting", wall=1.0, pore=2.0, gap=1.0, bed=(300, 300, 100), aspect=10.0),
    )
}


def process(name: str) -> Process:
    """One of `PROCESSES`, or that of a table of one's own: a TOML file (.toml) with the fields of a Process.

    `based_on = "sla"` in it takes what is not written from there. InputError where there is none or a value is not possible.
    """
    if not name.endswith(".toml"):
        if name not in PROCESSES:
            spelling = unknown_name("process", name, PROCESSES)
            raise InputError(f"{spelling} A table of your own is a TOML file: --process machine.toml.")
        return PROCESSES[name]
    otherwise = ", or choose fdm, sla, sls, laser or casting"
    table = read_table(name, "The process table", "Tables of one's own process", otherwise)
    base = table.pop("based_on", "sla")
    if base not in PROCESSES:
        raise unknown_name(f"based_on in {name}", str(base), PROCESSES)
    known = {field.name for field in dataclasses.fields(Process)}
    for key in table:
        if key not in known:
            raise unknown_name(f"entry in {name}", key, known)
    made = {key: _value(name, key, value) for key, value in table.items()}
    return dataclasses.replace(PROCESSES[base], **{"name": Path(name).stem, **made})


def bed_of(text: str) -> tuple[float, float, float]:
    """A bed from its sides, "250x210x200" mm. InputError where it is none."""
    try:
        sides = tuple(float(side) for side in text.lower().split("x"))
    except ValueError:
        sides = ()
    if len(sides) != 3 or not all(0 < side < math.inf for side in sides):
        raise InputError(f"A bed is written with its three sides in mm, like 250x210x200; got {text!r}.")
    return sides[0], sides[1], sides[2]


def _value(file: str, key: str, value: Any) -> Any:
    if key == "name":
        return str(value)
    if key == "bed":
        return bed_of("x".join(map(str, value)) if isinstance(value, list) else str(value))
    positive = key in ("wall", "pore", "gap", "chord")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf or (positive and not value):
        raise InputError(f"{key} in {file} is a length in mm, {'above' if positive else 'at least'} 0; got {value!r}.")
    return float(value)
