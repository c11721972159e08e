"""Least values of functions of a bounded design, in few large steps or many small ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mnnfem.optimise import descend, least
from mnnfem.parameters import Parameters


def test_the_least_value_within_bounds() -> None:
    """A valley whose bottom lies outside in the second parameter; the third is fixed."""
    box = Parameters(("a", "b", "c"), np.array([0.0, 0.0, 2.0]), np.array([-5.0, -1.0, 2.0]), np.array([5.0, 1.0, 2.0]))
    seen = []

    def valley(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach().numpy().copy())
        return (x[0] - 3) ** 2 + 10 * (x[1] - 2 - 0.1 * x[0]) ** 2 + x[2]

    found = least(valley, box, box.start)
    assert found == pytest.approx([3 + 0.1 * 10 * (1 - 2.3) / (1 + 0.1), 1.0, 2.0], abs=1e-4)
    assert np.linalg.norm((seen[1] - seen[0]) / [10, 2, 1]) <= 0.126
    first = least(valley, box, box.start, enough=20.0)
    assert float(valley(torch.from_numpy(first))) <= 20.0
    assert np.abs(first - found).max() > 0.01


def test_small_steps_down_stay_small_and_keep_the_best() -> None:
    """The same valley, and a start on whose way down the value rises at times."""
    box = Parameters(("a", "b", "c"), np.array([0.0, 0.0, 2.0]), np.array([-5.0, -1.0, 2.0]), np.array([5.0, 1.0, 2.0]))
    seen, values = [], []

    def valley(x: torch.Tensor) -> torch.Tensor:
        value = (x[0] - 3) ** 2 + 10 * (x[1] - 2 - 0.1 * x[0]) ** 2 + x[2]
        seen.append(x.detach().numpy().copy())
        values.append(value.item())
        return value

    found = descend(valley, box, box.start, 200, 0.05)
    assert found == pytest.approx([3 + 0.1 * 10 * (1 - 2.3) / (1 + 0.1), 1.0, 2.0], abs=0.02)
    assert np.abs(np.diff(seen, axis=0) / [10, 2, 1]).max() <= 0.051
    rough = descend(valley, box, box.start, 12, 0.4)
    assert float(valley(torch.from_numpy(rough))) == min(values[200:212]) < values[211]
