r"""Displacements of a periodic cell from fewer unknowns: u = P q, linear, and what P makes of forces and matrices.

q holds the displacement of every node but those that repeat another, and after them the mean displacement gradient H, column by
column: u_b = u_a + H (b - a). P knows the lattice's vectors alone, not where nodes are.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from petsc4py import PETSc

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints, Mask, Mesh
from mnnfem.periodic import Periodic, matched


class Ties:
    """P for the nodes (n, d) mm of a body's displacements, of which those on facets are told by masks; on one rank.

    size         of q
    matrix       P, (n d, size)
    prescribed   mask (size,): entries of H that are 0 or controls, and one node that holds the cell in place
    lifts        (strains, size), what a unit of each control is in q
    lattice      (pairs, d) mm, the vector from each side to its opposite one
    """

    def __init__(self, periodic: Periodic, mesh: Mesh, nodes: Floats, on: dict[str, Mask]) -> None:
        dim, count = mesh.dim, len(nodes)
        self.lattice, self._pairs = periodic.lattice(mesh), periodic.partners(mesh)
        root, cells = self._roots(periodic, self.lattice, nodes, on)
        kept = np.flatnonzero(root == np.arange(count))
        number = np.full(count, -1)
        number[kept] = np.arange(len(kept))
        offsets = cells @ self.lattice
        moved, along = np.nonzero(offsets)
        self.size = dim * (len(kept) + dim)
        blocks = [sp.csr_matrix((np.ones(count), (np.arange(count), number[root])), (count, len(kept) + dim))]
        blocks.append(sp.csr_matrix((offsets[moved, along], (moved, len(kept) + along)), (count, len(kept) + dim)))
        self.matrix = sp.kron(blocks[0] + blocks[1], sp.identity(dim), format="csr")
        self.transposed = self.matrix.T.tocsr()
        gradient = dim * len(kept) + np.arange(dim * dim).reshape(dim, dim).T  # the place of H_ij in q
        self.prescribed = np.zeros(self.size, dtype=bool)
        self.prescribed[dim * number[root[0]] + np.arange(dim)] = True
        held = np.ones((dim, dim), dtype=bool)
        for entry in periodic.free:
            held[entry] = False
        self.prescribed[gradient[held]] = True
        self.lifts = np.zeros((len(periodic.strains), self.size))
        for row, strain in zip(self.lifts, periodic.strains, strict=True):
            row[gradient[strain.entry]] = 1.0
        self._tie: PETSc.Mat | None = None
        self._reduced: PETSc.Mat | None = None

    @staticmethod
    def _roots(periodic: Periodic, lattice: Floats, nodes: Floats, on: dict[str, Mask]) -> tuple[Ints, Floats]:
        """The node (n,) that each repeats, itself or another, and by how many of the lattice's vectors, (n, pairs)."""
        root, cells = np.arange(len(nodes)), np.zeros((len(nodes), len(periodic.pairs)))
        for k, ((a, b), vector) in enumerate(zip(periodic.pairs, lattice, strict=True)):
            ours, theirs = np.flatnonzero(on[b]), np.flatnonzero(on[a])
            repeated = theirs[matched(nodes[ours] - vector, nodes[theirs], (b, a))]
            for node, of in zip(ours, repeated, strict=True):
                if root[node] == root[of]:
                    continue
                followers = root == root[node]  # what repeated the same node so far repeats the other's
                cells[followers] += cells[of] - cells[node]
                cells[followers, k] += 1
                root[followers] = root[of]
        return root, cells

    def check(self, points: Floats) -> None:
        """InputError where opposite sides of a moved mesh, points (n, d) mm, are no longer a vector of the lattice apart."""
        for (ours, theirs), vector in zip(self._pairs, self.lattice, strict=True):
            off = np.abs(points[ours] - points[theirs] - vector).max(axis=1)
            worst = int(off.argmax())
            if off[worst] > 1e-9 * np.abs(self.lattice).max():
                raise InputError(
                    f"Vertices {theirs[worst]} and {ours[worst]} on opposite sides of the periodic cell have moved apart by "
                    f"{off[worst]:.3g} mm: move them alike."
                )

    def expand(self, q: Floats) -> Floats:
        """u = P q."""
        u: Floats = self.matrix @ q
        return u

    def gather(self, forces: Floats) -> Floats:
        """P^T f."""
        found: Floats = self.transposed @ forces
        return found

    def reduce(self, matrix: PETSc.Mat) -> PETSc.Mat:
        """P^T K P, prescribed rows and columns the identity's; rows of K beyond those of u stay. Overwritten by the next."""
        if self._tie is None:
            more = matrix.getSize()[0] - self.matrix.shape[0]
            whole = sp.block_diag([self.matrix, sp.identity(more)], format="csr") if more else self.matrix
            self._tie = PETSc.Mat().createAIJ(whole.shape, csr=(whole.indptr, whole.indices, whole.data), comm=matrix.comm)
            self._reduced = matrix.PtAP(self._tie)
            for option in (
                PETSc.Mat.Option.SYMMETRIC,
                PETSc.Mat.Option.SYMMETRY_ETERNAL,
                PETSc.Mat.Option.KEEP_NONZERO_PATTERN,
            ):
                self._reduced.setOption(option, True)
        else:
            matrix.PtAP(self._tie, result=self._reduced)
        assert self._reduced is not None
        self._reduced.zeroRowsColumns(np.flatnonzero(self.prescribed).astype(np.int32), 1.0)
        return self._reduced
