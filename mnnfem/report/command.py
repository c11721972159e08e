"""`mnnfem report`: the page of a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnnfem.errors import InputError
from mnnfem.report.page import report, write_page
from mnnfem.settings import parse, setting

EXAMPLES = """examples:
  mnnfem report runs/translation/paper
  mnnfem report runs/translation/paper --out paper.html
"""


@dataclass(frozen=True)
class ReportSettings:
    out: str = setting("", "the page's file; without it RUN/report.html")


def report_command(argv: Sequence[str]) -> int:
    """Run `mnnfem report RUN`. What is missing is told, in the page as well, and is no failure."""
    run, rest = (argv[0], argv[1:]) if argv and not argv[0].startswith("-") else ("", argv)
    settings = parse(ReportSettings, rest, "One self-contained HTML page of a run's folder.", EXAMPLES)
    if not run:
        raise InputError("Of which run? Give its folder first: mnnfem report RUN, see --help.")
    page, missing = report(Path(run))
    file = Path(settings.out or Path(run) / "report.html")
    write_page(file, page)
    for sentence in missing:
        print(sentence, file=sys.stderr)
    print(f"{file}, {len(page.encode()) / 1e6:.2f} MB: open it in a browser")
    return 0
