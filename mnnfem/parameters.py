"""Named, bounded design parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.mesh import Floats

ROUNDING = 1e-12  # what a bound may be passed by


@dataclass(frozen=True, eq=False)
class Parameters:
    """What of a body may be designed, and within which bounds.

    names    (p,) one for each parameter
    start, lower, upper   (p,) the start design and its bounds
    kind     what one of them is called, for messages
    unit     of all of them, or (p,) of each
    """

    names: tuple[str, ...]
    start: Floats
    lower: Floats
    upper: Floats
    kind: str = "parameter"
    unit: str | tuple[str, ...] = ""

    def __post_init__(self) -> None:
        shape = (len(self.names),)
        if not self.start.shape == self.lower.shape == self.upper.shape == shape:
            raise InputError(
                f"{shape[0]} names need as many start values and bounds, got start {self.start.shape}, "
                f"lower {self.lower.shape} and upper {self.upper.shape}."
            )
        if len(set(self.names)) < shape[0]:
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise InputError(f"Two parameters are called {twice!r}: give each its own name.")
        for i in np.flatnonzero(~((self.lower <= self.start) & (self.start <= self.upper)))[:1]:
            raise InputError(
                f"The {self.kind} {self.names[i]!r} needs lower <= start <= upper, "
                f"got {self.lower[i]:g}, {self.start[i]:g}, {self.upper[i]:g}{self._unit(i)}."
            )

    def __len__(self) -> int:
        return len(self.names)

    def check(self, design: torch.Tensor) -> None:
        """InputError unless the design has the right count, dtype, device, and lies inside its bounds."""
        if design.shape != self.start.shape:
            raise InputError(f"The design has {len(self)} {self.kind} values, got shape {tuple(design.shape)}.")
        if design.dtype != torch.float64 or design.device.type != "cpu":
            raise InputError(f"The design must be float64 on the CPU, got {design.dtype} on {design.device}.")
        values = design.detach().numpy()
        outside = np.flatnonzero(~((values >= self.lower - ROUNDING) & (values <= self.upper + ROUNDING)))
        if outside.size:
            i = outside[0]
            raise InputError(
                f"{outside.size} {self.kind} values are out of bounds, the first is number {i}, {self.names[i]!r}: "
                f"{values[i]:g}, allowed {self.lower[i]:g} to {self.upper[i]:g}{self._unit(i)}."
            )

    def clip_(self, design: torch.Tensor) -> None:
        """Clip a design to its bounds, in place."""
        with torch.no_grad():
            design.clamp_(torch.from_numpy(self.lower), torch.from_numpy(self.upper))

    def random(self, rng: np.random.Generator) -> Floats:
        """A design (p,), uniform over the whole box."""
        return rng.uniform(self.lower, self.upper)

    def _unit(self, i: int) -> str:
        unit = self.unit if isinstance(self.unit, str) else self.unit[i]
        return f" {unit}" if unit else ""


def alike(
    names: Sequence[str], start: float, bounds: tuple[float, float], kind: str = "parameter", unit: str = ""
) -> Parameters:
    """Parameters that share one start value and one pair of bounds."""
    count = len(names)
    return Parameters(tuple(names), np.full(count, start), np.full(count, bounds[0]), np.full(count, bounds[1]), kind, unit)


def joined(*blocks: Parameters, kind: str = "design") -> Parameters:
    """Blocks one after another, as one design of p_1 + p_2 + ... parameters, each with its own unit."""
    units = [block.unit for block in blocks]
    return Parameters(
        names=tuple(name for block in blocks for name in block.names),
        start=np.concatenate([block.start for block in blocks]),
        lower=np.concatenate([block.lower for block in blocks]),
        upper=np.concatenate([block.upper for block in blocks]),
        kind=kind,
        unit=tuple(
            each
            for block, unit in zip(blocks, units, strict=True)
            for each in ((unit,) * len(block) if isinstance(unit, str) else unit)
        ),
    )
