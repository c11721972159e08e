"""Strain energies of hyperelastic solids, with sourced parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl

from mnnfem.errors import InputError
from mnnfem.mesh import Floats


@dataclass(frozen=True)
class NeoHookean:
    r"""Compressible neo-Hookean solid, in space or in plane strain, in the form of the neuromechanical autoencoder.

        W(F) = mu/2 (I1 - d - 2 ln J) + K/2 (ln J)^2,   I1 = tr(F^T F), J = det F, F d x d,
        mu = E / (2 (1 + nu)),   K = E / (3 (1 - 2 nu)).

    K stands where Lame's lambda would: this is the experiment's own energy, kept exactly. Parameters:
    young E (MPa) and poisson nu (-); W in MPa. J <= 0 makes W not a number, so an energy that is finite
    certifies det F > 0 at every quadrature point. Source: Oktay et al., ICLR 2023, and their code;
    E = 70 MPa, nu = 0.3 there (0.07 GPa).
    """

    young: float = 70.0
    poisson: float = 0.3

    names = ("young", "poisson")

    def __post_init__(self) -> None:
        self.check(self.values)

    @property
    def values(self) -> Floats:
        """The parameters as an array, (2,): E in MPa, nu."""
        return np.array([self.young, self.poisson])

    def check(self, values: Floats) -> None:
        """InputError unless E > 0 and -1 < nu < 0.5."""
        if values.shape != (2,):
            raise InputError(f"The material takes 2 values ({', '.join(self.names)}), got shape {values.shape}.")
        young, poisson = values
        if not young > 0:
            raise InputError(f"Young's modulus must be above 0 MPa, got {young:g}.")
        if not -1 < poisson < 0.5:
            raise InputError(f"Poisson's ratio must lie between -1 and 0.5, got {poisson:g}.")

    @staticmethod
    def stiffness(values: Sequence[float]) -> float:
        """A modulus, MPa, that sets the scale of forces."""
        return values[0]

    @staticmethod
    def energy(F: Any, young: Any, poisson: Any) -> Any:
        """Strain energy density W, MPa, as a UFL expression of F and the parameters."""
        mu = young / (2 * (1 + poisson))
        bulk = young / (3 * (1 - 2 * poisson))
        log_j = ufl.ln(ufl.det(F))
        return mu / 2 * (ufl.tr(F.T * F) - F.ufl_shape[0] - 2 * log_j) + bulk / 2 * log_j**2
