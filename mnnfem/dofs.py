"""Mesh arrays <-> this rank's degrees of freedom of quadratic (P2) displacements."""

from __future__ import annotations

import numpy as np
from dolfinx import fem, la
from mpi4py import MPI

from mnnfem import _compat
from mnnfem.mesh import Floats, Ints, Mask, Mesh


class Dofs:
    """Who is who between a `Mesh` and its P2 space, whichever way dolfinx has numbered and dealt them.

    owned        own P2 nodes;  size = 2 owned, the own degrees of freedom
    cell_dofs    (cells, 6) P2 nodes of the local cells: three vertices, then the middles of the edges opposite
    cell_nodes   (cells, 3) geometry nodes of the local cells
    node_index   index into `Mesh.points` of each local geometry node
    """

    def __init__(self, mesh: Mesh, space: fem.FunctionSpace) -> None:
        self.mesh, self.comm, self.index_map = mesh, space.mesh.comm, space.dofmap.index_map
        self.owned = self.index_map.size_local
        self.size = 2 * self.owned
        self.cell_dofs = space.dofmap.list
        self.cell_nodes = _compat.geometry_dofmap(space.mesh)
        self.node_index = space.mesh.geometry.input_global_indices
        # Vertex i of a cell carries its i-th P2 node: that ties geometry nodes to degrees of freedom.
        vertex_dofs, at = np.unique(self.cell_dofs[:, :3], return_index=True)
        own = vertex_dofs < self.owned
        self._vertex_dofs = vertex_dofs[own]
        self._vertex_points = self.node_index[self.cell_nodes.ravel()[at[own]]]

    def on_facet(self, name: str) -> Mask:
        """Mask over the own P2 nodes on a facet; a rank may own a node whose edge only its neighbour has."""
        corners = self.node_index[self.cell_nodes]
        edges = np.sort(self.mesh.facet(name), axis=1)
        count = len(self.mesh.points)
        marker = la.vector(self.index_map, 1)
        for opposite in range(3):
            a, b = ((opposite + 1) % 3, (opposite + 2) % 3)
            pair = np.sort(corners[:, [a, b]], axis=1)
            hit = np.isin(pair[:, 0] * count + pair[:, 1], edges[:, 0] * count + edges[:, 1])
            marker.array[self.cell_dofs[hit][:, [a, b, 3 + opposite]]] = 1.0
        marker.scatter_reverse(la.InsertMode.add)
        return marker.array[: self.owned] > 0

    def at_points(self, u: Floats) -> Floats:
        """Displacement of the mesh points, (n, 2) mm in the order of `Mesh.points`, on every rank."""
        values = np.zeros_like(self.mesh.points)
        values[self._vertex_points] = u.reshape(-1, 2)[self._vertex_dofs]
        return self._sum(values)

    def from_points(self, values: Floats) -> Floats:
        """Transpose of `at_points`: a gradient (n, 2) at the mesh points as a vector of own degrees of freedom."""
        vector = np.zeros((self.owned, 2))
        vector[self._vertex_dofs] = values[self._vertex_points]
        return vector.ravel()

    def sum_nodes(self, local: Floats, nodes: Ints) -> Floats:
        """Sum contributions (k, 2) of geometry nodes (k,) over all ranks, in the order of `Mesh.points`."""
        values = np.zeros_like(self.mesh.points)
        np.add.at(values, self.node_index[nodes], local)
        return self._sum(values)

    def _sum(self, values: Floats) -> Floats:
        if self.comm.size > 1:
            self.comm.Allreduce(MPI.IN_PLACE, values, op=MPI.SUM)
        return values
