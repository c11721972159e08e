"""Mesh arrays <-> this rank's degrees of freedom of linear (P1) or quadratic (P2) displacements."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import basix
import numpy as np
import numpy.typing as npt
from dolfinx import fem, la
from mpi4py import MPI

from mnnfem import _compat
from mnnfem.mesh import Floats, Ints, Mask, Mesh
from mnnfem.periodic import Periodic
from mnnfem.ties import Ties


class Dofs:
    """Who is who between a `Mesh` and its P1 or P2 space, whichever way dolfinx has numbered and dealt them.

    dim          d, components of a node's displacement
    owned        own P1 or P2 nodes
    ties         of a periodic cell, whose degrees of freedom are fewer than its nodes'; else None
    size         own degrees of freedom: d owned, or those of the ties
    corners      vertices of a cell
    cell_dofs    (cells, k) P1 or P2 nodes of the local cells: vertices, then the middles of edges, and of faces and cells
                 that are four-sided
    cell_nodes   (cells, corners) geometry nodes of the local cells
    node_index   index into `Mesh.points` of each local geometry node
    own_cells    those of the local cells, the first, that are this rank's
    places       where the mesh points are now at rest, (n, d) mm
    """

    def __init__(self, mesh: Mesh, space: fem.FunctionSpace, periodic: Periodic | None = None) -> None:
        self.mesh, self.comm, self.index_map = mesh, space.mesh.comm, space.dofmap.index_map
        self.dim, self._layout = mesh.dim, space.dofmap.dof_layout
        self.owned = self.index_map.size_local
        self.size = self.dim * self.owned
        self.cell_dofs = space.dofmap.list
        self.cell_nodes = _compat.geometry_dofmap(space.mesh)
        self.node_index = space.mesh.geometry.input_global_indices
        self.own_cells = space.mesh.topology.index_map(self.dim).size_local
        self.places = mesh.points
        # Vertex i of a cell carries its i-th node: that ties geometry nodes to degrees of freedom.
        self.corners, (_, self._edges, *_) = mesh.cells.shape[1], basix.topology(basix.CellType[mesh.kind.name])
        vertex_dofs, at = np.unique(self.cell_dofs[:, : self.corners], return_index=True)
        own = vertex_dofs < self.owned
        self._vertex_dofs = vertex_dofs[own]
        self._vertex_points = self.node_index[self.cell_nodes.ravel()[at[own]]]
        self.ties: Ties | None = None
        if periodic is not None:
            nodes = space.tabulate_dof_coordinates()[: self.owned, : self.dim]
            on = {name: self.on_facet(name) for pair in periodic.pairs for name in pair}
            self.ties, self.size = (ties := Ties(periodic, mesh, nodes, on, self.comm)), ties.size

    def expand(self, u: Floats) -> Floats:
        """Displacements of the own nodes, (d owned,) mm, from own degrees of freedom."""
        return u if self.ties is None else self.ties.expand(u)

    def gather(self, forces: Floats) -> Floats:
        """Transpose of `expand`; of a vector whose first entries are the own nodes'."""
        own = forces[: self.dim * self.owned]
        return own if self.ties is None else self.ties.gather(own)

    def signed(self, signs: Mapping[str, float]) -> Floats:
        """The sign of the facet that each own node is on, 0 on none of them."""
        values: Floats = np.sum([sign * self.on_facet(name) for name, sign in signs.items()], axis=0)
        return values

    def on_facet(self, name: str) -> Mask:
        """Mask over the own nodes on a facet; a rank may own a node whose facet only its neighbour has."""
        marker = la.vector(self.index_map, 1)
        for side, cells in enumerate(self._cells_on(name)):
            marker.array[self.cell_dofs[cells][:, self._layout.entity_closure_dofs(self.dim - 1, side)]] = 1.0
        marker.scatter_reverse(la.InsertMode.add)
        return marker.array[: self.owned] > 0

    def facets(self, name: str) -> npt.NDArray[np.int32]:
        """A named facet as own cells and which of their sides it is, (k, 2)."""
        sides = enumerate(self._cells_on(name))
        pairs = np.concatenate([np.column_stack([cells, np.full(len(cells), side)]) for side, cells in sides])
        return pairs[pairs[:, 0] < self.own_cells].astype(np.int32)

    def _cells_on(self, name: str) -> list[Ints]:
        """The local cells whose side 0, 1, ... is on a facet. Three of its vertices tell a side in space."""
        corners, sides = self.node_index[self.cell_nodes], basix.topology(basix.CellType[self.mesh.kind.name])[self.dim - 1]
        facet = self.mesh.facet(name)
        points, facets = np.unique(facet, return_inverse=True)
        weights = len(points) ** np.arange(self.dim)
        wanted = np.sort(facets.reshape(facet.shape), axis=1)[:, : self.dim] @ weights
        number = np.full(len(self.mesh.points), -1)
        number[points] = np.arange(len(points))
        found = []
        for side in sides:
            face = np.sort(number[corners[:, side]], axis=1)
            found.append(np.flatnonzero((face[:, 0] >= 0) & np.isin(face[:, : self.dim] @ weights, wanted)))
        return found

    def at_points(self, u: Floats) -> Floats:
        """Displacement of the mesh points, (n, d) mm in the order of `Mesh.points`, on every rank."""
        values = np.zeros_like(self.mesh.points)
        values[self._vertex_points] = self.expand(u).reshape(-1, self.dim)[self._vertex_dofs]
        return self._sum(values)

    @cached_property
    def _middles(self) -> tuple[Ints, Ints]:
        """Own P2 nodes in the middles of edges, each edge as one number, ascending."""
        corners, ends = self.node_index[self.cell_nodes], np.array(self._edges)
        nodes = self.cell_dofs[:, self.corners : self.corners + len(ends)]
        own = nodes < self.owned
        edges, first = np.unique(self._number(corners[:, ends])[own], return_index=True)
        return edges, nodes[own][first]

    def _number(self, edges: Ints) -> Ints:
        """One number for each edge (..., 2), whichever way it runs."""
        number: Ints = edges.min(axis=-1).astype(np.int64) * len(self.mesh.points) + edges.max(axis=-1)
        return number

    def at_edges(self, u: Floats, edges: Ints) -> Floats:
        """Displacement of the middles of edges of the mesh (k, 2), (k, d) mm, on every rank; of P1 the mean of the ends."""
        if self.cell_dofs.shape[1] == self.corners:
            return self.at_points(u)[edges].mean(axis=1)
        known, nodes = self._middles
        wanted, values = self._number(edges), np.zeros((len(edges), self.dim))
        here = np.isin(wanted, known)
        values[here] = self.expand(u).reshape(-1, self.dim)[nodes[np.searchsorted(known, wanted[here])]]
        return self._sum(values)

    def from_edges(self, values: Floats, edges: Ints) -> Floats:
        """Transpose of `at_edges`: a gradient (k, d) at the middles of edges (k, 2) as a vector of own degrees of freedom."""
        if self.cell_dofs.shape[1] == self.corners:
            ends = np.zeros_like(self.mesh.points)
            for k in (0, 1):
                np.add.at(ends, edges[:, k], 0.5 * values)
            return self.from_points(ends)
        known, nodes = self._middles
        wanted, vector = self._number(edges), np.zeros((self.owned, self.dim))
        here = np.isin(wanted, known)
        np.add.at(vector, nodes[np.searchsorted(known, wanted[here])], values[here])
        return self.gather(vector.ravel())

    def from_points(self, values: Floats) -> Floats:
        """Transpose of `at_points`: a gradient (n, d) at the mesh points as a vector of own degrees of freedom."""
        vector = np.zeros((self.owned, self.dim))
        vector[self._vertex_dofs] = values[self._vertex_points]
        return self.gather(vector.ravel())

    def sum_nodes(self, local: Floats, nodes: Ints) -> Floats:
        """Sum contributions (k, d) of geometry nodes (k,) over all ranks, in the order of `Mesh.points`."""
        values = np.zeros_like(self.mesh.points)
        np.add.at(values, self.node_index[nodes], local)
        return self._sum(values)

    def _sum(self, values: Floats) -> Floats:
        if self.comm.size > 1:
            self.comm.Allreduce(MPI.IN_PLACE, values, op=MPI.SUM)
        return values


def assemble(vector: la.Vector, form: fem.Form) -> Floats:
    """The form's vector, summed over the ranks that share a degree of freedom; own entries first. A copy."""
    vector.array[:] = 0.0
    fem.assemble_vector(vector.array, form)
    vector.scatter_reverse(la.InsertMode.add)
    return vector.array.copy()
