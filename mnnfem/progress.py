"""How far a run has come: what it saves on its way, when it stops, and where it goes on when it is resumed."""

from __future__ import annotations

import dataclasses
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from mpi4py import MPI
from tqdm import tqdm

from mnnfem import checkpoint, events, metrics
from mnnfem.checkpoint import Tensors
from mnnfem.ensemble import Ensemble
from mnnfem.errors import InputError, StorageError
from mnnfem.interrupt import Interrupted, Signals
from mnnfem.onerank import done_once, one_rank_of
from mnnfem.runfolder import RESULT, SETTINGS, RunFolder, default_folder, same_settings
from mnnfem.trainer import Step
from mnnfem.trainingstate import Training

FILE = "checkpoint/training.safetensors"
DUE, STOP, LOST = 1, 2, 3  # what a safe point is for, the most urgent last


class Resumable(Protocol):
    """Settings of a run that can be resumed."""

    @property
    def out(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def resume(self) -> bool: ...
    @property
    def checkpoint_minutes(self) -> float: ...
    @property
    def tensorboard(self) -> bool: ...


@dataclass(frozen=True)
class Point:
    """Where a checkpoint was saved: before `iteration` of a stage of the training, after the stages in `ended`.

    steps   those taken until then, each with its stage;  tensors: see `Training`
    """

    stage: str
    iteration: int
    ended: tuple[str, ...]
    steps: tuple[tuple[str, Step], ...]
    tensors: Tensors

    def __str__(self) -> str:
        return _where(self.stage, self.iteration)


class Progress:
    """A run on its way, in its folder. While entered, signals are noted, and answered at safe points.

    Stages of the training have names that begin with their arm's, and come in the same order whenever the run is resumed.
    Every rank calls all methods, with the same arguments; rank 0 reads and writes.

    complete   whether the run had ended before
    """

    def __init__(self, folder: RunFolder, ensemble: Ensemble, minutes: float, tensorboard: bool = False) -> None:
        self.folder, self.ensemble, self.period = folder, ensemble, 60 * minutes
        self._events = events.Events(folder.path) if tensorboard and ensemble.root else None
        self._signals, self._problem, self._clock = Signals(), "", time.monotonic()
        with one_rank_of(ensemble.world):
            self._point = done_once(self._read)
        self._past = self._point.steps if self._point else ()
        self._lines, self._ended, self._saved = len(self._past), list[str](), str(self._point or "")
        over = self._point is None and not folder.fresh and (folder.path / RESULT).exists()
        self.complete: bool = ensemble.agree(over)

    @classmethod
    def of(cls, workflow: str, settings: Resumable, ensemble: Ensemble) -> Progress:
        """A run of a workflow, new or resumed. InputError where its folder is another run's, in use, or cannot be written."""
        if settings.resume and not settings.out:
            raise InputError("--resume goes on with a run in its folder: say which with --out FOLDER.")
        if settings.tensorboard:
            events.writer()  # refused before a folder is made
        path = Path(ensemble.agree(settings.out or default_folder(workflow, settings.seed)))
        folder = RunFolder(path, ensemble.world, settings.resume)
        told = {"workflow": workflow, **dataclasses.asdict(settings)}  # type: ignore[call-overload]
        try:
            with one_rank_of(ensemble.world):
                done_once(lambda: folder.write_json(SETTINGS, told) if folder.fresh else same_settings(told, path))
            progress = cls(folder, ensemble, settings.checkpoint_minutes, settings.tensorboard)
        except BaseException:
            folder.release()
            raise
        if progress.complete and ensemble.root:
            print(f"The run in {path} has ended before: nothing is left to do.", file=sys.stderr)
        return progress

    def __enter__(self) -> Progress:
        self._signals.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._signals.__exit__(kind, value, trace)
        if self._events:
            self._events.close()
        self.folder.release()

    def passed(self, arm: str) -> bool:
        """Whether an arm was done with before the checkpoint."""
        return self._point is not None and not self._point.stage.startswith(arm)

    def reached(self, stage: str) -> bool:
        """Whether a stage had begun before the checkpoint."""
        return self._point is not None and stage in (*self._point.ended, self._point.stage)

    def begin(self, stage: str, training: Training, iterations: int) -> int:
        """The iteration at which a stage begins: 0, or its last if it has ended, or where the run stopped in it.

        There all is put back as it was. InputError where the checkpoint does not fit.
        """
        point = self._point
        if point is None:
            self.save(stage, training, 0)
            return 0
        if stage in point.ended:
            return iterations
        if stage != point.stage or point.iteration > iterations:
            raise InputError(f"The checkpoint in {self.folder.path} is {point}: this run has no such step.")
        training.restore_(point.tensors, str(self.folder.path / FILE))
        self._point, self._ended = None, list(point.ended)
        return point.iteration

    def steps(self, stage: str) -> list[Step]:
        """Those of a stage that were taken before the run was resumed."""
        return [step for one, step in self._past if one == stage]

    def seconds(self, arm: str) -> float:
        """What the steps of an arm took that were taken before the run was resumed."""
        return sum(step.seconds for stage, step in self._past if stage.startswith(arm))

    def step(self, stage: str, training: Training, step: Step) -> None:
        """A step was taken: a line of metrics, and a safe point. Interrupted after a signal, StorageError on a full disk."""
        if self._events:
            self._events.add(stage, step)
        try:
            metrics.append(self.folder, stage, step)
        except StorageError as problem:
            self._problem = str(problem)
        self._lines += 1
        urgency = self._urgency()
        if urgency == LOST:
            raise StorageError(f"{self.ensemble.agree(self._problem)} The training stops. {self._to_go_on}")
        if urgency:
            self.save(stage, training, step.iteration + 1)
        if urgency == STOP:
            raise self._stop()

    def end(self, stage: str, training: Training, iterations: int) -> None:
        """A stage has ended, before or now."""
        if self._point is None:
            self.save(stage, training, iterations)
            self._ended.append(stage)

    def pause(self) -> None:
        """A safe point where nothing needs to be saved. Raises Interrupted after a signal."""
        if self._urgency() == STOP:
            raise self._stop()

    def save(self, stage: str, training: Training, iteration: int) -> None:
        """The checkpoint, which takes the place of the one before once it is whole. Where it cannot be written, a warning."""
        tensors, self._clock = training.tensors(), time.monotonic()
        if not self.ensemble.root:
            return
        state = {"stage": stage, "iteration": iteration, "ended": self._ended, "lines": self._lines}
        try:
            metrics.keep(self.folder)
            self.folder.write(FILE, checkpoint.packed(tensors, state))
        except StorageError as problem:
            tqdm.write(f"No checkpoint {_where(stage, iteration)}: {problem} {self._to_go_on}", file=sys.stderr)
        else:
            self._saved = _where(stage, iteration)

    def finish(self) -> None:
        """The run has ended: nothing is left to go on with."""
        self.folder.remove(FILE)

    def _urgency(self) -> int:
        late = self.ensemble.root and time.monotonic() - self._clock >= self.period
        own = LOST if self._problem else STOP if self._signals.name else DUE if late else 0
        return self.ensemble.world.allreduce(own, MPI.MAX)

    def _stop(self) -> Interrupted:
        return Interrupted(f"Stopped by {self._signals.name or 'a signal'}. {self._to_go_on}")

    @property
    def _to_go_on(self) -> str:
        if not self._saved:
            return "There is no checkpoint yet."
        return (
            f"The last checkpoint is {self._saved}: the same command with --out {self.folder.path} --resume goes on from there."
        )

    def _read(self) -> Point | None:
        file = self.folder.path / FILE
        if not file.exists():
            return None
        tensors, state = checkpoint.unpacked(file)
        try:
            stage, iteration, ended, lines = (state[name] for name in ("stage", "iteration", "ended", "lines"))
            good = isinstance(stage, str) and all(isinstance(one, str) for one in ended)
            good &= all(type(number) is int and number >= 0 for number in (iteration, lines))
        except (KeyError, TypeError):
            good = False
        if not good:
            raise InputError(f"{file} cannot be used: it does not say which step it is of.")
        return Point(stage, iteration, tuple(ended), tuple(metrics.cut(self.folder, lines)), tensors)


def _where(stage: str, iteration: int) -> str:
    return f"before iteration {iteration} of {stage}"
