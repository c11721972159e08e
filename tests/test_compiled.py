"""Forms are compiled by one process, and used by all that need them at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import ufl
from dolfinx import fem, jit
from dolfinx.mesh import create_unit_square
from mpi4py import MPI

from mnnfem import compiled

BOTH_RANKS = """
import ufl
from dolfinx.mesh import create_unit_square
from mpi4py import MPI
from mnnfem import compiled
compiled.PATIENCE = 1
for comm in (MPI.COMM_SELF, MPI.COMM_WORLD):
    mesh = create_unit_square(comm, 2, 2)
    compiled.form(ufl.SpatialCoordinate(mesh)[0] ** comm.size * ufl.dx(domain=mesh))
"""
COMPILER = """#!/bin/sh
case " $* " in *" -c "*) echo "$*" >>{log}; sleep 2 ;; esac
exec cc "$@"
"""


def test_two_ranks_compile_each_form_once(tmp_path: Path) -> None:
    """On meshes of their own and on one of both; the cache empty, the compiler slower than who waits is patient."""
    log, compiler = tmp_path / "log", tmp_path / "compiler"
    compiler.write_text(COMPILER.format(log=log))
    compiler.chmod(0o755)
    variables = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "CC": str(compiler)}
    command = ["mpirun", "-n", "2", sys.executable, "-m", "mpi4py", "-c", BOTH_RANKS]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(log.read_text().splitlines()) == len(list(tmp_path.glob("fenics/*.c.cached"))) == 2


def test_what_a_killed_compiler_left_is_compiled_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(jit.DOLFINX_DEFAULT_JIT_OPTIONS, "cache_dir", (tmp_path, ""))
    monkeypatch.setattr(compiled, "PATIENCE", 1)
    mesh = create_unit_square(MPI.COMM_SELF, 2, 2)
    integral = ufl.SpatialCoordinate(mesh)[0] * ufl.dx(domain=mesh)
    compiled.form(integral)
    (ready,) = tmp_path.glob("*.c.cached")
    ready.unlink()
    assert fem.assemble_scalar(compiled.form(integral)) == pytest.approx(0.5)
    assert ready.exists()
