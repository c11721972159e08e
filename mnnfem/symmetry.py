"""Mirror symmetry: fewer parameters, from which all parameters of a geometry follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Ints
from mnnfem.parameters import Parameters

NEAR = 1e-6  # of the places' extent: images nearer than this to a parameter are that parameter


@dataclass(frozen=True, eq=False)
class Symmetry:
    """design_i = sign_i free_(orbit_i): parameters that are mirror images of each other share one free value.

    orbit  (p,) index of the free value of each parameter
    sign   (p,) 1 or -1, or 0 where a parameter that mirrors change the sign of is its own image, and so is 0
    """

    orbit: Ints
    sign: Floats

    def __call__(self, free: torch.Tensor) -> torch.Tensor:
        """All parameters (p,) of the free ones (q,), differentiable by torch."""
        return torch.from_numpy(self.sign) * free[torch.from_numpy(self.orbit)]

    def free(self, design: Floats) -> Floats:
        """The free values (q,) of the symmetric design nearest to a design (p,): means over orbits."""
        sums, counts = (np.bincount(self.orbit, weights) for weights in (self.sign * design, self.sign**2))
        free: Floats = sums / np.maximum(counts, 1)
        return free

    def parameters(self, parameters: Parameters) -> Parameters:
        """The free parameters: each named after the first of its orbit, bounded by what all of its orbit allow."""
        first = np.unique(self.orbit, return_index=True)[1]
        lower, upper = np.full(len(first), -np.inf), np.full(len(first), np.inf)
        ends = self.sign * parameters.lower, self.sign * parameters.upper
        np.maximum.at(lower, self.orbit, np.minimum(*ends))
        np.minimum.at(upper, self.orbit, np.maximum(*ends))
        empty = np.flatnonzero(lower > upper)
        if empty.size:
            names = ", ".join(repr(parameters.names[i]) for i in np.flatnonzero(self.orbit == empty[0]))
            raise InputError(f"Mirror images must share a value, but the bounds of {names} have none in common.")
        unit = parameters.unit if isinstance(parameters.unit, str) else tuple(parameters.unit[i] for i in first)
        start = np.clip(self.free(parameters.start), lower, upper)
        return Parameters(tuple(parameters.names[i] for i in first), start, lower, upper, parameters.kind, unit)


def mirror_symmetry(
    places: Floats, mirrors: Mapping[int, float], odd: Sequence[int] = (), kinds: Sequence[str] | None = None
) -> Symmetry:
    """The symmetry under mirrors of parameters that act at places (p, d) mm.

    mirrors  axis -> where the mirror stands on it, mm: {0: 50} maps x to 100 - x; two mirrors leave a quarter free
    odd      axes whose mirror changes the sign of the parameter at each place: 0 for offsets in x, given for all;
    kinds    (p,) what each parameter is: only those of a kind are images of each other

    InputError where the image of a parameter is not a parameter.
    """
    count, kinds = len(places), list(kinds) if kinds is not None else [""] * len(places)
    links = [np.zeros((2, 0), dtype=np.int64)]
    for axis, at in mirrors.items():
        image = _images(places, axis, at, kinds)
        flip = count * (axis in odd)
        # node i stands for parameter i as it is, node i + p for its negative
        links += [
            np.stack([np.arange(count), image + flip]),
            np.stack([np.arange(count) + count, (image + count + flip) % (2 * count)]),
        ]
    row, column = np.concatenate(links, axis=1)
    _, part = connected_components(sp.coo_matrix((np.ones(len(row)), (row, column)), shape=(2 * count,) * 2), directed=False)
    plus, minus = part[:count], part[count:]
    orbit = np.unique(np.minimum(plus, minus), return_inverse=True)[1]
    sign = np.where(plus == minus, 0.0, np.where(plus < minus, 1.0, -1.0))
    return Symmetry(orbit, sign)


def symmetric(geometry: Geometry, symmetry: Symmetry) -> Geometry:
    """The geometry with the free parameters of a symmetry; its bodies are as symmetric, its mesh need not be."""

    def build(free: Floats) -> Geometry:
        return symmetric(geometry.rebuilt(symmetry(torch.from_numpy(free))), symmetry)

    parameters = symmetry.parameters(geometry.parameters)
    made_at = symmetry.free(geometry.made_at)
    if not np.allclose(symmetry(torch.from_numpy(made_at)).numpy(), geometry.made_at, rtol=0, atol=1e-12):
        raise InputError("The geometry was meshed at a design that is not symmetric: rebuild it at one that is.")
    return Geometry(geometry.mesh, parameters, lambda free: geometry.motion(symmetry(free)), made_at, build)


def _images(places: Floats, axis: int, at: float, kinds: Sequence[str]) -> Ints:
    """Index (p,) of the parameter of the same kind at the mirror image of each place."""
    extended = np.column_stack([places, np.unique(kinds, return_inverse=True)[1] * 4.0 * max(np.ptp(places), 1e-300)])
    mirrored = extended.copy()
    mirrored[:, axis] = 2 * at - mirrored[:, axis]
    distance, image = cKDTree(extended).query(mirrored)
    lost = np.flatnonzero(distance > NEAR * max(np.ptp(places), 1e-300))
    if lost.size:
        where = ", ".join(f"{x:.4g}" for x in mirrored[lost[0], :-1])
        raise InputError(
            f"Parameter {lost[0]} has its mirror image at ({where}) mm, where there is no parameter of its kind: "
            "move the mirror, or leave it out."
        )
    return np.asarray(image, dtype=np.int64)
