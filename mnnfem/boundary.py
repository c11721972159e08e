"""Which parts of the boundary are held, which are driven, and how far they may go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Mesh


@dataclass(frozen=True)
class Drive:
    """One control: the facet's displacement is control * direction (all components prescribed).

    facet      name of a boundary part, see `Mesh.facets`
    direction  (x, y) or (x, y, z), unitless; or a field of positions (k, d) mm in the mesh as first given, (k, d)
    bound      largest absolute control, mm (or whatever the field counts in)
    opposite   a facet that moves against it, by -control * direction; none by default
    """

    facet: str
    direction: tuple[float, ...] | Callable[[Floats], Floats]
    bound: float
    opposite: str = ""

    @property
    def signs(self) -> dict[str, float]:
        """The facets that it moves, with the sign of the control there."""
        return {self.facet: 1.0, **({self.opposite: -1.0} if self.opposite else {})}

    def directions(self, positions: Floats) -> Floats:
        """The direction at each of the positions (k, d), (k, d)."""
        if callable(self.direction):
            return self.direction(positions)
        return np.tile(np.array(self.direction, dtype=np.float64), (len(positions), 1))


def turn(degrees: float, centre: tuple[float, float]) -> Callable[[Floats], Floats]:
    """The field of a rotation about `centre`, mm, for a plane `Drive`: control 1 is the whole angle, less lies on the chord."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    change = np.array([[c - 1, -s], [s, c - 1]])
    return lambda positions: (positions - np.array(centre)) @ change.T


@dataclass(frozen=True)
class Boundary:
    """Held facets (no displacement) and driven ones; everything else is free of traction.

    One facet may be driven by several controls: their displacements add.
    """

    held: Sequence[str]
    drives: Sequence[Drive]

    def check(self, mesh: Mesh) -> None:
        """InputError for unknown facets, a body that could float away, and vertices that are asked to be in two places."""
        for name in (*self.held, *(facet for drive in self.drives for facet in drive.signs)):
            mesh.facet(name)
        if not self.held and not self.drives:
            raise InputError("Nothing holds the body: name at least one held or driven facet.")
        for drive in self.drives:
            if drive.opposite == drive.facet:
                raise InputError(f"The facet {drive.facet!r} cannot move against itself: name another one as opposite.")
            components = drive.directions(mesh.points[:1]).shape[1]
            if components != mesh.dim:
                raise InputError(
                    f"The direction of facet {drive.facet!r} has {components} components, the mesh has {mesh.dim}."
                )
            if not drive.bound > 0:
                raise InputError(f"The control of facet {drive.facet!r} needs a bound above 0 mm, got {drive.bound:g}.")
        driven = list(dict.fromkeys(facet for drive in self.drives for facet in drive.signs))
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
