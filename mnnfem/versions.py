"""Versions of everything a result depends on."""

from __future__ import annotations

import importlib.metadata
import platform

import dolfinx
import gmsh
import petsc4py
import torch

import mnnfem


def versions() -> dict[str, str]:
    """Name -> version."""
    found = {
        "mnnfem": mnnfem.__version__,
        "python": platform.python_version(),
        "dolfinx": dolfinx.__version__,
        "petsc4py": petsc4py.__version__,
        "gmsh": gmsh.__version__,
        "torch": torch.__version__,
    }
    for package in ("numpy", "scipy", "matplotlib", "pyvista", "safetensors", "trimesh"):
        found[package] = importlib.metadata.version(package)
    return found
