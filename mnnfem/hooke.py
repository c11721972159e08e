"""Laws of Lame's moduli: Saint Venant-Kirchhoff, and linear elasticity."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import ufl

from mnnfem.material import POISSON, YOUNG, Law


@dataclass(frozen=True)
class Hooke(Law):
    """W = mu E : E + lambda/2 (tr E)^2 in some strain E, with Lame's moduli. Parameters: young (MPa), poisson (-)."""

    young: float
    poisson: float

    ranges = {"young": YOUNG, "poisson": POISSON}

    @staticmethod
    @abstractmethod
    def strain(F: Any) -> Any:
        """E, (3, 3)."""

    def stiffness(self, values: Sequence[float]) -> float:
        return values[0]

    def shape(self, F: Any, young: Any, poisson: Any) -> Any:
        E = self.strain(F)
        return young / (2 * (1 + poisson)) * sum(E[i, j] ** 2 for i, j in product(range(3), repeat=2))

    def bulk(self, young: Any, poisson: Any) -> Any:
        return young * poisson / ((1 + poisson) * (1 - 2 * poisson))

    def dilation(self, F: Any) -> Any:
        E = self.strain(F)
        return E[0, 0] + E[1, 1] + E[2, 2]


@dataclass(frozen=True)
class SaintVenantKirchhoff(Hooke):
    """E = (C - 1) / 2. For small strains in large rotations: it softens, and then fails, under compression."""

    @staticmethod
    def strain(F: Any) -> Any:
        return (F.T * F - ufl.Identity(3)) / 2


@dataclass(frozen=True)
class LinearElastic(Hooke):
    """E = (F + F^T) / 2 - 1: small displacements, for which it is an exact quadratic energy."""

    @staticmethod
    def strain(F: Any) -> Any:
        return (F + F.T) / 2 - ufl.Identity(3)
