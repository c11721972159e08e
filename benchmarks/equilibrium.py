"""What an equilibrium costs: against its floor, its gradient, warm starts, a plain solver, torch-fem, a million unknowns.

    floor     what a cold solve did (energies, residuals, tangent actions, assemblies, factorisations, triangular
              solves), each operation timed alone in the same run: forward <= 1.25 x floor at 10k dofs, <= 1.15 x at 60k
    gradient  <= 10 % of a cold forward; error against rebuilt forward solves <= 1e-7
    warm      all radii changed at random by up to c and the control by c, c between 1 and 3 %, on sheets under each load:
              median 0 factorisations before the certificate; >= 20 x faster than the plain cold solve, >= 8 x than
              the own cold one; none lost
    torch-fem forward and gradient >= 100 x faster, 4x5 round pores, 5 % compression (only where torch-fem is installed)
    growth    60k to 1M dofs in space: exponent <= 1.15, at most 16 GB (see `benchmarks.growth`)

Processor seconds of one thread, so that a shared machine does not blur them; runs alternate where they are compared.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks import growth
from benchmarks.gradient import Problem, relative_error
from benchmarks.plain import PlainNewton
from benchmarks.report import bench_main
from benchmarks.sheets import CONTROL, KINDS, Sheet, sheet
from geometries.star_curve import round_radii
from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.errors import EquilibriumError
from mnnfem.factor import Cholesky
from mnnfem.material import NeoHookean
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


def floor(name: str, cases: list[Sheet], times: int) -> Figures:
    """Cold solves against the time of their operations alone; medians over the sheets."""
    ratios, gradients, forwards, dofs = [], [], [], []
    for case in cases:
        body = case.body()
        points, solid, factor = case.points, body.solid, Cholesky(body.solid.domain.comm)
        solution = body.solve(points, CONTROL, case.law.values)
        u = solution.displacement

        def solve(body: Body = body, points: Floats = points, case: Sheet = case) -> None:
            body.solve(points, CONTROL, case.law.values)

        calls, shares, took = counted(solve), [], []
        for _ in range(times):  # what slows the machine slows both
            prices = one_by_one(solid, factor, u, 5)
            took.append(seconds(solve, 1))
            shares.append(took[-1] / sum(count * prices[key] for key, count in calls.items()))
        ratios.append(float(np.median(shares)))
        forward = float(np.median(took))
        seed = np.random.default_rng(0).normal(size=points.shape)
        solution = body.solve(points, CONTROL, case.law.values)
        gradients.append(seconds(lambda body=body, solution=solution, seed=seed: body.vjp(solution, seed), times) / forward)
        forwards.append(forward)
        dofs.append(solid.size)
    return {
        f"{name}: dofs, median": float(np.median(dofs)),
        f"{name}: forward, s": float(np.median(forwards)),
        f"{name}: forward / floor": float(np.median(ratios)),
        f"{name}: forward / floor, most": float(np.max(ratios)),
        f"{name}: gradient / forward": float(np.median(gradients)),
        f"{name}: gradient / forward, most": float(np.max(gradients)),
    }


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


def warm(kind: str, number: int, times: int = 3) -> Figures:
    """Sheets of about 20k dofs under one load: solved again after a change of design and control."""
    rows, lost = [], 0
    for k in range(number):
        case = sheet(7, 20 * k + KINDS.index(kind), divisions=1, layers=6)  # never a multiple of five, plus four
        rng, body = np.random.default_rng(k), case.body(factors=2)
        change = rng.uniform(0.01, 0.03)
        moved = case.at(np.clip(case.radii * (1 + change * rng.uniform(-1, 1, case.radii.shape)), 0.1, 0.97))
        control, material = CONTROL * (1 + change * rng.choice([-1, 1])), case.law.values
        colds, warms, cheapest = [], [], np.inf
        for _ in range(times):
            start = body.solve(case.points, CONTROL, material)
            began = time.process_time()
            try:
                record = body.solve(moved, control, material, start).record
            except EquilibriumError:
                lost += 1
                break
            warms.append(time.process_time() - began)
            cheapest = record.factorisations - 1
            colds.append(seconds(lambda body=body, c=control, m=moved, p=material: body.solve(m, c, p), 1))
        if not warms:
            continue
        plain = PlainNewton(body.solid)
        other = seconds(lambda plain=plain, c=control, m=moved, p=material: plain.solve(m, c, p), 1)
        rows.append((body.solid.size, cheapest, min(warms), min(colds) / min(warms), other / min(warms)))
    dofs, factorisations, took, own, other = np.median(rows, axis=0)
    return {
        f"warm, {kind}: dofs, median": dofs,
        f"warm, {kind}: lost": lost,
        f"warm, {kind}: factorisations before the certificate": factorisations,
        f"warm, {kind}: the same, 90th percentile": float(np.percentile([row[1] for row in rows], 90)),
        f"warm, {kind}: s": took,
        f"warm, {kind}: own cold / warm": own,
        f"warm, {kind}: plain cold / warm": other,
    }


def against_torch_fem() -> Figures:
    """Forward and gradient of one body in torch-fem and here; nothing where it is not installed."""
    try:
        from benchmarks.torch_fem import torchfem_solve
    except ModuleNotFoundError as missing:
        print(missing)
        return {}
    geometry = star_pores(4, 5, solid=(), divisions=2, layers=2)
    points = geometry.points(torch.from_numpy(np.tile(round_radii(0.36), 20))).numpy()
    law, height = NeoHookean(), float(np.ptp(points[:, 1]))
    body = Body(geometry.mesh, law, Boundary(("bottom",), [Drive("top", (0.0, 1.0), height)]))
    control, seed = np.array([-0.05 * height]), np.random.default_rng(0).normal(size=points.shape)

    def ours() -> tuple[Any, Any]:
        solution = body.solve(points, control, law.values)
        return solution, body.vjp(solution, seed)

    solution, gradients = ours()
    prescribed = {"bottom": (0.0, 0.0), "top": (0.0, float(control[0]))}
    goal, theirs, own = 1e-8 * solution.record.reaction, np.inf, np.inf
    for _ in range(2):
        found = torchfem_solve(geometry.mesh, points, prescribed, law.values, goal, seed)
        theirs, own = min(theirs, found.forward + found.backward), min(own, seconds(ours, 5))
    displacement = body.displacement(solution)
    assert found.gradient is not None
    return {
        "torch-fem: dofs": found.dofs,
        "torch-fem: Newton iterations": found.iterations,
        "torch-fem: forward and gradient, s": theirs,
        "torch-fem: ours, s": own,
        "torch-fem: times ours": theirs / own,
        "torch-fem: displacements differ by": float(
            np.linalg.norm(found.displacement - displacement) / np.linalg.norm(displacement)
        ),
        "torch-fem: gradients differ by": float(
            np.linalg.norm(found.gradient - gradients.points) / np.linalg.norm(gradients.points)
        ),
    }


def told(figures: Figures) -> Figures:
    """The figures, shown on the way to the table."""
    for name, value in figures.items():
        print(f"... {name}: {value:.4g}", file=sys.stderr, flush=True)
    return figures


def measure() -> tuple[Figures, list[str]]:
    """Figures by name, and the bars missed."""
    figures = told(floor("10k", [sheet(7, k) for k in (0, 1, 2, 3, 4)], times=5))
    figures |= told(floor("60k", [sheet(7, k, divisions=2, layers=8) for k in (0, 1, 2, 3, 4)], times=2))
    problem = Problem.random(star_pores(layers=3), seed=0)
    gradient = problem.gradient()
    for name in ("radii", "controls"):
        figures |= told({f"gradient: error, {name}": relative_error(problem, gradient, name)})
    for kind in KINDS:
        figures |= told(warm(kind, 5))
    figures |= told(against_torch_fem())
    grown, missed = growth.measure()
    figures |= grown
    bars = [("10k: forward / floor", 1.25), ("60k: forward / floor", 1.15)]
    bars += [(f"{size}: gradient / forward", 0.1) for size in ("10k", "60k")]
    bars += [(f"gradient: error, {name}", 1e-7) for name in ("radii", "controls")]
    for kind in KINDS:
        bars += [(f"warm, {kind}: lost", 0), (f"warm, {kind}: factorisations before the certificate", 0)]
    least = [
        (f"warm, {kind}: {name}", bar) for kind in KINDS for name, bar in (("own cold / warm", 8), ("plain cold / warm", 20))
    ]
    least += [("torch-fem: times ours", 100)] if "torch-fem: times ours" in figures else []
    missed += [f"{name} {figures[name]:.3g}, wanted <= {bar:g}" for name, bar in bars if not figures[name] <= bar]
    missed += [f"{name} {figures[name]:.3g}, wanted >= {bar:g}" for name, bar in least if not figures[name] >= bar]
    return figures, missed


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
