"""Every family of the catalogue over its whole box of parameters: elements, gradients, convergence.

    inverted     elements at or below zero size in 200 random designs of the box, after the guard: 0. Designs whose elements
                 the moved mesh bears badly are meshed afresh by it, as in a training; `meshed afresh` is their share
    gradient     of the area (volume), by torch, against meshes made afresh by gmsh at designs beside; of the energy at 1 % of
                 stretch, by the adjoint's parts, against bodies built anew: <= 1e-5
    convergence  of that energy under refinement, on the mesh moved from the start to a random design and on one made there:
                 orders within 0.3 of each other, limits within 1 %

Seconds are of one thread; families come at small settings, see `FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
import torch
from mpi4py import MPI

from benchmarks.report import bench_main
from benchmarks.timing import Figures, seconds, told
from geometries.anti_tetrachiral import anti_tetrachiral
from geometries.big_pore import big_pore
from geometries.display import display
from geometries.extruded import extruded
from geometries.gyroid import gyroid
from geometries.honeycomb_cell import honeycomb_cell
from geometries.kagome_lattice import kagome_lattice
from geometries.overvelde_cell import overvelde_cell
from geometries.overvelde_pores import overvelde_pores
from geometries.reentrant_honeycomb import reentrant_honeycomb
from geometries.round_pores import round_pores
from geometries.star_pores import star_pores
from geometries.strut_lattice import strut_lattice
from geometries.tiled import tiled
from geometries.triangular_lattice import triangular_lattice
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.formulation import Formulation
from mnnfem.geometry import Geometry
from mnnfem.guard import Guard
from mnnfem.material import NeoHookean
from mnnfem.mesh import Floats, Mesh, signed_measures
from mnnfem.quality import least_angles, mean_ratios
from mnnfem.refine import refined

DESIGNS = 200
LEVELS = {2: 3, 3: 2}  # refinements; the last three meshes count
LAW = NeoHookean()
TILE = shapely.box(0, 0, 10, 10).difference(shapely.box(3, 3, 7, 7).buffer(0.8))
FAMILIES: dict[str, Callable[[], Geometry]] = {
    "star pores": lambda: star_pores(2, 2, solid=()),
    "round pores": lambda: round_pores(2, 2, elements=16),
    "elliptic pores": lambda: round_pores(2, 2, elements=16, elliptic=True),
    "overvelde pores": lambda: overvelde_pores(2, 2, elements=24),
    "star pores with corners": lambda: star_pores(2, 2, solid=(), corners=0.2),
    "overvelde cell": lambda: overvelde_cell(),
    "honeycomb cell": lambda: honeycomb_cell(divisions=4),
    "tiled outline": lambda: tiled(TILE, 1, 1),
    "big pore": lambda: big_pore(3, 1),
    "display": lambda: display(layers=1),
    "triangular lattice": lambda: triangular_lattice(3, 3),
    "kagome lattice": lambda: kagome_lattice(3, 2),
    "re-entrant honeycomb": lambda: reentrant_honeycomb(2, 4),
    "anti-tetrachiral": lambda: anti_tetrachiral(2, 2),
    "extruded star pores": lambda: extruded(star_pores(1, 1, solid=()), 10.0, 2),
    "strut lattice": lambda: strut_lattice(2, 1, 1),
    "gyroid": lambda: gyroid(1, 1, 1),
}


def elements(geometry: Geometry, rng: np.random.Generator) -> Figures:
    """Quality of the elements over random designs, and the time to mesh one."""
    inverted, afresh, angles, qualities = 0, 0, [], []
    for _ in range(DESIGNS):
        design = geometry.parameters.random(rng)
        mesh, points = geometry.mesh, geometry.points(torch.from_numpy(design)).numpy()
        if Guard().breach(mesh, points):
            mesh = geometry.rebuilt(design).mesh
            points, afresh = mesh.points, afresh + 1
        inverted += int((signed_measures(points, mesh.cells) <= 0).sum())
        angles.append(least_angles(points, mesh.cells).min())
        qualities.append(mean_ratios(points, mesh.cells).min())
    start = geometry.parameters.start
    return {
        "elements": len(geometry.mesh.cells),
        "parameters": len(start),
        "mesh, s": float(np.median([seconds(lambda: geometry.rebuilt(start), 1) for _ in range(3)])),
        "inverted": inverted,
        "meshed afresh": afresh / DESIGNS,
        "least angle, degrees": float(min(angles)),
        "worst quality": float(min(qualities)),
    }


def gradients(geometry: Geometry, rng: np.random.Generator) -> Figures:
    """Relative errors of directional derivatives at a random design, against central differences of fresh bodies."""
    (design, way), control = _inside(geometry, rng), _control(geometry)
    geometry = geometry.rebuilt(design)
    leaf = torch.tensor(design, requires_grad=True)
    points = geometry.points(leaf)
    size = _size(points, geometry.mesh)
    (by_size,) = torch.autograd.grad(size, leaf, retain_graph=True)
    body = _body(geometry.mesh)
    seed = body.energy_gradients(body.solve(points.detach().numpy(), control, LAW.values)).points
    (by_energy,) = torch.autograd.grad(points, leaf, torch.from_numpy(seed))

    def fresh_size(step: float) -> float:
        mesh = geometry.rebuilt(design + step * way).mesh
        return float(_size(torch.from_numpy(mesh.points), mesh))

    def fresh_energy(step: float) -> float:
        moved = geometry.points(torch.from_numpy(design + step * way)).numpy()
        return _energy(Mesh(moved, geometry.mesh.cells, geometry.mesh.facets), control)

    return {
        "gradient of the area": _error(by_size.numpy() @ way, fresh_size),
        "gradient of the energy": _error(by_energy.numpy() @ way, fresh_energy),
    }


def convergence(geometry: Geometry, rng: np.random.Generator) -> Figures:
    """Orders of convergence on meshes moved and afresh, and how far apart the limits are."""
    (design, _), control = _inside(geometry, rng), _control(geometry)
    moved = geometry.points(torch.from_numpy(design)).numpy()
    mesh = geometry.mesh
    found = [_limit(one, control) for one in (Mesh(moved, mesh.cells, mesh.facets), geometry.rebuilt(design).mesh)]
    (order, limit), (fresh_order, fresh_limit) = found
    return {
        "order, moved": order,
        "order, afresh": fresh_order,
        "orders differ by": abs(order - fresh_order),
        "limits differ by": abs(limit / fresh_limit - 1),
    }


def _limit(mesh: Mesh, control: Floats) -> tuple[float, float]:
    """Order of convergence of the energy over the last three meshes of a series, and its extrapolation."""
    meshes = [mesh]
    for _ in range(LEVELS[mesh.dim]):
        meshes.append(refined(meshes[-1]))
    energies = [_energy(one, control, degree=1 if mesh.dim == 3 else 2) for one in meshes[-3:]]
    first, second = energies[0] - energies[1], energies[1] - energies[2]
    return float(np.log2(first / second)), energies[2] - second**2 / (first - second)


def _inside(geometry: Geometry, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A random design in the middle half of the box, and a random way from it, of the box's size."""
    box = geometry.parameters
    middle, side = 0.5 * (box.lower + box.upper), box.upper - box.lower
    return middle + 0.25 * side * rng.uniform(-1, 1, len(box)), side * rng.uniform(-1, 1, len(box))


def _size(points: torch.Tensor, mesh: Mesh) -> torch.Tensor:
    """Area, mm^2, or volume, mm^3."""
    corners = points[torch.from_numpy(mesh.cells)]
    return torch.linalg.det(corners[:, 1:] - corners[:, :1]).sum() / (2 if mesh.dim == 2 else 6)


def _body(mesh: Mesh, degree: int = 2) -> Body:
    """Clamped at the bottom, the top pulled."""
    drive = Drive("top", (0.0, 1.0, 0.0)[: mesh.dim], float(np.ptp(mesh.points[:, 1])))
    return Body(mesh, LAW, Boundary(("bottom",), (drive,)), comm=MPI.COMM_SELF, formulation=Formulation(degree))


def _energy(mesh: Mesh, control: Floats, degree: int = 2) -> float:
    return _body(mesh, degree).solve(mesh.points, control, LAW.values).record.energy


def _control(geometry: Geometry) -> Floats:
    """1 % of the height at the start, mm, for every design."""
    return np.array([0.01 * np.ptp(geometry.mesh.points[:, 1])])


def _error(slope: float, value: Callable[[float], float]) -> float:
    """Least relative error against central differences, over some steps."""
    steps = (1e-3, 3e-4, 1e-4)
    return float(min(abs((value(h) - value(-h)) / (2 * h) / slope - 1) for h in steps))


def measure() -> tuple[Figures, list[str]]:
    """Figures by name, and the bars missed."""
    figures: Figures = {}
    missed = []
    for name, make in FAMILIES.items():
        geometry = make()
        parts = [part(geometry, np.random.default_rng(0)) for part in (elements, gradients, convergence)]
        found = {key: value for part in parts for key, value in part.items()}
        figures |= told({f"{name}: {key}": value for key, value in found.items()})
        bars = {"inverted": 0, "gradient of the area": 1e-5, "gradient of the energy": 1e-5}
        bars |= {"orders differ by": 0.3, "limits differ by": 0.01}
        missed += [f"{name}: {key} {found[key]:.3g}, wanted <= {bar:g}" for key, bar in bars.items() if not found[key] <= bar]
    return figures, missed


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
