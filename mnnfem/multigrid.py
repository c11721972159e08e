"""Conjugate gradients on multigrid: for systems too large to factor, and whether these are positive definite."""

from __future__ import annotations

import numpy as np
from dolfinx import fem
from mpi4py import MPI
from petsc4py import PETSc

from mnnfem.errors import EquilibriumError, InputError
from mnnfem.factor import PREFIX, Cholesky, default_option
from mnnfem.mesh import Floats, Mask
from mnnfem.solid import Solid

BREAKDOWNS = (71, 72, 76, 81, 91)  # zero pivots, not a number, LAPACK, no convergence: petscerror.h
CYCLES = (PETSc.PC.Type.MG, PETSc.PC.Type.GAMG)
LARGE = {2: 3_000_000, 3: 150_000}  # degrees of freedom from which multigrid was the faster one, by dimension


class Multigrid:
    """K^-1 by conjugate gradients, preconditioned by a multigrid cycle; the interface of `Cholesky`.

    Quadratic displacements are smoothed by Chebyshev polynomials in D^-1 K, D the nodes' own blocks, and corrected
    on the linear ones of the same mesh (K_1 = P^T K P with the exact interpolation P). Linear ones are left to
    smoothed aggregation, which is told the rigid-body modes of the body as it lies now. PETSc options:
    `mnnfem_ksp_`, `mnnfem_mg_levels_` for the smoother, `mnnfem_mg_coarse_pc_gamg_` for the aggregation
    (at degree 1 there is only that: `mnnfem_pc_gamg_`).

    positive     whether the last matrix was positive definite
    worth        a new set-up costs about this many steps of the minimiser
    exact        whether `solve` is K^-1 to rounding
    iterations   of conjugate gradients, over all solves
    """

    worth, exact = 3.0, False

    def __init__(self, solid: Solid) -> None:
        self.positive, self.iterations, self._solid = False, 0, solid
        self._linear = fem.functionspace(solid.domain, ("Lagrange", 1, (solid.mesh.dim,)))
        self._prolongation: PETSc.Mat | None = None
        if solid.degree == 2 and not PETSc.Options().hasName(PREFIX + "pc_type"):
            self._prolongation, self._held = _prolongation(self._linear, solid)
        self._random = solid.on_free(np.random.default_rng(solid.comm.rank).standard_normal(solid.size))
        self._ksp = PETSc.KSP()
        self._matrix = PETSc.Mat()

    def factorise(self, matrix: PETSc.Mat) -> bool:
        """Set up for the symmetric `matrix`; returns, and remembers in `positive`, whether it is positive definite.

        The test: conjugate gradients on a random right-hand side r. While their Ritz values theta_i are positive, the
        residual's share in a mode of negative stiffness lambda is r's share times the product of 1 + |lambda| / theta_i:
        it can only grow. So if the residual falls to 1e-6 of r with positive Ritz values throughout, there is no such
        mode, but for the chance that r has less than 1e-6 of itself in it. That holds if the cycle is positive
        definite, which `_sound` sees to: a cycle that inverts the negative modes too would hide them.
        """
        self.positive = False
        if not np.isfinite(matrix.norm()):
            return False
        if not self._matrix:
            self._x, self._b = matrix.createVecs()
        self._keep(matrix, self._matrix)
        try:
            self._set_up(matrix)
            if not _sound(self._ksp.getPC()):
                return False
            self._run(self._random, 1e-6)
            ritz = self._ksp.computeEigenvalues().real
        except PETSc.Error as problem:
            if problem.ierr not in BREAKDOWNS:
                raise
            return False
        # A cycle of sound smoothers only falls short of K^-1: a Ritz value far above 1 is a smoother that went astray.
        most = 2.0 if self._ksp.getPC().getType() in CYCLES else np.inf
        positive = self._ksp.getConvergedReason() > 0 and bool(ritz.min() > 0 and ritz.max() < most)
        self.positive = self._solid.comm.bcast(positive)  # eigenvalues need not be rounded alike on all ranks
        return self.positive

    def solve(self, rhs: Floats, tolerance: float = 1e-2) -> Floats:
        """K^-1 rhs, on this rank's rows, to a relative `tolerance` in the norm of the preconditioned energy."""
        assert self._matrix, "factorise() comes before solve()"
        self._run(rhs, tolerance)
        if self._ksp.getConvergedReason() < 0:
            reason = f"conjugate gradients did not reach {tolerance:g} in {self._ksp.getIterationNumber()} iterations"
            advice = "Use -mnnfem_solver cholesky in PETSC_OPTIONS, or a better mesh."
            raise EquilibriumError(reason, 1.0, advice=advice, kind="solver")
        return np.array(self._x.array)

    def _run(self, rhs: Floats, tolerance: float) -> None:
        self._ksp.setTolerances(rtol=tolerance, max_it=500)
        self._b.array[:] = rhs
        self._ksp.solve(self._b, self._x)
        self.iterations += self._ksp.getIterationNumber()

    def _keep(self, matrix: PETSc.Mat, mine: PETSc.Mat) -> None:
        """Copy a matrix, which the solid will overwrite; in blocks it multiplies 2.5 times as fast."""
        matrix.convert(PETSc.Mat.Type.AIJ if self._prolongation is None else PETSc.Mat.Type.BAIJ, out=mine)
        mine.assemble()  # a copied AIJ matrix would leave a Gauss-Seidel smoother the diagonal of the one before

    def _set_up(self, rows: PETSc.Mat) -> None:
        self._ksp.destroy()  # a set-up that broke down leaves nothing behind
        solid, modes = self._solid, _rigid_modes(self._linear, self._solid)
        self._ksp = ksp = PETSc.KSP().create(solid.domain.comm)
        ksp.setOptionsPrefix(PREFIX)
        ksp.setType(PETSc.KSP.Type.CG)
        ksp.setNormType(PETSc.KSP.NormType.NATURAL)
        ksp.setComputeEigenvalues(True)
        ksp.setOperators(self._matrix)
        cycle = ksp.getPC()
        if self._prolongation is None:
            default_option("pc_gamg_threshold", "0.01")  # without it, a quarter more iterations
            if solid.degree == 1:
                self._matrix.setNearNullSpace(modes)
            cycle.setType(PETSc.PC.Type.GAMG)
        else:
            coarse = rows.ptap(self._prolongation)
            diagonal = coarse.getDiagonal()
            diagonal.array[self._held] = 1.0
            coarse.setDiagonal(diagonal)
            diagonal.destroy()
            coarse.setBlockSize(solid.mesh.dim)
            coarse.setNearNullSpace(modes)
            cycle.setType(PETSc.PC.Type.MG)
            cycle.setMGLevels(2)
            cycle.setMGInterpolation(1, self._prolongation)
            smoother, below = cycle.getMGSmoother(1), cycle.getMGCoarseSolve()
            smoother.setType(PETSc.KSP.Type.CHEBYSHEV)
            smoother.setTolerances(max_it=2)
            smoother.getPC().setType(PETSc.PC.Type.PBJACOBI)
            below.setType(PETSc.KSP.Type.PREONLY)
            below.getPC().setType(PETSc.PC.Type.GAMG)
            default_option("mg_coarse_pc_gamg_threshold", "0.01")
            below.setOperators(coarse, coarse)
            coarse.destroy()  # theirs now
        modes.destroy()
        ksp.setFromOptions()
        ksp.setUp()


def _sound(cycle: PETSc.PC) -> bool:
    """Whether every level has positive diagonal blocks, and the last one, solved directly, no negative eigenvalue.

    Each level is the matrix itself on a subspace, so a matrix that is not positive there is not positive. Where it is, the
    cycle is positive definite whatever the matrix is: a Chebyshev smoother in D^-1 K is for any D > 0, as its
    polynomial is positive left of its interval too.
    """
    comm = cycle.getComm().tompi4py()
    if cycle.getType() not in CYCLES:
        return True  # the user's own choice
    for level in range(1, cycle.getMGLevels()):
        smoother = cycle.getMGSmoother(level)
        operator = smoother.getOperators()[1]
        if smoother.getPC().getType() == PETSc.PC.Type.PBJACOBI:
            blocks = operator.invertBlockDiagonal()
            least = comm.allreduce(np.linalg.eigvalsh(blocks).min(initial=0.0), op=MPI.MIN)
        else:
            diagonal = operator.getDiagonal()
            least = diagonal.min()[1]
            diagonal.destroy()
        if not least >= 0:  # 0 in an aggregate too small for all rigid modes
            return False
    last = cycle.getMGCoarseSolve()
    if last.getPC().getType() == PETSc.PC.Type.GAMG:
        return _sound(last.getPC())
    dense = last.getOperators()[1].convert(PETSc.Mat.Type.DENSE, out=PETSc.Mat())
    rows = comm.allgather(dense.getDenseArray())
    dense.destroy()
    values = np.linalg.eigvalsh(np.concatenate(rows))
    return bool(comm.bcast(values[0] > -1e-12 * values[-1]))


Solver = Cholesky | Multigrid


def linear_solver(solid: Solid) -> Solver:
    """Cholesky for a small solid, multigrid for a large one; -mnnfem_solver cholesky|multigrid in PETSC_OPTIONS decides."""
    dofs, mesh, negative = solid.dofs, solid.mesh, solid.density.negative
    beyond = {
        "The mixed form": negative,
        "A periodic body": dofs.ties is not None,
        f"A mesh of {mesh.kind.plural}": not mesh.kind.simplex,
    }
    refused = [what for what, is_so in beyond.items() if is_so]
    large = mesh.dim * dofs.index_map.size_global >= LARGE[mesh.dim] and not refused
    kind = PETSc.Options().getString(PREFIX + "solver", "multigrid" if large else "cholesky")
    if kind not in ("cholesky", "multigrid"):
        raise InputError(f"-{PREFIX}solver can be cholesky or multigrid, got {kind!r}.")
    if refused and kind == "multigrid":
        raise InputError(f"{refused[0]} has no multigrid: leave -{PREFIX}solver multigrid out of PETSC_OPTIONS.")
    return Multigrid(solid) if kind == "multigrid" else Cholesky(solid.domain.comm, negative=negative)


def _prolongation(linear: fem.FunctionSpace, solid: Solid) -> tuple[PETSc.Mat, Mask]:
    """P, P1 -> P2 displacements, with zeros where these are prescribed; and the mask of the own prescribed P1 ones."""
    matrix = fem.petsc.interpolation_matrix(linear, solid.space)
    matrix.assemble()
    fine, coarse = matrix.createVecs("left"), matrix.createVecs("right")
    fine.array[:] = solid.prescribed
    matrix.multTranspose(fine, coarse)  # a free vertex has no prescribed node beside it: facets take their corners along
    held: Mask = coarse.array > 0
    fine.array[:], coarse.array[:] = solid.free, ~held
    matrix.diagonalScale(fine, coarse)
    fine.destroy()
    coarse.destroy()
    return matrix, held


def _rigid_modes(linear: fem.FunctionSpace, solid: Solid) -> PETSc.NullSpace:
    """Translations and rotations about the place where the body lies at the displacement last loaded."""
    dim, places = solid.mesh.dim, fem.Function(linear)
    corners = solid.domain.geometry.x[solid.dofs.cell_nodes, :dim]
    moved = solid.u.x.array.reshape(-1, dim)[solid.dofs.cell_dofs[:, : dim + 1]]
    places.x.array.reshape(-1, dim)[linear.dofmap.list] = corners + moved
    return PETSc.NullSpace().createRigidBody(places.x.petsc_vec)
