r"""Displacements of a periodic cell from fewer unknowns: u = P q, linear, and what P makes of forces and matrices.

q holds the displacement of every node but those that repeat another, and after them the mean displacement gradient H, column by
column: u_b = u_a + H (b - a). P knows the lattice's vectors alone, not where nodes are.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from mpi4py import MPI
from petsc4py import PETSc

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints, Mask, Mesh
from mnnfem.periodic import Periodic, matched


class Ties:
    """P for this rank's own nodes (k, d) mm of a body's displacements, of which those on facets are told by masks.

    An unknown is with the rank that owns its node, H with the last rank; what a node repeats may lie on any.

    size         of q, as far as it is this rank's
    prescribed   mask (size,): entries of H that are 0 or controls, and one node that holds the cell in place
    lifts        (strains, size), what a unit of each control is in q
    lattice      (pairs, d) mm, the vector from each side to its opposite one
    """

    def __init__(self, periodic: Periodic, mesh: Mesh, nodes: Floats, on: dict[str, Mask], comm: MPI.Comm) -> None:
        dim, self._comm = mesh.dim, comm
        self.lattice, self._pairs = periodic.lattice(mesh), periodic.partners(mesh)
        side = np.flatnonzero(np.any([*on.values()], axis=0))
        told = comm.allgather((nodes[side], [mask[side] for mask in on.values()]))  # every rank ties the sides of all
        places = np.concatenate([where for where, _ in told])
        every = dict(zip(on, np.concatenate([masks for _, masks in told], axis=1), strict=True))
        root, cells = self._roots(periodic, self.lattice, places, every)
        before = sum(len(where) for where, _ in told[: comm.rank])
        mine = slice(before, before + len(side))
        kept = np.ones(len(nodes), dtype=bool)
        kept[side] = (root == np.arange(len(root)))[mine]
        counts = np.array(comm.allgather(int(kept.sum())))
        number = counts[: comm.rank].sum() + np.cumsum(kept) - 1  # of each own node that is kept, among those of all ranks
        numbers = np.concatenate(comm.allgather(number[side]))[root]
        number[side] = numbers[mine]
        offsets = np.zeros_like(nodes)
        offsets[side] = cells[mine] @ self.lattice
        self._rows = _rows(number, offsets, int(counts.sum()))
        self._ends = dim * np.cumsum(counts)  # of each rank's unknowns
        self._ends[-1] += dim * dim
        self.size = int(self._ends[comm.rank] - dim * counts[: comm.rank].sum())
        self._matrix = self._create(self._rows.data)
        self._tied, self._own = self._matrix.createVecs()
        first = np.linalg.norm(places - mesh.points[mesh.facet(periodic.pairs[0][0])[0, 0]], axis=1).argmin()
        self._prescribe(periodic, int(numbers[first]), int(counts.sum()))
        self._tie: PETSc.Mat | None = None
        self._reduced: PETSc.Mat | None = None

    def _prescribe(self, periodic: Periodic, holding: int, count: int) -> None:
        """Masks of the unknowns that are prescribed: of the node that holds the cell, and after those of `count` nodes H's."""
        dim = self.lattice.shape[1]
        gradient = dim * count + np.arange(dim * dim).reshape(dim, dim).T  # the place of H_ij in q
        held = np.ones((dim, dim), dtype=bool)
        for entry in periodic.free:
            held[entry] = False
        own = self._ends[self._comm.rank] - self.size + np.arange(self.size)
        self.prescribed: Mask = np.isin(own, [*(dim * holding + np.arange(dim)), *gradient[held]])
        lifts = [own == gradient[strain.entry] for strain in periodic.strains]
        self.lifts: Floats = np.array(lifts, dtype=np.float64).reshape(len(lifts), self.size)

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
        self._tied.array[:] = q
        self._matrix.mult(self._tied, self._own)
        return np.array(self._own.array)

    def gather(self, forces: Floats) -> Floats:
        """P^T f."""
        return self._gathered(self._matrix, forces)

    def diagonal(self, values: Floats) -> Floats:
        """The diagonal of P^T D P, D diagonal with `values` (n d,)."""
        squared = self._create(self._rows.data**2)
        found = self._gathered(squared, values)
        squared.destroy()
        return found

    def _gathered(self, matrix: PETSc.Mat, forces: Floats) -> Floats:
        self._own.array[:] = forces
        matrix.multTranspose(self._own, self._tied)
        return np.array(self._tied.array)

    def reduce(self, matrix: PETSc.Mat) -> PETSc.Mat:
        """P^T K P, prescribed rows and columns the identity's; rows of K beyond those of u stay. Overwritten by the next."""
        if self._reduced is None:
            self._tie = self._create(self._rows.data, matrix.getLocalSize()[0] - self._rows.shape[0])
            self._reduced = matrix.PtAP(self._tie)
            for option in (
                PETSc.Mat.Option.SYMMETRIC,
                PETSc.Mat.Option.SYMMETRY_ETERNAL,
                PETSc.Mat.Option.KEEP_NONZERO_PATTERN,
            ):
                self._reduced.setOption(option, True)
        else:
            matrix.PtAP(self._tie, result=self._reduced)
        rows = self._reduced.getOwnershipRange()[0] + np.flatnonzero(self.prescribed)
        self._reduced.zeroRowsColumns(rows.astype(np.int32), 1.0)
        return self._reduced

    def _create(self, values: Floats, more: int = 0) -> PETSc.Mat:
        """A matrix with `values` where P has entries, and the identity in `more` rows and columns after this rank's."""
        rows, rank, extra = self._rows, self._comm.rank, np.array(self._comm.allgather(more))
        shifts = np.cumsum(extra) - extra  # each rank's columns begin as much later
        columns = rows.indices + shifts[np.searchsorted(self._ends, rows.indices, side="right")]
        beyond = self._ends[rank] + shifts[rank] + np.arange(more)
        csr = (
            np.concatenate([rows.indptr, rows.indptr[-1] + 1 + np.arange(more)]).astype(np.int32),
            np.concatenate([columns, beyond]).astype(np.int32),
            np.concatenate([values, np.ones(more)]),
        )
        sizes = tuple((own + more, PETSc.DETERMINE) for own in (rows.shape[0], self.size))
        return PETSc.Mat().createAIJ(sizes, csr=csr, comm=self._comm)


def _rows(number: Ints, offsets: Floats, count: int) -> sp.csr_matrix:
    """Rows of P for nodes that repeat those of a `number` (k,), `offsets` (k, d) mm from them; H comes after `count` nodes."""
    dim, nodes = offsets.shape[1], np.arange(len(number))
    moved, along = np.nonzero(offsets)
    entries = np.concatenate([np.ones(len(number)), offsets[moved, along]])
    places = np.concatenate([nodes, moved]), np.concatenate([number, count + along])
    return sp.kron(sp.csr_matrix((entries, places), (len(number), count + dim)), sp.identity(dim), format="csr")
