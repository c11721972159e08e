"""A learned first guess: a trained network with the family that it knows, as a start for solves; its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mnnfem import checkpoint
from mnnfem.equilibrium import Start
from mnnfem.errors import InputError
from mnnfem.guess.family import Family
from mnnfem.guess.network import CellNetwork, Size
from mnnfem.guess.reference import Reference
from mnnfem.mesh import Floats


class LearnedGuess:
    """Starts for members of a family; None for what is not one of them."""

    def __init__(self, network: CellNetwork, reference: Reference) -> None:
        self.network, self.reference, self.family = network, reference, reference.family

    @torch.no_grad()
    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """The guess under the whole of the controls (c,) mm, exact where displacements are prescribed."""
        family, solid = self.family, self.reference.solid
        if np.abs(controls).max() > family.reach * (1 + 1e-12) or not family.law_is(material):
            return None
        design = family.design_of(points)
        if design is None:
            return None
        found = self.network(torch.from_numpy(design)[None], torch.from_numpy(controls)[None])[0].double().numpy()
        return Start(np.where(solid.prescribed, solid.lift(controls), found), controls.copy())


def describe(family: Family, size: Size, **cost: float) -> dict[str, Any]:
    """What a file of weights tells beside them: what they were trained for, and what that cost."""
    return {**_known(family), "channels": size.channels, "layers": size.layers, "cost": cost}


def _known(family: Family) -> dict[str, Any]:
    return {
        "points": len(family.geometry.mesh.points),
        "radii": list(family.radii),
        "reach": family.reach,
        "material": family.law.values.tolist(),
    }


def load(file: Path, reference: Reference) -> tuple[LearnedGuess, Mapping[str, Any]]:
    """The guess that a file holds, and what the file tells. InputError where it is not whole, or for another family."""
    tensors, told = checkpoint.unpacked(file)
    for name, value in _known(reference.family).items():
        if told.get(name) != value:
            raise InputError(f"{file} cannot be used: it was trained for {name} {told.get(name)}, here they are {value}.")
    try:
        size = Size(int(told["channels"]), int(told["layers"]))
    except (KeyError, TypeError, ValueError) as problem:
        raise InputError(f"{file} cannot be used: it does not tell the size of its network ({problem!r}).") from None
    network = CellNetwork(reference, size, torch.Generator())
    checkpoint.fit(tensors, network.state_dict(), str(file))
    network.load_state_dict(tensors)
    return LearnedGuess(network, reference), told
