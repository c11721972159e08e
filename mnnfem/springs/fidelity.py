"""How near measured gradients come to the exact one: by three local rules, and by a bench that estimates it itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnnfem.mesh import Floats
from mnnfem.springs.bench import InSitu, SimulatedBench, quality_of
from mnnfem.springs.iris import FULL
from mnnfem.springs.lattices import trapezoid
from mnnfem.springs.physics import Springs
from mnnfem.springs.rules import RULES, Trial, cosines
from mnnfem.springs.springnet import strip_bounds
from mnnfem.springs.tasks import BEHAVIOUR

NOISE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)  # mm
REPEATED = 8  # gradients that a bench measures to tell how good they are


@dataclass(frozen=True)
class Quality:
    """The cosine of the mean of repeated gradients with the exact one: as a bench estimates it, and as it is."""

    estimated: float
    true: float


def compare_rules(targets: tuple[float, float], repeats: int, seed: int) -> dict[str, list[float]]:
    """Mean cosine of each rule's gradient with the exact one at each of NOISE: for targets, mm, at the start stiffnesses."""
    network = trapezoid()
    springs = Springs(network, BEHAVIOUR.loads(network))
    forces = (springs.loads.T @ np.array([FULL])).reshape(network.nodes.shape)
    trials = [
        Trial(springs, strip_bounds(network).start, forces, lambda moved: _slope(moved, targets), FULL, noise)
        for noise in NOISE
    ]
    return {name: [float(cosines(trial, rule, repeats, seed).mean()) for trial in trials] for name, rule in RULES.items()}


def bench_quality(targets: tuple[float, float], seed: int, noise: float = 0.01) -> Quality:
    """Of 8 gradients from a simulated bench with weights of 0.1 g and `noise` mm."""
    network, stiffness, load = trapezoid(), strip_bounds(trapezoid()).start, np.array([FULL])
    springs = Springs(network, BEHAVIOUR.loads(network))
    lab = InSitu(network, springs.loads, SimulatedBench(network, noise, seed=seed))
    exact = springs.solve(network.nodes, load, stiffness)
    slope = _slope(exact.displacement, targets)
    found = np.array([lab.vjp(lab.solve(network.nodes, load, stiffness), slope).material for _ in range(REPEATED)])
    mean, wanted = found.mean(axis=0), springs.vjp(exact, slope).material
    return Quality(quality_of(found), float(mean @ wanted / (np.linalg.norm(mean) * np.linalg.norm(wanted))))


def _slope(displacement: Floats, targets: tuple[float, float]) -> Floats:
    """dJ/du (n, d) of J = 1/2 sum (u - t)^2 over the behaviour's readings."""
    found = np.zeros_like(displacement)
    for port, target in zip(BEHAVIOUR.outputs, targets, strict=True):
        found[port.node, port.axis] = displacement[port.node, port.axis] - target
    return found
