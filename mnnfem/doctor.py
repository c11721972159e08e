"""`mnnfem doctor`: what is here, whether it works, and one fix line for each fault."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnnfem.errors import InputError
from mnnfem.versions import versions

RENDER = """
import sys
import pyvista
plotter = pyvista.Plotter(off_screen=True, window_size=(64, 64))
plotter.add_mesh(pyvista.Sphere())
image = plotter.screenshot(return_img=True)
sys.exit(0 if image.std() > 1 else 3)
"""
SOLVE = """
import numpy as np
from mpi4py import MPI
from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.material import NeoHookean
geometry = star_pores(columns=3, rows=3, solid=((1, 1),))
boundary = Boundary(("corners",), (Drive("left_middle", (1.0, 0.0), 5.0),))
body = Body(geometry.mesh, NeoHookean(), boundary, comm=MPI.COMM_WORLD)
solution = body.solve(geometry.mesh.points, np.array([2.0]), NeoHookean().values)
assert solution.record.certified
"""


@dataclass(frozen=True)
class Finding:
    """One line of the report; `fix` says what to do where `good` is False."""

    what: str
    value: str
    good: bool = True
    fix: str = ""


def examine() -> list[Finding]:
    """All findings, in the order they are printed. Takes some seconds: it renders and solves.

    A missing package is a finding, so packages are imported by the checks that need them, not by this file.
    """
    checks: list[Callable[[], Finding]] = [_environment, _threads, _blas, _factorisation, _solver, _ranks, _rendering, _cache]
    return [_package(name, version) for name, version in versions().items()] + [_guarded(check) for check in checks]


def doctor_command(argv: Sequence[str]) -> int:
    """`mnnfem doctor`: what `report` prints and returns."""
    if argv:
        raise InputError(f"mnnfem doctor takes no arguments, got {argv[0]!r}.")
    return report()


def report() -> int:
    """Print the findings; returns 0, or 1 if there is a fault."""
    findings = examine()
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        print(f"{'ok   ' if finding.good else 'FAULT'} {finding.what:<{width}}  {finding.value}")
    faults = [finding for finding in findings if not finding.good]
    for finding in faults:
        print(f"fix {finding.what}: {finding.fix}")
    print("No faults." if not faults else f"{len(faults)} of {len(findings)} checks found a fault.")
    return 1 if faults else 0


def _package(name: str, version: str) -> Finding:
    return Finding(name, version, version != "missing", f"start through ./run, or install {name} (environment/pip.txt).")


def _guarded(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except ImportError as problem:
        return Finding(check.__name__.strip("_"), f"cannot be told: {problem}", False, "install what is missing above.")


def _environment() -> Finding:
    inside = os.environ.get("MNNFEM_INSIDE")
    if inside:
        return Finding("environment", f"{Path(inside).name.split('-')[0]}, made by ./run in {inside}")
    conda = os.environ.get("CONDA_PREFIX")
    return Finding("environment", f"conda, {conda}" if conda else f"the Python at {sys.prefix}")


def _threads() -> Finding:
    import torch

    count = len(os.sched_getaffinity(0))
    omp = os.environ.get("OMP_NUM_THREADS", "not set")
    return Finding("threads", f"{count} cores for this process, OMP_NUM_THREADS {omp}, torch {torch.get_num_threads()}")


def _blas() -> Finding:
    loaded = Path("/proc/self/maps").read_text()
    found = sorted(set(re.findall(r"/([^/\s]*(?:openblas|mkl_core|mkl_rt|blis)[^/\s]*\.so[^/\s]*)", loaded)))
    if found:
        return Finding("BLAS", ", ".join(found))
    return Finding(
        "BLAS", "no optimised BLAS is loaded", False,
        "install libopenblas0-pthread (Debian) or libblas=*=*openblas (conda): factorisations are 2 to 3 times faster.",
    )  # fmt: skip


def _factorisation() -> Finding:
    from petsc4py import PETSc

    have = {name: bool(PETSc.Sys.hasExternalPackage(name)) for name in ("cholmod", "mumps")}
    missing = [name for name, there in have.items() if not there]
    return Finding(
        "PETSc solvers", ", ".join(f"{name} {'yes' if there else 'no'}" for name, there in have.items()), not missing,
        f"use a PETSc that was configured with {' and '.join(missing)}; ./run and conda-forge give one.",
    )  # fmt: skip


def _solver() -> Finding:
    return _try(
        "equilibrium",
        [sys.executable, "-c", SOLVE],
        "a C compiler and a writable ~/.cache/fenics are needed (apt install gcc)",
    )


def _ranks() -> Finding:
    from mpi4py import MPI

    vendor = f"{MPI.get_vendor()[0]} {'.'.join(map(str, MPI.get_vendor()[1]))}"
    launcher = shutil.which("mpirun")
    if launcher is None:
        return Finding("MPI", f"{vendor}, but no mpirun", False, "install the launcher of this MPI (apt install openmpi-bin).")
    finding = _try("MPI", [launcher, "-n", "2", sys.executable, "-c", SOLVE], "start it through ./run, which sets up Open MPI")
    return Finding("MPI", f"{vendor}, 2 ranks: {finding.value}", finding.good, finding.fix)


def _rendering() -> Finding:
    fix = "install libegl1 and libgl1-mesa-dri (apt) or mesalib (conda); figures are drawn without"
    # In a child: without EGL, OSMesa or a display VTK does not raise, it crashes.
    return _try("rendering", [sys.executable, "-c", RENDER], fix)


def _cache() -> Finding:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    probe = next(path for path in (folder, *folder.parents) if path.exists())
    return Finding(
        "cache", str(folder), os.access(probe, os.W_OK), f"make {folder} writable, or set XDG_CACHE_HOME to a folder that is."
    )


def _try(what: str, command: list[str], fix: str) -> Finding:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment)
    except subprocess.TimeoutExpired:
        return Finding(what, "no answer in 180 s", False, fix + ".")
    if done.returncode == 0:
        return Finding(what, "works")
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return Finding(what, f"fails: {last[:150]}", False, fix + ".")
