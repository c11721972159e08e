"""What a run's folder says that was run, as far as the workflows of here still know it, and its scene."""

from __future__ import annotations

from dataclasses import dataclass

from mnnfem.checkpoint import WEIGHTS
from mnnfem.display.arms import Display, ShowSettings
from mnnfem.errors import InputError
from mnnfem.fabricate.source import THICKNESS
from mnnfem.plan import Experiment, Settings
from mnnfem.reopen import Designed, Run, designed, reopened
from mnnfem.report.folder import Left
from mnnfem.report.frames import read_frames
from mnnfem.report.marks import shown, watched
from mnnfem.report.outcome import unit_of
from mnnfem.report.scene import Overlay, Scene, shades_of


@dataclass(frozen=True)
class Opened:
    """The run, its settings and the design that it ended with; None where the workflow has none or does not fit any more."""

    run: Run | None = None
    settings: Settings | None = None
    design: Designed | None = None

    def unit(self, left: Left) -> str:
        """Of the error, also where there is no result yet."""
        return unit_of(left.result) or (self.run.task.unit if isinstance(self.run, Experiment) else "colours")


def opened(left: Left) -> Opened:
    """What can be opened; why the rest cannot is added to what is missing."""
    try:
        run, settings = again = reopened(left.path)
    except InputError as problem:
        if "arm" in (left.metrics[0] if left.metrics else {}):
            left.missing.append(f"The design cannot be drawn: {problem}")
        return Opened()
    if not (left.path / WEIGHTS).is_file():
        left.missing.append(f"There is no {WEIGHTS} yet, so the trained design cannot be shown.")
        return Opened(run, settings)
    try:
        return Opened(run, settings, designed(left.path, again))
    except InputError as problem:
        left.missing.append(f"The trained design cannot be shown: {problem}")
        return Opened(run, settings)


def scene_of(left: Left, known: Opened) -> Scene | None:
    """The stored path of the body, with what the task watches; None without fields."""
    if left.series is None:
        return None
    try:
        frames = read_frames(left.series)
    except InputError as problem:
        left.missing.append(f"The body cannot be turned here: {problem}")
        return None
    thickness = known.settings.thickness if known.settings else THICKNESS
    shades, overlay = shades_of(frames), Overlay()
    if isinstance(known.run, Experiment) and known.design:
        overlay = watched(known.run, known.design, frames)
    elif isinstance(known.run, Display) and isinstance(known.settings, ShowSettings) and known.design:
        colours, overlay = shown(left.path, known.run, known.settings, frames)
        shades.insert(0, colours)
    return Scene(frames, thickness, shades, overlay).fitting()
