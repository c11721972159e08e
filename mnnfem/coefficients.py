"""The law's parameters on a mesh: constants, or a value for each region; and the gradient in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import ufl
from dolfinx import default_scalar_type, fem
from dolfinx.mesh import Mesh as Domain

from mnnfem.errors import InputError
from mnnfem.material import Law
from mnnfem.mesh import Floats, Ints

Integrand = Callable[[Any, Sequence[Any]], Any]


class Coefficients:
    """Values (p,) of a law, or (r, p) where there are r regions; one row serves them all.

    fields   of each parameter: constants, or functions that are constant in each element
    values   (r, p) of the moment
    """

    def __init__(self, law: Law, domain: Domain, region: Ints | None, count: int) -> None:
        self.law, self.domain, self.count = law, domain, count
        self.values: Floats = np.tile(law.values, (count, 1))
        self.region = None if region is None else region[domain.topology.original_cell_index]
        if self.region is None:
            self.fields: list[Any] = [fem.Constant(domain, default_scalar_type(value)) for value in law.values]
        else:
            self._space = fem.functionspace(domain, ("DG", 0))
            self.fields = [fem.Function(self._space) for _ in law.values]
        self.set(law.values)

    def set(self, values: Floats) -> None:
        """Set the values, (p,) or (r, p)."""
        self.values = np.broadcast_to(values, (self.count, len(self.fields)))
        for column, field in zip(self.values.T, self.fields, strict=True):
            if self.region is None:
                field.value = column[0]
            else:
                field.x.array[:] = column[self.region]

    def check(self, values: Floats) -> None:
        """InputError for values of a wrong shape or out of range."""
        rows = np.atleast_2d(values)
        if values.ndim > 2 or len(rows) not in (1, self.count) or (values.ndim == 2 and self.region is None):
            raise InputError(
                f"The material takes values ({len(self.fields)},)"
                + ("" if self.region is None else f", or ({self.count}, {len(self.fields)}) for its regions")
                + f", got shape {values.shape}."
            )
        for row in rows:
            self.law.check(row)

    @property
    def stiffness(self) -> float:
        """The largest of the regions' moduli, MPa."""
        return max(self.law.stiffness([float(value) for value in row]) for row in self.values)

    @property
    def bulk(self) -> float:
        """The largest of their bulk moduli, MPa."""
        return max(float(self.law.bulk(*map(float, row))) for row in self.values)

    def slopes(self, integrand: Integrand, F: Any, dx: ufl.Measure) -> list[ufl.Form]:
        """d/dp of the integral, for each parameter: functionals, or linear forms on the elements."""
        weight = 1 if self.region is None else ufl.TestFunction(self._space)
        found = []
        for number in range(len(self.fields)):
            values = list(self.fields)
            values[number] = ufl.variable(values[number])
            found.append(ufl.diff(integrand(F, values), values[number]) * weight * dx)
        return found

    def gradient(self, slopes: Sequence[fem.Form], like: Floats) -> Floats:
        """What compiled `slopes`, or derivatives of them, come to: (p,) or (r, p), of the shape of `like`."""
        comm, rows = self.domain.comm, []
        for slope in slopes:
            if self.region is None:
                rows.append(np.array([comm.allreduce(fem.assemble_scalar(slope))]))
                continue
            own = self._space.dofmap.index_map.size_local  # one degree of freedom in each element, in their order
            each = fem.assemble_vector(slope).array[:own]
            rows.append(np.array(comm.allreduce(np.bincount(self.region[:own], each, minlength=self.count))))
        whole = np.stack(rows, axis=1)
        return whole if like.ndim == 2 else whole.sum(axis=0)
