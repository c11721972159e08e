"""Signals that ask a program to stop: noted, to be answered at its next safe point."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Any

ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
STOPPED = 85  # exit code


class Interrupted(RuntimeError):
    """A signal has stopped the program; the programs print it and exit with code 85."""


class Signals:
    """While entered, a signal that asks the program to stop is noted, in `name`, and nothing else happens.

    A second Ctrl-C raises KeyboardInterrupt at once. Enter it in the main thread.
    """

    def __init__(self) -> None:
        self.name = ""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        self._before = {number: signal.signal(number, self._note) for number in ASKING}
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.name and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.name:
            self.name = signal.Signals(number).name
            os.write(2, f"\n{self.name}: stopping at the next safe point; Ctrl-C ends at once.\n".encode())


def end_by_signals() -> None:
    """From now on these signals raise KeyboardInterrupt, as Ctrl-C does, wherever the program is."""
    for number in ASKING:
        signal.signal(number, signal.default_int_handler)
