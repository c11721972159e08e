"""What every benchmark does with its figures: a table, `--json FILE`, and exit code 1 where a bar is missed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn


def bench_main(description: str, measure: Callable[[], tuple[dict[str, float], list[str]]]) -> NoReturn:
    """Run `measure`, which returns figures by name and the bars missed, and report."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as one flat JSON object")
    arguments = parser.parse_args()
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"--json {arguments.json}: there is no folder {arguments.json.parent}.")
    finish(*measure(), arguments.json)


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
