"""A bank of equilibria under random controls, to choose from."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from mnnfem.bridge import Physics
from mnnfem.errors import EquilibriumError, InputError
from mnnfem.mesh import Floats


@dataclass(frozen=True)
class Bank:
    """controls (s, c) mm and displacement (s, n, 2) mm of the states kept; how many failed, or were left out as crossed."""

    controls: torch.Tensor
    displacement: torch.Tensor
    failed: int
    crossed: int
    factorisations: int


def random_controls(count: int, bounds: Floats, rng: np.random.Generator) -> Floats:
    """Controls (count, c) mm that favour the ends of the interval: bound x sin(pi/2 U(-1, 1)), the arcsine distribution."""
    controls: Floats = bounds * np.sin(0.5 * np.pi * rng.uniform(-1, 1, (count, len(bounds))))
    return controls


def fill(physics: Physics, points: Floats, controls: Floats, material: Floats) -> Bank:
    """Solve every row of controls from rest; a state with walls that have passed through each other is left out.

    A solve from rest depends on nothing that was solved before, so its state can be had again. InputError if none is left.
    """
    kept, states, failed, crossed, factorisations = [], [], 0, 0, 0
    for row in tqdm(controls, desc="bank of states", file=sys.stderr, mininterval=1.0):
        try:
            solution = physics.solve(points, row, material)
        except EquilibriumError:
            failed += 1
            continue
        factorisations += solution.record.factorisations
        if solution.record.overlaps:
            crossed += 1
            continue
        kept.append(row)
        states.append(physics.displacement(solution))
    if not kept:
        raise InputError(
            f"Of {len(controls)} random controls {failed} have no equilibrium and in {crossed} walls pass through each other: "
            "there is no state to start with. Take smaller bounds, or smaller pores at the start."
        )
    return Bank(torch.from_numpy(np.stack(kept)), torch.from_numpy(np.stack(states)), failed, crossed, factorisations)
