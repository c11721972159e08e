"""The unit square with pores about all (i/4, j/4), cut where they reach over its edges: one topology for all their shapes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints, Mesh

CELLS = 4  # to a side of the square
REACH = 0.5 / CELLS  # from a pore's centre to the lines half way to its neighbours
ROUND = np.array([1.0, 0.0, 0.0])  # an instance: scale 1, no waves


def radius(instance: Floats, angle: Floats) -> Floats:
    r"""r(t) of an instance (s, c_1, c_2); a pore's area is s^2 / 32 whatever c_1 and c_2 are, so round ones have 0.0997 s:

        r = s r_0 (1 + c_1 cos 4t + c_2 cos 8t),   pi r_0^2 (2 + c_1^2 + c_2^2) = 1/16.

    Source: Qin et al., arXiv 2211.01604, after Overvelde and Bertoldi, JMPS 64 (2014) 351.
    """
    scale, a, b = instance
    mean = scale / (CELLS * np.sqrt(np.pi * (2 + a**2 + b**2)))
    found: Floats = mean * (1 + a * np.cos(4 * angle) + b * np.cos(8 * angle))
    return found


@dataclass(frozen=True)
class Family:
    """Instances (s, c_1, c_2) between two of them."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def draw(self, count: int, rng: np.random.Generator, to_learn: bool = False) -> Floats:
        """Instances (count, 3), evenly; those to learn from the more near the ends, as the nodes of Chebyshev lie.

        With these each instance weighs about as much as any other in the last layer, where of even ones those at the ends
        have several times the weight and swing.
        """
        shares = rng.uniform(size=(count, 3))
        if to_learn:
            shares = 0.5 - 0.5 * np.cos(np.pi * shares)
        return np.array(self.low) + shares * (np.array(self.high) - self.low)

    def scaled(self, instances: Floats) -> Floats:
        """What varies, (..., p), from -1 to 1."""
        low, high = np.array(self.low), np.array(self.high)
        varies = low < high
        found: Floats = (2 * instances - low - high)[..., varies] / (high - low)[varies]
        return found


FAMILIES = {
    "radius": Family((0.2, 0.0, 0.0), (1.19, 0.0, 0.0)),
    "shape": Family((1.0, -0.1, -0.1), (1.0, 0.1, 0.1)),
}


@dataclass(frozen=True, eq=False)
class Pores:
    """Layers of triangles about every pore; at every instance the mesh is its own image in the lines x = 1/2 and y = 1/2.

    mesh     at ROUND; facets bottom, top
    centre   (n, 2) of the pore next to each node;  ray (n, 2) of length 1, from there to the node
    angle    (n,) of the ray, in the first quadrant's image of it
    share    (n,) of the way from the pore, 0, to the square around it, 1
    """

    mesh: Mesh
    centre: Floats
    ray: Floats
    angle: Floats
    share: Floats

    @classmethod
    def of(cls, around: int, layers: int) -> Pores:
        """With `around` edges, an even number, to a quarter of a pore, and so many layers. InputError for other numbers."""
        if around < 2 or around % 2 or layers < 1:
            raise InputError(f"A quarter of a pore has an even number of edges and a layer at least, got {around}, {layers}.")
        turn, share = (one.ravel() for one in np.mgrid[0 : around + 1, 0 : layers + 1].astype(np.float64))
        angle, share = 0.5 * np.pi * turn / around, share / layers
        quarter, blocks, cells = _quarter(around, layers), list[Floats](), list[Ints]()
        for x, y, right, up in itertools.product(range(CELLS + 1), range(CELLS + 1), (1, -1), (1, -1)):
            if 0 <= 2 * x + right <= 2 * CELLS and 0 <= 2 * y + up <= 2 * CELLS:
                cells.append(quarter[:, :: right * up] + len(blocks) * len(angle))
                centre = np.tile(np.array([x, y]) / CELLS, (len(angle), 1))
                blocks.append(np.column_stack([centre, right * np.cos(angle), up * np.sin(angle), angle, share]))
        nodes = np.concatenate(blocks)
        places = np.round(_placed(*_columns(nodes), ROUND), 9) + 0.0  # not -0.0, which is another place
        _, first, number = np.unique(places, axis=0, return_index=True, return_inverse=True)
        columns = _columns(nodes[first])
        plain = Mesh(_placed(*columns, ROUND), number.ravel()[np.concatenate(cells)], {})
        edges = plain.boundary()
        height = plain.points[edges, 1]
        facets = {name: edges[(np.abs(height - y) < 1e-9).all(axis=1)] for name, y in (("bottom", 0), ("top", 1))}
        return cls(Mesh(plain.points, plain.cells, facets), *columns)

    def points(self, instance: Floats) -> Floats:
        """Nodes (n, 2) of an instance (s, c_1, c_2)."""
        return _placed(self.centre, self.ray, self.angle, self.share, instance)


def _columns(nodes: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    return nodes[:, :2], nodes[:, 2:4], nodes[:, 4], nodes[:, 5]


def _placed(centre: Floats, ray: Floats, angle: Floats, share: Floats, instance: Floats) -> Floats:
    far = REACH / np.abs(ray).max(axis=1)
    places: Floats = centre + ((1 - share) * radius(instance, angle) + share * far)[:, None] * ray
    return places


def _quarter(around: int, layers: int) -> Ints:
    """Triangles of a quarter's nodes, numbered by angle, then by layer; its own image in the line at half of its angle."""
    cells: list[tuple[int, int, int]] = []
    for i, k in itertools.product(range(around), range(layers)):
        a, b = i * (layers + 1) + k, (i + 1) * (layers + 1) + k
        halves = ((a, a + 1, b + 1), (a, b + 1, b)) if i < around // 2 else ((a, a + 1, b), (b, a + 1, b + 1))
        cells += halves
    return np.array(cells, dtype=np.int64)
