"""The same body in torch-fem 0.14, the differentiable finite elements of the PyTorch world: forward and gradient.

P2 triangles (its Tria2), our energy as the function of F that its hyperelastic material differentiates, our
quadrature or its own, one thread, float64. Not named after the package, which it would hide from scripts here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import basix
import numpy as np
import torch

from mnnfem.mesh import Floats, Ints, Mesh

try:
    from torchfem import Planar
    from torchfem.elements import Tria2
    from torchfem.materials import Hyperelastic3D
except ModuleNotFoundError as problem:
    raise ModuleNotFoundError(
        f"torch-fem cannot be imported ({problem}). To compare with it: "
        "./run pip install --target $HOME/torch-fem --no-deps torch-fem==0.14.0 pyamg meshio rich, "
        "then ./run env PYTHONPATH=$PWD:$HOME/torch-fem python -m benchmarks.NAME."
    ) from problem


@dataclass(frozen=True)
class TorchFem:
    """A solve by torch-fem and, where asked for, a gradient.

    displacement  of the mesh points, (n, 2) mm;  gradient (n, 2) by the mesh points' coordinates, or None
    residual, reaction   norms over free and prescribed degrees of freedom, N/mm;  dofs: how many there are
    least_det_f   over its quadrature points: its own checks do not see an inverted state
    iterations    of Newton: linear systems, failed increments included
    forward, backward    processor seconds, without building the model
    """

    displacement: Floats
    gradient: Floats | None
    residual: float
    reaction: float
    least_det_f: float
    dofs: int
    iterations: int
    forward: float
    backward: float


def torchfem_solve(
    mesh: Mesh,
    points: Floats,
    prescribed: Mapping[str, Sequence[float]],
    material: Floats,
    atol: float,
    seed: Floats | None = None,
    degree: int = 4,
    increments: int = 5,
    growth_factor: float = 2.0,
    method: str = "direct",
) -> TorchFem:
    """The equilibrium with facets displaced by `prescribed` (x, y) mm; its gradient where `seed` is given.

    points (n, 2) mm, material (E in MPa, nu). Newton stops at a residual of `atol`, N/mm, in each increment: it
    knows no reactions. `seed` (n, 2) is the derivative of a functional by the displacement of the mesh points.
    degree 4 is our quadrature, 2 its own. The load comes in equal increments, halved where Newton fails and
    grown again by `growth_factor`; `method` is direct, cg or bicgstab. Raises its ConvergenceError.
    """
    with _one_thread_float64():
        leaf = torch.tensor(points, requires_grad=seed is not None)
        edges, connectivity = quadratic(mesh.cells, len(points))
        nodes = torch.cat([leaf, leaf[torch.from_numpy(edges)].mean(dim=1)])
        model = _model(nodes, connectivity, material, degree)
        for name, displacement in prescribed.items():
            where = _on_facet(mesh.facet(name), edges, len(points))
            model.constraints[where] = True
            model.displacements[where] = torch.tensor(displacement, dtype=torch.float64)
        begin = time.process_time()
        u, force, _, F, _ = model.solve(
            torch.linspace(0.0, 1.0, increments + 1),
            max_iter=30,
            rtol=0.0,
            atol=atol,
            aggregate_integration_points=False,
            differentiable_parameters=None if seed is None else nodes,
            growth_factor=growth_factor,
            method=method,
        )
        solved, iterations = time.process_time(), model.iterations
        if seed is not None:
            (torch.from_numpy(seed) * u[: len(points)]).sum().backward()
        done = time.process_time()
        free, least = ~model.constraints, torch.linalg.det(F).min().item()
        return TorchFem(
            displacement=u[: len(points)].detach().numpy(),
            gradient=None if leaf.grad is None else leaf.grad.numpy(),
            residual=force[free].norm().item(),
            reaction=force[~free].norm().item(),
            least_det_f=least,
            dofs=model.n_dofs,
            iterations=iterations,
            forward=solved - begin,
            backward=done - solved,
        )


def quadratic(cells: Ints, count: int) -> tuple[Ints, Ints]:
    """P2 nodes of triangles (m, 3) on `count` points: the edges (e, 2) whose middles follow the points, and (m, 6) nodes."""
    sides = np.sort(cells[:, [[0, 1], [1, 2], [2, 0]]], axis=2)
    edges, middles = np.unique(sides.reshape(-1, 2), axis=0, return_inverse=True)
    return edges, np.concatenate([cells, count + middles.reshape(-1, 3)], axis=1)


def _on_facet(facet: Ints, edges: Ints, count: int) -> Ints:
    """P2 nodes on a facet (k, 2): its points and the middles of its edges."""
    on = np.sort(facet, axis=1)
    return np.concatenate([np.unique(facet), count + np.flatnonzero(np.isin(edges @ [count, 1], on @ [count, 1]))])


def _energy(F: torch.Tensor, moduli: torch.Tensor) -> torch.Tensor:
    """`NeoHookean.energy` of one F, (2, 2), and (mu, K). Its ln J must see the sign of J: log det(F^T F) / 2 does not."""
    log_j = torch.log(F[0, 0] * F[1, 1] - F[0, 1] * F[1, 0])
    return moduli[0] / 2 * ((F * F).sum() - 2 - 2 * log_j) + moduli[1] / 2 * log_j**2


class _Plane(Hyperelastic3D):
    """Its hyperelastic material on F of 2 x 2: the same stress as its plane strain, from smaller derivatives."""

    dim = 2


class _Counting(Planar):
    """Its planar model, counting Newton iterations as its own report does."""

    iterations = 0

    def integrate_material(self, *state: Any, compute_stiffness: bool = True) -> Any:
        self.iterations += compute_stiffness and state[6] > 0
        return super().integrate_material(*state, compute_stiffness=compute_stiffness)


def _model(nodes: torch.Tensor, connectivity: Ints, material: Floats, degree: int) -> _Counting:
    """The body of P2 nodes; degree 2 gives the three quadrature points of its own Tria2."""
    young, poisson = material
    points, weights = basix.make_quadrature(basix.CellType.triangle, degree)
    rule = type("Tria2Rule", (Tria2,), {"ipoints": torch.from_numpy(points), "iweights": torch.from_numpy(weights)})
    planar = type("PlanarRule", (_Counting,), {"element_types": (rule,)})
    law = _Plane(_energy, [young / (2 * (1 + poisson)), young / (3 * (1 - 2 * poisson))])
    return planar(nodes, torch.from_numpy(connectivity), law)


@contextmanager
def _one_thread_float64() -> Iterator[None]:
    """It makes its tensors in torch's default type; both settings are global."""
    kept = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_default_dtype(kept[0])
        torch.set_num_threads(kept[1])
