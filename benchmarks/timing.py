"""Processor seconds of a run, and of the operations that equilibria are made of."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from mnnfem.factor import Cholesky
from mnnfem.mesh import Floats
from mnnfem.solid import Solid

Figures = dict[str, float]
COUNTED = {Solid: ("energy", "residual", "tangent_action", "tangent", "tension_tangent"), Cholesky: ("factorise", "solve")}


def seconds(run: Callable[[], Any], times: int) -> float:
    """Least processor time of `times` runs."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        run()
        taken.append(time.process_time() - began)
    return min(taken)


def counted(run: Callable[[], Any]) -> Counter[str]:
    """How often `run` called each operation that the floor is made of."""
    calls: Counter[str] = Counter()
    originals = {(kind, name): getattr(kind, name) for kind, names in COUNTED.items() for name in names}

    def watch(kind: type, name: str, original: Callable[..., Any]) -> None:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            return original(*arguments, **options)

        setattr(kind, name, wrapper)

    for (kind, name), original in originals.items():
        watch(kind, name, original)
    try:
        run()
    finally:
        for (kind, name), original in originals.items():
            setattr(kind, name, original)
    return calls


def one_by_one(solid: Solid, factor: Cholesky, u: Floats, times: int) -> dict[str, float]:
    """Median time of each operation alone, taken in turn: so each finds the caches as the others leave them."""
    matrix = solid.tangent(u)
    factor.factorise(matrix)

    def factorise() -> None:
        matrix.stateIncrease()  # or PETSc would keep the factor
        factor.factorise(matrix)

    operations: dict[str, Callable[[], Any]] = {
        "energy": lambda: solid.energy(u),
        "residual": lambda: solid.residual(u),
        "tangent_action": lambda: solid.tangent_action(u, u),
        "tension_tangent": lambda: solid.tension_tangent(u),
        "tangent": lambda: solid.tangent(u),
        "factorise": factorise,
        "solve": lambda: factor.solve(u),
    }
    taken = [{name: seconds(run, 1) for name, run in operations.items()} for _ in range(times)]
    return {name: float(np.median([one[name] for one in taken])) for name in operations}


def told(figures: Figures) -> Figures:
    """The figures, shown on the way to the table."""
    for name, value in figures.items():
        print(f"... {name}: {value:.4g}", file=sys.stderr, flush=True)
    return figures
