"""Burgers' equation solved exactly, by Hopf's and Cole's integral, and by finite volumes."""

from __future__ import annotations

import numpy as np

from mnnfem.mesh import Floats
from mnnfem.metapde.burgers_pieces import MODES, VISCOSITY

STABLE = 0.5  # of the time in which waves and diffusion together cross a cell


def initial(x: Floats, instance: Floats) -> Floats:
    """u at t = 0."""
    found: Floats = sum(w * np.sin(k * np.pi * x) for k, w in zip(MODES, (1.0, *instance), strict=True))
    return found


def potential(x: Floats, instance: Floats) -> Floats:
    """An integral of u at t = 0."""
    found: Floats = -sum(w * np.cos(k * np.pi * x) / (k * np.pi) for k, w in zip(MODES, (1.0, *instance), strict=True))
    return found


def exact(x: Floats, t: float, instance: Floats, quadrature: int = 1500) -> Floats:
    r"""u (n,) at points x (n,) and one time t > 0:

        u = int (x - y) / t w dy / int w dy,   w = exp(-(p_0(y) + (x - y)^2 / (2 t)) / (2 nu)),

    p_0 the integral of u at t = 0, odd about both ends and so periodic; trapezoids, exact to rounding once they are narrow
    against the width of w.
    """
    y = np.linspace(-1, 2, quadrature, dtype=np.float64)
    start = potential(y, instance)
    away = x[:, None] - y
    exponent = -(start + away**2 / (2 * t)) / (2 * VISCOSITY)
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    found: Floats = (away * weight).sum(axis=1) / (t * weight.sum(axis=1))
    return found


def volumes(cells: int, times: Floats, instance: Floats) -> Floats:
    """Means of u over even cells (times, cells), times ascending: slopes limited by van Leer, Godunov's flux, two stages.

    Walls are mirrors of opposite sign.
    """
    width = 1 / cells
    edges = np.linspace(0, 1, cells + 1, dtype=np.float64)
    u, now, found = np.diff(potential(edges, instance)) / width, 0.0, []
    for time in times:
        while now < time:
            step = min(STABLE / (np.abs(u).max() / width + 2 * VISCOSITY / width**2), time - now)
            middle = u + step * _rate(u, width)
            u = 0.5 * (u + middle + step * _rate(middle, width))
            now += step
        found.append(u)
    return np.array(found)


def _rate(u: Floats, width: float) -> Floats:
    far = np.concatenate([-u[1::-1], u, -u[:-3:-1]])
    jumps = np.diff(far)
    before, after = jumps[:-1], jumps[1:]
    product = before * after
    slope = np.where(product > 0, 2 * product / np.where(product > 0, before + after, 1.0), 0.0)
    left, right = (far[1:-1] + slope / 2)[:-1], (far[1:-1] - slope / 2)[1:]
    flux = np.maximum(np.maximum(left, 0) ** 2, np.minimum(right, 0) ** 2) / 2
    flux -= VISCOSITY * np.diff(far[1:-1]) / width
    rate: Floats = -np.diff(flux) / width
    return rate
