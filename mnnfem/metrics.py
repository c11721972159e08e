"""`metrics.jsonl`: a line for each step of a training, written as it is taken, read again where a run is resumed."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

from mnnfem.errors import InputError
from mnnfem.guard import Breach
from mnnfem.plant import Renewal
from mnnfem.runfolder import RunFolder, flush
from mnnfem.trainer import Step

FILE = "metrics.jsonl"


def append(folder: RunFolder, stage: str, step: Step) -> None:
    """One more line; StorageError if it cannot be written."""
    loss = None if math.isnan(step.loss) else step.loss
    folder.append_json(FILE, {"arm": stage, **dataclasses.asdict(step), "loss": loss})


def keep(folder: RunFolder) -> None:
    """All lines to disk."""
    if folder.writes and (folder.path / FILE).exists():
        flush(folder.path / FILE)


def cut(folder: RunFolder, count: int) -> list[tuple[str, Step]]:
    """The first `count` steps, each with its stage; what the file has beyond them is cut off. InputError if there are fewer."""
    file = folder.path / FILE
    lines = file.read_bytes().splitlines(keepends=True)[:count] if file.exists() else []
    try:
        found = [_step(json.loads(line)) for line in lines]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise InputError(f"{file} cannot be used: a line of it tells no step ({problem}).") from None
    if len(found) < count:
        raise InputError(
            f"{file} has {len(found)} lines, {count} were written before the checkpoint: begin anew with another --out."
        )
    folder.write(FILE, b"".join(lines))
    return found


def _step(line: dict[str, Any]) -> tuple[str, Step]:
    stage, renewal = line.pop("arm"), line.pop("renewal")
    if renewal is not None:
        breach = renewal.pop("breach")
        renewal = Renewal(Breach(**{**breach, "place": tuple(breach["place"])}), **renewal)
    loss = line.pop("loss")
    return stage, Step(**line, loss=math.nan if loss is None else float(loss), renewal=renewal)
