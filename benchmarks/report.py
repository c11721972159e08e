"""What every benchmark does with its figures: a table, `--json FILE`, and exit code 1 where a bar is missed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn


def bench_main(
    description: str,
    measure: Callable[[], tuple[dict[str, float], list[str]]],
    picture: Callable[[Path], None] | None = None,
) -> NoReturn:
    """Run `measure`, which returns figures by name and the bars missed, and report; `picture` draws what it found."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as one flat JSON object")
    if picture:
        parser.add_argument("--picture", type=Path, metavar="FILE", help="also draw it, PNG")
    arguments = vars(parser.parse_args())
    for name, path in arguments.items():
        if path and not path.parent.is_dir():
            parser.error(f"--{name} {path}: there is no folder {path.parent}.")
    figures, missed = measure()
    if picture and arguments["picture"]:
        picture(arguments["picture"])
    finish(figures, missed, arguments["json"])


def finish(figures: Mapping[str, float], missed: Sequence[str], file: Path | None) -> NoReturn:
    """Print the figures and the bars missed, write the file, and exit."""
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:.4g}")
    if file:
        file.write_text(json.dumps(dict(figures), indent=2) + "\n")
    for bar in missed:
        print(f"missed: {bar}", file=sys.stderr)
    sys.exit(1 if missed else 0)
