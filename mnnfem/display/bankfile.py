"""What a bank gave -> a file, and back, for a run that is resumed."""

from __future__ import annotations

import torch

from mnnfem import checkpoint
from mnnfem.display.arms import ALL, Display, Start
from mnnfem.display.assignment import Assignment
from mnnfem.display.bank import Bank
from mnnfem.errors import InputError
from mnnfem.onerank import done_once, one_rank_of
from mnnfem.progress import Progress

FILE = "checkpoint/bank.safetensors"


def store(start: Start, progress: Progress) -> None:
    """Write it. StorageError where it cannot be written."""
    tensors = {
        "controls": start.controls,
        "state": start.chosen.state,
        "logits": start.chosen.logits,
        "bank.controls": start.states.controls,
        "bank.displacement": start.states.displacement,
    }
    state = {
        "exact": start.chosen.exact,
        "error": start.chosen.error,
        "failed": start.states.failed,
        "crossed": start.states.crossed,
        "factorisations": start.states.factorisations,
        "seconds": start.seconds,
    }
    progress.folder.write(FILE, checkpoint.packed(tensors, state))


def stored(progress: Progress, display: Display) -> Start | None:
    """What was written, None if nothing was. InputError for a file that is not whole or does not fit. Collective."""
    with one_rank_of(progress.ensemble.world):
        return done_once(lambda: _read(progress, display))


def _read(progress: Progress, display: Display) -> Start | None:
    file = progress.folder.path / FILE
    if not file.exists():
        return None
    found, state = checkpoint.unpacked(file)
    rows, count = len(found.get("bank.controls", ())), len(display.boundary.drives)
    logits, double = found.get("logits", torch.empty(0)), torch.float64
    shapes = {
        "controls": (len(ALL), count),
        "bank.controls": (rows, count),
        "bank.displacement": (rows, *display.geometry.mesh.points.shape),
        "logits": logits.shape,
    }
    wanted = {name: torch.empty(shape, dtype=double) for name, shape in shapes.items()}
    checkpoint.fit(found, {**wanted, "state": torch.empty(len(ALL), dtype=torch.int64)}, str(file))
    try:
        chosen = Assignment(found["state"], logits, int(state["exact"]), float(state["error"]))
        counts = (int(state[name]) for name in ("failed", "crossed", "factorisations"))
        return Start(
            found["controls"],
            chosen,
            Bank(found["bank.controls"], found["bank.displacement"], *counts),
            float(state["seconds"]),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise InputError(f"{file} cannot be used: it does not tell what the bank gave ({problem!r}).") from None
