"""Training on several ranks: equal weights, speed, and what becomes of failures. The training is the translation's own.

    equal     one SHA-256 of all weights on all ranks of 1, 2 and 4; and one of what each rank had computed itself in every
              step, before rank 0's weights took its place
    fast      samples/s of 2 ranks over those of 1, by the steps' own seconds, medians of alternating runs: >= 1.7;
              factorisations per training solve, the certificate's included, median: <= 1
    failing   a sample without equilibrium is skipped and counted, on all ranks; 60 % of them end the run: one sentence, a
              checkpoint, code 1; a rank that raises or is killed ends all ranks within 10 s, and the message names it

The least `processor` is the share of the solves' time for which the worst rank had a processor: well below 1 the machine was
busy, and the ratio says little.
"""

from __future__ import annotations

import operator
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean, median

from benchmarks.launch import Ended, start
from benchmarks.report import bench_main

RANKS = (1, 2, 4)
TRAINING = ("--iterations", 5, "--batch", 8, "--heldout", 2)
LOST = 11  # a sample of the second step
MOSTLY_LOST = ("--iterations", 5, "--batch", 10, "--heldout", 2, "--most-failed", 0.5, "--fail", 0.6)
TIMED, WARM_UP, TIMES = ("--iterations", 24, "--batch", 16, "--heldout", 2), 4, 5  # four steps fill the library of starts

Figures = dict[str, float]
KEPT: dict[str, Callable[[float, float], bool]] = {"=": operator.eq, ">=": operator.ge, "<=": operator.le}
BARS = {
    "equal: different weights": ("=", 1),
    "equal: different weights before ranks agree": ("=", 1),
    "fast: ratio of the medians": (">=", 1.7),
    "fast: factorisations per solve, median": ("<=", 1),
    "sample lost: different weights": ("=", 1),
    "sample lost: steps done in all runs": ("=", 5 * len(RANKS)),
    "sample lost: failed in all runs": ("=", len(RANKS)),
    "60 % lost: exit code": ("=", 1),
    "60 % lost: sentences": ("=", 1),
    "60 % lost: tracebacks": ("=", 0),
    "60 % lost: checkpoints": ("=", 1),
    "rank raises: s to the end of all": ("<=", 10),
    "rank raises: exit code": (">=", 1),
    "rank raises: runs that name rank and sample": ("=", 2),
    "rank killed: s to the end of all": ("<=", 10),
    "rank killed: exit code": (">=", 1),
    "rank killed: runs that name the rank": ("=", 2),
}


def equal(runs: Sequence[Ended]) -> Figures:
    """How many different digests there are on all ranks of all runs."""
    found = [run.whole().json("ensemble.json") for run in runs]
    different = {name: len({digest for one in found for digest in one[name]}) for name in ("weights", "replicas")}
    return {"different weights": different["weights"], "different weights before ranks agree": different["replicas"]}


def on_all_ranks(root: Path) -> Figures:
    """The same training on each number of ranks."""
    return equal([start(ranks, root / f"{ranks}", *TRAINING) for ranks in RANKS])


def sample_lost(root: Path) -> Figures:
    """The same with a sample that has no equilibrium."""
    runs = [start(ranks, root / f"{ranks}", *TRAINING, "--lose", LOST) for ranks in RANKS]
    steps = [step for run in runs for step in run.steps]
    return {**equal(runs), "steps done in all runs": len(steps), "failed in all runs": sum(step["failed"] for step in steps)}


def fast(root: Path) -> Figures:
    """Samples per second on one rank and on two, in turn."""
    speeds: dict[int, list[float]] = {1: [], 2: []}
    spent: list[int] = []
    processor = []
    for k in range(TIMES):
        for ranks, taken in speeds.items():
            run = start(ranks, root / f"{k}-{ranks}", *TIMED).whole()
            steps, found = run.steps[WARM_UP:], run.json("ensemble.json")
            taken.append(sum(step["solves"] for step in steps) / sum(step["seconds"] for step in steps))
            spent += found["factorisations"]
            processor.append(found["processor"])
            say([f"-n {ranks}: {taken[-1]:.1f} samples/s, processor {processor[-1]:.2f}"])
    ratios = [two / one for one, two in zip(*speeds.values(), strict=True)]
    return {
        **{f"samples/s, -n {ranks}, median": median(taken) for ranks, taken in speeds.items()},
        "ratio of the medians": median(speeds[2]) / median(speeds[1]),
        "ratio, least": min(ratios),
        "ratio, most": max(ratios),
        "processor, least": min(processor),
        "factorisations per solve, median": median(spent),
        "factorisations per solve, mean": fmean(spent),
    }


def mostly_lost(root: Path) -> Figures:
    """More samples without equilibrium than are allowed."""
    run = start(RANKS[-1], root / "run", *MOSTLY_LOST)
    sentences = re.findall(r"^\d+ of \d+ samples of iteration 1 have no equilibrium.*\n.*", run.errors, re.MULTILINE)
    say(sentences)
    return {
        "exit code": run.code,
        "sentences": len(sentences),
        "tracebacks": run.errors.count("Traceback"),
        "checkpoints": len(list(run.folder.glob("checkpoint/weights.safetensors"))),
    }


def rank_raises(root: Path) -> Figures:
    """A rank that raises in a sample."""
    return _rank_fails(root, "--break", "rank and sample", r"^Rank {rank} of {ranks} failed in sample {sample}: .*")


def rank_killed(root: Path) -> Figures:
    """A rank that is killed in a sample, as by a machine that runs out of memory: only mpirun is left to say so."""
    return _rank_fails(root, "--kill", "the rank", r"^.*\brank {rank}\b.*(?:\n.+)?")


def _rank_fails(root: Path, fault: str, wanted: str, message: str) -> Figures:
    """The first rank, then the last: the slowest end, the least exit code, and how often what is wanted is named."""
    seconds, codes, named = [], [], 0
    for rank in (0, RANKS[-1] - 1):
        run = start(RANKS[-1], root / f"{rank}", *TRAINING, fault, rank)
        failure = run.json("failure.json")
        seconds.append(run.time - failure["time"])
        codes.append(run.code)
        lines = re.findall(message.format(ranks=RANKS[-1], **failure), run.errors, re.MULTILINE | re.IGNORECASE)
        say([f"{seconds[-1]:.2f} s, code {run.code}", *lines])
        named += bool(lines)
    return {"s to the end of all": max(seconds), "exit code": min(codes), f"runs that name {wanted}": named}


def say(lines: Iterable[str]) -> None:
    """Show lines on the way to the table."""
    for line in lines:
        print("...", line, file=sys.stderr, flush=True)


PARTS: dict[str, Callable[[Path], Figures]] = {
    "equal": on_all_ranks,
    "fast": fast,
    "sample lost": sample_lost,
    "60 % lost": mostly_lost,
    "rank raises": rank_raises,
    "rank killed": rank_killed,
}


def measure() -> tuple[Figures, list[str]]:
    """Figures by name, and the bars missed."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as root:
        for name, part in PARTS.items():
            found = {f"{name}: {figure}": value for figure, value in part(Path(root) / name.replace(" ", "-")).items()}
            say(f"{figure}: {value:.4g}" for figure, value in found.items())
            figures |= found
    return figures, [
        f"{name} {figures[name]:.4g}, wanted {sign} {bar}"
        for name, (sign, bar) in BARS.items()
        if not KEPT[sign](figures[name], bar)
    ]


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
