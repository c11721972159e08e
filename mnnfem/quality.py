"""How good the elements of a mesh are: shape, angles, and what the map from the mesh as made did to their size."""

from __future__ import annotations

import itertools

import numpy as np

from mnnfem.errors import InputError
from mnnfem.kinds import HEXAHEDRON, KINDS
from mnnfem.mesh import Floats, Ints, Mesh, least_measures, signed_measures


def mean_ratios(points: Floats, cells: Ints) -> Floats:
    r"""Mean-ratio quality of each element, (m,): 1 for a regular one, 0 for a flat one, below 0 where it is inverted.

        q = 4 sqrt(3) A / sum l^2   in the plane,      q = 12 (3 V)^(2/3) / sum l^2   in space,

    l its edges: the inverse of the condition of the map from the regular simplex (Knupp, SIAM J. Sci. Comput. 23 (2001) 193).
    Of a quadrilateral or hexahedron it is the least of its corners, q = d J^(2/d) / sum l^2 of the d edges there.
    """
    kind = KINDS[points.shape[1], cells.shape[1]]
    if not kind.simplex:
        return np.asarray(np.min([_square_ratios(points, cells[:, list(corner)]) for corner in kind.corners], axis=0))
    pairs = np.array(list(itertools.combinations(range(cells.shape[1]), 2)))
    edges = points[cells[:, pairs[:, 0]]] - points[cells[:, pairs[:, 1]]]
    squares = (edges**2).sum(axis=(1, 2))
    measure = signed_measures(points, cells)
    scaled = 4 * np.sqrt(3) * measure if points.shape[1] == 2 else 12 * np.cbrt(3 * measure) * np.abs(np.cbrt(3 * measure))
    with np.errstate(invalid="ignore"):
        ratios: Floats = np.where(squares > 0, scaled / np.where(squares > 0, squares, 1.0), 0.0)
    return ratios


def _square_ratios(points: Floats, corners: Ints) -> Floats:
    """Of the edges from the first vertex of each corner (m, d + 1): 1 where they are alike and at right angles."""
    edges = points[corners[:, 1:]] - points[corners[:, :1]]
    dim = points.shape[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        jacobian = np.linalg.det(edges)
        ratios = dim * np.sign(jacobian) * np.abs(jacobian) ** (2 / dim) / (edges**2).sum(axis=(1, 2))
    return np.where(np.isfinite(ratios), ratios, 0.0)


def least_angles(points: Floats, cells: Ints) -> Floats:
    """Smallest interior angle of each triangle or quadrilateral, smallest dihedral angle of each tetrahedron, degrees, (m,).

    Below 0 where an element is inverted. InputError for hexahedra.
    """
    if KINDS[points.shape[1], cells.shape[1]] is HEXAHEDRON:
        raise InputError("Dihedral angles are those of tetrahedra; ask for the mean ratios of hexahedra.")
    if points.shape[1] == 2:
        corners = points[cells]
        u, v = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
        cross = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
        angles: Floats = np.degrees(np.arctan2(cross, (u * v).sum(-1))).min(axis=1)
        return angles
    # Faces i and j share an edge; their normals, n_i = cross of two sides of face i, point out of a right-handed element.
    faces = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])
    a, b, c = (points[cells[:, faces[:, k]]] for k in range(3))
    normals = np.cross(b - a, c - a)
    least = np.full(len(cells), np.inf)
    for i, j in itertools.combinations(range(4), 2):
        sine = np.linalg.norm(np.cross(normals[:, i], normals[:, j]), axis=1)
        least = np.minimum(least, np.degrees(np.arctan2(sine, -(normals[:, i] * normals[:, j]).sum(axis=1))))
    return least * np.sign(signed_measures(points, cells))


def measure_ratios(mesh: Mesh, points: Floats) -> Floats:
    """Measure of each element at `points` over that in the mesh as made, (m,): det of the map, <= 0 if inverted.

    Of quadrilaterals and hexahedra the least measure of their corners.
    """
    ratios: Floats = least_measures(points, mesh.cells) / least_measures(mesh.points, mesh.cells)
    return ratios
