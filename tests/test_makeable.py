"""Designs that a process cannot make are moved until it can, no farther than need be, and trained designs are among them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.controller import Controller
from mnnfem.errors import InputError, TrainingStopped
from mnnfem.fabricate import makeable
from mnnfem.fabricate.makeable import Makeable, made_sentences, nearest_step, stop_unmade
from mnnfem.fabricate.process import PROCESSES
from mnnfem.geometry import Geometry, finer
from mnnfem.guard import Guard
from mnnfem.material import NeoHookean
from mnnfem.plant import Plant
from mnnfem.task import Translation
from mnnfem.trainer import Schedule, train

TIGHT = dataclasses.replace(PROCESSES["fdm"], name="tight", wall=6.0, pore=8.0, gap=3.0)


def random(panel: Geometry, seed: int) -> torch.Tensor:
    return torch.from_numpy(panel.parameters.random(np.random.default_rng(seed)))


def test_the_nearest_step_is_the_foot_of_the_perpendicular_within_the_box() -> None:
    far = np.full(2, 9.0)
    assert nearest_step(np.array([[3.0, 4.0]]), np.array([25.0]), -far, far) == pytest.approx([3.0, 4.0])
    assert nearest_step(np.array([[3.0, 4.0]]), np.array([-1.0]), -far, far) == pytest.approx([0.0, 0.0])
    held = nearest_step(np.array([[3.0, 4.0]]), np.array([25.0]), -far, np.array([1.0, 9.0]))
    assert held == pytest.approx([1.0, 5.5])
    corner = nearest_step(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([1.0, 3.0]), -far, far)
    assert corner == pytest.approx([1.5, 1.5])
    assert nearest_step(np.array([[1.0, 0.0]]), np.array([10.0]), -far, far) == pytest.approx([0.0, 0.0])  # not in the box


@pytest.mark.parametrize("seed", [0, 1])
def test_a_random_design_becomes_one_that_can_be_made(panel: Geometry, seed: int) -> None:
    limits, design = Makeable(TIGHT, 20.0), random(panel, seed)
    assert {one.check for one in limits.checked(panel, design).findings} <= {"ligament", "pore", "gap"}
    assert not limits.checked(panel, design).sound
    near = limits.nearest(panel, design)
    assert limits.checked(panel, near).sound
    panel.parameters.check(near)
    start = torch.from_numpy(panel.parameters.start)
    assert (near - design).norm() < 0.5 * (start - design).norm()
    assert torch.equal(limits.nearest(panel, near), near)
    assert limits.checked(finer(panel), near).sound


def test_pores_of_a_mould_are_as_wide_as_it_is_deep(panel: Geometry) -> None:
    limits, design = Makeable(dataclasses.replace(PROCESSES["casting"], aspect=5.0), 90.0), random(panel, 3)
    assert "pillar" in {one.check for one in limits.checked(panel, design).findings}
    assert limits.checked(panel, limits.nearest(panel, design)).sound


def test_where_widening_does_not_end_it_is_a_design_on_the_way_from_the_start(
    panel: Geometry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(makeable, "ROUNDS", 0)
    limits, design = Makeable(TIGHT, 20.0), random(panel, 0)
    near, start = limits.nearest(panel, design), torch.from_numpy(panel.parameters.start)
    assert limits.checked(panel, near).sound
    shares = (near - start) / (design - start)
    assert shares.numpy() == pytest.approx(float(shares[0]), abs=1e-9)
    assert 0 < shares[0] < 1


def test_a_start_that_cannot_be_made_is_refused(panel: Geometry) -> None:
    with pytest.raises(InputError, match=r"The start design by tight is not ready(.|\n)*ligament: .*needs 30 mm"):
        Makeable(dataclasses.replace(TIGHT, wall=30.0), 20.0).refuse(panel)
    with pytest.raises(InputError, match=r"bed: The body is 150 x 150 x 20 mm"):
        Makeable(dataclasses.replace(TIGHT, bed=(100, 100, 100)), 20.0).refuse(panel)


def test_violations_stop_a_run_at_its_end(panel: Geometry) -> None:
    made = Makeable(TIGHT, 20.0).told(panel, random(panel, 0))
    assert made["violations"]
    assert f"by tight: {len(made['violations'])} violations; least ligament" in made_sentences({"made": made})[0]
    with pytest.raises(TrainingStopped, match=r"cannot be made by tight:\n  (ligament|pore|gap): "):
        stop_unmade({"made": made})


def test_a_trained_design_violates_nothing(panel: Geometry, body: Body) -> None:
    """Steps as long as a fifth of the radii's range make walls too thin at once, without limits."""
    sound = {}
    for limits in (None, Makeable(TIGHT, 20.0)):
        torch.manual_seed(0)
        plant = Plant(panel, lambda _: body, Guard(0.0, 0.0), limits=limits)
        model = Autoencoder(Controller(2, [40.0, 40.0]), plant, NeoHookean())
        for _ in train(model, Translation(), torch.Generator().manual_seed(0), Schedule(2, 1, 0.01, 0.2)):
            sound[limits is None] = Makeable(TIGHT, 20.0).checked(panel, model.design).sound
    assert sound == {True: False, False: True}
