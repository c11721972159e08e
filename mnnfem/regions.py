"""Parts of a body that differ in their material's values, as prints of several materials do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints, Mesh


@dataclass(frozen=True)
class Regions:
    """Parts by name; `where`: middles of elements (m, d) mm, in the mesh as made -> the number of each one's part (m,).

    A rule of places serves the meshes that are made anew and the finer ones, too. Elements do not end at the parts' borders
    unless the mesh was made so.
    """

    names: tuple[str, ...]
    where: Callable[[Floats], Ints]

    def of(self, mesh: Mesh) -> Ints:
        """The part of each element, (m,). InputError for numbers that are none of a part."""
        numbers = np.asarray(self.where(mesh.points[mesh.cells].mean(axis=1)))
        count = len(self.names)
        if numbers.shape != (len(mesh.cells),) or not np.isin(numbers, np.arange(count)).all():
            raise InputError(
                f"The rule of regions must give each of the {len(mesh.cells)} elements one of the numbers 0 to {count - 1} "
                f"({', '.join(self.names)}); it gives shape {numbers.shape} and {np.unique(numbers)[:5].tolist()}."
            )
        return numbers.astype(np.int64)


def square_cells(columns: int, rows: int, side: float) -> Regions:
    """The square cells of a panel, `side` mm, row-wise from the lower left one, whose own lower left corner is the origin."""

    def where(middles: Floats) -> Ints:
        at = np.floor(middles / side).astype(np.int64)
        inside = ((at >= 0) & (at < (columns, rows))).all(axis=1)
        return np.where(inside, columns * at[:, 1] + at[:, 0], -1)

    return Regions(tuple(f"cell {i}, {j}" for j in range(rows) for i in range(columns)), where)
