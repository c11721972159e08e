"""A body that is one cell of a periodic solid: which sides repeat, and what its mean deformation is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints, Mask, Mesh

Entry = tuple[int, int]
CLOSE = 1e-6  # of the cell's size: how well opposite sides match


@dataclass(frozen=True)
class Strain:
    """One control: an entry H_ij of the mean displacement gradient, displacement component i along direction j.

    bound  largest absolute value
    """

    component: int
    direction: int
    bound: float
    unit = ""

    @property
    def low(self) -> float:
        """The least value of the control."""
        return -self.bound

    @property
    def entry(self) -> Entry:
        """(i, j)."""
        return self.component, self.direction

    def __str__(self) -> str:
        return f"mean strain {self.entry}"


@dataclass(frozen=True)
class Periodic:
    """Opposite sides that move alike, but for the cell's mean displacement gradient H: u(b) = u(a) + H (b - a).

    pairs    facets (a, b), each b the same as a moved by one vector of the lattice
    strains  the entries of H that are controls
    free     entries that are as there is no mean stress in them;  all others are 0
    """

    pairs: Sequence[tuple[str, str]]
    strains: Sequence[Strain] = ()
    free: Sequence[Entry] = ()

    def check(self, mesh: Mesh) -> None:
        """InputError for entries that are no entries or two things at once, and for sides that do not match."""
        entries = [*(strain.entry for strain in self.strains), *self.free]
        for i, j in entries:
            if not (i in range(mesh.dim) and j in range(mesh.dim)):
                raise InputError(f"The mean displacement gradient has no entry ({i}, {j}): the mesh has {mesh.dim} dimensions.")
        for entry in {entry for entry in entries if entries.count(entry) > 1}:
            raise InputError(
                f"Entry {entry} of the mean displacement gradient is given twice: drive it or leave it free, once."
            )
        for i, j in combinations(range(mesh.dim), 2):
            if {(i, j), (j, i)} <= set(self.free):
                raise InputError(f"Entries ({i}, {j}) and ({j}, {i}) are both free, so the cell can turn: leave one of them 0.")
        for strain in self.strains:
            if not strain.bound > 0:
                raise InputError(f"The {strain} needs a bound above 0, got {strain.bound:g}.")
        if not self.pairs:
            raise InputError("A periodic cell needs pairs of opposite sides: give one at least.")
        lattice = self.lattice(mesh)
        if np.linalg.matrix_rank(lattice, tol=CLOSE * np.ptp(mesh.points)) < len(lattice):
            raise InputError(f"The vectors from side to opposite side, {_rounded(lattice)} mm, are not independent.")
        reached = self._reached(lattice)
        for entry in entries:
            if not reached[entry]:
                raise InputError(
                    f"Entry {entry} of the mean displacement gradient moves no side, as none repeats along {'xyz'[entry[1]]}: "
                    "pair the sides there, too."
                )
        self.partners(mesh)

    def _reached(self, lattice: Floats) -> Mask:
        """(d, d), whether an entry moves a side."""
        along = np.abs(lattice).max(axis=0) > CLOSE * np.abs(lattice).max()
        return np.tile(along, (lattice.shape[1], 1))

    def lattice(self, mesh: Mesh) -> Floats:
        """The vector from each a to its b, (pairs, d) mm."""
        middle = [[mesh.points[np.unique(mesh.facet(name))].mean(axis=0) for name in pair] for pair in self.pairs]
        return np.array([b - a for a, b in middle])

    def partners(self, mesh: Mesh) -> list[tuple[Ints, Ints]]:
        """For each pair the mesh's vertices on b, and those on a that they repeat, (k,) each."""
        found = []
        for (a, b), vector in zip(self.pairs, self.lattice(mesh), strict=True):
            ours, theirs = (np.unique(mesh.facet(name)) for name in (b, a))
            found.append((ours, theirs[matched(mesh.points[ours] - vector, mesh.points[theirs], (b, a))]))
        return found


def matched(places: Floats, among: Floats, names: tuple[str, str]) -> Ints:
    """Which row of `among` (m, d) lies at each of the places (k, d); InputError where one does not, or none is left for it."""
    apart = np.linalg.norm(places[:, None] - among, axis=2)
    nearest = apart.argmin(axis=1)
    worst = int(apart.min(axis=1).argmax())
    size = max(float(np.ptp(among, axis=0).max()), 1e-300)
    if len(places) != len(among) or apart[worst].min() > CLOSE * size:
        raise InputError(
            f"Facet {names[0]!r} does not repeat {names[1]!r}: {len(places)} and {len(among)} nodes, and what belongs "
            f"at {_rounded(places[worst])} mm is {apart[worst].min():.3g} mm off. Mesh opposite sides alike."
        )
    return nearest


def _rounded(values: Floats) -> Any:
    return np.round(values, 4).tolist()
