r"""Strain energies of hyperelastic solids, W(F) in MPa of the deformation gradient F, 3 x 3 in the plane too.

In plane strain F33 = 1, in plane stress it is what makes the stress across vanish. With J = det F, C = F^T F and

    I1 = tr C,   I2 = (I1^2 - tr C^2) / 2,   I1' = J^(-2/3) I1,   I2' = J^(-4/3) I2,

every law is a part that resists a change of shape and one that resists a change of volume,

    W = shape(F) + bulk / 2 dilation(F)^2,

which is what a mixed form takes apart. Where ln J or a root of J enters, W is not a number as soon as J <= 0: an energy
that is finite certifies det F > 0 at every quadrature point.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
import ufl

from mnnfem.errors import InputError
from mnnfem.mesh import Floats


@dataclass(frozen=True)
class Range:
    """What a parameter is called, its unit, and the open interval that it may lie in."""

    label: str
    unit: str = ""
    low: float = -np.inf
    high: float = np.inf

    def check(self, value: float) -> None:
        """InputError for a value outside."""
        if self.low < value < self.high:
            return
        unit = f" {self.unit}" if self.unit else ""
        wanted = f"be above {self.low:g}{unit}" if np.isinf(self.high) else f"lie between {self.low:g} and {self.high:g}{unit}"
        advice = ""
        if self.label == POISSON.label and value >= 0.5:
            advice = " A body of no change of volume at all has none: take 0.4999 and the mixed form."
        if self.label == BULK.label:
            advice = " Without it nothing resists a change of volume: `bulk_of` gives it for a Poisson's ratio."
        raise InputError(f"{self.label} must {wanted}, got {value:g}.{advice}")


YOUNG, SHEAR = Range("Young's modulus", "MPa", 0.0), Range("The shear modulus", "MPa", 0.0)
BULK = Range("The bulk modulus", "MPa", 0.0)
POISSON = Range("Poisson's ratio", "", -1.0, 0.5)


class Law(ABC):
    """A strain energy and its parameters, which are the law's fields, in order.

    ranges   of each parameter, by name
    """

    ranges: ClassVar[Mapping[str, Range]]

    def __post_init__(self) -> None:
        self.check(self.values)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return tuple(self.ranges)

    @property
    def values(self) -> Floats:
        """The parameters as an array, (p,)."""
        return np.array([float(getattr(self, name)) for name in self.names])

    def check(self, values: Floats) -> None:
        """InputError for values (p,) of the wrong number or out of range."""
        if values.shape != (len(self.names),):
            raise InputError(
                f"The material takes {len(self.names)} values ({', '.join(self.names)}), got shape {values.shape}."
            )
        for name, value in zip(self.names, values, strict=True):
            self.ranges[name].check(float(value))

    @abstractmethod
    def stiffness(self, values: Sequence[float]) -> float:
        """A modulus, MPa, that sets the scale of forces."""

    @abstractmethod
    def shape(self, F: Any, *values: Any) -> Any:
        """The part of W that is not of the volume alone, as a UFL expression."""

    @abstractmethod
    def bulk(self, *values: Any) -> Any:
        """The modulus of the other part, MPa."""

    def dilation(self, F: Any) -> Any:
        """The measure of the change of volume that this modulus resists, 0 at rest."""
        return ufl.det(F) - 1

    def energy(self, F: Any, *values: Any) -> Any:
        """Strain energy density W, MPa, as a UFL expression of F (3, 3) and the parameters."""
        return self.shape(F, *values) + self.bulk(*values) / 2 * self.dilation(F) ** 2


def first_invariant(F: Any) -> Any:
    """I1 = F : F, entry by entry: those that are zero by construction cost nothing."""
    return sum(F[i, j] ** 2 for i, j in product(range(3), repeat=2))


def second_invariant(F: Any) -> Any:
    """I2 = cof F : cof F."""
    pairs = ((1, 2), (2, 0), (0, 1))
    minors = (F[i, k] * F[j, n] - F[i, n] * F[j, k] for (i, j), (k, n) in product(pairs, repeat=2))
    return sum(minor**2 for minor in minors)


def bulk_of(shear: float, poisson: float) -> float:
    """K, MPa, of an isotropic solid of shear modulus `shear` and Poisson's ratio `poisson` at rest."""
    POISSON.check(poisson)
    return shear * 2 * (1 + poisson) / (3 * (1 - 2 * poisson))


@dataclass(frozen=True)
class NeoHookean(Law):
    r"""Compressible neo-Hookean solid in the form of the neuromechanical autoencoder.

        W = mu/2 (I1 - 3 - 2 ln J) + K/2 (ln J)^2,   mu = E / (2 (1 + nu)),   K = E / (3 (1 - 2 nu)).

    K stands where Lame's lambda would: this is the experiment's own energy, kept exactly. Parameters: young E (MPa) and
    poisson nu (-). Source: Oktay et al., ICLR 2023, and their code; E = 70 MPa, nu = 0.3 there (0.07 GPa).
    """

    young: float = 70.0
    poisson: float = 0.3

    ranges = {"young": YOUNG, "poisson": POISSON}

    def stiffness(self, values: Sequence[float]) -> float:
        return values[0]

    def shape(self, F: Any, young: Any, poisson: Any) -> Any:
        return young / (4 * (1 + poisson)) * (first_invariant(F) - 3 - 2 * ufl.ln(ufl.det(F)))

    def bulk(self, young: Any, poisson: Any) -> Any:
        return young / (3 * (1 - 2 * poisson))

    def dilation(self, F: Any) -> Any:
        return ufl.ln(ufl.det(F))


@dataclass(frozen=True)
class OwnLaw(Law):
    """A strain energy of one's own: `density(F, *values)`, MPa, in UFL, from parameters by name.

    modulus   MPa, sets the scale of forces.  InputError where nothing resists a change of volume. It has no mixed form.
    """

    density: Callable[..., Any]
    parameters: Mapping[str, float]
    modulus: float

    def __post_init__(self) -> None:
        super().__post_init__()
        rest, *others = (float(self.energy(ufl.as_matrix(np.diag([s, s, s]).tolist()), *self.values)) for s in (1, 0.99, 1.01))
        if not min(others) > rest:
            raise InputError(
                f"The energy of one's own does not rise with a change of volume: it is {rest:g} MPa at rest and "
                f"{min(others):g} MPa at 1 % of stretch all round. Add a part such as K/2 (J - 1)^2."
            )

    @property
    def ranges(self) -> Mapping[str, Range]:  # type: ignore[override]
        return {name: Range(name) for name in self.parameters}

    @property
    def values(self) -> Floats:
        return np.array(list(self.parameters.values()), dtype=np.float64)

    def stiffness(self, values: Sequence[float]) -> float:
        return self.modulus

    def shape(self, F: Any, *values: Any) -> Any:
        return self.density(F, *values)

    def bulk(self, *values: Any) -> Any:
        return 0.0

    def energy(self, F: Any, *values: Any) -> Any:
        return self.density(F, *values)


def in_plane(F: Any) -> bool:
    """Whether F has nothing across the plane but F33."""
    return all(isinstance(F[i, j], ufl.constantvalue.Zero) for i, j in ((0, 2), (1, 2), (2, 0), (2, 1)))
