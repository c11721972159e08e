"""Exactness of the gradients: Taylor order, and central differences of a forward solve rebuilt from scratch.

The functional is a fixed random combination of all displacements of all mesh points under two control
vectors at once. Bars: Taylor order > 1.95 and relative error <= 1e-6, in radii, controls and material.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mpi4py import MPI

from benchmarks.report import bench_main
from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.bridge import Bridge
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from mnnfem.mesh import Floats

SCALES = {"radii": 0.05, "controls": 0.5, "material": 0.05}


@dataclass(frozen=True)
class Problem:
    """A functional J(radii, controls, material) of a panel, and the point where its gradient is wanted."""

    geometry: Geometry
    radii: Floats
    controls: Floats
    material: Floats
    weights: torch.Tensor

    @classmethod
    def random(cls, geometry: Geometry, seed: int) -> Problem:
        rng = np.random.default_rng(seed)
        return cls(
            geometry,
            radii=rng.uniform(0.3, 0.7, len(geometry.parameters)),
            controls=rng.uniform(-15, 15, (2, 2)),
            material=NeoHookean().values,
            weights=torch.from_numpy(rng.normal(size=(2, *geometry.mesh.points.shape))),
        )

    def body(self, factors: int = 2) -> Body:
        """A body built anew: mesh, forms, factors."""
        drives = [Drive(side, (1.0, 0.0), 40.0) for side in ("left_middle", "right_middle")]
        return Body(self.geometry.mesh, NeoHookean(), Boundary(("corners",), drives), comm=MPI.COMM_SELF, factors=factors)

    def inputs(self) -> dict[str, torch.Tensor]:
        """Leaf tensors of the three inputs."""
        return {name: torch.tensor(getattr(self, name), requires_grad=True) for name in SCALES}

    def gradient(self, batch: Sequence[int] = (0, 1)) -> dict[str, Floats]:
        """Gradient of J by the bridge, for all samples or some."""
        inputs, rows = self.inputs(), list(batch)
        points = self.geometry.points(inputs["radii"])
        response = Bridge(self.body())(points, inputs["controls"][rows], inputs["material"])
        (self.weights[rows] * response.displacement).sum().backward()  # type: ignore[no-untyped-call]
        found = {name: tensor.grad.numpy() for name, tensor in inputs.items() if tensor.grad is not None}
        return {**found, "controls": found["controls"][rows]}

    def value(self, name: str = "radii", step: Floats | float = 0.0) -> float:
        """J with one input moved, by a body that nothing is reused for: every solve starts from rest."""
        moved = {key: getattr(self, key) + (step if key == name else 0.0) for key in SCALES}
        points = self.geometry.points(torch.from_numpy(moved["radii"])).numpy()
        body, total = self.body(), 0.0
        for weights, controls in zip(self.weights.numpy(), moved["controls"], strict=True):
            total += float((weights * body.displacement(body.solve(points, controls, moved["material"]))).sum())
        return total

    def direction(self, name: str) -> Floats:
        """A fixed random direction in one input, of a natural size."""
        rng = np.random.default_rng(11)
        direction: Floats = rng.normal(size=getattr(self, name).shape) * SCALES[name]
        return direction * self.material if name == "material" else direction


def taylor_order(problem: Problem, gradient: dict[str, Floats], name: str) -> float:
    """Least observed order of |J(x + h d) - J(x) - h J'd| over halvings of h; 2 if the gradient is right."""
    direction = problem.direction(name)
    slope, base = float((gradient[name] * direction).sum()), problem.value()
    steps = 0.02 * 0.5 ** np.arange(5)
    remainders = [abs(problem.value(name, h * direction) - base - h * slope) for h in steps]
    return float(np.log2(np.array(remainders[:-1]) / remainders[1:]).min())


def relative_error(problem: Problem, gradient: dict[str, Floats], name: str) -> float:
    """|J'd - central difference| / |central difference|; the step balances truncation and round-off."""
    direction = problem.direction(name)
    slope, h = float((gradient[name] * direction).sum()), 1e-3

    def central(step: float) -> float:
        return (problem.value(name, step * direction) - problem.value(name, -step * direction)) / (2 * step)

    difference = (4 * central(h) - central(2 * h)) / 3  # Richardson: the h^2 term drops out
    return abs(slope - difference) / abs(difference)


def measure() -> tuple[dict[str, float], list[str]]:
    """Figures by name, and the bars missed."""
    problem = Problem.random(star_pores(), seed=0)
    gradient, figures, missed = problem.gradient(), {}, []
    for name in SCALES:
        figures[f"order_{name}"] = order = taylor_order(problem, gradient, name)
        figures[f"error_{name}"] = error = relative_error(problem, gradient, name)
        if not order > 1.95:
            missed.append(f"Taylor order in {name} {order:.3f}, wanted > 1.95")
        if not error <= 1e-6:
            missed.append(f"relative error in {name} {error:.1e}, wanted <= 1e-6")
    return figures, missed


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
