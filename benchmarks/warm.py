"""Solves that start from a solution: all radii changed at random by up to c and the control by c, c between 1 and 3 %.

    bars        median 0 factorisations before the certificate; >= 20 x faster than the plain cold solve, >= 8 x than
                the own cold one; none lost
    certificate one assembly and one factorisation alone: what no certified solve can do without, so that no warm one can be
                faster than the cold one by more

Part of `benchmarks.equilibrium`; alone: `./run python benchmarks/warm.py`.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks.plain import PlainNewton
from benchmarks.report import bench_main
from benchmarks.sheets import CONTROL, KINDS, sheet
from benchmarks.timing import Figures, one_by_one, seconds, told
from mnnfem.errors import EquilibriumError
from mnnfem.factor import Cholesky


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
                again = body.solve(moved, control, material, start)
            except EquilibriumError:
                lost += 1
                break
            warms.append(time.process_time() - began)
            cheapest = again.record.factorisations - 1
            colds.append(seconds(lambda body=body, c=control, m=moved, p=material: body.solve(m, c, p), 1))
        if not warms:
            continue
        plain = PlainNewton(body.solid)
        other = seconds(lambda plain=plain, c=control, m=moved, p=material: plain.solve(m, c, p), 1)
        prices = one_by_one(body.solid, Cholesky(body.solid.domain.comm), again.displacement, 5)
        bare = prices["tangent"] + prices["factorise"]
        least = min(warms)
        rows.append((body.solid.size, cheapest, least, min(colds) / least, other / least, min(colds) / bare))
    dofs, factorisations, took, own, other, bound = np.median(rows, axis=0)
    return {
        f"warm, {kind}: dofs, median": dofs,
        f"warm, {kind}: lost": lost,
        f"warm, {kind}: factorisations before the certificate": factorisations,
        f"warm, {kind}: the same, 90th percentile": float(np.percentile([row[1] for row in rows], 90)),
        f"warm, {kind}: s": took,
        f"warm, {kind}: own cold / warm": own,
        f"warm, {kind}: plain cold / warm": other,
        f"warm, {kind}: own cold / certificate": bound,
    }


def measure() -> tuple[Figures, list[str]]:
    """Figures by name, and the bars missed."""
    figures: Figures = {}
    for kind in KINDS:
        figures |= told(warm(kind, 5))
    most = [(kind, name, 0) for kind in KINDS for name in ("lost", "factorisations before the certificate")]
    least = [(kind, name, bar) for kind in KINDS for name, bar in (("own cold / warm", 8), ("plain cold / warm", 20))]
    missed = [f"warm, {kind}: {name}, wanted {bar}" for kind, name, bar in most if figures[f"warm, {kind}: {name}"] > bar]
    for kind, name, bar in least:
        value = figures[f"warm, {kind}: {name}"]
        if not value >= bar:
            missed.append(f"warm, {kind}: {name} {value:.3g}, wanted >= {bar}")
    return figures, missed


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
