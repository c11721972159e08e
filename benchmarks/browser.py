"""Headless Chromium, told what to do over a pipe (its DevTools protocol): a page, what it asks for, what it shows."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--disable-dev-shm-usage", "--no-first-run",
    "--hide-scrollbars", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
)  # fmt: skip
WITH_WEBGL, WITHOUT_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader"), ("--disable-gpu", "--disable-3d-apis")
PATIENCE = 120.0  # seconds for one answer


def browser() -> str | None:
    """The program, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a browser of its own; `events` are all that it has told."""

    def __init__(self, webgl: bool = True, width: int = 1200, height: int = 900) -> None:
        program = browser()
        if program is None:
            raise FileNotFoundError("There is no Chromium here: MNNFEM_WITH=browser ./run has one.")
        self.events: list[dict[str, Any]] = []
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = [program, *OPTIONS, *(WITH_WEBGL if webgl else WITHOUT_WEBGL)]
        command += [f"--user-data-dir={self._folder.name}", f"--window-size={width},{height}", "about:blank"]
        # The browser reads from descriptor 3 and writes to 4.
        shell = ["sh", "-c", 'exec "$@" 3<&0 4>&1 0</dev/null 1>/dev/null', "browser", *command]
        self._process = subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._process.stdin
        assert self._process.stdout
        self._write, self._read = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._buffer, self._asked, self._session = b"", 0, ""
        page = next(one for one in self.ask("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self.ask("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self._process.terminate()
        self._process.communicate()
        self._folder.cleanup()

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command. RuntimeError where the browser refuses it."""
        self._asked += 1
        message: dict[str, Any] = {"id": self._asked, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        text = json.dumps(message).encode() + b"\0"
        while text:
            text = text[os.write(self._write, text) :]
        for told in self._told():
            if told.get("id") == self._asked:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']['message']}")
                answer: dict[str, Any] = told["result"]
                return answer
            self.events.append(told)
        raise RuntimeError(f"The browser ended before it answered {method}.")

    def open(self, file: Path) -> None:
        """Load a file and wait until all of it is there."""
        before = len(self.events)
        self.ask("Page.navigate", url=file.resolve().as_uri())
        ends = time.monotonic() + PATIENCE
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events[before:]):
            if time.monotonic() > ends:
                raise RuntimeError(f"{file} has not loaded in {PATIENCE:.0f} s.")
            self.value("0")
        self.settle()

    def settle(self) -> None:
        """Wait until what was asked for has been drawn."""
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is, a promise's once it is kept. RuntimeError where it throws."""
        told = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{expression[:80]}: {told['exceptionDetails'].get('exception', {}).get('description')}")
        return told["result"].get("value")

    def picture(self, whole: bool = False) -> bytes:
        """What is seen, PNG; the whole page, or the window."""
        told = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(told["data"])

    def _told(self) -> Iterator[dict[str, Any]]:
        while True:
            message, found, rest = self._buffer.partition(b"\0")
            if found:
                self._buffer = rest
                yield json.loads(message)
            else:
                more = os.read(self._read, 1 << 20)
                if not more:
                    return
                self._buffer += more


@contextmanager
def opened(file: Path, webgl: bool = True, **size: int) -> Iterator[Browser]:
    """A browser that shows a file."""
    with Browser(webgl, **size) as shown:
        shown.open(file)
        yield shown
