"""A digit display from settings to run folder: both arms trained, tested, told and drawn."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from mpi4py import MPI

from mnnfem import checkpoint, visualise
from mnnfem.body import Body
from mnnfem.display import bankfile
from mnnfem.display.arms import ALL, Arm, Display, Shown, ShowSettings, Start, Tested
from mnnfem.display.gallery import Picture, gallery
from mnnfem.display.segments import LIT, best_constant, read
from mnnfem.display.show import Show
from mnnfem.display.training import begin, train_display
from mnnfem.ensemble import Ensemble
from mnnfem.errors import EquilibriumError
from mnnfem.experiment import FROZEN, LEARNED
from mnnfem.fabricate.extrude import write_stl
from mnnfem.fabricate.makeable import Makeable, made_sentences, stop_unmade
from mnnfem.fields import FieldWriter
from mnnfem.plan import body_makers
from mnnfem.progress import Progress
from mnnfem.runfolder import RESULT, RunFolder
from mnnfem.starting import refuse_unknown
from mnnfem.trainer import Evaluation, Step
from mnnfem.versions import versions


def run(display: Display, settings: ShowSettings, began: float) -> RunFolder:
    """Choose, train, test, and write the run folder, which is returned; the frozen arm starts where the learned one does."""
    torch.set_num_threads(1)
    ensemble = Ensemble.of(MPI.COMM_WORLD, settings.ranks_per_sample)
    refuse_unknown(settings.warm_start, False, settings.ranks_per_sample)
    limits = Makeable.of(settings.process, settings.thickness, display.geometry)
    with Progress.of(Show.name, settings, ensemble) as progress:
        if not progress.complete:
            _run(display, settings, limits, progress, began)
    return progress.folder


def _run(display: Display, settings: ShowSettings, limits: Makeable | None, progress: Progress, began: float) -> None:
    ensemble, folder = progress.ensemble, progress.folder
    makers = body_makers(display.law, display.boundary, ensemble, max(settings.batch, len(ALL)))
    body = makers.first(display.geometry.mesh)
    setup = time.perf_counter() - began
    start = begin(display, settings, body, progress)
    arms = {}
    for name in (FROZEN,) if settings.frozen_geometry else (LEARNED, FROZEN):
        arms[name] = train_display(name, display, settings, start, makers, progress, limits)
        if len(arms) == 1:
            state = {"task": Show.name, "seed": settings.seed, "controls": arms[name].controls.tolist()}
            checkpoint.save(folder, arms[name].model, state)
    result = summary(settings, start, arms, setup)
    if limits:
        model = next(iter(arms.values())).model
        result["made"] = limits.told(model.geometry, model.design)
    folder.write_json(RESULT, result)
    if ensemble.root:
        draw(folder, display, arms, settings)
        print(sentences(result, folder))
    folder.remove(bankfile.FILE)
    progress.finish()
    stop_unmade(result)


def summary(settings: ShowSettings, start: Start, arms: Mapping[str, Arm], setup: float) -> dict[str, Any]:
    """`result.json`: `digits` of the ten digits' own controls, also on a finer mesh; `images` of the network's, or null."""
    arm, frozen = next(iter(arms.values())), arms[FROZEN]
    tests = [
        one.evaluation
        for each in arms.values()
        for one in (each.tests.classes, each.tests.finer, each.tests.images)
        if one is not None
    ]
    steps = [step for each in arms.values() for stage in each.steps.values() for step in stage]
    every: list[Step | Evaluation] = [*steps, *tests]
    shown = arm.tests.images or arm.tests.classes
    idle = (torch.full_like(shown.seen, 0.5) - LIT[shown.digits]).abs().sum(dim=1).mean()
    return {
        "task": Show.name,
        "unit": Show.unit,
        "seed": settings.seed,
        **_tests(arm.tests),
        "do_nothing": float(idle),
        "best_constant": best_constant(shown.digits),
        "frozen_geometry": _tests(frozen.tests),
        "bank": {
            "states": len(start.states.controls),
            "failed": start.states.failed,
            "crossed": start.states.crossed,
            "exact": start.chosen.exact,
            "error": start.chosen.error,
        },
        "controls": arm.controls.tolist(),
        "seconds": {
            "setup": setup,
            "bank": start.seconds,
            "training": arm.training,
            "evaluation": arm.evaluation,
            "ablation": sum(one.training + one.evaluation for one in arms.values() if one is not arm),
        },
        "solver": {
            "solves": sum(step.solves for step in steps)
            + sum(len(test.errors) - test.failed for test in tests)
            + len(start.states.controls)
            + start.states.crossed,
            "failed": start.states.failed + sum(one.failed for one in every),
            "uncertified": sum(one.uncertified for one in every),
            "factorisations": start.states.factorisations + sum(one.factorisations for one in every),
            "warm_starts": sum(step.warm for step in steps),
        },
        "versions": versions(),
    }


def _tests(tests: Tested) -> dict[str, Any]:
    return {
        "digits": tests.classes.figures,
        "finer_mesh": tests.finer.figures,
        "images": None if tests.images is None else {**tests.images.figures, "network_accuracy": tests.head},
    }


def sentences(result: Mapping[str, Any], folder: RunFolder) -> str:
    """The result for people."""
    digits, images, frozen, seconds = (result[key] for key in ("digits", "images", "frozen_geometry", "seconds"))
    lines = [
        f"ten digits: error {digits['error']:.3f}, {digits['exact']} of 10 shown, least margin of a segment "
        f"{digits['least_margin']:.2f}; frozen geometry {frozen['digits']['error']:.3f}, {frozen['digits']['exact']} of 10; "
        f"on a mesh of four times the elements {result['finer_mesh']['error']:.3f}, {result['finer_mesh']['exact']} of 10; "
        f"grey {result['do_nothing']:.1f}, best constant picture {result['best_constant']:.1f}"
    ]
    if images is not None:
        lines.append(
            f"{images['n']} test images: error {images['error']:.3f}, read correctly {images['accuracy']:.1%} (the network's "
            f"own answer: {images['network_accuracy']:.1%}); frozen geometry {frozen['images']['error']:.3f}, "
            f"{frozen['images']['accuracy']:.1%}"
        )
    shown, solver = images or digits, result["solver"]
    lines.append(
        f"{seconds['bank']:.0f} s bank, {seconds['training']:.0f} s training, {seconds['evaluation']:.0f} s evaluation, "
        f"{seconds['ablation']:.0f} s for the frozen geometry; {solver['solves']} solves, {solver['failed']} failed, "
        f"{solver['uncertified']} uncertified; walls pass through each other in {shown['crossed']} of {shown['n']} tested "
        f"states, at most {shown['deepest_overlap']:.2f} mm deep"
    )
    lines += made_sentences(result)
    return "\n".join([*lines, f"everything is in {folder.path}: look at digits.png, or open fields/digits.pvd in ParaView"])


def draw(folder: RunFolder, display: Display, arms: Mapping[str, Arm], settings: ShowSettings) -> None:
    """Pictures of the first arm, its ten states for ParaView, and its body as STL."""
    arm = next(iter(arms.values()))
    curves = {
        f"ten digits, {name}": [step.loss for what, stage in one.steps.items() if what != "images" for step in stage]
        for name, one in arms.items()
    }
    visualise.loss_figure(folder.file("loss.png"), curves, LIT.shape[1] / 2, Show.unit)
    mesh, points = arm.model.geometry.mesh, arm.model.points().detach().numpy()
    visualise.design_figure(folder.file("design.png"), visualise.Scene(mesh, display.boundary, points))
    _gallery(folder, "digits.png", display, arm.tests.classes, ALL)
    images = arm.tests.images
    if images is not None and display.images is not None:
        first = [int((images.digits == digit).nonzero()[0]) for digit in images.digits.unique()]
        _gallery(folder, "images.png", display, images, torch.tensor(first), display.images.test.pixels)
    solved = [one for one in arm.tests.classes.evaluation.response.outcome if not isinstance(one, EquilibriumError)]
    if arm.model.plant.ensemble.group.size == 1:  # fields are written from one rank
        body = arm.model.plant.physics
        assert isinstance(body, Body)
        FieldWriter(body.solid).write_series(folder.file("fields/digits.pvd"), solved)
    write_stl(folder.file("design.stl"), mesh, points, settings.thickness)


def _gallery(
    folder: RunFolder,
    name: str,
    display: Display,
    shown: Shown,
    rows: torch.Tensor,
    pixels: torch.Tensor | None = None,
) -> None:
    tested, pictures = shown.evaluation, []
    now = (tested.response.points + tested.displacement).detach().numpy()
    answers = read(shown.seen)
    for row in rows.tolist():
        answer = str(int(answers[row])) if answers[row] >= 0 else "nothing"
        image = None
        if pixels is not None:
            side = math.isqrt(pixels.shape[1])
            image = pixels[row].reshape(side, side).numpy()
        title = f"{int(shown.digits[row])}, read as {answer}, error {float(tested.errors[row]):.2f}"
        pictures.append(Picture(now[row], shown.colours.numpy(), shown.seen[row].numpy(), title, image))
    gallery(folder.file(name), shown.mesh, display.windows, pictures)
