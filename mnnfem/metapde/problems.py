"""The problems by name, and the basis that suits each."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mnnfem.errors import unknown_name
from mnnfem.metapde.basis import Basis
from mnnfem.metapde.burgers import Burgers
from mnnfem.metapde.poisson import Poisson
from mnnfem.metapde.problem import Problem
from mnnfem.metapde.trunk import Trunk

PROBLEMS: dict[str, Problem] = {one.name: one for one in (Poisson(), Burgers())}


@dataclass(frozen=True)
class Size:
    """Of a basis: functions, layers of the network that makes them, and the Gauss-Newton steps that it is learned for."""

    width: int = 96
    depth: int = 3
    steps: int = 2


def problem(name: str) -> Problem:
    """One of them. InputError for an unknown name."""
    if name not in PROBLEMS:
        raise unknown_name("problem", name, PROBLEMS)
    return PROBLEMS[name]


def basis_of(name: str, size: Size, seed: int, dtype: torch.dtype) -> Basis:
    """A basis with random weights."""
    one = problem(name)
    generator, (width, depth) = torch.Generator().manual_seed(seed), (size.width, size.depth)
    trunk = Trunk(one.coordinates, one.parameters, width, depth, generator, one.frequency, dtype)
    return Basis(one, trunk, size.steps)
