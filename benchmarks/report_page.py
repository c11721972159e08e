"""The pages of runs, opened as a reader does: no error, nothing asked for outside, a body that turns and moves.

Usage: report_page.py RUN... [--json FILE] [--pictures FOLDER]; the page of each run is made anew. Chromium comes with
MNNFEM_WITH=browser ./run. Canvases are looked at with WebGL and without.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.browser import Browser, browser, opened
from benchmarks.report import finish
from mnnfem.errors import InputError
from mnnfem.report.page import report

LARGEST = 5.0  # MB
# What the body's canvas shows: the share of it that is not empty, how many colours, and all of its bytes for comparisons.
LOOK = """(() => {
  const from = document.querySelector('[data-part=body]'), to = document.createElement('canvas');
  [to.width, to.height] = [160, Math.round(160 * from.height / from.width)];
  const pen = to.getContext('2d');
  pen.drawImage(from, 0, 0, to.width, to.height);
  const all = pen.getImageData(0, 0, to.width, to.height).data, colours = new Set();
  let filled = 0;
  for (let k = 0; k < all.length; k += 4)
    if (all[k + 3] > 127) { filled++; colours.add((all[k] >> 4) * 256 + (all[k + 1] >> 4) * 16 + (all[k + 2] >> 4)); }
  return {filled: filled / (all.length / 4), colours: colours.size, bytes: Array.from(all)};
})()"""
SLIDE = """(() => {
  const slider = document.querySelector('[data-part=slider]');
  slider.value = String(SHARE * slider.max);
  slider.dispatchEvent(new Event('input'));
})()"""


def seen(page: Browser) -> dict[str, Any]:
    """What LOOK tells."""
    page.settle()
    look: dict[str, Any] = page.value(LOOK)
    return look


def change(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Share of the picture's bytes that differ by more than what antialiasing does."""
    return sum(abs(a - b) > 24 for a, b in zip(one["bytes"], other["bytes"], strict=True)) / len(one["bytes"])


def faults(page: Browser, file: Path) -> tuple[int, int]:
    """Errors on the console and exceptions; requests for anything but the file itself."""
    errors = outside = 0
    for event in page.events:
        method, told = event.get("method"), event.get("params", {})
        kind = told.get("type") or told.get("entry", {}).get("level")
        errors += method == "Runtime.exceptionThrown" or (
            method in ("Runtime.consoleAPICalled", "Log.entryAdded") and kind == "error"
        )
        if method == "Network.requestWillBeSent":
            address = str(told["request"]["url"])
            outside += not address.startswith(("data:", "blob:")) and address != file.resolve().as_uri()
    return errors, outside


def body_figures(page: Browser) -> dict[str, float]:
    """What there is to see of the body, and by how much it changes when it is moved, turned and played."""
    page.value(SLIDE.replace("SHARE", "0"))
    first = seen(page)
    page.value(SLIDE.replace("SHARE", "0.4"))
    moved = seen(page)
    place = page.value(
        "(() => { const c = document.querySelector('[data-part=marks]');"
        "c.scrollIntoView({block: 'center', behavior: 'instant'});"
        "const r = c.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
    )
    ways = (("mousePressed", 0), ("mouseMoved", 60), ("mouseMoved", 120), ("mouseReleased", 120))
    for kind, way in ways:
        button = {"button": "left", "buttons": 1, "clickCount": 1}
        page.ask("Input.dispatchMouseEvent", type=kind, x=place[0] + way, y=place[1], **button)
    turned = seen(page)
    page.ask("Input.dispatchMouseEvent", type="mouseWheel", x=place[0], y=place[1], deltaX=0, deltaY=-300)
    zoomed = seen(page)
    before = page.value("Number(document.querySelector('[data-part=slider]').value)")
    page.value("document.querySelector('[data-part=play]').click()")
    page.value("new Promise(done => setTimeout(done, 700))")
    after = page.value("Number(document.querySelector('[data-part=slider]').value)")
    return {
        "share of the canvas that is filled": moved["filled"],
        "colours": float(moved["colours"]),
        "changed by the slider": change(first, moved),
        "changed by dragging": change(moved, turned),
        "changed by the wheel": change(turned, zoomed),
        "frames played": abs(after - before),
    }


def of_page(file: Path, pictures: Path | None) -> tuple[dict[str, float], dict[str, bool]]:
    """Figures of one page, and its bars."""
    figures, bars = {"MB": file.stat().st_size / 1e6}, {}
    bars[f"at most {LARGEST:g} MB"] = figures["MB"] <= LARGEST
    for kind, webgl in (("", True), (", without WebGL", False)):
        with opened(file, webgl=webgl) as page:
            if pictures and webgl:
                for scheme in ("light", "dark"):
                    page.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
                    page.settle()
                    (pictures / f"{file.parent.name}-{scheme}.png").write_bytes(page.picture(whole=True))
            if page.value("document.getElementById('scene') !== null"):
                told = body_figures(page)
                context = page.value("document.querySelector('[data-part=body]').getContext('webgl2') !== null")
                figures |= {f"{name}{kind}": value for name, value in told.items()}
                bars |= {f"{name} above 0{kind}": value > 0 for name, value in told.items()}
                bars |= {f"canvas not blank{kind}": told["share of the canvas that is filled"] > 0.02 and told["colours"] > 8}
                bars |= {f"drawn {'with' if webgl else 'without'} WebGL": context == webgl}
            errors, outside = faults(page, file)
            figures |= {f"errors{kind}": float(errors), f"requests to elsewhere{kind}": float(outside)}
            bars |= {f"no error on the console{kind}": not errors, f"nothing asked for outside{kind}": not outside}
    return figures, bars


def main() -> NoReturn:
    """Pages of all runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as one flat JSON object")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="also a picture of each page, light and dark")
    told = parser.parse_args()
    if browser() is None:
        parser.error("there is no Chromium here: MNNFEM_WITH=browser ./run has one.")
    if told.pictures:
        told.pictures.mkdir(parents=True, exist_ok=True)
    every: dict[str, float] = {}
    missed = []
    for run in told.runs:
        try:
            content, missing = report(run)
        except InputError as problem:
            parser.error(str(problem))
        file = run / "report.html"
        file.write_text(content)
        figures, bars = of_page(file, told.pictures)
        every |= {
            f"{run.name}: {name}": value for name, value in {**figures, "sentences of what is missing": len(missing)}.items()
        }
        missed += [f"{run.name}: {bar}" for bar, reached in bars.items() if not reached]
        print(f"{run.name} is looked at", file=sys.stderr, flush=True)
    finish(every, missed, told.json)


if __name__ == "__main__":
    main()
