"""Which parts of the boundary are held, which are driven, and how far they may go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Mask, Mesh


@dataclass(frozen=True)
class Drive:
    """One control: the facet's displacement is control * direction, where the direction has a component; None leaves it free.

    facet      name of a boundary part, see `Mesh.facets`
    direction  (x, y) or (x, y, z), unitless, each may be None; or a field of positions (k, d) mm in the mesh as made, (k, d)
    bound      largest absolute control, mm (or whatever the field counts in)
    opposite   a facet that moves against it, by -control * direction; none by default
    """

    facet: str
    direction: tuple[float | None, ...] | Callable[[Floats], Floats]
    bound: float
    opposite: str = ""

    @property
    def signs(self) -> dict[str, float]:
        """The facets that it moves, with the sign of the control there."""
        return {self.facet: 1.0, **({self.opposite: -1.0} if self.opposite else {})}

    def directions(self, positions: Floats) -> Floats:
        """The direction at each of the positions (k, d), (k, d); 0 where it is free."""
        if callable(self.direction):
            return self.direction(positions)
        return np.tile(np.array([component or 0.0 for component in self.direction]), (len(positions), 1))

    def components(self, dim: int) -> Mask:
        """Which components are prescribed, (d,)."""
        if callable(self.direction):
            return np.ones(dim, dtype=bool)
        return np.array([component is not None for component in self.direction])


def turn(degrees: float, centre: tuple[float, float]) -> Callable[[Floats], Floats]:
    """The field of a rotation about `centre`, mm, for a plane `Drive`: control 1 is the whole angle, less lies on the chord."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    change = np.array([[c - 1, -s], [s, c - 1]])
    return lambda positions: (positions - np.array(centre)) @ change.T


@dataclass(frozen=True)
class Boundary:
    """Held facets (no displacement) and driven ones; everything else is free of traction.

    One facet may be driven by several controls: their displacements add. rollers: facets held in one component only,
    ("left", 0) in x.
    """

    held: Sequence[str]
    drives: Sequence[Drive]
    rollers: Sequence[tuple[str, int]] = ()

    def fixed(self, dim: int) -> list[tuple[str, Mask]]:
        """Facets that do not move, and in which components, (d,)."""
        every = [(name, np.ones(dim, dtype=bool)) for name in self.held]
        return [*every, *((name, np.arange(dim) == component) for name, component in self.rollers)]

    def driven(self, dim: int) -> dict[str, Mask]:
        """Driven facets, and in which components, (d,)."""
        driven: dict[str, Mask] = {}
        for drive in self.drives:
            for facet in drive.signs:
                driven[facet] = driven.get(facet, np.zeros(dim, dtype=bool)) | drive.components(dim)
        return driven

    def check(self, mesh: Mesh) -> None:
        """InputError for unknown facets, a body that could float away, and vertices that are asked to be in two places."""
        driving = [facet for drive in self.drives for facet in drive.signs]
        for name in (*self.held, *(name for name, _ in self.rollers), *driving):
            mesh.facet(name)
        if not self.held and not self.drives and not self.rollers:
            raise InputError("Nothing holds the body: name at least one held or driven facet.")
        for name, held in self.rollers:
            if held not in range(mesh.dim):
                raise InputError(f"The roller {name!r} holds component {held}, the mesh has 0 to {mesh.dim - 1}.")
        for drive in self.drives:
            if drive.opposite == drive.facet:
                raise InputError(f"The facet {drive.facet!r} cannot move against itself: name another one as opposite.")
            count = drive.directions(mesh.points[:1]).shape[1]
            if count != mesh.dim:
                raise InputError(f"The direction of facet {drive.facet!r} has {count} components, the mesh has {mesh.dim}.")
            if not drive.components(mesh.dim).any():
                raise InputError(f"The direction of facet {drive.facet!r} leaves every component free: give one at least.")
            if not drive.bound > 0:
                raise InputError(f"The control of facet {drive.facet!r} needs a bound above 0 mm, got {drive.bound:g}.")
        fixed, driven = self.fixed(mesh.dim), list(self.driven(mesh.dim).items())
        for axis, name in enumerate("xyz"[: mesh.dim]):
            if not any(components[axis] for _, components in (*fixed, *driven)):
                raise InputError(f"Nothing holds the body in {name}: hold or drive a facet in this component.")
        for number, (name, components) in enumerate(driven):
            for other, taken in (*fixed, *driven[:number]):
                shared = len(np.intersect1d(mesh.facet(name), mesh.facet(other)))
                if shared and np.any(components & taken):
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
