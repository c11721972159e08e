"""How the time and memory of one certified solve grow with the mesh, from 10,000 to a million degrees of freedom.

In space: the 3x3 panel, 150 x 150 x 30 mm, bottom held, top driven 5 % away, one mesh finer than the other in all
directions, solved by multigrid. Bars for quadratic displacements: seconds grow with exponent <= 1.15, and no
solve takes more than 16 GB. Linear displacements, and the 5x5 panel in the plane under the same drive (each size by
the solver that its size chooses), are reported without a bar.

Seconds are those of the processor, on one core, from rest to the certified state; the set-up (mesh, spaces, forms)
is apart. Every size runs in a process of its own, so its peak memory is its own. About 6 minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.report import bench_main
from geometries.extruded import extruded
from geometries.star_pores import star_pores
from mnnfem.geometry import Geometry

# name -> degree, solver (none: chosen by size), and per size: divisions and layers of the panel, layers through the thickness
SERIES = {
    "space_p2": (2, "multigrid", [(1, 3, 5), (2, 4, 8), (3, 6, 15)]),
    "space_p1": (1, "multigrid", [(2, 4, 12), (3, 6, 20), (4, 8, 20)]),
    "plane_p2": (2, "", [(1, 2, 0), (4, 8, 0), (13, 24, 0)]),
}
EXPONENT, MEMORY = 1.15, 16.0  # bars; GB


def panel(divisions: int, layers: int, through: int) -> Geometry:
    """The body of one size; in the plane where `through` is 0."""
    if not through:
        return star_pores(divisions=divisions, layers=layers)
    return extruded(star_pores(3, 3, solid=(), divisions=divisions, layers=layers), 30.0, through)


def solve_one(degree: int, size: tuple[int, int, int]) -> dict[str, float]:
    """Figures of one size; peak memory is that of this process."""
    from mnnfem.body import Body  # MPI starts here, and only in the children
    from mnnfem.boundary import Boundary, Drive
    from mnnfem.formulation import Formulation
    from mnnfem.material import NeoHookean

    mesh, law, start = panel(*size).mesh, NeoHookean(), time.process_time()
    up = tuple(float(axis == 1) for axis in range(mesh.dim))
    control = np.array([0.05 * np.ptp(mesh.points[:, 1])])
    body = Body(mesh, law, Boundary(("bottom",), [Drive("top", up, float(control[0]))]), formulation=Formulation(degree))
    ready = time.process_time()
    solution = body.solve(mesh.points, control, law.values)
    done = time.process_time()
    return {
        "dofs": body.solid.size,
        "setup_seconds": ready - start,
        "seconds": done - ready,
        "iterations": solution.record.iterations,
        "factorisations": solution.record.factorisations,
        "cg_iterations": getattr(body.equilibrium.factor(solution), "iterations", 0),
        "peak_gb": peak_gb(),
    }


def peak_gb() -> float:
    """Peak memory of this program, GB; getrusage would count what its parent held at the fork."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1e6 for line in status if line.startswith("VmHWM"))


def exponent(dofs: list[float], seconds: list[float]) -> float:
    """Slope of log seconds over log dofs, by least squares."""
    return float(np.polyfit(np.log(dofs), np.log(seconds), 1)[0])


def measure() -> tuple[dict[str, float], list[str]]:
    """Figures by name, and the bars missed."""
    figures: dict[str, float] = {}
    for name, (degree, solver, sizes) in SERIES.items():
        options = os.environ.get("PETSC_OPTIONS", "") + (f" -mnnfem_solver {solver}" if solver else "")
        environment = {**os.environ, "PETSC_OPTIONS": options, "OMP_NUM_THREADS": "1"}
        runs = []
        for size in sizes:
            command = [sys.executable, "-m", "benchmarks.growth", "--one", json.dumps([degree, size])]
            child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            runs.append(json.loads(child.stdout.splitlines()[-1]))
            figures |= {f"{name}_{key}_{len(runs)}": value for key, value in runs[-1].items()}
        figures[f"{name}_exponent"] = exponent([run["dofs"] for run in runs], [run["seconds"] for run in runs])
    growth, peak = figures["space_p2_exponent"], max(value for key, value in figures.items() if "peak_gb" in key)
    missed = [f"time in space grows with exponent {growth:.3f}, wanted <= {EXPONENT}"] if not growth <= EXPONENT else []
    missed += [f"a solve takes {peak:.1f} GB, wanted <= {MEMORY:g}"] if not peak <= MEMORY else []
    return figures, missed


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(solve_one(*json.loads(sys.argv[2]))))
    else:
        bench_main(__doc__ or "", measure)
