"""Fisher's irises as loads: four features of 150 flowers, three classes, in random shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mnnfem.errors import package_for
from mnnfem.springs.training import Samples

FULL = 0.049  # N, 5 g: the load of a feature's largest value among the training samples; Li and Mao 2024
TRAINING = 0.7


@dataclass(frozen=True)
class Shares:
    """Samples to learn from, and those that nothing is chosen by; loads (s, 4) N, classes (s,)."""

    train: Samples
    test: Samples


def irises(seed: int, full: float = FULL) -> Shares:
    """105 flowers at random for training, 45 for the test; features are scaled by their largest training value."""
    found = package_for("The irises", "sklearn.datasets", "scikit-learn").load_iris()
    order = np.random.default_rng(seed).permutation(len(found.target))
    train, test = np.split(order, [round(TRAINING * len(order))])
    loads = full * found.data.astype(np.float64) / found.data[train].max(axis=0)
    classes = found.target.astype(np.int64)
    return Shares(*(Samples(torch.from_numpy(loads[rows]), torch.from_numpy(classes[rows])) for rows in (train, test)))
