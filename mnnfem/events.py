"""Steps of a training as curves for TensorBoard, beside `metrics.jsonl`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from mnnfem.errors import package_for
from mnnfem.trainer import Step

FOLDER = "tensorboard"


def writer() -> Any:
    """What makes a writer of a folder. InputError where the package tensorboard is not installed."""
    module = package_for("Events for TensorBoard", "tensorboard.summary", "tensorboard", ", or leave --tensorboard out")
    return module.Writer


class Events:
    """Every number of each step, as STAGE/NAME over its iteration, in RUN/tensorboard.

    Steps that are taken again when a run is resumed are there twice.
    """

    def __init__(self, run: Path) -> None:
        self._writer = writer()(str(run / FOLDER))

    def add(self, stage: str, step: Step) -> None:
        """One step."""
        for name, value in dataclasses.asdict(step).items():
            if isinstance(value, int | float) and name != "iteration":
                self._writer.add_scalar(f"{stage}/{name}", float(value), step.iteration)

    def close(self) -> None:
        """All to disk."""
        self._writer.close()
