"""Poisson's ratio by shape: two cellular solids are shaped until they have the ratios -0.8, 0 and +0.5 at 5 % compression.

The cell between the mirror lines of an infinite lattice, its sides straight and the lateral ones free of resultant, is
strained; scipy's L-BFGS-B follows the exact gradient of the ratio in the shape. It starts far away, so the mesh is made
anew on the way. The ratio is then computed once more on a mesh of at least four times the elements.

Honeycombs reach all three by the angle of their walls, re-entrant or not, pulled or compressed. Pores of Overvelde and
Bertoldi reach -0.8 and 0 in compression only, where the lattice buckles: junctions turn about thin ligaments. So these
two start buckled, for the ratio of a lattice that is not falls towards stiff crosses in a corner of the box. Pulled, the
least ratio is +0.09; and where the material's own is 0.3, a porosity of 0.2 gives +0.41 at most.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from geometries.honeycomb_cell import honeycomb_cell
from geometries.overvelde_cell import overvelde_cell
from mnnfem.designs import keep_design
from mnnfem.errors import EquilibriumError
from mnnfem.geometry import Geometry
from mnnfem.guard import Guard
from mnnfem.material import NeoHookean
from mnnfem.mirrorcell import MirrorCell, Strained
from mnnfem.optimise import least
from mnnfem.run import begun
from mnnfem.runfolder import RunFolder
from mnnfem.settings import parse, run_main, setting
from mnnfem.visualise import LatticePicture, lattices_figure

EXAMPLES = """examples:
  ./run python workflows/poisson_ratio.py                                  both solids, three ratios each
  ./run python workflows/poisson_ratio.py --family honeycomb --strain 0.05 one solid, pulled
  ./run python workflows/poisson_ratio.py --json                           the result as JSON on standard output
"""
FINER = 2.25  # edges are so much shorter at the end, for four times the elements in thin walls too
TOLERANCE = 0.02  # of the ratio on the finer mesh


@dataclass(frozen=True)
class RatioSettings:
    """What the workflow can be told."""

    out: str = setting("", "folder of the run, made new; without it runs/poisson_ratio/<date>")
    family: str = setting("both", "cellular solids to shape", choices=("both", "honeycomb", "overvelde"))
    strain: float = setting(-0.05, "axial strain, compression below 0", low=-0.2, high=0.2)
    poisson: float = setting(0.45, "Poisson's ratio of the material, an elastomer's", low=0, high=0.49)
    iterations: int = setting(40, "most steps of L-BFGS-B", low=1)
    least_quality: float = setting(0.5, "elements moved below it (mean ratio) are meshed anew", low=0, high=0.5)
    least_size: float = setting(0.6, "and those moved below this share of their area", low=0, high=1)
    resume: bool = setting(False, "begin anew in --out where a run was stopped; one that has ended stays as it is")
    json: bool = setting(False, "print the result as JSON, and nothing else on standard output")


@dataclass(frozen=True)
class Solid:
    """A cellular solid: its cell, as fine as asked, and for each target a start far from it."""

    cell: Callable[[float], Geometry]
    starts: dict[float, tuple[float, ...]]


SOLIDS = {
    "honeycomb": Solid(
        cell=lambda finer: honeycomb_cell(divisions=round(4 * finer)),
        starts={-0.8: (-40, 2.0, 0.1, 0.14), 0.0: (32, 2.0, 0.1, 0.14), 0.5: (32, 2.3, 0.08, 0.14)},
    ),
    "overvelde": Solid(
        cell=lambda finer: overvelde_cell(elements=4 * round(32 * finer), across=round(6 * finer)),
        starts={-0.8: (0.05, 0.05, 0.5), 0.0: (0.2, 0.0, 0.5), 0.5: (0.2, 0.0, 0.5)},
    ),
}


@dataclass(frozen=True)
class Shaped:
    """One solid shaped for one target: the cell at its start and at its end, and the same end on a finer mesh."""

    design: dict[str, float]
    before: Strained
    after: Strained
    finer: Strained
    evaluations: int
    renewals: int


def shape(name: str, target: float, settings: RatioSettings, folder: RunFolder) -> Shaped:
    """The least of (ratio - target)^2 over the box of parameters."""
    geometry = SOLIDS[name].cell(1).rebuilt(np.array(SOLIDS[name].starts[target], dtype=np.float64))
    law, guard = NeoHookean(1.0, settings.poisson), Guard(settings.least_quality, settings.least_size)
    cell, seen = MirrorCell(geometry, law, settings.strain, guard), []

    def misfit(design: torch.Tensor) -> torch.Tensor:
        seen.append(cell(design))
        renewal, ratio = seen[-1].renewal, seen[-1].ratio
        line = {"solid": name, "target": target, "evaluation": len(seen), "ratio": float(ratio.detach())}
        event = dataclasses.asdict(renewal) if renewal else None
        folder.append_json("metrics.jsonl", {**line, "design": design.tolist(), "renewal": event})
        if renewal:
            print(f"{name} {target:+.1f}, evaluation {len(seen)}: {renewal.sentence}", file=sys.stderr)
        return (ratio - target) ** 2

    design = least(misfit, geometry.parameters, geometry.made_at, settings.iterations, enough=(0.05 * TOLERANCE) ** 2)
    finer = MirrorCell(SOLIDS[name].cell(FINER).rebuilt(design), law, settings.strain)
    return Shaped(
        design=dict(zip(geometry.parameters.names, map(float, design), strict=True)),
        before=seen[0],
        after=cell(torch.from_numpy(design)),
        finer=finer(torch.from_numpy(design)),
        evaluations=len(seen),
        renewals=sum(one.renewal is not None for one in seen),
    )


def _figures(shaped: Shaped, target: float) -> dict[str, Any]:
    before, after, finer = (float(one.ratio.detach()) for one in (shaped.before, shaped.after, shaped.finer))
    return {
        "before": before,
        "after": after,
        "finer": finer,
        "elements": len(shaped.after.mesh.cells),
        "elements_finer": len(shaped.finer.mesh.cells),
        "evaluations": shaped.evaluations,
        "renewals": shaped.renewals,
        "design": shaped.design,
        "missed": not abs(finer - target) <= TOLERANCE,
    }


def _sentence(pair: dict[str, Any]) -> str:
    design = ", ".join(f"{name} {value:.4g}" for name, value in pair["design"].items())
    verdict = "MISSED, this is the nearest that was found" if pair["missed"] else "reached"
    return (
        f"{pair['solid']} {pair['target']:+.1f}: from {pair['before']:+.3f} to {pair['after']:+.4f}, "
        f"{pair['finer']:+.4f} on {pair['elements_finer']} elements instead of {pair['elements']}: {verdict}; "
        f"{pair['evaluations']} evaluations, {pair['renewals']} new meshes; {design}"
    )


def main(argv: Sequence[str]) -> int:
    began = time.perf_counter()
    settings = parse(RatioSettings, argv, __doc__, EXAMPLES)
    torch.set_num_threads(1)
    folder = begun("poisson_ratio", settings, f"runs/poisson_ratio/{datetime.datetime.now():%Y-%m-%d-%H%M%S}")
    say = sys.stderr if settings.json else sys.stdout
    pairs: list[dict[str, Any]] = []
    for name in SOLIDS if settings.family == "both" else (settings.family,):
        pictures: list[LatticePicture] = []
        for target in SOLIDS[name].starts:
            try:
                shaped = shape(name, target, settings, folder)
            except EquilibriumError as failure:
                pairs.append({"solid": name, "target": target, "missed": True, "reason": str(failure)})
                print(f"{name} {target:+.1f}: MISSED. {failure}", file=say)
                continue
            pairs.append({"solid": name, "target": target, **_figures(shaped, target)})
            print(_sentence(pairs[-1]), file=say)
            keep_design(folder, f"{name}_{target:+.1f}", shaped.finer.mesh, shaped.finer.points)
            for when, one in (("before", shaped.before), (f"shaped for {target:+.1f}", shaped.after)):
                title = f"{when}: {float(one.ratio.detach()):+.3f}"
                pictures.append(LatticePicture(title, one.mesh, one.points, one.displacement))
        if pictures:
            lattices_figure(folder.file(f"{name}.png"), pictures)
    missed = sum(pair["missed"] for pair in pairs)
    result = {"pairs": pairs, "missed": missed, "seconds": time.perf_counter() - began}
    folder.write_json("result.json", result)
    if settings.json:
        print(json.dumps(result, indent=2))
    reached = f"{len(pairs) - missed} of {len(pairs)} ratios reached in {result['seconds']:.0f} s"
    print(f"{reached}; {folder.path} has pictures before and after, every step and the result", file=say)
    return 1 if missed else 0


if __name__ == "__main__":
    run_main(main)
