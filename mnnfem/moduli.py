"""Young's moduli of the parts of a body, learned within a range."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.material import Law
from mnnfem.mesh import Floats, Mesh
from mnnfem.regions import Regions

MODULI = "moduli.json"


class Moduli(torch.nn.Module):
    """A law's values for each of r parts, Young's modulus times a share that lies between `softest` and 1.

    shares   (r,), learned; at the start in the middle of their range, as what a body does under displacements alone does not
             depend on a factor that all parts have in common

    InputError for a law without Young's modulus.
    """

    def __init__(self, law: Law, regions: Regions, softest: float) -> None:
        super().__init__()
        if "young" not in law.names:
            raise InputError(
                f"Moduli of parts are learned as shares of Young's modulus, which {type(law).__name__} does not have; "
                f"its parameters are {', '.join(law.names)}."
            )
        self.regions, self.softest = regions, softest
        self._values = torch.from_numpy(law.values)
        self._young = torch.tensor([name == "young" for name in law.names])
        start = torch.full((len(regions.names),), 0.5 * (1.0 + softest), dtype=torch.float64)
        self.shares = torch.nn.Parameter(start)

    def forward(self) -> torch.Tensor:
        """The law's values in each part, (r, p)."""
        return torch.where(self._young, self.shares[:, None] * self._values, self._values)

    def clip_(self) -> None:
        """Move the shares within their range."""
        with torch.no_grad():
            self.shares.clamp_(self.softest, 1.0)

    @property
    def young(self) -> Floats:
        """Young's modulus of each part, (r,) MPa."""
        return np.asarray(self().detach()[:, self._young].flatten().numpy(), dtype=np.float64)

    def of_elements(self, mesh: Mesh) -> Floats:
        """Young's modulus of each element, (m,) MPa."""
        return self.young[self.regions.of(mesh)]

    @property
    def told(self) -> dict[str, Any]:
        """The table for programs: the moduli by the parts' names, and their range, MPa."""
        most = float(self._values[self._young])
        moduli = {name: float(one) for name, one in zip(self.regions.names, self.young, strict=True)}
        return {"unit": "MPa", "range": [self.softest * most, most], "young": moduli}


def moduli_sentence(told: dict[str, Any]) -> str:
    """The table in a sentence, for people."""
    young = told["young"]
    softest, stiffest = min(young, key=young.__getitem__), max(young, key=young.__getitem__)
    return (
        f"Young's modulus lies between {young[softest]:.3g} MPa ({softest}) and {young[stiffest]:.3g} MPa ({stiffest}), "
        f"{len(young)} parts in {MODULI}"
    )
