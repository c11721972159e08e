"""Common mistakes and mishaps: does each end with the documented code and one sentence of what, where and how to mend?

    0   done        1   a bar missed, or the training stopped: a full disk, no equilibria
    2   a mistake in the input        85   stopped by a signal; --resume goes on

Each case is a program of its own, in an empty folder. It must end with the code wanted, say on standard error what is wanted,
in as many lines as wanted, and show no traceback. Cases of several ranks run under mpirun. Progress bars, and what mpirun says
of its own, do not count as lines.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from benchmarks.forked import child  # first: it keeps MPI from starting here
from benchmarks.report import finish

ROOT = Path(__file__).parents[1]
SMALL = ("--iterations", "40", "--batch", "1", "--heldout", "1", "--layers", "1", "--checkpoint-minutes", "0")
PATIENCE = 300.0  # s
FRAMED = re.compile(r"^-{50,}$.*?^-{50,}$", re.MULTILINE | re.DOTALL)  # what mpirun itself says of a rank that has ended


@dataclass(frozen=True)
class Case:
    """A mistake: what is typed, after `before` has been done in the empty folder, and what is wanted.

    program  a workflow, or mnnfem;  ranks  0 without mpirun;  code  None: any but 0
    inside   done in the program's process before it starts
    """

    name: str
    words: str
    says: Sequence[str]
    code: int | None = 2
    program: str = "translation"
    before: Callable[[Path], None] = lambda _: None
    inside: Callable[[], None] = lambda: None
    lines: int | None = 1
    ranks: int = 0


def text(file: str, content: str | bytes) -> Callable[[Path], None]:
    """A file with this content."""

    def make(folder: Path) -> None:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


@cache
def stopped_run() -> Path:
    """A run that was stopped after its first step."""
    KEPT.append(tempfile.TemporaryDirectory())
    folder = Path(KEPT[0].name)
    code, said = ended(Case("stopped", f"{' '.join(SMALL)} --out run", (), inside=stop_soon), folder)
    if code != 85:
        sys.exit(f"No run could be stopped, to make mistakes with:\n{said}")
    return folder / "run"


def stopped(change: Callable[[Path], None] = lambda _: None) -> Callable[[Path], None]:
    """A stopped run in RUN, and what is done to it."""

    def make(folder: Path) -> None:
        shutil.copytree(stopped_run(), folder / "run")
        change(folder / "run")

    return make


def cut(name: str, share: float) -> Callable[[Path], None]:
    """The first part of a file."""
    return lambda run: (run / name).write_bytes((content := (run / name).read_bytes())[: int(share * len(content))]) and None


def stop_soon(number: int = signal.SIGTERM) -> None:
    """A signal as the first step is taken."""
    from mnnfem import metrics

    append = metrics.append

    def stopping(*told: Any) -> None:
        append(*told)
        os.kill(os.getpid(), number)

    metrics.append = stopping


def weights(**tensors: float) -> bytes:
    """A file of one number each."""
    import safetensors.torch
    import torch

    return safetensors.torch.save({name: torch.tensor([value], dtype=torch.float64) for name, value in tensors.items()})


def old_dolfinx() -> None:
    import dolfinx

    dolfinx.__version__ = "0.7.3"


def without(module: str) -> Callable[[], None]:
    """A Python that does not have it."""
    return lambda: sys.modules.__setitem__(module, None)  # type: ignore[arg-type]


def little_room(size: int) -> Callable[[], None]:
    """No file can become larger, as on a disk that is full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def no_screen() -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"):
        os.environ.pop(name, None)


def holds(folder: Path) -> None:
    """Another process that uses the run, until this one ends."""
    stopped()(folder)

    def hold() -> None:
        from mnnfem.runfolder import RunFolder

        kept = RunFolder(folder / "run", resume=True)
        text("held", "")(folder)
        while os.getppid() != 1:
            time.sleep(0.1)
        kept.release()

    HOLDERS.append(child(folder.parent / "holder.log", hold))
    while not (folder / "held").exists():
        time.sleep(0.01)


def another_user() -> None:
    """Someone who may read here, and not write."""
    importlib.import_module("workflows.translation")
    os.setuid(65534)


HOLDERS: list[int] = []
KEPT: list[tempfile.TemporaryDirectory[str]] = []
EXISTS = "exists already: choose another with --out, or remove it, or give --resume"
CASES = [
    Case("misspelled option", "--iteration 3", ["Unknown option '--iteration'. Did you mean '--iterations'?"]),
    Case("unknown option", "--gpu", ["Unknown option '--gpu'.", "Valid names: --batch"]),
    Case("text for a number", "--young soft", ["--young takes a number in MPa, without the unit, got 'soft'"]),
    Case("value with its unit", "--bound 40mm", ["--bound takes a number in mm, without the unit, got '40mm'"]),
    Case("in metres", "--bound 0.04", ["--bound is 0.04 mm, allowed 0.1 to 80 mm"]),
    Case("in pascals", "--thickness 20000", ["--thickness is 20000 mm, allowed 0.1 to 1000 mm"]),
    Case("fraction for a whole number", "--batch 2.5", ["--batch takes a whole number, got '2.5'"]),
    Case("not finite", "--young nan", ["--young takes a finite number, got nan"]),
    Case("below its range", "--iterations 0", ["--iterations is 0, allowed at least 1"]),
    Case("above its range", "--seed 4294967296", ["--seed takes a whole number of at most 4294967295, got 4294967296"]),
    Case("no value", "--batch", ["--batch takes a value, and none was given; see --help"]),
    Case("no name", "7", ["Unexpected argument '7': options are written --name value, see --help"]),
    Case("a flag with a value", "--frozen-geometry=yes", ["--frozen-geometry takes no value, got 'yes'"]),
    Case("wrong choice", "--scale papre", ["Unknown value for --scale 'papre'. Did you mean 'paper'?"]),
    Case("two that do not fit", "--cells 4", ["--cells must be odd, got 4"], program="rotation"),
    Case("several at once", "--bond 3 --batch x", ["2 mistakes:", "Did you mean '--bound'?", "--batch takes"], lines=3),
    Case("no settings file", "--config run.toml", ["--config run.toml cannot be read: No such file"]),
    Case("a settings file of JSON", "--config a.json", ["a.json is not a TOML file"], before=text("a.json", '{"batch": 3}')),
    Case(
        "misspelled in a file",
        "--config a",
        ["Unknown setting in a 'bacth'. Did you mean 'batch'?"],
        before=text("a", "bacth=3"),
    ),
    Case("text in a file", "--config a", ["batch in a takes a whole number, got [3]"], before=text("a", "batch = [3]")),
    Case("bytes in a file", "--config a", ["a is not a TOML file"], before=text("a", b"\xff\xfe\x00")),
    Case("folder that exists", "--out old", [EXISTS], before=text("old/thesis.tex", "")),
    Case("no folder can be made", "--out /proc/1/run", ["The output folder /proc/1/run cannot be made or written: "]),
    Case("no right to make one", "--out run", ["run cannot be made or written: Permission denied"], inside=another_user),
    Case(
        "no right to write there",
        "--resume --out run",
        ["run cannot be made or written: Permission denied"],
        before=stopped(),
        inside=another_user,
    ),
    Case("a file for a folder", "--out a/run", ["a/run cannot be made or written: Not a directory"], before=text("a", "")),
    Case("null in a name", "--config a", ["out in a has a null character in it"], before=text("a", 'out = "a\\u0000"')),
    Case("resumed without a folder", "--resume", ["--resume goes on with a run in its folder: say which with --out"]),
    Case("resumed in no run", "--resume --out a", ["a is not the folder of a run"], before=text("a/thesis.tex", "")),
    Case(
        "resumed otherwise", "--resume --out run --batch 2", ["begun with batch 1 (now 2)", "choose another"], before=stopped()
    ),
    Case(
        "resumed as another workflow",
        "--resume --out run",
        ["was begun with workflow 'translation' (now 'rotation')"],
        program="rotation",
        before=stopped(),
        lines=None,
    ),
    Case("a folder in use", "--resume --out run", ["run is in use by process", "wait until that has ended"], before=holds),
    Case(
        "checkpoint cut short",
        "--resume --out run",
        ["training.safetensors cannot be used: it is no whole file"],
        before=stopped(cut("checkpoint/training.safetensors", 0.9)),
    ),
    Case(
        "metrics cut short",
        "--resume --out run",
        ["metrics.jsonl has 0 lines, 1 were written before the checkpoint: begin anew"],
        before=stopped(cut("metrics.jsonl", 0.0)),
    ),
    Case(
        "settings cut short",
        "--resume --out run",
        ["settings.json cannot be used: it is not JSON"],
        before=stopped(cut("settings.json", 0.5)),
    ),
    Case("evaluated without a run", "", ["Which run? Give its folder first"], program="evaluate"),
    Case("evaluated no run", "here", ["here is not the folder of a run: settings.json cannot be read"], program="evaluate"),
    Case(
        "evaluated too early", "run", ["holds no checkpoint", "Has the training ended?"], program="evaluate", before=stopped()
    ),
    Case(
        "weights of something else",
        "run",
        ["weights.safetensors cannot be used: it misses tensor"],
        program="evaluate",
        before=stopped(text("checkpoint/weights.safetensors", weights(design=0.5))),
    ),
    Case(
        "weights that are no numbers",
        "run",
        ["design has numbers that are not finite"],
        program="evaluate",
        before=stopped(text("checkpoint/weights.safetensors", weights(design=float("nan")))),
    ),
    Case(
        "a pickle for weights",
        "run",
        ["weights.safetensors cannot be used: it is no whole file of safetensors"],
        program="evaluate",
        before=stopped(text("checkpoint/weights.safetensors", b"\x80\x04cos\nsystem\n(S'exit 1'\ntR.")),
    ),
    Case("misspelled command", "docter", ["Unknown command 'docter'. Did you mean 'doctor'?"], program="mnnfem"),
    Case("rerun too early", "rerun run", ["run has no result.json to compare with"], program="mnnfem", before=stopped()),
    Case("no such family", "mesh star_poers", ["Did you mean 'star_pores'?"], program="mnnfem"),
    Case("no such format", "export star_pores --format stp", ["Did you mean 'step'?"], program="mnnfem"),
    Case("no such part", "check-print part.stl", ["part.stl"], program="mnnfem"),
    Case("no screen", "mesh star_pores --png a.png", [], 0, program="mnnfem", inside=no_screen, lines=None),
    Case(
        "no room for metrics",
        "--out run {small} --iterations 80 --checkpoint-minutes 1000",
        ["cannot be written: File too large. The training stops"],
        1,
        inside=little_room(12000),  # torch writes a file of 6 kB by itself
        lines=None,
    ),
    Case(
        "no scikit-learn",
        "--states 10",
        ["scikit-learn, which is not installed: pip install"],
        program="digit_display",
        inside=without("sklearn.datasets"),
    ),
    Case(
        "no dolfinx",
        "",
        ["mnnfem needs dolfinx >= 0.9, which this Python does not have", "./run"],
        1,
        inside=without("dolfinx"),
    ),
    Case("an old dolfinx", "", ["mnnfem needs dolfinx >= 0.9, found 0.7.3", "./run"], 1, inside=old_dolfinx),
    Case(
        "SIGTERM",
        "--out run {small}",
        ["Stopped by SIGTERM. The last checkpoint is before iteration 1 of"],
        85,
        inside=stop_soon,
        lines=None,
    ),
    Case(
        "Ctrl-C",
        "--out run {small}",
        ["Stopped by SIGINT.", "--out run --resume goes on"],
        85,
        inside=partial(stop_soon, signal.SIGINT),
        lines=None,
    ),
    Case(
        "ranks that do not divide",
        "--ranks-per-sample 2",
        ["3 ranks do not divide into groups of 2: start a multiple of 2"],
        ranks=3,
    ),
    Case(
        "ranks for one rank's work",
        "",
        ["This workflow trains on one rank, not on 2: start it without mpirun"],
        program="spring_regression",
        ranks=2,
    ),
    Case(
        "a rank that dies",
        "--small --iterations 3 --batch 2 --heldout 1 --out run --kill 1",
        ["rank 1"],
        None,
        program="ensemble_run",
        lines=None,
        ranks=2,
    ),
]


def ended(case: Case, folder: Path) -> tuple[int, str]:
    """Exit code of a case and what it said on standard error."""
    words = case.words.format(small=" ".join(SMALL)).split()
    if case.ranks:
        place = "benchmarks" if case.program == "ensemble_run" else "workflows"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        command = ["mpirun", "--oversubscribe", "-n", str(case.ranks), sys.executable, "-m", f"{place}.{case.program}", *words]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stderr
    log = folder.parent / f"{folder.name}.log"
    number = child(log, partial(program, case, words, folder))
    status = os.waitpid(number, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    return code, log.read_text(errors="replace")


def program(case: Case, words: Sequence[str], folder: Path) -> None:
    """Do as the program does, in its own process."""
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.argv = [str(ROOT / "workflows" / f"{case.program}.py"), *words]
    case.inside()
    module = importlib.import_module("mnnfem.cli" if case.program == "mnnfem" else f"workflows.{case.program}")
    from mnnfem.settings import run_main

    run_main(module.command if case.program == "mnnfem" else module.main)


def judged(case: Case, code: int, said: str) -> list[str]:
    """What is not as wanted."""
    own = FRAMED.sub("", said)
    lines = [line for line in own.splitlines() if line.strip() and "it/s]" not in line and "?it" not in line]
    wrong = [f"code {code}, wanted {case.code}"] if code != case.code and (case.code is not None or not code) else []
    wrong += [f"{part!r} is not said" for part in case.says if part not in said]
    wrong += ["a traceback"] if "Traceback" in said and case.code is not None else []
    wrong += (
        [f"{len(lines)} lines, wanted {case.lines}"]
        if case.lines is not None and len(lines) != case.lines and case.code
        else []
    )
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as one flat JSON object")
    parser.add_argument("--only", default="", metavar="WORDS", help="cases with these words in their name")
    arguments = parser.parse_args()
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"--json {arguments.json}: there is no folder {arguments.json.parent}.")
    missed, chosen = list[str](), [case for case in CASES if arguments.only in case.name]
    with tempfile.TemporaryDirectory() as root:
        for number, case in enumerate(chosen):
            folder = Path(root) / f"{number}"
            folder.mkdir()
            case.before(folder)
            code, said = ended(case, folder)
            wrong = judged(case, code, said)
            told = next((line for line in said.splitlines() if case.says and case.says[0] in line), "")
            print(f"{'MISSED' if wrong else 'ok':6} {code:3d}  {case.name:30} {told[:120]}", flush=True)
            if wrong:
                missed.append(f"{case.name}: {'; '.join(wrong)}")
                print(said, file=sys.stderr)
        for holder in HOLDERS:
            os.kill(holder, signal.SIGKILL)
            os.waitpid(holder, 0)
    finish({"cases": len(chosen), "as documented": len(chosen) - len(missed)}, missed, arguments.json)


if __name__ == "__main__":
    main()
