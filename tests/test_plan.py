"""`mnnfem plan`: from seconds of single steps to hours, ranks and the command that sends the run."""

from __future__ import annotations

import dataclasses
import json
import shlex

import pytest

from mnnfem.cli import command
from mnnfem.cluster.advice import PlanSettings, advised, submit_words
from mnnfem.cluster.forecast import Forecast, Span, shared_part
from mnnfem.cluster.submit import JobSettings
from mnnfem.cluster.workflow import divided, workflow
from mnnfem.errors import InputError
from mnnfem.plan import Settings
from mnnfem.settings import parse

SETTINGS = Settings(iterations=100, batch=8, heldout=10, fine_iterations=5)
FOUND = Forecast(
    settings=SETTINGS,
    setup=2.0,
    step=Span(0.8, 1.0, 1.2),
    fine=Span(4.0, 5.0, 6.0),
    rest=Span(0.1, 0.2, 0.4),
    shared=0.2,
    memory=810.0,
)


def test_a_run_is_both_arms_the_finer_mesh_and_their_evaluations() -> None:
    found = FOUND.seconds(1)
    assert found.likely == pytest.approx(2 * 100 * 1.0 + 5 * 5.0 + 2 * 2 * 10 * 0.2 + 2.0)
    assert found.least == pytest.approx(2 * 100 * 0.8 + 5 * 4.0 + 2 * 2 * 10 * 0.1 + 2.0)
    alone = dataclasses.replace(FOUND, settings=dataclasses.replace(SETTINGS, frozen_geometry=True))
    assert alone.seconds(1).likely == pytest.approx(100 * 1.0 + 5 * 5.0 + 2 * 10 * 0.2 + 2.0)


def test_groups_share_the_samples_and_nothing_else() -> None:
    """Of a step of 1 s 0.2 s are everybody's; four groups have two samples each, three as many as four."""
    steps = dataclasses.replace(FOUND, setup=0.0, fine=None, rest=Span(0.0, 0.0, 0.0))
    assert steps.seconds(4).likely == pytest.approx(200 * (0.2 + 0.8 * 2 / 8))
    assert steps.seconds(3).likely == pytest.approx(200 * (0.2 + 0.8 * 3 / 8))
    assert steps.seconds(8).likely == pytest.approx(200 * (0.2 + 0.8 / 8))


@pytest.mark.parametrize(("shared", "most", "groups"), [(0.0, 64, 8), (0.0, 5, 4), (0.2, 64, 4), (0.5, 64, 2), (0.0, 1, 1)])
def test_as_many_groups_are_advised_as_are_at_work(shared: float, most: int, groups: int) -> None:
    assert dataclasses.replace(FOUND, shared=shared).groups(most) == groups


def test_what_does_not_depend_on_the_samples_is_told_from_steps_of_two_sizes() -> None:
    assert shared_part(8, 0.2 + 8 * 0.1, 4, 0.2 + 4 * 0.1) == pytest.approx(0.2)
    assert shared_part(8, 0.8, 4, 0.3) == 0.0  # noise must not promise more than the ranks are


def test_the_plan_ends_in_a_command_that_is_accepted() -> None:
    typed = ["--iterations", "100", "--batch", "8"]
    plan = advised(FOUND, SETTINGS, most=64)
    words = shlex.split(submit_words("translation", typed, plan))
    assert words[:3] == ["mnnfem", "submit", "translation"]
    names = [field.name for field in dataclasses.fields(JobSettings)]
    own, rest = divided(words[3:], names, list(workflow("translation").options))
    told = parse(JobSettings, own, "", "")
    assert (told.ranks, told.memory, told.time) == (4, 1300, "00:10:00")
    assert rest == typed


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ([], "Which workflow"),
        (["digit_display"], "digit_display trains in stages of its own"),
        (["translation", "--ranks-per-sample", "2"], "start it with mpirun -n 2"),
        (["translation", "--mesure", "2"], "Did you mean '--measure'"),
    ],
)
def test_what_cannot_be_planned_is_refused(words: list[str], refused: str) -> None:
    with pytest.raises(InputError, match=refused):
        command(["plan", *words])


def test_no_option_of_a_plan_is_one_of_a_workflow() -> None:
    own = {field.name for field in dataclasses.fields(PlanSettings)}
    for name in ("translation", "rotation", "shape_matching"):
        assert not own & workflow(name).options.keys()


@pytest.mark.slow
def test_a_small_training_is_planned(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["plan", "translation", "--batch", "2", "--fine-iterations", "2", "--measure", "1", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert 0 < plan["seconds"]["1"]["least"] <= plan["seconds"]["1"]["likely"] <= plan["seconds"]["1"]["most"]
    assert 300 < plan["memory"] < 5000
    assert plan["submit"].startswith("mnnfem submit translation --batch 2 --fine-iterations 2 --ranks")
