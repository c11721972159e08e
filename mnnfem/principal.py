r"""Sums of powers of a tensor's principal values in UFL, with derivatives of any order, wherever some of these are equal.

Principal values have no derivatives where two are equal, as at rest, but symmetric functions of them have. In the plane the two
are m +- R with R^2 = r^2 + tiny^2. In space one is told from the other two: with J2, J3 of the deviator and

    x = 3 sqrt(3) / 2 J3 / J2^(3/2),   T(x) = cos(arccos(x) / 3),

the largest, m + 2 sqrt(J2 / 3) T(x), is alone where x >= 0, the least, m - 2 sqrt(J2 / 3) T(-x), where x <= 0. T is analytic
for x > -1, while its derivatives as a cosine are 0 / 0 at x = 1: so it is a polynomial here. The other two follow from the
trace and the determinant, as in the plane. Where all three are near each other, sums of powers are a series in J2 and J3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import ufl

TINY = 1e-5  # half of the difference below which two values are one
NEAR = 0.1  # of their mean: deviations of all three below it are summed as a series
TERMS = 11  # of this series: 0.1^12 is 1e-12
DEGREE = 14  # of T's polynomial on (0, 1), right to 2e-12

PowerSum = Callable[[Any], Any]


def plane_power_sum(a: Any, b: Any, c: Any) -> PowerSum:
    """p -> l1^p + l2^p of the matrix ((a, c), (c, b)), both above 0, right to TINY^2."""
    middle, apart = (a + b) / 2, (a - b) / 2
    return _pair(middle, ufl.sqrt(apart**2 + c**2 + TINY**2))


def power_sum(C: Any) -> PowerSum:
    """p -> l1^p + l2^p + l3^p of a symmetric C (3, 3), all above 0, right to TINY^2 (relative)."""
    mean = ufl.tr(C) / 3
    unit = C / mean  # deviations are shares of the mean
    deviator = unit - ufl.Identity(3)
    second, third = ufl.inner(deviator, deviator) / 2, ufl.det(deviator)
    least = 0.75 * NEAR**2  # of J2 where the largest deviation, at most sqrt(4 J2 / 3), is NEAR
    apart = ufl.gt(second, least)
    safe = ufl.conditional(apart, second, least)
    x = 1.5 * math.sqrt(3) * third / safe**1.5
    sign = ufl.conditional(ufl.ge(x, 0.0), 1.0, -1.0)
    alone = 1 + sign * 2 * ufl.sqrt(safe / 3) * _third_of_angle(sign * x)
    middle, product = (3 - alone) / 2, ufl.det(unit) / alone
    pair = _pair(middle, ufl.sqrt(middle**2 - product + (TINY * middle) ** 2))
    return lambda p: mean**p * ufl.conditional(apart, alone**p + pair(p), _series(second, third, p))


def _pair(middle: Any, radius: Any) -> PowerSum:
    return lambda p: (middle + radius) ** p + (middle - radius) ** p


def _third_of_angle(x: Any) -> Any:
    """cos(arccos(x) / 3) for 0 <= x <= 1."""
    at = np.polynomial.chebyshev.chebpts1(64)
    fit = np.polynomial.Chebyshev.fit(0.5 + at / 2, np.cos(np.arccos(0.5 + at / 2) / 3), DEGREE, domain=(0, 1))
    value: Any = 0.0
    for coefficient in np.polynomial.chebyshev.cheb2poly(fit.coef)[::-1]:
        value = value * (2 * x - 1) + float(coefficient)
    return value


def _series(second: Any, third: Any, p: Any) -> Any:
    """sum_i (1 + d_i)^p of the three roots of d^3 = J2 d + J3, from the sums of their powers."""
    sums, binomial = [3.0, 0.0, 2 * second], 1.0
    value: Any = 0.0
    for k in range(TERMS + 1):
        if k > 2:
            sums.append(second * sums[k - 2] + third * sums[k - 3])
        value = value + binomial * sums[k]
        binomial = binomial * (p - k) / (k + 1)
    return value
