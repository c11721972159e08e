"""The same body on a finer mesh: every element cut into similar ones."""

from __future__ import annotations

import numpy as np

from mnnfem.mesh import Floats, Ints, Mesh, right_handed

# Corners 0..d, then middles of the edges in the order of PAIRS.
PAIRS = {2: ((0, 1), (0, 2), (1, 2)), 3: ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))}
TRIANGLES = ((0, 3, 4), (3, 1, 5), (4, 5, 2), (3, 5, 4))
CORNERS = ((0, 4, 5, 6), (4, 1, 7, 8), (5, 7, 2, 9), (6, 8, 9, 3))
DIAGONALS = ((4, 9), (5, 8), (6, 7))  # of the octahedron that is left of a tetrahedron without its corners
RINGS = ((5, 6, 8, 7), (4, 6, 9, 7), (4, 5, 9, 8))  # the other four nodes, around each
FACETS = {2: ((0, 2), (2, 1)), 3: ((0, 3, 4), (3, 1, 5), (4, 5, 2), (3, 5, 4))}  # of a facet's corners and middles


def refined(mesh: Mesh, points: Floats | None = None) -> Mesh:
    """Each triangle in four, each tetrahedron in eight, new nodes in the middles of the edges; names are kept.

    points (n, d) mm: where the nodes of `mesh` are now, `mesh.points` by default. The boundary is the same polygon, so
    results differ by the discretisation of the displacement alone. The octahedron inside a tetrahedron is cut along its
    shortest diagonal. InputError for other elements.
    """
    mesh.refuse_blocks("Refinement")
    places, d = mesh.points if points is None else points, mesh.dim
    edges, middle = edges_of(mesh)
    whole = np.concatenate([mesh.cells, len(places) + middle], axis=1)
    nodes = np.concatenate([places, places[edges].mean(axis=1)])
    return Mesh(
        points=nodes,
        cells=whole[:, TRIANGLES].reshape(-1, 3) if d == 2 else _tetrahedra(whole, nodes),
        facets={name: _cut(facet, edges, len(places)) for name, facet in mesh.facets.items()},
        vertices=mesh.vertices,
    )


def edges_of(mesh: Mesh) -> tuple[Ints, Ints]:
    """Ends (e, 2) of every edge, in whose middle the e-th new node of `refined` lies, and each cell's edges (m, 3 or 6)."""
    ends = np.sort(mesh.cells[:, PAIRS[mesh.dim]], axis=2)
    edges, number = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True)
    return edges, number.reshape(len(mesh.cells), -1)


def _tetrahedra(whole: Ints, nodes: Floats) -> Ints:
    """Eight right-handed tetrahedra (8 m, 4) of the ten nodes of each, (m, 10)."""
    ends = nodes[whole[:, DIAGONALS]]
    shortest = np.argmin(np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=2), axis=1)
    ring = np.take_along_axis(whole, np.array(RINGS)[shortest], axis=1)
    axis = np.take_along_axis(whole, np.array(DIAGONALS)[shortest], axis=1)
    inner = [np.column_stack([axis, ring[:, k], ring[:, (k + 1) % 4]]) for k in range(4)]
    cells: Ints = np.stack([*whole[:, CORNERS].swapaxes(0, 1), *inner], axis=1).reshape(-1, 4)
    return right_handed(nodes, cells)


def _cut(facet: Ints, edges: Ints, count: int) -> Ints:
    """Facets (k, d) of the coarse mesh as those of the fine one, in the same sense."""
    d = facet.shape[1]
    pairs = np.array([(0, 1)] if d == 2 else PAIRS[2])
    wanted = np.sort(facet[:, pairs], axis=2)
    numbers = np.searchsorted(edges @ [count, 1], wanted @ [count, 1])
    cut: Ints = np.concatenate([facet, count + numbers], axis=1)[:, FACETS[d]].reshape(-1, d)
    return cut
