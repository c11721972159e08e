"""A run's folder -> one self-contained page: no address outside of it, at most 5 MB."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from mnnfem.errors import InputError
from mnnfem.report import sections
from mnnfem.report.folder import Left, read_folder
from mnnfem.report.opened import opened, scene_of
from mnnfem.report.outcome import tiles
from mnnfem.report.prints import prints_section
from mnnfem.report.tables import Section, tiles_html
from mnnfem.report.words import described

DAMAGED = (InputError, OSError, KeyError, TypeError, ValueError, AttributeError)  # what a damaged file can lead to


def report(path: Path) -> tuple[str, list[str]]:
    """The page of a run, HTML, and sentences about what is missing in it. InputError where `path` is no run's folder."""
    left = read_folder(path)
    parts = _parts(left)
    told = described(left.workflow)
    figures = _guarded("The first figures", left, lambda: Section("", "", tiles_html(tiles(left))))
    lead = f'<p class="lead">{escape(told.lead)}</p>' if told.lead else ""
    words = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in told.paragraphs)
    state = "finished" if left.finished else "not finished"
    line = f"{left.name} · {left.ended:%-d %B %Y, %H:%M} · {state}"
    head = (
        f'<p class="eyebrow">{escape(line)}</p><h1>{escape(told.title)}</h1>{lead}'
        f'<div class="words">{words}</div>{figures.html}'
    )
    return document(f"{told.title}, {left.name}", head + _gaps(left.missing), parts), left.missing


def document(title: str, head: str, parts: Sequence[Section]) -> str:
    """A whole page: styles and scripts inside it, an index of its parts."""
    shown = [part for part in parts if part.html]
    index = "".join(f'<a href="#{part.name}">{escape(part.title)}</a>' for part in shown)
    body = "".join(
        f'<section aria-labelledby="{one.name}"><h2 id="{one.name}">{escape(one.title)}</h2>{one.html}</section>'
        for one in shown
    )
    script = f"<script>{_asset('scene.js')}</script>" if 'id="scene"' in body else ""
    meta = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{meta}<title>{escape(title)}</title><style>{_asset("page.css")}</style></head>'
        f'<body><main><header>{head}</header><nav aria-label="Parts">{index}</nav>{body}'
        f"<footer>Made by mnnfem. Units: mm, N, MPa.</footer></main>{script}</body></html>\n"
    )


def write_page(file: Path, page: str) -> None:
    """InputError where it cannot be written."""
    try:
        file.write_text(page)
    except OSError as problem:
        raise InputError(f"{file} cannot be written: {problem.strerror}. Choose another file with --out.") from None


def _parts(left: Left) -> list[Section]:
    known = opened(left)
    scene = scene_of(left, known)
    makers: dict[str, Callable[[], Section]] = {
        "The body": lambda: sections.scene_section(scene),
        "The held-out error": lambda: sections.heldout_section(left),
        "The figures": lambda: sections.figures_section(left),
        "The design": lambda: sections.design_section(left, known),
        "The training": lambda: sections.training_section(left, known),
        "The pictures": lambda: sections.pictures_section(left),
        "The film": lambda: sections.film_section(left),
        "The solver's counts": lambda: sections.solver_section(left),
        "The print checks": lambda: prints_section(left, known),
        "The settings": lambda: sections.settings_section(left),
        "The versions": lambda: sections.versions_section(left),
        "The command": lambda: sections.command_section(left),
    }
    return [_guarded(what, left, make) for what, make in makers.items()]


def _guarded(what: str, left: Left, make: Callable[[], Section]) -> Section:
    """A part that cannot be made is missing, and the page says why; the others are there."""
    try:
        return make()
    except DAMAGED as problem:
        reason = f"{type(problem).__name__}: {problem}" if not isinstance(problem, InputError) else str(problem)
        left.missing.append(f"{what} cannot be shown: {reason}")
        return Section("", what, "")


def _gaps(missing: Sequence[str]) -> str:
    if not missing:
        return ""
    each = "".join(f"<li>{escape(sentence)}</li>" for sentence in missing)
    return f'<aside class="gaps" aria-label="What is missing"><ul>{each}</ul></aside>'


def _asset(name: str) -> str:
    return importlib.resources.files("mnnfem.report").joinpath(name).read_text()
