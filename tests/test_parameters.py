from __future__ import annotations

import numpy as np
import pytest
import torch

from mnnfem.errors import InputError
from mnnfem.parameters import Parameters, alike, joined

BLOCKS = joined(alike(("a", "b"), 0.5, (0.1, 0.9), "radius"), alike(["width"], 2.0, (1.0, 3.0), "width", "mm"))


def test_blocks_are_joined_in_order() -> None:
    assert BLOCKS.names == ("a", "b", "width")
    assert BLOCKS.start.tolist() == [0.5, 0.5, 2.0]
    assert BLOCKS.unit == ("", "", "mm")
    assert len(joined(BLOCKS, alike(["c"], 0.0, (0.0, 0.0)))) == 4


def test_random_designs_fill_the_box() -> None:
    rng = np.random.default_rng(0)
    designs = np.array([BLOCKS.random(rng) for _ in range(200)])
    for design in designs:
        BLOCKS.check(torch.from_numpy(design))
    assert designs.min(axis=0) == pytest.approx(BLOCKS.lower, abs=0.05)
    assert designs.max(axis=0) == pytest.approx(BLOCKS.upper, abs=0.05)


def test_clipping_brings_a_design_back() -> None:
    design = torch.tensor([0.0, 0.5, 7.0], dtype=torch.float64, requires_grad=True)
    BLOCKS.clip_(design)
    assert design.tolist() == [0.1, 0.5, 3.0]
    BLOCKS.check(design)


@pytest.mark.parametrize(
    ("design", "message"),
    [
        ([0.5, 0.5, 3.5], "1 design values are out of bounds, the first is number 2, 'width': 3.5, allowed 1 to 3 mm."),
        ([0.05, 1.0, 3.5], "3 design values .* number 0, 'a': 0.05, allowed 0.1 to 0.9\\."),
        ([0.5, 0.5], "3 design values, got shape"),
    ],
)
def test_a_design_that_is_refused_is_named(design: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BLOCKS.check(torch.tensor(design, dtype=torch.float64))


@pytest.mark.parametrize(
    ("names", "start", "message"),
    [
        (("a", "a"), [0.5, 0.5], "Two parameters are called 'a'"),
        (("a", "b"), [0.5, 1.5], "'b' needs lower <= start <= upper, got 0, 1.5, 1 rad"),
        (("a",), [0.5, 0.5], "1 names need as many"),
    ],
)
def test_parameters_that_contradict_themselves_are_refused(names: tuple[str, ...], start: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Parameters(names, np.array(start), np.zeros(2), np.ones(2), unit="rad")
