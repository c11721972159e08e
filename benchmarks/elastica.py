"""The clamped-clamped column: Euler's load, the elastica beyond it, and the straight state that it leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from scipy.optimize import brentq
from scipy.special import ellipe, ellipk

from benchmarks.plain import PlainNewton, certificate
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.continuation import Effort
from mnnfem.material import NeoHookean
from mnnfem.mesh import Floats
from tests.conftest import strip

LAW = NeoHookean()


@dataclass(frozen=True)
class Bent:
    """A point of the elastica: midspan deflection, mm, and load, N per mm of thickness."""

    sway: float
    load: float


@dataclass(frozen=True)
class Column:
    r"""A strip of width w and length L, mm, both ends clamped, pressed together by a shortening.

    The law linearised has Lame's mu and lambda = K (see `NeoHookean`), so in plane strain between free faces

        E' = 4 mu (lambda + mu) / (lambda + 2 mu),   Euler: P = 4 pi^2 E' I / L^2,   I = w^3 / 12.

    The inextensible elastica of length l with both ends clamped is four cantilevers of l / 4; k = sin(a / 2), a the
    largest slope (Love, Mathematical Theory of Elasticity, sections 262-263):

        P = 16 K(k)^2 E' I / l^2,   l - chord = 2 l (1 - E(k) / K(k)),   midspan deflection = k l / K(k).

    Before it bends the column shortens by P L / (E' w) = e L; l = (1 - e) L with e at the load of the moment. What is left
    out (shear, stretch that follows the slope, stiffening under e, sideways clamping of the ends) is of the order of e.
    """

    width: float = 2.0
    length: float = 80.0
    columns: int = 2
    rows: int = 80
    law: NeoHookean = LAW

    @property
    def modulus(self) -> float:
        """E', MPa."""
        young, poisson = self.law.young, self.law.poisson
        mu, bulk = young / (2 * (1 + poisson)), young / (3 * (1 - 2 * poisson))
        return 4 * mu * (bulk + mu) / (bulk + 2 * mu)

    @property
    def euler(self) -> float:
        """Euler's load, N/mm."""
        return 4 * np.pi**2 * self.modulus * self.width**3 / 12 / self.length**2

    @property
    def shortening(self) -> float:
        """The elastic shortening at Euler's load, mm."""
        return self.euler * self.length / (self.modulus * self.width)

    def elastica(self, shortening: float) -> Bent:
        """The bent column at an end shortening, mm, beyond buckling."""

        def length(k: float) -> float:
            return self.length * (1 - self.euler * (2 * ellipk(k**2) / np.pi) ** 2 / (self.modulus * self.width))

        def excess(k: float) -> float:
            return self.length - length(k) * (2 * ellipe(k**2) / ellipk(k**2) - 1) - shortening

        k = brentq(excess, 0.0, 0.99, xtol=1e-14)
        return Bent(k * length(k) / ellipk(k**2), self.euler * (2 * ellipk(k**2) / np.pi) ** 2)

    def body(self, imperfection: int = 1) -> Body:
        """The column on a mesh that is its own mirror image; the control is the top's rise, mm."""
        mesh = strip(self.width, self.length, self.columns, self.rows)
        boundary = Boundary(("bottom",), (Drive("top", (0.0, 1.0), self.length),))
        return Body(mesh, self.law, boundary, Effort(imperfection=imperfection), MPI.COMM_SELF)


def load_of(body: Body, u: Floats) -> float:
    """Compressive force on the top, N/mm, at own degrees of freedom u."""
    return -float(body.solid.lifts[0] @ body.solid.residual(u))


def critical_load(column: Column) -> float:
    """The load at which the straight column's tangent ceases to be positive definite: bisection on the shortening, N/mm.

    Plain Newton, which knows no stability, supplies the straight states.
    """
    body = column.body()
    plain, points = PlainNewton(body.solid), body.solid.mesh.points
    low, high, load = 0.8, 1.2, np.nan
    for _ in range(16):
        middle = 0.5 * (low + high)
        state = plain.solve(points, np.array([-middle * column.shortening]), column.law.values, steps=1)
        assert state.complete, state.reason
        stable = certificate(body.solid, state.displacement).positive
        low, high, load = (middle, high, load_of(body, state.displacement)) if stable else (low, middle, load)
    return load
