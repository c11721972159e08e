"""Laws of rubbers: of I1' and I2', or of principal stretches, with K/2 (J - 1)^2 for the change of volume; see `material`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl

from mnnfem.errors import InputError
from mnnfem.material import BULK, SHEAR, Law, Range, first_invariant, in_plane, second_invariant
from mnnfem.mesh import Floats
from mnnfem.principal import plane_power_sum, power_sum


class Rubber(Law):
    """A law of I1' and I2' whose last parameter is its bulk modulus K, MPa: its part of the volume is K/2 (J - 1)^2.

    Its shear modulus at rest is twice the sum of the slopes of W by I1' and I2'.
    """

    def bulk(self, *values: Any) -> Any:
        return values[-1]


@dataclass(frozen=True)
class _ShearAndBulk(Rubber):
    """A rubber of its two moduli at rest, MPa."""

    shear: float
    bulk_modulus: float

    ranges = {"shear": SHEAR, "bulk_modulus": BULK}

    def stiffness(self, values: Sequence[float]) -> float:
        return values[0]


@dataclass(frozen=True)
class IsochoricNeoHookean(_ShearAndBulk):
    """W = mu/2 (I1' - 3) + K/2 (J - 1)^2: shear mu and bulk K at rest, MPa."""

    def shape(self, F: Any, shear: Any, bulk_modulus: Any) -> Any:
        return shear / 2 * (ufl.det(F) ** (-2 / 3) * first_invariant(F) - 3)


@dataclass(frozen=True)
class PlaneNeoHookean(_ShearAndBulk):
    """W = mu/2 (tr C / J - 2) + K/2 (J - 1)^2 with C and J of the plane, MPa, per area. Source: Meta-PDE, Qin et al. 2022.

    Of the plane alone: what happens across it does not enter, so that there is no plane stress and no body in space. 1 / J
    would be finite, and below 0, where J is: the square of its root is not a number there.
    """

    def shape(self, F: Any, shear: Any, bulk_modulus: Any) -> Any:
        if not in_plane(F) or F[2, 2] != 1:
            raise InputError("The plane neo-Hookean law is one of plane strain: take IsochoricNeoHookean elsewhere.")
        return shear / 2 * ((first_invariant(F) - 1) / ufl.sqrt(ufl.det(F)) ** 2 - 2)


@dataclass(frozen=True)
class MooneyRivlin(Rubber):
    """W = c10 (I1' - 3) + c01 (I2' - 3) + K/2 (J - 1)^2, MPa; mu = 2 (c10 + c01). Source: Rivlin 1948."""

    c10: float
    c01: float
    bulk_modulus: float

    ranges = {"c10": Range("c10", "MPa", 0.0), "c01": Range("c01", "MPa", -np.inf), "bulk_modulus": BULK}

    def check(self, values: Floats) -> None:
        super().check(values)
        if not values[0] + values[1] > 0:
            raise InputError(f"c10 + c01, half of the shear modulus, must be above 0 MPa, got {values[0] + values[1]:g}.")

    def stiffness(self, values: Sequence[float]) -> float:
        return 2 * (values[0] + values[1])

    def shape(self, F: Any, c10: Any, c01: Any, bulk_modulus: Any) -> Any:
        J = ufl.det(F)
        return c10 * (J ** (-2 / 3) * first_invariant(F) - 3) + c01 * (J ** (-4 / 3) * second_invariant(F) - 3)


@dataclass(frozen=True)
class Yeoh(Rubber):
    """W = sum_i ci0 (I1' - 3)^i + K/2 (J - 1)^2, i = 1, 2, 3, MPa; mu = 2 c10. Source: Yeoh, Rubber Chem. Technol. 66, 1993."""

    c10: float
    c20: float
    c30: float
    bulk_modulus: float

    ranges = {"c10": Range("c10", "MPa", 0.0), "c20": Range("c20", "MPa"), "c30": Range("c30", "MPa"), "bulk_modulus": BULK}

    def stiffness(self, values: Sequence[float]) -> float:
        return 2 * values[0]

    def shape(self, F: Any, c10: Any, c20: Any, c30: Any, bulk_modulus: Any) -> Any:
        x = ufl.det(F) ** (-2 / 3) * first_invariant(F) - 3
        return c10 * x + c20 * x**2 + c30 * x**3


@dataclass(frozen=True)
class Gent(Rubber):
    """W = -mu Jm/2 ln(1 - (I1' - 3) / Jm) + K/2 (J - 1)^2, mu, K in MPa.

    Where I1' - 3 reaches Jm chains are stretched out, and it is not a number. Source: Gent, Rubber Chem. Technol. 69, 1996.
    """

    shear: float
    limit: float
    bulk_modulus: float

    ranges = {"shear": SHEAR, "limit": Range("The limit Jm of I1' - 3", "", 0.0), "bulk_modulus": BULK}

    def stiffness(self, values: Sequence[float]) -> float:
        return values[0]

    def shape(self, F: Any, shear: Any, limit: Any, bulk_modulus: Any) -> Any:
        return -shear * limit / 2 * ufl.ln(1 - (ufl.det(F) ** (-2 / 3) * first_invariant(F) - 3) / limit)


@dataclass(frozen=True)
class Ogden(Rubber):
    r"""Ogden's solid.

        W = sum_p mu_p / alpha_p (l1'^alpha_p + l2'^alpha_p + l3'^alpha_p - 3) + K/2 (J - 1)^2,   li' = J^(-1/3) li,

    li the principal stretches, MPa; mu = sum mu_p alpha_p / 2. Parameters: mu_1, alpha_1, mu_2, ..., K. Sums of their
    powers have derivatives where stretches are equal, see `principal`.
    Source: Ogden, Proc. R. Soc. A 326, 1972, in his convention (others have 2 mu_p / alpha_p^2).
    """

    moduli: tuple[float, ...]
    exponents: tuple[float, ...]
    bulk_modulus: float

    def __post_init__(self) -> None:
        if len(self.moduli) != len(self.exponents) or not self.moduli:
            raise InputError(f"Each modulus has an exponent: got {len(self.moduli)} and {len(self.exponents)}.")
        super().__post_init__()

    @property
    def names(self) -> tuple[str, ...]:
        pairs = [(f"mu_{p}", f"alpha_{p}") for p in range(1, len(self.moduli) + 1)]
        return (*(name for pair in pairs for name in pair), "bulk_modulus")

    @property
    def values(self) -> Floats:
        terms = [value for pair in zip(self.moduli, self.exponents, strict=True) for value in pair]
        return np.array([*terms, self.bulk_modulus])

    @property
    def ranges(self) -> Mapping[str, Range]:  # type: ignore[override]
        return {name: BULK if name == "bulk_modulus" else Range(name) for name in self.names}

    def check(self, values: Floats) -> None:
        super().check(values)
        for mu, alpha in values[:-1].reshape(-1, 2):
            if not mu * alpha > 0:
                raise InputError(
                    f"Each modulus and its exponent have the same sign, and neither is 0: got {mu:g} and {alpha:g}."
                )

    def stiffness(self, values: Sequence[float]) -> float:
        return sum(mu * alpha / 2 for mu, alpha in zip(values[:-1:2], values[1:-1:2], strict=True))

    def shape(self, F: Any, *values: Any) -> Any:
        scale, C = ufl.det(F) ** (-2 / 3), F.T * F
        if in_plane(F):
            pair = plane_power_sum(C[0, 0], C[1, 1], C[0, 1])
            sums = [pair(alpha / 2) + (F[2, 2] ** 2) ** (alpha / 2) for alpha in values[1:-1:2]]
        else:
            sums = list(map(power_sum(C), (alpha / 2 for alpha in values[1:-1:2])))
        terms = zip(values[:-1:2], values[1:-1:2], sums, strict=True)
        return sum(mu / alpha * (scale ** (alpha / 2) * one - 3) for mu, alpha, one in terms)
