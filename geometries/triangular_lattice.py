"""A triangular lattice of beams: the width of every bar is the design."""

from __future__ import annotations

from geometries.beams import Net, net_of, one_width_each
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry


def triangular_net(columns: int = 5, rows: int = 6, length: float = 20.0) -> Net:
    """Rows 0, 2, .. of `columns` bars and rows 1, 3, .. of one less, `length` mm each, `rows` rows of triangles."""
    if columns < 2 or rows < 1 or not length > 0:
        raise InputError(
            f"A triangular lattice needs 2 columns, 1 row and bars above 0 mm, got {columns}, {rows}, {length:g} mm."
        )
    high = length * 3**0.5 / 2
    joints = [[(length * (i + j % 2 / 2), high * j) for i in range(columns + 1 - j % 2)] for j in range(rows + 1)]
    bars = [((j, i), (j, i + 1)) for j, row in enumerate(joints) for i in range(len(row) - 1)]
    for j in range(rows):
        wide, narrow = (j, j + 1) if j % 2 == 0 else (j + 1, j)
        for i in range(columns):
            bars += [((wide, i), (narrow, i)), ((wide, i + 1), (narrow, i))]
    return net_of(joints, bars)


def triangular_lattice(
    columns: int = 5,
    rows: int = 6,
    length: float = 20.0,
    start: float = 0.14,
    bounds: tuple[float, float] = (0.08, 0.22),
    divisions: int = 6,
    fillet: float = 0.0,
    plates: float = 0.0,
) -> Geometry:
    """Beams that stretch rather than bend, one width each: parameters 'width a-b' mm, see `one_width_each`.

    columns, rows, length   see `triangular_net`
    start, bounds   of the widths, fractions of `length`;   divisions  element edges along each side of a bar
    fillet          radius of the corners of voids, mm;   plates  thickness of solid end plates at bottom and top, mm

    Facets: left, right, bottom, top (outer sides of the bars there), pores.
    """
    return one_width_each(triangular_net(columns, rows, length), length, start, bounds, divisions, fillet, plates)
