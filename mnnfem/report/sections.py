"""The parts of a page, each from what a run has left; a part for which there is nothing is empty."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from html import escape

import numpy as np

from mnnfem.errors import InputError
from mnnfem.report.chart import svg
from mnnfem.report.folder import Left
from mnnfem.report.media import film, picture
from mnnfem.report.opened import Opened
from mnnfem.report.outcome import figures_table, headline, heldout_table, solver_table
from mnnfem.report.outlines import design_svg
from mnnfem.report.scene import Scene, packed
from mnnfem.report.still import still
from mnnfem.report.tables import Cell, Section, Table, html
from mnnfem.report.training import effort_chart, loss_chart
from mnnfem.report.words import options

CAPTIONS = {
    "targets.png": "Four held-out targets. White dots are watched, orange is where they should be; colour: displacement in mm.",
    "digits.png": "The ten digits under their own controls. Windows in red show the mean colour of the material behind them.",
    "images.png": "Unseen handwritten digits, in a corner, and what the body shows for them.",
    "networks.png": "The networks: lines as wide as bonds are stiff.",
    "network.png": "The network that the body stands for: lines as wide as bonds are stiff.",
    "gradients.png": "How near a gradient measured from photographs with noise comes to the exact one.",
}
ELSEWHERE = ("loss.png", "training.png", "design.png")  # in other parts of the page, drawn anew where there are figures for it


def scene_section(scene: Scene | None) -> Section:
    """The body to turn and to move."""
    if scene is None:
        return Section("body", "The body", "")
    plane = f" The plane body is drawn {scene.thickness:g} mm thick;" if scene.frames.plane else ""
    what = "White dots are watched, orange marks are where they should be. " if scene.overlay.wanted is not None else ""
    windows = "Windows are orange. " if len(scene.overlay.rectangles) else ""
    count = len(scene.frames.moved)
    drawn = (
        '<div class="stage"><canvas data-part="body" aria-hidden="true"></canvas>'
        '<canvas data-part="marks" tabindex="0" role="img" aria-label="The deformed body; arrow keys turn it, + and - zoom">'
        '</canvas><div class="bar" data-part="bar"><span></span><i></i><span></span><span></span></div></div>'
        '<div class="controls"><button type="button" data-part="play" aria-pressed="false">Play</button>'
        '<input type="range" min="0" max="1" step="any" value="0" data-part="slider" aria-label="along the path">'
        '<select data-part="shade" aria-label="colour by"></select></div><p class="now" data-part="label"></p>'
    )
    caption = (
        f"Drag to turn; click, then wheel to zoom; double-click to begin again.{plane} {count} stored equilibria, straight "
        f"lines between them. {what}{windows}"
    )
    content = (
        f'<figure id="scene">{drawn}<noscript><img src="{still(scene)}" alt="The body where it is moved most"></noscript>'
        f'<figcaption>{caption}</figcaption></figure><script type="application/json" id="scene-data">{packed(scene)}</script>'
    )
    return Section("body", "The body", content)


def heldout_section(left: Left) -> Section:
    """Errors against both arms."""
    table = heldout_table(left)
    return Section("error", "Held-out error", html(table) if table else "")


def design_section(left: Left, known: Opened) -> Section:
    """Outlines before and after; the run's own picture where these cannot be drawn."""
    title = "Design"
    if known.run and known.design and known.design.mesh.dim == 2:
        moved = _moved(known)
        caption = f"Before training, left, and after. Heavy edges are held, red ones driven. {moved}"
        return Section(
            "design", title, f"<figure>{design_svg(known.run, known.design)}<figcaption>{caption}</figcaption></figure>"
        )
    if "design.png" in left.pictures:
        return Section("design", "Design", _figure(left, "design.png", "Dark edges are held, red ones driven; mm."))
    return Section("design", title, "")


def _moved(known: Opened) -> str:
    assert known.run
    assert known.design
    start = known.run.geometry.mesh
    if start.points.shape != known.design.points.shape:
        return f"{len(known.run.geometry.parameters)} design parameters."
    walls = np.unique(start.boundary())
    farthest = float(np.linalg.norm(known.design.points - start.points, axis=1)[walls].max())
    return f"{len(known.run.geometry.parameters)} design parameters; walls have moved by up to {farthest:.3g} mm."


def training_section(left: Left, known: Opened) -> Section:
    """Curves of both arms."""
    chart = loss_chart(left, known.unit(left))
    drawn = svg(chart, "Training") if chart else ""
    if drawn:
        caption = "Every step, pale, and a running mean. Vertical lines: where a stage begins or a mesh was made anew."
        return Section("training", "Training", f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>")
    name = next((name for name in ("loss.png", "training.png") if name in left.pictures), None)
    return Section("training", "Training", _figure(left, name, "The training.") if name else "")


def pictures_section(left: Left) -> Section:
    """Every other still picture of the run."""
    names = [name for name in left.pictures if name.endswith(".png") and name not in ELSEWHERE]
    return Section("pictures", "Pictures", "".join(_figure(left, name, CAPTIONS.get(name, f"{name}.")) for name in names))


def film_section(left: Left) -> Section:
    """Films, moving."""
    films = []
    for name, file in left.pictures.items():
        if name.endswith(".gif"):
            try:
                uri, (width, height) = film(file)
            except InputError as problem:
                left.missing.append(str(problem))
                continue
            what = "along the path of targets" if name == "path.gif" else f"({name})"
            films.append(
                f'<figure><img class="film" src="{uri}" width="{width}" height="{height}" alt="The body moves {what}">'
                f"<figcaption>The body {what}, from each equilibrium to the next.</figcaption></figure>"
            )
    return Section("film", "Film", "".join(films))


def solver_section(left: Left) -> Section:
    """Counts, and what each solve took."""
    if not left.metrics and "solver" not in left.result:
        return Section("solver", "Solver", "")
    chart = effort_chart(left)
    drawn = svg(chart, "Factorisations per solve") if chart else ""
    caption = (
        "<figcaption>Factorisations that a solve took, on average over each step; 1 is the certificate's alone.</figcaption>"
    )
    figure = f"<figure>{drawn}{caption}</figure>" if drawn else ""
    counted = any("solves" in step for step in left.metrics) or "solver" in left.result
    return Section("solver", "Solver", (html(solver_table(left)) if counted else "") + figure)


def figures_section(left: Left) -> Section:
    """All numbers of a workflow that has no arms."""
    table = figures_table(left.result) if left.result and headline(left.result) is None else None
    return Section("figures", "Figures", html(table) if table else "")


def settings_section(left: Left) -> Section:
    """Every option, those first that were chosen."""
    if not left.settings:
        return Section("settings", "Settings", "")
    try:
        told, _ = options(left.workflow, left.settings)
    except InputError as problem:
        left.missing.append(f"What the settings mean is not known: {problem}")
        rows: list[list[Cell]] = [[name, str(value)] for name, value in left.settings.items()]
        return Section("settings", "Settings", html(Table(("option", "value"), rows)))
    ordered = sorted(told, key=lambda option: not option.chosen)
    table = Table(("option", "value", "what it is"), [[one.name, one.value, one.meaning] for one in ordered], "",
                  strong=range(sum(one.chosen for one in told)))  # fmt: skip
    summary = "All options, in bold those that are not as the workflow takes them by itself"
    return Section("settings", "Settings", f"<details><summary>{summary}</summary>{html(table)}</details>")


def versions_section(left: Left) -> Section:
    """Of everything that the result depends on."""
    versions = left.result.get("versions")
    if not isinstance(versions, Mapping):
        return Section("versions", "Versions", "")
    each = "".join(f"<span><b>{escape(name)}</b> {escape(str(version))}</span>" for name, version in versions.items())
    return Section("versions", "Versions", f'<p class="versions">{each}</p>')


def command_section(left: Left) -> Section:
    """How to run it again."""
    try:
        _, command = options(left.workflow, left.settings)
    except InputError:
        return Section("again", "Run it again", "")
    again = f"./run mnnfem rerun {shlex.quote(str(left.path))}"
    note = "repeats the run and says whether it ends with the same weights, bit for bit; on any number of ranks under mpirun."
    lines = f'<pre><code>{escape(command)}</code></pre><p class="note"><code>{escape(again)}</code> {note}</p>'
    return Section("again", "Run it again", lines)


def _figure(left: Left, name: str, caption: str) -> str:
    try:
        uri, (width, height) = picture(left.pictures[name])
    except InputError as problem:
        left.missing.append(str(problem))
        return ""
    return (
        f'<figure><img src="{uri}" width="{width}" height="{height}" alt="{escape(caption)}" loading="lazy">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
