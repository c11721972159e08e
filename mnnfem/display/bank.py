"""A bank of equilibria under random controls, to choose from."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from mnnfem.bridge import Bridge
from mnnfem.errors import EquilibriumError, InputError
from mnnfem.mesh import Floats

CHUNK = 16  # states between two advances of the progress bar


@dataclass(frozen=True)
class Bank:
    """controls (s, c) mm and displacement (s, n, 2) mm of the states kept; how many failed, or were left out as crossed."""

    controls: torch.Tensor
    displacement: torch.Tensor
    failed: int
    crossed: int
    factorisations: int


def random_controls(count: int, bounds: Floats, rng: np.random.Generator) -> torch.Tensor:
    """Controls (count, c) mm that favour the ends of the interval: bound x sin(pi/2 U(-1, 1)), the arcsine distribution."""
    return torch.from_numpy(bounds * np.sin(0.5 * np.pi * rng.uniform(-1, 1, (count, len(bounds)))))


@torch.no_grad()
def fill(
    bridge: Bridge, points: torch.Tensor, controls: torch.Tensor, material: torch.Tensor, pause: Callable[[], None]
) -> Bank:
    """Solve every row of controls (k, c) mm from rest, over the bridge's ensemble; states with crossed walls are left out.

    A solve from rest depends on nothing that was solved before, so its state can be had again. The bridge skips failures.
    InputError if no state is left. `pause` is called between the solves: it may stop the program.
    """
    kept, states, outcomes = list[torch.Tensor](), list[torch.Tensor](), list[Any]()
    chunks, silent = controls.split(CHUNK), not bridge.ensemble.root
    for rows in tqdm(chunks, desc=f"bank of states, {CHUNK} each", file=sys.stderr, mininterval=1.0, disable=silent):
        pause()
        response = bridge(points, rows, material)
        sound = torch.tensor([not isinstance(one, EquilibriumError) and not one.record.overlaps for one in response.outcome])
        kept.append(rows[sound])
        states.append(response.displacement[sound])
        outcomes.extend(response.outcome)
    records = [one.record for one in outcomes if not isinstance(one, EquilibriumError)]
    crossed, failed = sum(bool(record.overlaps) for record in records), len(controls) - len(records)
    if crossed + failed == len(controls):
        raise InputError(
            f"Of {len(controls)} random controls {failed} have no equilibrium and in {crossed} walls pass through each other: "
            "there is no state to start with. Take smaller bounds, or smaller pores at the start."
        )
    return Bank(torch.cat(kept), torch.cat(states), failed, crossed, sum(record.factorisations for record in records))
