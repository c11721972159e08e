"""Versions of everything a result depends on."""

from __future__ import annotations

import importlib
import platform

import mnnfem

COMPUTE = ("dolfinx", "petsc4py", "mpi4py", "gmsh", "torch", "numpy", "scipy", "shapely")
WRITE = ("matplotlib", "pyvista", "safetensors", "trimesh")


def versions() -> dict[str, str]:
    """Name -> version; 'missing' where a package cannot be imported."""
    own = {"mnnfem": mnnfem.__version__, "python": platform.python_version()}
    return own | {name: _version(name) for name in (*COMPUTE, *WRITE)}


def _version(name: str) -> str:
    try:
        return str(importlib.import_module(name).__version__)
    except ImportError:
        return "missing"
