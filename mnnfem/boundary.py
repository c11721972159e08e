"""Which parts of the boundary are held, which are driven, and how far they may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Mesh


@dataclass(frozen=True)
class Drive:
    """One control: the facet's displacement is control * direction (all components prescribed).

    facet      name of a boundary part, see `Mesh.facets`
    direction  (x, y) or (x, y, z), unitless
    bound      largest absolute control, mm
    """

    facet: str
    direction: tuple[float, ...]
    bound: float


@dataclass(frozen=True)
class Boundary:
    """Held facets (no displacement) and driven ones; everything else is free of traction.

    One facet may be driven by several controls: their displacements add.
    """

    held: Sequence[str]
    drives: Sequence[Drive]

    def check(self, mesh: Mesh) -> None:
        """InputError for unknown facets, a body that could float away, and vertices that are asked to be in two places."""
        for name in (*self.held, *(drive.facet for drive in self.drives)):
            mesh.facet(name)
        if not self.held and not self.drives:
            raise InputError("Nothing holds the body: name at least one held or driven facet.")
        for drive in self.drives:
            if len(drive.direction) != mesh.dim:
                raise InputError(
                    f"The direction of facet {drive.facet!r} has {len(drive.direction)} components, the mesh has {mesh.dim}."
                )
            if not drive.bound > 0:
                raise InputError(f"The control of facet {drive.facet!r} needs a bound above 0 mm, got {drive.bound:g}.")
        driven = list(dict.fromkeys(drive.facet for drive in self.drives))
        for number, name in enumerate(driven):
            for other in (*self.held, *driven[:number]):
                shared = len(np.intersect1d(mesh.facet(name), mesh.facet(other)))
                if shared:
                    raise InputError(
                        f"The driven facet {name!r} and {other!r} share {shared} {'vertex' if shared == 1 else 'vertices'}, "
                        "which cannot follow both: leave a free edge between them."
                    )

    def check_controls(self, controls: Floats) -> None:
        """InputError unless controls (c,) are finite, one per drive, and within the bounds."""
        if controls.shape != (len(self.drives),):
            raise InputError(f"There are {len(self.drives)} controls, got an array of shape {controls.shape}.")
        for number, (value, drive) in enumerate(zip(controls, self.drives, strict=True)):
            if not abs(value) <= drive.bound * (1 + 1e-12):
                raise InputError(
                    f"Control {number} (facet {drive.facet!r}) is {value:g} mm, allowed {-drive.bound:g} to {drive.bound:g}."
                )
