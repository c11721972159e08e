"""Where the solves of a training start: remembered states, their interpolation, a guess that learns beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from mpi4py import MPI

from mnnfem.body import Body
from mnnfem.display.arms import ShowSettings
from mnnfem.display.run import run as run_display
from mnnfem.ensemble import Ensemble
from mnnfem.equilibrium import Near, Solution, Start
from mnnfem.errors import InputError
from mnnfem.experiment import run
from mnnfem.guess import beside
from mnnfem.guess.beside import Beside
from mnnfem.guess.classical import Neighbours, Previous, Rest
from mnnfem.guess.gate import Limits, Preferred
from mnnfem.guess.learning import Regime
from mnnfem.guess.network import Size
from mnnfem.guess.reference import Reference
from mnnfem.mesh import Floats
from mnnfem.results import learned_guess
from mnnfem.starting import KINDS, LEARNED, refuse_unknown, remembered
from mnnfem.trainer import Step
from mnnfem.warmstart import Library
from workflows.first_guess import panels
from workflows.translation import TranslationSettings, experiment

NOWHERE = np.zeros((0, 2))
FAMILY = panels(0.3, 12.0, cells=3)
CONTROLS = np.array([4.0, -2.0])


@pytest.fixture(scope="module")
def body() -> Body:
    return FAMILY.body(factors=8)


@pytest.fixture(scope="module")
def reference(body: Body) -> Reference:
    return Reference(FAMILY, body.solid)


@pytest.fixture(scope="module")
def inputs() -> tuple[Floats, Floats, Floats]:
    return FAMILY.points(FAMILY.middle), CONTROLS, FAMILY.law.values


@pytest.fixture(scope="module")
def solution(body: Body, inputs: tuple[Floats, Floats, Floats]) -> Solution:
    return body.solve(*inputs)


def filled(library: Library, states: int, power: int = 1) -> Library:
    """With states that are a polynomial of their controls."""
    matrix = np.random.default_rng(0).normal(size=(2, 7))
    for controls in np.random.default_rng(1).uniform(-10, 10, (states, 2)):
        library.add(Start((controls / 10) ** power @ matrix, controls))
    return library


def test_neighbours_meet_what_is_linear_in_the_controls() -> None:
    """To round-off, prescribed displacements among it; what is quadratic nearer than the nearest state does."""
    at, matrix = np.array([1.3, -2.1]), np.random.default_rng(0).normal(size=(2, 7))
    found = filled(Neighbours(), 20)(NOWHERE, at, NOWHERE)
    assert found is not None
    assert np.abs(found.controls - at).max() < 1e-12
    assert np.abs(found.displacement - (at / 10) @ matrix).max() < 1e-12
    near, between = (filled(kind(), 40, 2)(NOWHERE, at, NOWHERE) for kind in (Library, Neighbours))
    assert near is not None
    assert between is not None
    off = [np.abs(one.displacement - (at / 10) ** 2 @ matrix).max() for one in (near, between)]
    assert off[1] < 0.3 * off[0]


def test_neighbours_give_back_what_they_know_and_do_not_reach_far() -> None:
    few, many = filled(Neighbours(), 2), filled(Neighbours(), 20)
    known = many.nearest(np.array([5.0, 5.0]))
    assert known is not None
    again = many(NOWHERE, known.controls, NOWHERE)
    assert again is not None
    assert np.abs(again.displacement - known.displacement).max() < 1e-6
    for library, far in ((few, [9.0, 9.0]), (many, [60.0, -50.0])):
        assert library(NOWHERE, np.array(far), NOWHERE) is library.nearest(np.array(far))
    alike = Neighbours()
    for _ in range(5):
        alike.add(Start(np.ones(7), np.array([3.0, 3.0])))
    assert alike(NOWHERE, np.array([3.0, 2.5]), NOWHERE) is alike.nearest(np.array([3.0, 2.5]))


def test_every_start_leads_to_the_same_state(body: Body, inputs: tuple[Floats, Floats, Floats], solution: Solution) -> None:
    points, controls, values = inputs
    others = [body.solve(points, factor * controls, values) for factor in (0.9, 1.1)]
    others.append(body.solve(points, controls + np.array([0.5, 0.5]), values))
    kinds = dict(zip(KINDS[:4], (type(None), Start, Solution, Near), strict=True))
    for kind, gives in kinds.items():
        library = remembered(kind)
        for one in others:
            library.add(one)
        begin = library(*inputs)
        assert type(begin) is gives, kind
        found = body.solve(*inputs, begin)
        assert found.record.warm == (kind != "none")
        assert np.abs(found.displacement - solution.displacement).max() < 1e-6 * np.abs(solution.displacement).max()
    assert not Rest()(*inputs)
    assert Previous()(*inputs) is None
    assert type(remembered(LEARNED, 3)) is Library


def test_a_guess_is_preferred_where_it_is_worth_more(
    reference: Reference, inputs: tuple[Floats, Floats, Floats], solution: Solution
) -> None:
    """Than the nearest state, moved to the same controls, or than rest; and never beyond the limits."""
    noise = np.where(reference.solid.free, np.random.default_rng(0).normal(size=reference.solid.size), 0.0)
    good, near = Start(solution.displacement, CONTROLS), Start(0.97 * solution.displacement, 0.97 * CONTROLS)
    slightly, over = Start(good.displacement + 0.02 * noise, CONTROLS), Start(30 * good.displacement, CONTROLS)

    def chosen(guess: Start | None, other: Start | None, limits: Limits = Limits()) -> Start | None:
        return Preferred(lambda *_: guess, lambda *_: other, reference, limits)(*inputs)

    assert chosen(good, near) is good
    assert chosen(slightly, near) is near
    assert chosen(slightly, solution) is solution
    assert chosen(over, near) is near
    assert chosen(None, near) is near
    assert chosen(good, over) is good
    assert chosen(good, None) is good
    assert chosen(slightly, None, Limits(det_f=0.99)) is None
    assert chosen(good, near, Limits(det_f=0.99)) is near


def learning(reference: Reference, ensemble: Ensemble | None = None) -> Beside:
    regime = Regime(steps=40, batch=4, rate=0.02)
    return Beside(reference, ensemble or Ensemble.alone(), regime, per_step=3, seed=0, size=Size(8, 1))


def test_a_guess_learns_beside_a_training_and_starts_solves(
    body: Body, reference: Reference, inputs: tuple[Floats, Floats, Floats], solution: Solution
) -> None:
    """Before it has learned, where it is not preferred, and on another mesh the nearest solution starts."""
    starts, design = learning(reference), FAMILY.middle
    noise = np.where(reference.solid.free, np.random.default_rng(0).normal(size=reference.solid.size), 0.0)
    far = Start(0.9 * solution.displacement + 0.05 * noise, 0.9 * CONTROLS)
    starts.add(far)
    assert starts(*inputs) is far
    members = starts._members(starts._learner, design)
    assert np.abs(members.designs - design).max() <= beside.DRIFT
    assert np.abs(members.controls - far.controls).max() <= beside.NEAR * FAMILY.reach
    told = starts.study(design)
    assert told.guessed == 0 < told.seconds
    begin = starts(*inputs)
    assert begin is not far
    assert np.array_equal(begin.controls, CONTROLS)
    found = body.solve(*inputs, begin)
    assert found.record.warm
    assert np.abs(found.displacement - solution.displacement).max() < 1e-6 * np.abs(solution.displacement).max()
    assert starts.study(design).guessed == 1
    starts.add(solution)
    assert starts(*inputs) is solution
    starts.carry(lambda one: Start(one.displacement, one.controls))
    assert starts.tensors() == {}
    assert type(starts(*inputs)) is Start
    assert starts.study(design).guessed == 0


def test_what_was_learned_goes_on_bitwise(reference: Reference) -> None:
    design, (whole, first, second) = FAMILY.middle, (learning(reference) for _ in range(3))
    for one in (whole, whole, first):
        one.study(design)
    tensors = {name: tensor.clone() for name, tensor in first.tensors().items()}
    second.restore_(tensors, "file")
    second.study(design)
    assert whole.tensors().keys() == second.tensors().keys()
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, second.tensors()[name]), name
    assert not torch.equal(tensors["network.place"], second.tensors()["network.place"])
    for lost in ("taken", "network.place", "adam.0.exp_avg"):
        with pytest.raises(InputError, match=f"misses tensor '{lost.removeprefix('adam.')}'"):
            learning(reference).restore_({name: one for name, one in tensors.items() if name != lost}, "file")
    given_up = learning(reference)
    given_up.restore_({}, "file")
    assert given_up.tensors() == {}


def test_bodies_of_no_known_family_are_refused(tmp_path: Path) -> None:
    """Before anything is solved, or a folder made."""
    own = TranslationSettings(out=str(tmp_path / "run"), warm_start=LEARNED)
    digits = ShowSettings(out=own.out, warm_start=LEARNED)
    with pytest.raises(InputError, match=r"bodies are none\. Choose one of none, previous, predictor"):
        run(dataclasses.replace(experiment(own), cells=None), own, 0.0)
    with pytest.raises(InputError, match="this workflow's bodies are none"):
        run_display(None, digits, 0.0)
    with pytest.raises(InputError, match="--ranks-per-sample 2 spreads them"):
        refuse_unknown(LEARNED, True, 2)
    refuse_unknown("interpolation", False, 2)
    assert not (tmp_path / "run").exists()


def test_a_run_tells_what_its_guess_did() -> None:
    step = Step(0, 1.0, 4, 0, 0, 0, 4, 4, 2.0, None)
    assert learned_guess([step, step]) == {}
    learned = dataclasses.replace(step, guessed=3, study=0.5)
    assert learned_guess([step, learned]) == {"learned_guess": {"started": 3, "time": 0.125}}


@pytest.mark.mpi
def test_all_ranks_learn_what_one_would(reference: Reference) -> None:
    """Bit for bit, the energies dealt to them."""
    world, alone = learning(reference, Ensemble.of(MPI.COMM_WORLD)), learning(reference)
    for one in (world, alone):
        one.study(FAMILY.middle)
    for name, tensor in alone.tensors().items():
        assert torch.equal(tensor, world.tensors()[name]), name
