"""Cholesky factors of the stiffness of a network, dense or sparse by size; they tell whether it is positive definite."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from mnnfem.mesh import Floats

DENSE = 300  # rows up to which LAPACK is faster
SMALL = 1e-13  # pivots below it, over the largest, are rounding


class Factor:
    """K = L L^T of a symmetric matrix (f, f); `definite` tells whether every pivot is positive beyond rounding.

    SuperLU without row exchanges, ordered by minimum degree, gives L D L^T, whose D is the diagonal of its U.
    """

    def __init__(self, matrix: Any) -> None:
        self._dense = matrix.shape[0] <= DENSE
        self._factor: Any = None
        self.definite = False
        if self._dense:
            full = matrix.toarray() if sp.issparse(matrix) else matrix
            self._factor, failed = scipy.linalg.lapack.dpotrf(full, lower=1)
            self.definite = not failed and _positive(np.diag(self._factor) ** 2)
        else:
            options = {"SymmetricMode": True}
            try:
                found = splu(sp.csc_matrix(matrix), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
            except RuntimeError:  # exactly singular
                return
            self._factor = found
            self.definite = bool(np.array_equal(found.perm_r, found.perm_c)) and _positive(found.U.diagonal())

    def solve(self, rhs: Floats) -> Floats:
        """K^-1 rhs, (f,) or (f, k)."""
        if self._dense:
            solution, _ = scipy.linalg.lapack.dpotrs(self._factor, rhs, lower=1)
            return solution
        found: Floats = self._factor.solve(rhs)
        return found


def _positive(pivots: Floats) -> bool:
    return bool(pivots.min() > SMALL * pivots.max())
