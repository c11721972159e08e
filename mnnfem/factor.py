"""Sparse Cholesky factors that also tell whether the matrix is positive definite."""

from __future__ import annotations

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from mnnfem.errors import EquilibriumError
from mnnfem.mesh import Floats

PREFIX = "mnnfem_"
SINGULAR = -10  # INFOG(1) of the MUMPS manual
NOT_POSITIVE = 81  # PETSC_ERR_MAT_CH_ZRPVT of petscerror.h: zero or negative pivot


def default_option(key: str, value: str) -> None:
    """Set a PETSc option unless the user has given it: the command line always wins."""
    options = PETSc.Options()
    if not options.hasName(PREFIX + key):
        options.setValue(PREFIX + key, value)


class Cholesky:
    """K = L L^T of one sparsity pattern, refactored as often as asked; the ordering is found once.

    On one rank CHOLMOD factors, and fails exactly where K is not positive definite, as long as it is held
    to its supernodal method: left to choose, it takes L D L^T for small matrices and accepts indefinite
    ones. On several ranks, or where PETSc was built without CHOLMOD, MUMPS factors, and its inertia counts
    the negative pivots.

    A matrix may have rows after those of the displacement, of which `negative` pivots are to be negative on all ranks: its
    Schur complement is what is factored then, by MUMPS.

    positive   whether the last matrix was positive definite
    worth      a new factor costs about this many steps of the minimiser
    exact      whether `solve` is K^-1 to rounding
    """

    worth, exact = 10.0, True

    def __init__(self, comm: MPI.Comm, solver: str | None = None, negative: int = 0) -> None:
        self.positive = self._ordered = False
        self.negative = negative
        whole = comm.size == 1 and not negative and PETSc.Sys.hasExternalPackage("cholmod")
        self.solver = solver or ("cholmod" if whole else "mumps")
        self._pc = PETSc.PC().create(comm)
        self._pc.setOptionsPrefix(PREFIX)
        self._pc.setType(PETSc.PC.Type.CHOLESKY)
        self._pc.setFactorSolverType(self.solver)
        if self.solver == "cholmod":
            default_option("mat_cholmod_factor", "SUPERNODAL")
            default_option("mat_cholmod_print", "0")
        else:
            default_option("mat_mumps_icntl_13", "1")  # no parallel root front: its pivots are not counted
            default_option("mat_mumps_icntl_24", "1")
            default_option("mat_mumps_icntl_14", "200")  # per cent more room than its estimate, too low in space on many ranks
        self._pc.setFromOptions()
        self._vectors: tuple[PETSc.Vec, PETSc.Vec] | None = None

    def factorise(self, matrix: PETSc.Mat) -> bool:
        """Factor the symmetric `matrix`; returns, and remembers in `positive`, whether it is positive definite."""
        if self._vectors is None:
            self._vectors = matrix.createVecs()
        self._pc.setOperators(matrix)
        try:
            self._pc.setUp()
        except PETSc.Error as problem:
            if problem.ierr != NOT_POSITIVE:
                raise
            self.positive = False
            if not self._ordered:
                self._pc.reset()  # CHOLMOD cannot order again what it has begun to factor
        else:
            self._ordered = True
            self.positive = self.solver == "cholmod" or self._mumps_says()
        return self.positive

    def _mumps_says(self) -> bool:
        factor = self._pc.getFactorMatrix()
        status = factor.getMumpsInfog(1)
        if status < 0 and status != SINGULAR:  # its inertia would be an old one
            raise EquilibriumError(
                f"MUMPS failed with INFOG(1) = {status}, INFOG(2) = {factor.getMumpsInfog(2)}", 0.0, kind="solver"
            )
        return status >= 0 and tuple(factor.getInertia()[:2]) == (self.negative, 0)

    def solve(self, rhs: Floats, tolerance: float = 0.0) -> Floats:
        """K^-1 rhs, on this rank's rows; exact, whatever `tolerance` an iterative solver would be allowed."""
        assert self._vectors is not None, "factorise() comes before solve()"
        solution, right = self._vectors
        own = len(rhs)
        right.array[:own], right.array[own:] = rhs, 0.0
        # Not PC.apply: it would factor again if the matrix has changed since.
        self._pc.getFactorMatrix().solve(right, solution)
        return np.array(solution.array[:own])
