"""What a run leaves behind: its result as numbers and sentences, pictures, fields, and the printable design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mnnfem import visualise
from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.boundary import Boundary
from mnnfem.errors import EquilibriumError
from mnnfem.fabricate.makeable import made_sentences
from mnnfem.fields import FieldWriter
from mnnfem.moduli import moduli_sentence
from mnnfem.runfolder import RunFolder
from mnnfem.task import Watched
from mnnfem.trainer import Evaluation, Step
from mnnfem.versions import versions


@dataclass(frozen=True)
class Arm:
    """One trained model with its history; training and evaluation in seconds."""

    model: Autoencoder
    steps: Sequence[Step]
    before: Evaluation
    after: Evaluation
    training: float
    evaluation: float


def summary(task: Watched, seed: int, heldout: torch.Tensor, arm: Arm, frozen: Arm, setup: float) -> dict[str, Any]:
    """`result.json`. Solver counts are of both arms; the seconds of the frozen one, if it is another, are the ablation."""
    arms = [arm] if frozen is arm else [arm, frozen]
    tests = [test for one in arms for test in (one.before, one.after)]
    steps = [step for one in arms for step in one.steps]
    every: list[Step | Evaluation] = [*steps, *tests]
    idle = task.errors(arm.before.response.moved_to(torch.zeros_like(arm.before.displacement)), heldout)
    return {
        "task": task.name,
        "unit": task.unit,
        "seed": seed,
        "heldout": {
            "before": arm.before.mean,
            "after": arm.after.mean,
            "worst": arm.after.worst,
            "n": len(heldout),
            "failed": arm.after.failed,
            "crossed": arm.after.crossed,
            "deepest_overlap": arm.after.deepest_overlap,
        },
        "do_nothing": float(idle.mean()),
        "frozen_geometry": frozen.after.mean,
        "seconds": {
            "setup": setup,
            "training": arm.training,
            "evaluation": arm.evaluation,
            "ablation": sum(one.training + one.evaluation for one in arms[1:]),
        },
        "solver": {
            "solves": sum(step.solves for step in steps) + sum(len(heldout) - test.failed for test in tests),
            "failed": sum(one.failed for one in every),
            "uncertified": sum(one.uncertified for one in every),
            "factorisations": sum(one.factorisations for one in every),
            "warm_starts": sum(step.warm for step in steps),
        },
        **learned_guess(steps),
        "versions": versions(),
        **({} if arm.model.moduli is None else {"moduli": arm.model.moduli.told}),
    }


def learned_guess(steps: Sequence[Step]) -> dict[str, Any]:
    """Of a guess that learned beside the steps: solves that it started, the share of their time that it took; or {}."""
    study = sum(step.study for step in steps)
    if not study:
        return {}
    return {
        "learned_guess": {"started": sum(step.guessed for step in steps), "time": study / sum(one.seconds for one in steps)}
    }


def sentences(result: Mapping[str, Any], folder: RunFolder) -> str:
    """The result for people."""
    heldout, unit, seconds, solver = (result[key] for key in ("heldout", "unit", "seconds", "solver"))
    made, guess = "".join(f"{sentence}\n" for sentence in made_sentences(result)), result.get("learned_guess")
    learned = "a learned guess started {started} of the solves; it and its own training took {time:.0%} of the steps' time\n"
    moduli = f"{moduli_sentence(result['moduli'])}\n" if "moduli" in result else ""
    return (
        f"held-out error {heldout['after']:.3f} {unit} (worst {heldout['worst']:.2f}, n = {heldout['n']}); before training "
        f"{heldout['before']:.2f}, frozen geometry {result['frozen_geometry']:.2f}, do nothing {result['do_nothing']:.2f}\n"
        f"{seconds['setup']:.0f} s set-up, {seconds['training']:.0f} s training, {seconds['evaluation']:.0f} s evaluation, "
        f"{seconds['ablation']:.0f} s for the frozen geometry; "
        f"{solver['solves']} solves, {solver['failed']} failed, {solver['uncertified']} uncertified, "
        f"{solver['factorisations']} factorisations; walls pass through each other in {heldout['crossed']} held-out states, "
        f"at most {heldout['deepest_overlap']:.2f} mm deep\n"
        f"{learned.format(**guess) if guess else ''}{made}{moduli}"
        f"everything is in {folder.path}: look at targets.png and path.gif, or open fields/path.pvd in ParaView"
    )


def scene_of(model: Autoencoder, boundary: Boundary) -> visualise.Scene:
    """The body of a trained model, to be drawn."""
    mesh, points = model.geometry.mesh, model.points().detach().numpy()
    return visualise.Scene(mesh, boundary, points, None if model.moduli is None else model.moduli.of_elements(mesh))


def draw(
    folder: RunFolder,
    scene: visualise.Scene,
    task: Watched,
    arms: Mapping[str, Arm],
    heldout: torch.Tensor,
    film: Evaluation,
    path: torch.Tensor,
    idle: float,
) -> None:
    """Pictures of the first arm: loss, design, four deformed targets, and a film along the path."""
    curves = {name: [step.loss for step in arm.steps] for name, arm in arms.items()}
    visualise.loss_figure(folder.file("loss.png"), curves, idle, task.unit)
    visualise.design_figure(folder.file("design.png"), scene)
    arm = next(iter(arms.values()))
    shown = _shown(arm.after, heldout)
    if shown:
        seen = views(task, arm.after, heldout)
        visualise.targets_figure(folder.file("targets.png"), scene, [seen[k] for k in shown])
    visualise.path_film(folder.file("path.gif"), scene, views(task, film, path))


def views(task: Watched, tested: Evaluation, targets: torch.Tensor) -> list[visualise.View]:
    """What there is to see of each target: the state, the watched points, and where they should be."""
    response = tested.response.moved_to(tested.displacement)
    watched, wanted = (places.numpy() for places in (task.watched(response), task.wanted(response, targets)))
    titles = [
        f"{task.title(target)}, error {error:.3g} {task.unit}" for target, error in zip(targets, tested.errors, strict=True)
    ]
    rows = zip(tested.displacement.numpy(), watched, wanted, titles, strict=True)
    return [visualise.View(moved, are, should, task.loop, title) for moved, are, should, title in rows]


def write_fields(folder: RunFolder, body: Body, tested: Evaluation, heldout: torch.Tensor, film: Evaluation) -> None:
    """Fields of the four targets and of the film for ParaView."""
    writer = FieldWriter(body.solid)
    for number, k in enumerate(_shown(tested, heldout), start=1):
        writer.write(folder.file(f"fields/target_{number}.vtu"), tested.response.outcome[k])
    followed = [one for one in film.response.outcome if not isinstance(one, EquilibriumError)]
    writer.write_series(folder.file("fields/path.pvd"), followed)


def _shown(tested: Evaluation, heldout: torch.Tensor, count: int = 4) -> list[int]:
    """Solved targets far apart: the largest, then each time the farthest from those chosen."""
    candidates = np.flatnonzero(tested.response.solved.numpy())
    flat = heldout.numpy().reshape(len(heldout), -1)
    chosen: list[int] = []
    gaps = np.linalg.norm(flat, axis=1)
    while len(chosen) < min(count, len(candidates)):
        chosen.append(int(candidates[np.argmax(gaps[candidates])]))
        gaps = np.linalg.norm(flat[:, None] - flat[chosen][None], axis=2).min(axis=1)
    return chosen
