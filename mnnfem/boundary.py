"""Which parts of the boundary are held, which are driven, and how far they may go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mnnfem.errors import InputError
from mnnfem.loads import Held, Load, Pressure, check_loads, name_of
from mnnfem.mesh import Floats, Mask, Mesh
from mnnfem.periodic import Periodic, Strain


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
    unit = "mm"

    @property
    def low(self) -> float:
        """The least value of the control."""
        return -self.bound

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
    """Held facets (no displacement), driven ones, and loads; everything else is free of traction.

    One facet may be driven by several controls: their displacements add. rollers: facets held in one component only,
    ("left", 0) in x. A periodic cell has none of these; its strains take the place of the drives.
    The controls are the drives', or strains', then the loads', in order.
    """

    held: Sequence[str] = ()
    drives: Sequence[Drive] = ()
    rollers: Sequence[tuple[str, int]] = ()
    loads: Sequence[Load] = ()
    periodic: Periodic | None = None

    @property
    def controls(self) -> list[Drive | Strain | Load]:
        """What is controlled, in order."""
        return [*self.drives, *(self.periodic.strains if self.periodic else ()), *self.loads]

    @property
    def bounds(self) -> list[float]:
        """The largest value of each control, in its unit."""
        return [control.bound for control in self.controls]

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

    def held_vertices(self, mesh: Mesh) -> dict[int, set[int]]:
        """The components in which each vertex of held and driven facets is held or driven."""
        found: dict[int, set[int]] = {}
        for name, components in (*self.fixed(mesh.dim), *self.driven(mesh.dim).items()):
            for vertex in map(int, np.unique(mesh.facet(name))):
                found.setdefault(vertex, set()).update(map(int, np.flatnonzero(components)))
        return found

    def check(self, mesh: Mesh) -> None:
        """InputError for unknown facets, a body that could float away, and vertices that are asked to be in two places."""
        if self.periodic is not None:
            self._check_cell(self.periodic, mesh)
            return
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
        vertices = self.held_vertices(mesh)
        check_rigid(mesh, vertices)
        check_loads(self.loads, mesh, vertices)
        for number, (name, components) in enumerate(driven):
            for other, taken in (*fixed, *driven[:number]):
                shared = len(np.intersect1d(mesh.facet(name), mesh.facet(other)))
                if shared and np.any(components & taken):
                    raise InputError(
                        f"The driven facet {name!r} and {other!r} share {shared} {'vertex' if shared == 1 else 'vertices'}, "
                        "which cannot follow both: leave a free edge between them."
                    )

    def _check_cell(self, periodic: Periodic, mesh: Mesh) -> None:
        """InputError for a periodic cell that is held as well, or loaded by more than pressures, or that does not repeat."""
        if self.held or self.drives or self.rollers:
            raise InputError(
                "A periodic cell is held and driven by its mean strains alone: leave held, drives and rollers out."
            )
        for load in self.loads:
            if not isinstance(load, Pressure):
                raise InputError(f"A periodic cell takes pressures as loads, not {name_of(load)}, which would push it away.")
        periodic.check(mesh)
        check_loads(self.loads, mesh, {})

    def check_controls(self, controls: Floats) -> None:
        """InputError unless controls (c,) are finite, one per drive and load, and within the bounds."""
        every = self.controls
        count = len(every)
        if controls.shape != (count,):
            raise InputError(f"There are {count} controls, got an array of shape {controls.shape}.")
        for number, (value, control) in enumerate(zip(controls, every, strict=True)):
            low, unit = control.low, f" {control.unit}" if control.unit else ""
            if not low * (1 + 1e-12) <= value <= control.bound * (1 + 1e-12):
                where = _where(control)
                raise InputError(f"Control {number} ({where}) is {value:g}{unit}, allowed {low:g} to {control.bound:g}.")


def _where(control: Drive | Strain | Load) -> str:
    if isinstance(control, Strain):
        return str(control)
    return f"facet {control.facet!r}" if isinstance(control, Drive) else name_of(control)


def check_rigid(mesh: Mesh, held: Held) -> None:
    """InputError where the body can move as a whole, named by its motion."""
    dim = mesh.dim
    rows = [(vertex, component) for vertex, components in held.items() for component in components]
    places = np.array([mesh.points[vertex] for vertex, _ in rows]).reshape(-1, dim) - mesh.points.mean(axis=0)
    size, components = float(np.ptp(mesh.points, axis=0).max()), np.array([component for _, component in rows], dtype=int)
    pairs = [(0, 1)] if dim == 2 else [(1, 2), (2, 0), (0, 1)]
    modes = np.zeros((len(rows), dim + len(pairs)))  # what each rigid motion would do where it is held
    modes[np.arange(len(rows)), components] = 1.0
    for number, (i, j) in enumerate(pairs):
        modes[:, dim + number] = (
            np.where(components == j, places[:, i], 0) - np.where(components == i, places[:, j], 0)
        ) / size
    for axis, name in enumerate("xyz"[:dim]):
        if not np.any(components == axis):
            raise InputError(f"Nothing holds the body in {name}: hold or drive a facet in this component.")
    singular, ways = np.linalg.svd(modes, full_matrices=True)[1:]
    if len(rows) < modes.shape[1] or singular[-1] < 1e-9 * singular[0]:
        turns = np.abs(ways[-1][dim:])
        about = "the plane's normal" if dim == 2 else "xyz"[int(np.argmax(turns))]
        raise InputError(f"The body can turn freely about {about}: hold or drive a facet that keeps it from that.")
