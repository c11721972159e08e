"""The inside of a closed surface of triangles, meshed by gmsh."""

from __future__ import annotations

import gmsh
import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints, Mesh, gmsh_model, read_gmsh


def filled(points: Floats, triangles: Ints, inner: Ints) -> tuple[Mesh, Ints]:
    """Tetrahedra inside the triangles (k, 3), whose faces stay as they are, and the node at each of the points (n, 3) mm.

    inner   (q,) points inside the body that the mesh must have as nodes; all others lie on triangles

    InputError where the surface crosses itself.
    """
    on_surface = np.setdiff1d(np.arange(len(points)), inner)
    with gmsh_model("filling"):
        model = gmsh.model
        loops = []
        for shell in _shells(triangles, len(points)):
            surface, own = model.addDiscreteEntity(2), np.unique(shell)
            model.mesh.addNodes(2, surface, own + 1, points[own].ravel())
            model.mesh.addElementsByType(surface, 2, [], (shell + 1).ravel())
            loops.append(model.geo.addSurfaceLoop([surface]))
        volume = model.geo.addVolume(loops)
        embedded = [model.geo.addPoint(*points[index]) for index in inner]
        model.geo.synchronize()
        if embedded:
            model.mesh.embed(0, embedded, 3, volume)
        gmsh.option.setNumber("Mesh.Renumber", 0)
        try:
            model.mesh.generate(3)
        except Exception as error:  # gmsh raises nothing more special
            raise InputError(f"gmsh cannot fill the surface ({error}): it crosses or touches itself at this design.") from error
        at_inner = [int(model.mesh.getNodes(0, point)[0][0]) for point in embedded]
        plain, tags = read_gmsh()
    of_point = np.empty(len(points), dtype=np.int64)
    of_point[on_surface], of_point[inner] = on_surface + 1, at_inner
    nodes = np.searchsorted(tags, of_point)
    placed = plain.points.copy()
    placed[nodes] = points
    return Mesh(placed, plain.cells, {}), nodes


def _shells(triangles: Ints, count: int) -> list[Ints]:
    """The triangles of each closed surface."""
    pairs = triangles[:, [0, 1, 1, 2]].reshape(-1, 2)
    joined = sp.coo_matrix((np.ones(len(pairs)), tuple(pairs.T)), shape=(count, count))
    number = connected_components(joined, directed=False)[1][triangles[:, 0]]
    return [triangles[number == each] for each in np.unique(number)]
