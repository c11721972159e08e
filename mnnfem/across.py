"""Plane stress: the stretch across the body is the one at which there is no stress across it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import basix
import basix.ufl
import numpy as np
import ufl
from dolfinx import fem

from mnnfem import compiled
from mnnfem.coefficients import Coefficients
from mnnfem.density import Density, embedded
from mnnfem.mesh import Floats

STEPS = 40  # most Newton steps for the stretch across, of which two or three are needed
CLOSE = 1e-3  # of a step of ln stretch, after which the next one, which the form takes, is right to 1e-12


class Across(Density):
    r"""Plane stress: F33 is where dW/dF33 = 0, at every quadrature point.

    In the energy stands one more Newton step for it, F33 - W_3 / W_33: as W is stationary there, it is then right to the
    fourth order in F, and its first three derivatives by F, nodes and parameters are those of the condensed energy.
    """

    def __init__(self, coefficients: Coefficients, u: fem.Function, dx: ufl.Measure, quadrature_degree: int) -> None:
        super().__init__(coefficients, u, dx, quadrature_degree)
        law, parameters = coefficients.law, coefficients.fields
        cell = self.domain.basix_cell()
        points, _ = basix.make_quadrature(cell, quadrature_degree)
        space = fem.functionspace(self.domain, basix.ufl.quadrature_element(cell, scheme="default", degree=quadrature_degree))
        self.stretch = fem.Function(space)
        self.stretch.x.array[:] = 1.0
        across = ufl.variable(self.stretch)
        slope = ufl.diff(law.energy(embedded(self.F, across), *parameters), across)
        self._slopes = compiled.expression(ufl.as_vector([slope, ufl.diff(slope, across), ufl.det(self.F)]), points)
        topology = self.domain.topology
        self._cells = np.arange(topology.index_map(topology.dim).size_local, dtype=np.int32)
        self._places = space.dofmap.list[self._cells]
        self._settled: Floats = np.zeros(0)

    def integrand(self, F: Any, values: Sequence[Any]) -> Any:
        return self.stored(self._with_stretch(F, values), values)

    @property
    def whole(self) -> Any:
        return self._with_stretch(self.F, self.coefficients.fields)

    def _with_stretch(self, F: Any, values: Sequence[Any]) -> Any:
        across = ufl.variable(self.stretch)
        slope = ufl.diff(self.law.energy(embedded(F, across), *values), across)
        return embedded(F, across - slope / ufl.diff(slope, across))

    def changed(self) -> None:
        self._settled = np.zeros(0)

    def settle(self) -> None:
        """By Newton's method in ln F33, from the last values or from no change of volume; where both fail, not a number."""
        stretch, moved = self.stretch.x.array, self.u.x.array
        if np.array_equal(self._settled, moved):
            return
        self._settled = moved.copy()
        if not np.isfinite(stretch).all() or not self._newton():
            determinant = self._evaluate()[..., 2]
            with np.errstate(divide="ignore", invalid="ignore"):
                stretch[self._places] = np.where(determinant > 0, 1 / determinant, np.nan)
            if not self._newton():
                stretch[:] = np.nan

    def _evaluate(self) -> Floats:
        values: Floats = self._slopes.eval(self.domain, self._cells).reshape(len(self._cells), -1, 3)
        return values

    def _newton(self) -> bool:
        stretch, largest = self.stretch.x.array, np.inf
        for _ in range(STEPS):
            slope, curvature, _ = np.moveaxis(self._evaluate(), 2, 0)
            now = stretch[self._places]
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                # In the logarithm, where the energy curves upwards; else downhill by as much.
                step = -now * slope / np.abs(now**2 * curvature + now * slope)
            if not np.isfinite(step).all():
                return False
            stretch[self._places] = now * np.exp(np.clip(step, -0.5, 0.5))
            largest = np.abs(step).max(initial=0.0)
            if largest < CLOSE:
                return True
        return False
