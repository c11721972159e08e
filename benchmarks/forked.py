"""Programs in forked processes, which have the heavy packages already: hundreds of them start in a second or two each.

Import this before anything that starts MPI: each child starts it for itself.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import mpi4py

mpi4py.rc.initialize = False
for heavy in ("torch", "matplotlib.pyplot", "pyvista", "scipy.spatial", "shapely", "trimesh", "gmsh", "tqdm"):
    importlib.import_module(heavy)


def child(log: Path, work: Callable[[], None]) -> int:
    """A process that does `work` and ends with its exit code, 1 for an exception; the process's number. `log`: what it says."""
    if number := os.fork():
        return number
    code = 1
    try:
        for stream in (1, 2):
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        from mpi4py import MPI

        MPI.Init()
        work()
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
