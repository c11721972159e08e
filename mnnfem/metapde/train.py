"""Learn a basis for a problem and save it: all that runs where there is torch, but neither dolfinx nor MPI.

    python -m mnnfem.metapde.train poisson --out weights.safetensors --minutes 2 [--device cuda] ...

The file is written every minute and at the end; a line of progress goes to standard output every ten seconds.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from mnnfem.errors import InputError
from mnnfem.metapde.problems import PROBLEMS, Size
from mnnfem.metapde.training import Regime, Step, learn
from mnnfem.metapde.weights import KINDS, Origin, save

PROGRESS, SAVED = 10, 60  # seconds between lines and between files
MOST = 10**9


def device_of(name: str) -> torch.device:
    """`auto` is a GPU where there is one. InputError for `cuda` where there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch sees no GPU here; give --device cpu, or auto.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def trained(origin: Origin, regime: Regime, device: torch.device, file: Path) -> tuple[Origin, list[Step]]:
    """Learn, tell, save; returns the origin with what it took, and the steps."""
    basis = origin.basis().to(device)
    generator = torch.Generator(device=device).manual_seed(origin.seed)
    due = {"told": 0.0, "saved": float(SAVED)}

    def reached(step: Step) -> Origin:
        return dataclasses.replace(origin, seconds=step.seconds, steps=step.number, device=str(device))

    def tell(step: Step) -> None:
        if step.seconds >= due["told"]:
            due["told"] = step.seconds + PROGRESS
            print(f"step {step.number}, {step.seconds:.0f} s: residual {step.loss:.4g}", file=sys.stderr, flush=True)
        if step.seconds >= due["saved"]:
            due["saved"] = step.seconds + SAVED
            save(file, basis, reached(step))

    told = learn(basis, regime, generator, tell)
    done = reached(told[-1])
    save(file, basis, done)
    return done, told


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--out", type=Path, required=True, help="file of the weights (safetensors)")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--steps", type=int, default=MOST, help="of the training, at most")
    parser.add_argument("--batch", type=int, default=8, help="instances of a step")
    parser.add_argument("--points", type=int, default=256, help="points of an instance")
    parser.add_argument("--rate", type=float, default=2e-3, help="Adam's at the start")
    parser.add_argument("--width", type=int, default=Size.width, help="functions in the basis")
    parser.add_argument("--depth", type=int, default=Size.depth, help="layers of the network")
    parser.add_argument("--newton", type=int, default=Size.steps, help="Gauss-Newton steps")
    parser.add_argument("--dtype", choices=KINDS, default="float32")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args(argv)
    if not told.out.parent.is_dir():
        parser.error(f"--out {told.out}: there is no folder {told.out.parent}.")
    if min(told.minutes, told.steps, told.batch, told.points, told.rate, told.width, told.depth, told.newton) <= 0:
        parser.error("minutes, steps, batch, points, rate, width, depth and newton are above 0.")
    try:
        device = device_of(told.device)
    except InputError as mistake:
        parser.error(str(mistake))
    origin = Origin(told.problem, Size(told.width, told.depth, told.newton), told.seed, told.dtype)
    done, _ = trained(origin, Regime(told.batch, told.points, told.rate, told.minutes, told.steps), device, told.out)
    print(f"{done.steps} steps in {done.seconds:.0f} s on {done.device}: {told.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
