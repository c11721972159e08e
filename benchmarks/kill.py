"""A training is killed at random instants and resumed, again and again: does it end as if nothing had happened?

    kills        every run is killed and resumed until it is done, then the next begins; two thirds of the kills come at any
                 time, a third while a checkpoint is written: within the file, before and after it is flushed to disk, and
                 after it has taken the place of the one before
    unreadable   checkpoints that were gone or could not be read after a kill: 0
    different    checkpoints with another SHA-256 of all tensors than the uninterrupted run's at the same step, and runs
                 that end with other weights, figures or metrics: 0
    failed       resumed runs that ended by themselves before they were done: 0

The run is the translation's, of a panel of 3x3 cells: both arms, steps on a finer mesh, meshes made anew, a checkpoint after
each step, no pictures. What is not tried is a power failure, which loses what the system has not yet written to disk.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.forked import child  # first: it keeps MPI from starting here
from benchmarks.report import finish
from mnnfem import checkpoint
from mnnfem.checkpoint import WEIGHTS
from mnnfem.errors import InputError

OPTIONS: dict[str, Any] = {
    "iterations": 5,
    "batch": 2,
    "heldout": 2,
    "bound": 15.0,
    "reach": 5.0,
    "fine_iterations": 2,
    "design_rate": 0.1,
    "least_quality": 0.35,
}
CHECKPOINT = "checkpoint/training.safetensors"
PLACES = ("within the file", "before the flush", "after the flush", "in place")
COST = ("seconds", "study", "factorisations")  # what a resumed run needs more of, as lost factors are made again


def train(folder: Path) -> None:
    """Train in `folder`, or go on there."""
    from geometries.star_pores import star_pores
    from mnnfem import results
    from mnnfem.experiment import run
    from workflows.translation import TranslationSettings, experiment

    settings = TranslationSettings(out=str(folder), resume=True, checkpoint_minutes=0.0, **OPTIONS)
    plan = experiment(settings)
    small = star_pores(3, 3, cell=30.0, solid=((1, 1),), layers=1)
    for name in ("draw", "write_fields"):
        setattr(results, name, lambda *_: None)
    run(dataclasses.replace(plan, geometry=small, path=plan.path[:1]), settings, time.perf_counter())


def noted(folder: Path, points: Path) -> None:
    """Train without interruption, and write down the digest of each checkpoint."""
    packed = checkpoint.packed

    def noting(tensors: checkpoint.Tensors, state: dict[str, Any]) -> bytes:
        with points.open("a") as file:
            file.write(json.dumps([state["stage"], state["iteration"], checkpoint.digest(tensors)]) + "\n")
        return packed(tensors, state)

    checkpoint.packed = noting  # type: ignore[assignment]
    train(folder)


def torn(folder: Path, count: int, place: str, share: float) -> None:
    """Train, and be killed at a `place` in writing the checkpoint number `count`."""
    from mnnfem.runfolder import RunFolder

    written, write, replace = [0], RunFolder.write, os.replace

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def writing(self: RunFolder, name: str, content: bytes) -> None:
        written[0] += name == CHECKPOINT
        if name == CHECKPOINT and written[0] == count:
            if place == "within the file":
                self.file(name + ".part").write_bytes(content[: int(share * len(content))])
                die()
            elif place == "before the flush":
                os.fsync = die
            else:
                os.replace = die if place == "after the flush" else lambda a, b: die(replace(a, b))  # type: ignore[func-returns-value]
        write(self, name, content)

    RunFolder.write = writing  # type: ignore[method-assign]
    train(folder)


@dataclasses.dataclass(frozen=True)
class Whole:
    """The uninterrupted run: digests of its checkpoints by stage and iteration, what it left, seconds of processor it took."""

    points: dict[tuple[str, int], str]
    left: dict[str, Any]
    seconds: float

    @classmethod
    def of(cls, root: Path) -> Whole:
        """Run it."""
        folder, points, log = root / "whole", root / "points.jsonl", root / "log"
        _, status, used = os.wait4(child(log, lambda: noted(folder, points)), 0)
        if status:
            sys.exit(f"The uninterrupted run failed:\n{log.read_text()}")
        lines = [json.loads(line) for line in points.read_text().splitlines()]
        return cls({(stage, k): digest for stage, k, digest in lines}, left(folder), used.ru_utime + used.ru_stime)


def left(folder: Path) -> dict[str, Any]:
    """What a run that has ended leaves, but for what it cost."""
    result = json.loads((folder / "result.json").read_text())
    result["solver"].pop("factorisations")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {
        "weights": checkpoint.digest(checkpoint.read_tensors(folder / WEIGHTS)),
        "result": {name: value for name, value in result.items() if name not in COST},
        "steps": [{name: value for name, value in line.items() if name not in COST} for line in lines],
    }


def kill_after(number: int, seconds: float) -> None:
    """Kill a child when it has had so many seconds of processor, unless it ends before: that does not depend on other work."""
    ticks = seconds * os.sysconf("SC_CLK_TCK")
    while True:
        state, *fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        if state == "Z":
            return
        if int(fields[10]) + int(fields[11]) >= ticks:
            os.kill(number, signal.SIGKILL)
            return
        time.sleep(0.005)


def judged(folder: Path, whole: Whole, had: bool) -> Counter[str]:
    """What is wrong after a kill; `had`: there was a checkpoint before."""
    file = folder / CHECKPOINT
    if not file.exists():
        return Counter({"unreadable": int(had)})
    try:
        tensors, state = checkpoint.unpacked(file)
    except InputError as problem:
        print(problem, file=sys.stderr)
        return Counter(unreadable=1)
    return Counter(different=int(checkpoint.digest(tensors) != whole.points.get((state["stage"], state["iteration"]))))


def chain(folder: Path, whole: Whole, most: int, rng: random.Random) -> Counter[str]:
    """Kill and resume one run until it is done or has been killed `most` times."""
    found, log = Counter[str](), folder.with_suffix(".log")
    while found["kills"] < most:
        had, in_writing = (folder / CHECKPOINT).exists(), rng.random() < 1 / 3
        if in_writing:
            count, place, share = rng.randint(1, 4), rng.choice(PLACES), rng.random()
            number = child(log, lambda: torn(folder, count, place, share))  # noqa: B023
        else:
            number = child(log, lambda: train(folder))
            kill_after(number, rng.random() * whole.seconds)
        status = os.waitpid(number, 0)[1]
        if not os.WIFSIGNALED(status):
            good = os.WEXITSTATUS(status) == 0
            if not good:
                print(log.read_text(), file=sys.stderr)
            same = good and left(folder) == whole.left
            return found + Counter({"done": good, "failed": not good, "different": good and not same})
        found += Counter({"kills": 1, "kills in writing": in_writing}) + judged(folder, whole, had)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=200, metavar="N", help="how many kills (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the instants (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as one flat JSON object")
    arguments = parser.parse_args()
    if arguments.n < 1:
        parser.error("-n must be at least 1.")
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"--json {arguments.json}: there is no folder {arguments.json.parent}.")
    found, rng = Counter[str](), random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as root:
        whole = Whole.of(Path(root))
        print(f"uninterrupted: {whole.seconds:.1f} s, {len(whole.points)} checkpoints", file=sys.stderr, flush=True)
        while found["kills"] < arguments.n:
            found += chain(Path(root) / f"run{found['kills']}", whole, arguments.n - found["kills"], rng)
            print(", ".join(f"{count} {name}" for name, count in found.items()), file=sys.stderr, flush=True)
    names = ("kills", "kills in writing", "done", "unreadable", "different", "failed")
    figures = {name: found[name] for name in names}
    wanted = [f"{name} {found[name]}, wanted 0" for name in names[3:] if found[name]]
    finish(figures, wanted, arguments.json)


if __name__ == "__main__":
    main()
