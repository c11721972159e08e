"""Verifies a run: its held-out error, or its ten digits, on a mesh of four times the elements, and a film of the body there.

Usage: evaluate.py RUN [--name value ...], where RUN is the folder of a run of any workflow here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mpi4py import MPI

from mnnfem import checkpoint, results, visualise
from mnnfem.display import verify as display
from mnnfem.display.arms import Display, ShowSettings
from mnnfem.ensemble import Ensemble
from mnnfem.errors import InputError
from mnnfem.guard import Guard
from mnnfem.plan import Experiment, Settings, body_maker, body_makers
from mnnfem.reopen import reopened
from mnnfem.runfolder import RESULT, RunFolder
from mnnfem.settings import parse, run_main, setting
from mnnfem.trainer import follow
from mnnfem.verify import on_finer_mesh, verify
from mnnfem.warmstart import Library

EXAMPLES = """examples:
  ./run python workflows/evaluate.py runs/translation/2026-11-20-120000-seed0
  ./run python workflows/evaluate.py runs/rotation/paper --refine 2 --out runs/rotation/paper-fine
"""


@dataclass(frozen=True)
class EvaluateSettings:
    out: str = setting("", "folder of the evaluation, made new; without it RUN/refined_<refine>")
    refine: int = setting(1, "how many times each triangle is cut in four", low=0, high=4)
    heldout: int = setting(0, "held-out targets; 0 is as many as the run had", low=0)


def main(argv: Sequence[str]) -> None:
    run, rest = (Path(argv[0]), argv[1:]) if argv and not argv[0].startswith("-") else (None, argv)
    told = parse(EvaluateSettings, rest, __doc__, EXAMPLES)
    if run is None:
        raise InputError("Which run? Give its folder first: evaluate.py RUN [--refine 1], see --help.")
    experiment, settings = reopened(run)
    ensemble = Ensemble.of(MPI.COMM_WORLD, settings.ranks_per_sample)
    if isinstance(experiment, Display):
        assert isinstance(settings, ShowSettings)
        _verify_display(run, experiment, settings, told, ensemble)
    elif isinstance(experiment, Experiment):
        _verify(run, experiment, settings, told, ensemble)
    else:
        raise InputError(f"{run} is the run of a workflow that verifies its design itself: see its result.json.")


def _verify(run: Path, experiment: Experiment, settings: Settings, told: EvaluateSettings, ensemble: Ensemble) -> None:
    task = experiment.task
    law, boundary, parts = experiment.law, experiment.boundary, experiment.parts
    makers = body_makers(law, boundary, ensemble, settings.batch, parts)
    make = body_maker(law, boundary, ensemble, 1, parts)
    model = experiment.model(makers.first, Guard(settings.least_quality), ensemble)
    checkpoint.load(run, model)
    if settings.fine_iterations:
        model = on_finer_mesh(model, makers.finer, 1)
    folder = RunFolder(Path(told.out or run / f"refined_{told.refine}"), ensemble.world)
    targets = experiment.held_out(told.heldout or settings.heldout)
    verified = verify(model, task, targets, make, told.refine)
    folder.write_json(RESULT, verified.numbers)
    film = follow(verified.model, task, experiment.path, Library())
    if not ensemble.root:
        return
    scene = results.scene_of(verified.model, boundary)
    visualise.path_film(folder.file("path.gif"), scene, results.views(task, film, experiment.path))
    print(f"{verified.sentences(task.unit)}\neverything is in {folder.path}")


def _verify_display(run: Path, shown: Display, settings: ShowSettings, told: EvaluateSettings, ensemble: Ensemble) -> None:
    """The ten digits; the images choose among their states."""
    model, controls = display.restored(run, shown, settings, ensemble)
    folder = RunFolder(Path(told.out or run / f"refined_{told.refine}"), ensemble.world)
    verified = display.verify(model, controls, shown, told.refine)
    folder.write_json(RESULT, verified.numbers)
    display.digits_film(folder.file("path.gif"), verified.model, shown, ensemble.root)
    if ensemble.root:
        print(f"{verified.sentences}\neverything is in {folder.path}")


if __name__ == "__main__":
    run_main(main)
