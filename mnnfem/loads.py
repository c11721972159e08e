"""What pulls and presses on a body. Each load is a control: a number times a potential of the deformed body.

The number is the control's value, in the load's unit and within its bound; what a load does not say has the value 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints, Mesh

Held = Mapping[int, set[int]]  # vertex -> the components in which it is held or driven


class _Signed:
    """A control of either sign."""

    bound: float

    @property
    def low(self) -> float:
        """The least value of the control."""
        return -self.bound


class _Unsigned:
    """A control that is 0 at least."""

    bound: float

    @property
    def low(self) -> float:
        """The least value of the control."""
        return 0.0


@dataclass(frozen=True)
class Traction(_Signed):
    """Dead traction on a facet: control * direction, MPa per area at rest; it does not turn with the surface."""

    facet: str
    direction: tuple[float, ...]
    bound: float
    unit = "MPa"

    def check(self, mesh: Mesh, held: Held) -> None:
        """InputError for what the mesh has not."""
        mesh.facet(self.facet)
        _check_direction(self, self.direction, mesh)


@dataclass(frozen=True)
class Pressure(_Signed):
    """Pressure of a gas or liquid on a facet, MPa: it stays at right angles to the surface, above 0 towards the body.

    Its potential is minus pressure times the volume beside the facet. So the facet is closed, like a pore's wall, or its rim
    is held, or slides in planes x_i = c_i: any number of them for all i but one, for which there is one or none.
    """

    facet: str
    bound: float
    unit = "MPa"

    def check(self, mesh: Mesh, held: Held) -> None:
        """InputError for what the mesh has not, and for a rim that is free to move."""
        self.frame(mesh, held)

    def frame(self, mesh: Mesh, held: Held) -> tuple[Floats, Floats]:
        """Origin o and weights w, (d,), of the volume sum_i w_i int (x_i - o_i) n_i da: the rim's planes add nothing.

        A plane x_k = c has no flux of the field x_i - o_i along i, unless i is k and c is not o_i.
        """
        planes: list[set[float]] = [set() for _ in range(mesh.dim)]
        for vertex in map(int, np.unique(rim_of(mesh.facet(self.facet)))):
            fixed, place = held.get(vertex, set()), mesh.points[vertex]
            if not fixed:
                raise InputError(
                    f"The rim of the pressed facet {self.facet!r} is free to move at {np.round(place, 3).tolist()} mm, where "
                    "pressure has no potential: close the facet to a whole pore's wall, or hold its rim."
                )
            for i in fixed if len(fixed) < mesh.dim else ():
                planes[i].add(round(float(place[i]), 9))
        usable = [len(values) < 2 for values in planes]
        if not any(usable):
            raise InputError(
                f"The rim of the pressed facet {self.facet!r} slides in more than one plane of every direction, where its "
                "pressure has no potential: hold the rim, or press the parts between two planes each by itself."
            )
        origin = np.array([min(values) if values and use else 0.0 for values, use in zip(planes, usable, strict=True)])
        return origin, np.array(usable) / sum(usable)


@dataclass(frozen=True)
class BodyForce(_Signed):
    """A force on the material, as of weight: control * direction, N/mm^3 at rest."""

    direction: tuple[float, ...]
    bound: float
    unit = "N/mm^3"

    def check(self, mesh: Mesh, held: Held) -> None:
        """InputError for a wrong direction."""
        _check_direction(self, self.direction, mesh)


@dataclass(frozen=True)
class PointForce(_Signed):
    """A force at a named vertex: control * direction, N (per mm of thickness in the plane).

    In a continuum the displacement under a point force has no limit as the mesh gets finer; away from it, it has.
    """

    vertex: str
    direction: tuple[float, ...]
    bound: float
    unit = "N"

    def check(self, mesh: Mesh, held: Held) -> None:
        """InputError for what the mesh has not."""
        mesh.vertex(self.vertex)
        _check_direction(self, self.direction, mesh)


@dataclass(frozen=True)
class Tendon(_Unsigned):
    """A cable without friction through named vertices, its tension the control, N (per mm of thickness in the plane), >= 0.

    It takes the straight way from each vertex to the next. Both ends are fixed to the body.
    """

    vertices: tuple[str, ...]
    bound: float
    unit = "N"

    def check(self, mesh: Mesh, held: Held) -> None:
        """InputError for what the mesh has not, and for a way of no length."""
        numbers = [mesh.vertex(name) for name in self.vertices]
        if len(numbers) < 2:
            raise InputError(f"A tendon runs through two vertices at least, got {len(numbers)}.")
        for k, length in enumerate(np.linalg.norm(np.diff(mesh.points[numbers], axis=0), axis=1)):
            if not length > 0:
                names = " and ".join(map(repr, self.vertices[k : k + 2]))
                raise InputError(f"The tendon's vertices {names} are in one place: leave one out.")


@dataclass(frozen=True)
class Bedding(_Unsigned):
    """Springs from a facet to the ground, where it lies at rest, in all directions: stiffness the control, N/mm^3, >= 0."""

    facet: str
    bound: float
    unit = "N/mm^3"

    def check(self, mesh: Mesh, held: Held) -> None:
        """InputError for what the mesh has not."""
        mesh.facet(self.facet)


Load = Traction | Pressure | BodyForce | PointForce | Tendon | Bedding


def check_loads(loads: Sequence[Load], mesh: Mesh, held: Held) -> None:
    """InputError for loads that do not fit the mesh."""
    for load in loads:
        load.check(mesh, held)
        if not load.bound > 0:
            raise InputError(f"The {name_of(load)} needs a bound above 0 {load.unit}, got {load.bound:g}.")


def name_of(load: Load) -> str:
    """What it is and where, for messages."""
    where = getattr(load, "facet", "") or getattr(load, "vertex", "") or " - ".join(getattr(load, "vertices", ()))
    return f"{type(load).__name__} {where!r}" if where else type(load).__name__


def rim_of(facets: Ints) -> Ints:
    """The rim of facets (k, v): those of their sides that one of them alone has, (r, 1) of edges, (r, 2) of faces."""
    width = 1 if facets.shape[1] == 2 else 2
    sides = [tuple(sorted(side)) for facet in facets for side in _sides([int(vertex) for vertex in facet], width)]
    rim: Ints = np.array([side for side, count in Counter(sides).items() if count == 1], dtype=np.int64).reshape(-1, width)
    return rim


def _sides(facet: list[int], width: int) -> Iterable[tuple[int, ...]]:
    return ((vertex,) for vertex in facet) if width == 1 else ((facet[k - 1], facet[k]) for k in range(len(facet)))


def _check_direction(load: Load, direction: tuple[float, ...], mesh: Mesh) -> None:
    if len(direction) != mesh.dim:
        raise InputError(f"The direction of the {name_of(load)} has {len(direction)} components, the mesh has {mesh.dim}.")
    if not np.any(direction):
        raise InputError(f"The direction of the {name_of(load)} is 0 in every component: give one at least.")
