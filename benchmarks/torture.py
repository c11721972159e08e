"""Random cellular sheets and regular lattices, loaded hard: does every solve end in a certified state, and at what cost?

Sheets as in `benchmarks.sheets`: 4x4 to 6x6 cells, ligaments 5-30 % of the cell, nu .3 or .46; compression to 25 %,
stretch to 50 %, shear to 25 %, rotation to 30 degrees; every fifth a regular lattice under compression, which bifurcates.

    own          our solver, from rest;   own x 1.6: the same at 1.6 times the loads
    own, netlib  the same with the reference BLAS instead of OpenBLAS, if that is installed: another round-off
    plain        PETSc SNES newtonls with bt, MUMPS LU, 10 equal load steps; its states are put to the same certificate

Bars: own solves reach the full load and are certified, all of them; factorisations (failed ones and the
certificate's included) at most 12 at the median and 25 at the 90th percentile; the other BLAS finds the same energies.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.plain import PlainNewton, certificate
from benchmarks.report import finish
from benchmarks.sheets import CONTROL, Sheet, sheet
from mnnfem.errors import EquilibriumError

NETLIB = [Path(f"/usr/lib/{os.uname().machine}-linux-gnu/{name}") for name in ("blas", "lapack")]
MEDIAN, HIGH = 12, 25


@dataclass(frozen=True)
class Outcome:
    """One solve: full load reached, state certified, kind of failure or "", its cost and its energy (mJ/mm)."""

    complete: bool
    certified: bool
    reason: str
    factorisations: int
    seconds: float
    energy: float


def own(case: Sheet) -> Outcome:
    """Our solver, from rest; the first solve of a body includes the ordering of its matrix."""
    body, began = case.body(), time.perf_counter()
    try:
        record = body.solve(case.points, CONTROL, case.law.values).record
    except EquilibriumError as failure:
        return Outcome(False, False, failure.kind, 0, time.perf_counter() - began, np.nan)
    return Outcome(True, record.certified, "", record.factorisations, time.perf_counter() - began, record.energy)


def plain(case: Sheet) -> Outcome:
    """The plain solver; a state that it returns is put to our certificate."""
    solid = case.body().solid
    found = PlainNewton(solid).solve(case.points, CONTROL, case.law.values)
    good = found.complete and certificate(solid, found.displacement).certified
    return Outcome(found.complete, good, found.reason, found.solves, found.seconds, found.energy if good else np.nan)


def elsewhere(seed: int, number: int) -> list[Outcome]:
    """The own solves again, in a process whose BLAS is netlib's."""
    environment = {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(map(str, NETLIB))}
    command = [sys.executable, "-m", "benchmarks.torture", "--seed", str(seed), "-n", str(number), "--only-own"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [Outcome(**row) for row in json.loads(done.stdout)]


def summary(outcomes: list[Outcome]) -> dict[str, float]:
    """Shares of complete and certified solves, and median and 90th percentile of the cost of the complete ones."""
    complete = [one for one in outcomes if one.complete]
    factorisations, seconds = ([getattr(one, name) for one in complete] or [np.nan] for name in ("factorisations", "seconds"))
    return {
        "complete": len(complete) / len(outcomes),
        "certified": sum(one.certified for one in outcomes) / len(outcomes),
        "returned_uncertified": sum(one.complete and not one.certified for one in outcomes),
        "factorisations_median": float(np.median(factorisations)),
        "factorisations_90": float(np.percentile(factorisations, 90)),
        "factorisations_most": float(max(factorisations)),
        "seconds_median": float(np.median(seconds)),
        "seconds_90": float(np.percentile(seconds, 90)),
    }


def misses(name: str, figures: dict[str, float]) -> list[str]:
    """The bars that a run of the own solver has missed."""
    missed = []
    if figures["certified"] < 1:
        missed.append(f"{name}: {figures['certified']:.1%} certified, wanted all")
    for key, bar in (("factorisations_median", MEDIAN), ("factorisations_90", HIGH)):
        if not figures[key] <= bar:
            missed.append(f"{name}: {key} {figures[key]:g}, wanted <= {bar}")
    return missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the sheets (default 1)")
    parser.add_argument("-n", type=int, default=40, metavar="N", help="how many sheets (default 40)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as one flat JSON object")
    parser.add_argument(
        "--only-own", action="store_true", help="print the own solves at the full load as JSON, and nothing else"
    )
    arguments = parser.parse_args()
    if arguments.seed < 0 or arguments.n < 1:
        parser.error("--seed must be at least 0 and -n at least 1.")
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"--json {arguments.json}: there is no folder {arguments.json.parent}.")
    if arguments.only_own:
        print(json.dumps([asdict(own(sheet(arguments.seed, k))) for k in range(arguments.n)]))
        return
    runs: dict[str, list[Outcome]] = {"own": [], "own x 1.6": [], "plain": [], "plain x 1.6": []}
    for k in range(arguments.n):
        for load, suffix in ((1.0, ""), (1.6, " x 1.6")):
            case = sheet(arguments.seed, k, load)
            mine, theirs = own(case), plain(case)
            runs["own" + suffix].append(mine)
            runs["plain" + suffix].append(theirs)
            print(f"{k:3d} {_label(case)} | {_text(mine)} | plain {_text(theirs)}", flush=True)
    if all((place / f"lib{place.name}.so.3").exists() for place in NETLIB):
        runs["own, netlib"] = elsewhere(arguments.seed, arguments.n)
    else:
        print("The reference BLAS is not installed: no run with another BLAS.", file=sys.stderr)
    figures: dict[str, float] = {}
    missed: list[str] = []
    for name, outcomes in runs.items():
        found = summary(outcomes)
        figures |= {f"{name}: {key}": value for key, value in found.items()}
        reasons = Counter(one.reason for one in outcomes if one.reason)
        figures |= {f"{name}: failed, {reason}": count for reason, count in reasons.items()}
        if name.startswith("own"):
            missed += misses(name, found)
    if "own, netlib" in runs:
        pairs = zip(runs["own"], runs["own, netlib"], strict=True)
        same = sum(abs(a.energy - b.energy) <= 1e-8 * abs(a.energy) for a, b in pairs)
        figures["own, netlib: same energy"] = same / arguments.n
        if same < arguments.n:
            missed.append(f"own, netlib: {arguments.n - same} states have another energy than with OpenBLAS, wanted none")
    finish(figures, missed, arguments.json)


def _label(case: Sheet) -> str:
    kind = "regular" if case.regular else case.kind
    return f"{kind:<11} x {case.load:<3g} ligament {case.ligament:.2f} nu {case.law.poisson:<4g}"


def _text(one: Outcome) -> str:
    if not one.complete:
        return f"failed: {one.reason}"
    return f"{'certified' if one.certified else 'UNCERTIFIED'} {one.factorisations:3d} factorisations {one.seconds:6.2f} s"


if __name__ == "__main__":
    main()
