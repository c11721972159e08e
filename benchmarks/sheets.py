"""Cellular sheets for trial by load: random ones, which hide bifurcations, and regular ones, which show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from mpi4py import MPI

from geometries.star_curve import round_radii
from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive, turn
from mnnfem.continuation import Effort
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean
from mnnfem.mesh import Floats

KINDS = ("compression", "stretch", "shear", "rotation")
CONTROL: Floats = np.ones(1)  # the whole load


@dataclass(frozen=True)
class Sheet:
    """A panel clamped at its bottom, its clamped top moved as `kind` says: by 25 %, 50 %, 25 % of the height, or 30 degrees.

    load      factor on that motion;  ligament: the least, as a fraction of the cell
    """

    geometry: Geometry
    radii: Floats
    law: NeoHookean
    kind: str
    load: float
    regular: bool
    ligament: float

    @property
    def points(self) -> Floats:
        """Node coordinates (n, 2) mm."""
        return self.at(self.radii)

    def at(self, radii: Floats) -> Floats:
        """Node coordinates (n, 2) mm of other radii."""
        return self.geometry.motion(torch.from_numpy(radii)).numpy()

    def drive(self) -> Drive:
        """The top's motion; control 1 is the whole load."""
        (left, bottom), (right, top) = self.geometry.mesh.points.min(axis=0), self.geometry.mesh.points.max(axis=0)
        if self.kind == "rotation":
            return Drive("top", turn(30.0 * self.load, ((left + right) / 2, top)), 2.0)
        x, y = {"compression": (0.0, -0.25), "stretch": (0.0, 0.5), "shear": (0.25, 0.0)}[self.kind]
        scale = self.load * (top - bottom)
        return Drive("top", (x * scale, y * scale), 2.0)

    def body(self, effort: Effort = Effort(), factors: int = 1, comm: MPI.Comm = MPI.COMM_SELF) -> Body:
        """A body built anew."""
        return Body(self.geometry.mesh, self.law, Boundary(("bottom",), (self.drive(),)), effort, comm, factors)


def sheet(seed: int, number: int, load: float = 1.0, layers: int = 3, divisions: int = 1) -> Sheet:
    """Sheet `number` of a series: 4 to 6 cells a side, ligaments 5-30 % of the cell, nu .3 or .46.

    Every fifth is a regular lattice of round or square pores under compression; the others have 16 independent
    radii a pore and take the four loads in turn.
    """
    rng, regular = np.random.default_rng([seed, number]), number % 5 == 4
    columns, rows = (int(n) for n in rng.integers(4, 7, size=2))
    ligament, poisson = float(rng.uniform(0.05, 0.30)), float(rng.choice([0.3, 0.46]))
    geometry = star_pores(columns, rows, solid=(), layers=layers, divisions=divisions, bounds=(0.1, 0.97))
    pores, largest = columns * rows, 1.0 - ligament  # two pores of radius r leave (1 - r) of a cell between them
    if not regular:
        radii = rng.uniform(rng.uniform(0.4, 0.9) * largest, largest, size=16 * pores)
    elif rng.random() < 0.5:
        radii = np.tile(round_radii(largest / 2), pores)
    else:
        radii = np.full(16 * pores, largest)
    kind = "compression" if regular else KINDS[number % 4]
    return Sheet(geometry, radii, NeoHookean(poisson=poisson), kind, load, regular, ligament)
