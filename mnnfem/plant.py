"""A body under design: its geometry, the physics on its mesh, and a new mesh where a design has moved it too far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from mnnfem.bridge import Physics, Starts
from mnnfem.ensemble import Ensemble
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.guard import Breach, Guard
from mnnfem.mesh import Floats, Mesh
from mnnfem.onerank import one_rank_of
from mnnfem.quality import mean_ratios


@dataclass(frozen=True)
class Renewal:
    """A mesh made anew: what was wrong with the old one, and the elements and least quality of the new."""

    breach: Breach
    elements: int
    quality: float

    @property
    def sentence(self) -> str:
        """The event for people."""
        return f"{self.breach.sentence}; meshed anew, {self.elements} elements, least quality {self.quality:.3f}"


class Limits(Protocol):
    """Which designs may be: one near a given design (p,), or the same, on a geometry's mesh."""

    def nearest(self, geometry: Geometry, design: torch.Tensor) -> torch.Tensor: ...


class Plant:
    """What a design acts on. The same design goes on through a new mesh: names of facets and vertices survive, numbers do not.

    geometry, physics   of the present mesh
    make                a physics on a mesh of the body;  guard: when the mesh has been moved too far
    ensemble            of the ranks that call with the same designs: gmsh runs on one of them alone
    limits              of the designs, beside their bounds
    """

    def __init__(
        self,
        geometry: Geometry,
        make: Callable[[Mesh], Physics],
        guard: Guard = Guard(),
        ensemble: Ensemble | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.make, self.guard, self.ensemble, self.limits = make, guard, ensemble or Ensemble.alone(), limits
        self.geometry, self.physics = geometry, make(geometry.mesh)

    def renew(self, design: torch.Tensor, starts: Starts | None = None) -> Renewal | None:
        """Mesh the body anew at `design` (p,) if an element has been moved too far, and carry the remembered states over.

        To be called before the solves of each design. Returns what happened, None if nothing. InputError where the design
        has no mesh.
        """
        with torch.no_grad():
            points = self.geometry.points(design).numpy()
        breach = self.guard.breach(self.geometry.mesh, points)
        if breach is None:
            return None
        try:
            self.remesh(design.detach().numpy().copy(), points, starts)
        except InputError as problem:
            raise InputError(f"The mesh must be made anew, as {breach.sentence}; but it cannot: {problem}") from problem
        mesh = self.geometry.mesh
        return Renewal(breach, len(mesh.cells), float(mean_ratios(mesh.points, mesh.cells).min()))

    def clip_(self, design: torch.Tensor) -> None:
        """Move a design (p,) within its bounds and limits, in place."""
        self.geometry.parameters.clip_(design)
        if self.limits is not None:
            with torch.no_grad():
                design.copy_(self.limits.nearest(self.geometry, design))

    def remesh(self, design: Floats, points: Floats | None = None, starts: Starts | None = None) -> None:
        """The mesh that gmsh makes at `design` (p,), whatever the present one is like; `points`: where its nodes are now."""
        with one_rank_of(self.ensemble.world):
            geometry = self.geometry.rebuilt(design)
        old, self.geometry, self.physics = self.physics, geometry, self.make(geometry.mesh)
        if starts is not None and points is not None:
            starts.carry(self.physics.carrier(old, points, np.asarray(geometry.mesh.points)))
