"""Images of handwritten digits in fixed shares: for training, for choosing, and for the test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mnnfem.errors import InputError, package_for
from mnnfem.mesh import Floats, Ints

SPLIT_SEED = 2023  # the same shares whatever the run's seed
NAMES = ("digits", "mnist", "none")
ELSE = ", or give --images none to train the ten digits without a network"


@dataclass(frozen=True)
class Images:
    """pixels (n, inputs) from 0 to 1, digits (n,)."""

    pixels: torch.Tensor
    digits: torch.Tensor


@dataclass(frozen=True)
class Shares:
    """Three fifths for training, a fifth for choosing, a fifth for the test; no image is in two."""

    train: Images
    validation: Images
    test: Images


def load(name: str, seed: int = SPLIT_SEED) -> Shares:
    """`digits`: 1,797 of 8 x 8 from scikit-learn; `mnist`: 70,000 of 28 x 28 by torchvision.

    `seed` divides them. InputError where the package that has them is missing.
    """
    return shares(*(_mnist() if name == "mnist" else _digits()), seed)


def shares(pixels: Floats, digits: Ints, seed: int = SPLIT_SEED) -> Shares:
    """Images (n, inputs) and what they show (n,), shuffled and divided."""
    order = np.random.default_rng(seed).permutation(len(digits))
    parts = np.split(order, [3 * len(order) // 5, 4 * len(order) // 5])
    return Shares(*(Images(torch.from_numpy(pixels[part]), torch.from_numpy(digits[part])) for part in parts))


def side_of(inputs: int) -> int:
    """Pixels along the side of a square image of `inputs` pixels. InputError if there is no such square."""
    side = math.isqrt(inputs)
    if side**2 != inputs:
        raise InputError(f"An image of {inputs} pixels is not square: {side**2} or {(side + 1) ** 2} would be.")
    return side


def _digits() -> tuple[Floats, Ints]:
    found = package_for("These images", "sklearn.datasets", "scikit-learn", ELSE).load_digits()
    return found.data.astype(np.float64) / 16, found.target.astype(np.int64)


def _mnist() -> tuple[Floats, Ints]:
    kind, folder = (
        package_for("These images", "torchvision.datasets", "torchvision", ELSE).MNIST,
        Path.home() / ".cache/mnnfem/mnist",
    )
    try:
        parts = [kind(folder, train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError) as problem:
        raise InputError(f"MNIST could not be downloaded to {folder}: {problem}; --images digits needs no network.") from None
    pixels = np.concatenate([part.data.numpy().reshape(len(part), -1) for part in parts])
    return pixels / 255.0, np.concatenate([part.targets.numpy() for part in parts]).astype(np.int64)
