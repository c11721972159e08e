"""A kagome lattice of beams: the width of every bar is the design."""

from __future__ import annotations

from geometries.beams import Net, net_of, one_width_each
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry


def kagome_net(columns: int = 7, rows: int = 3, length: float = 15.0) -> Net:
    """Triangles that share corners: `rows` + 1 rows of `columns` (odd) bars of `length` mm, apexes of triangles between."""
    if columns < 3 or columns % 2 == 0 or rows < 1 or not length > 0:
        raise InputError(
            f"Kagome needs an odd number of columns from 3, 1 row and bars above 0 mm, got {columns}, {rows}, {length:g} mm."
        )
    high = length * 3**0.5 / 2
    joints: list[list[tuple[float, float]]] = []
    bars: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for j in range(rows + 1):
        joints.append([(length * i, 2 * high * j) for i in range(columns + 1)])
        bars += [((2 * j, i), (2 * j, i + 1)) for i in range(columns)]
        if j == rows:
            break
        feet = range(j % 2, columns, 2)  # left corners of the triangles that stand on this row
        joints.append([(length * (i + 0.5), high * (2 * j + 1)) for i in feet])
        for k, i in enumerate(feet):
            bars += [((2 * j + 1, k), (row, end)) for row in (2 * j, 2 * j + 2) for end in (i, i + 1)]
    return net_of(joints, bars)


def kagome_lattice(
    columns: int = 7,
    rows: int = 3,
    length: float = 15.0,
    start: float = 0.14,
    bounds: tuple[float, float] = (0.08, 0.22),
    divisions: int = 6,
    fillet: float = 0.0,
    plates: float = 0.0,
) -> Geometry:
    """Beams in straight lines of three directions, one width each: parameters 'width a-b' mm, see `one_width_each`.

    columns, rows, length   see `kagome_net`
    start, bounds   of the widths, fractions of `length`;   divisions  element edges along each side of a bar
    fillet          radius of the corners of voids, mm;   plates  thickness of solid end plates at bottom and top, mm

    Facets: left, right, bottom, top (outer sides of the bars there), pores.
    """
    return one_width_each(kagome_net(columns, rows, length), length, start, bounds, divisions, fillet, plates)
