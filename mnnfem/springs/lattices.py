"""Lattices of springs: the trapezoid of the paper, triangles, squares with diagonals, cubes, random points."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints
from mnnfem.springs.network import Network, holding

SIDE = 16.0  # mm, length of a bond in the paper


def trapezoid(top: int = 5, rows: int = 4, length: float = SIDE) -> Network:
    """An inverted trapezoid of triangles, rows of `top`, `top` - 1, .. nodes, each from the right; the top corners are held.

    With rows of 5, 4, 3 and 2 nodes, bonds of 16 mm: 14 nodes, 28 bonds, 24 free components, 4 states of self stress.
    Nodes are numbered as in the paper, whose first is our 0. Source: Li and Mao, Nature Communications 15, 10528 (2024).
    """
    if top < 2 or not 2 <= rows <= top or not length > 0:
        raise InputError(f"A trapezoid needs 2 <= rows <= top and bonds above 0 mm, got {rows}, {top}, {length:g} mm.")
    places = [(-j - i / 2, -i * 3**0.5 / 2) for i in range(rows) for j in range(top - i)]
    nodes = length * np.array(places)
    return Network(nodes, _near(nodes, 1.1 * length), holding(len(nodes), 2, (0, top - 1)))


def triangular(columns: int, rows: int, length: float = SIDE) -> Network:
    """`rows` rows of `columns` nodes in triangles, every other row half a bond to the right; the bottom row is held."""
    _check_counts((columns, rows), length)
    nodes = length * np.array([(i + j % 2 / 2, j * 3**0.5 / 2) for j in range(rows) for i in range(columns)])
    return Network(nodes, _near(nodes, 1.1 * length), holding(len(nodes), 2, range(columns)))


def square(columns: int, rows: int, length: float = SIDE) -> Network:
    """A grid of nodes, each square with both diagonals, which cross without touching; the bottom row is held."""
    _check_counts((columns, rows), length)
    nodes = length * np.array([(i, j) for j in range(rows) for i in range(columns)], dtype=np.float64)
    return Network(nodes, _near(nodes, 1.5 * length), holding(len(nodes), 2, range(columns)))


def cubic(columns: int, rows: int, storeys: int, length: float = SIDE) -> Network:
    """A grid of nodes in space, each face of a cube with both diagonals; the bottom storey is held."""
    _check_counts((columns, rows, storeys), length)
    index = itertools.product(range(storeys), range(rows), range(columns))
    nodes = length * np.array([(i, j, k) for k, j, i in index], dtype=np.float64)
    return Network(nodes, _near(nodes, 1.5 * length), holding(len(nodes), 3, range(columns * rows)))


def random_geometric(count: int, seed: int, dim: int = 2, length: float = SIDE, spread: float = 0.3) -> Network:
    """About `count` nodes of a grid moved at random by up to `spread` of its side, joined by a Delaunay triangulation.

    What was the bottom of the grid is held. Bonds longer than two sides, slivers of the hull, are left out.
    """
    side = round(count ** (1 / dim))
    _check_counts((side,) * dim, length)
    if dim < 2 or not 0 <= spread < 0.5:
        raise InputError(f"Random networks need 2 dimensions or more and 0 <= spread < 0.5, got {dim} and {spread:g}.")
    grid = np.stack(np.meshgrid(*(np.arange(side),) * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    nodes = length * (grid + np.random.default_rng(seed).uniform(-spread, spread, grid.shape))
    corners = Delaunay(nodes).simplices
    pairs = np.concatenate([corners[:, pair] for pair in itertools.combinations(range(dim + 1), 2)])
    bonds = np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64)
    long = np.linalg.norm(nodes[bonds[:, 1]] - nodes[bonds[:, 0]], axis=1) > 2 * length
    return Network(nodes, bonds[~long], holding(len(nodes), dim, np.flatnonzero(grid[:, -1] == 0)))


def _near(nodes: Floats, reach: float) -> Ints:
    """All pairs of nodes that are nearer than `reach`, in their order."""
    pairs = cKDTree(nodes).query_pairs(reach, output_type="ndarray").astype(np.int64)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _check_counts(counts: tuple[int, ...], length: float) -> None:
    if min(counts) < 2 or not length > 0:
        raise InputError(f"A lattice needs 2 nodes or more each way and bonds above 0 mm, got {counts} and {length:g} mm.")
