"""Measured fields as CSV files, one line for each bond."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from mnnfem.errors import InputError
from mnnfem.mesh import Floats
from mnnfem.springs.network import Network

COLUMNS = ["bond", "elongation"]


def read_elongations(path: Path, network: Network) -> Floats:
    """Elongations (b,) mm from a file with the columns bond and elongation, in any order.

    InputError where it cannot be read, where a line is no number, or where a bond is missing, unknown or there twice.
    """
    try:
        with open(path, newline="") as file:
            lines = list(csv.reader(file))
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} cannot be read: it is no text.") from None
    if not lines or [name.strip() for name in lines[0]] != COLUMNS:
        raise InputError(
            f"{path} must begin with the line bond,elongation; got {','.join(lines[0]) if lines else 'nothing'!r}."
        )
    found: dict[int, float] = {}
    for number, line in enumerate(lines[1:], start=2):
        bond, value = _parsed(path, number, line)
        if not 0 <= bond < len(network.bonds):
            raise InputError(f"{path}, line {number}: there is no bond {bond}, they are 0 to {len(network.bonds) - 1}.")
        if bond in found:
            raise InputError(f"{path}, line {number}: bond {bond} is there for the second time.")
        found[bond] = value
    missing = [bond for bond in range(len(network.bonds)) if bond not in found]
    if missing:
        raise InputError(
            f"{path} has {len(found)} of {len(network.bonds)} bonds; missing: {', '.join(map(str, missing[:8]))}"
            f"{' and more' if len(missing) > 8 else ''}. Measure these too."
        )
    return np.array([found[bond] for bond in range(len(network.bonds))])


def write_elongations(path: Path, elongations: Floats) -> None:
    """Write elongations (b,) mm as `read_elongations` reads them."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([bond, repr(float(value))] for bond, value in enumerate(elongations))


def _parsed(path: Path, number: int, line: list[str]) -> tuple[int, float]:
    try:
        bond, value = int(line[0]), float(line[1])
        if len(line) == 2 and np.isfinite(value):
            return bond, value
    except (ValueError, IndexError):
        pass
    raise InputError(f"{path}, line {number}: wanted the number of a bond and its elongation in mm, got {','.join(line)!r}.")
