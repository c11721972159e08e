"""Designs that a process can make: one that it cannot is moved, as little as it takes, until it can."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls

from mnnfem.errors import TrainingStopped
from mnnfem.fabricate.check import Checked, check
from mnnfem.fabricate.findings import refuse
from mnnfem.fabricate.part import Part, plane_part
from mnnfem.fabricate.process import Process, process
from mnnfem.fabricate.widths import Width, least_gap, least_ligament, least_pore, narrow_gaps, narrow_ligaments, too_small
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats, Ints

ROUNDS = 20  # in which walls, pores and gaps are widened, each round from the last one's design
INSIDE = 0.005  # of a limit: how much wider than that they are made, the more the later the round
HALVINGS = 12  # of the way back to the start design, where rounds do not help
OPPOSITE = -0.5  # cosine: two sides of a wall face each other


@dataclass(frozen=True)
class Makeable:
    """What a process asks of the designs of a plane body that is `thickness` mm thick, as large as it is."""

    process: Process
    thickness: float

    @classmethod
    def of(cls, name: str, thickness: float, geometry: Geometry) -> Makeable | None:
        """By the name of a process or the file of a table; None where none is named. InputError as in `refuse`."""
        if not name:
            return None
        limits = cls(process(name), thickness)
        limits.refuse(geometry)
        return limits

    def checked(self, geometry: Geometry, design: torch.Tensor) -> Checked:
        """Every check of the design (p,) on the geometry's mesh."""
        return check(self._part(geometry, design), self.process)

    def refuse(self, geometry: Geometry) -> None:
        """InputError where the start design cannot be made: nothing would be left to keep to."""
        found = self.checked(geometry, torch.from_numpy(geometry.parameters.start)).findings
        refuse(found, f"The start design by {self.process.name}")

    def told(self, geometry: Geometry, design: torch.Tensor) -> dict[str, Any]:
        """For a run's result: the process, what a design (p,) violates of it, and its least widths, mm."""
        findings, outline = self.checked(geometry, design).findings, self._part(geometry, design).outline
        assert outline is not None
        least = {"ligament": least_ligament(outline), "pore": least_pore(outline), "gap": least_gap(outline)}
        return {
            "process": dataclasses.asdict(self.process),
            "violations": [f"{one.check}: {one.sentence}" for one in findings],
            "least": {name: width.value if width else None for name, width in least.items()},
        }

    def nearest(self, geometry: Geometry, design: torch.Tensor) -> torch.Tensor:
        r"""A design (p,) near the given one whose ligaments, pores and gaps are as wide as the process needs.

        It is the given one if that is so. In each round the widths d_i that the checks find too small are made linear in the
        design x, and

            min |(x' - x) / (upper - lower)|^2   with   d_i + dd_i/dx (x' - x) >= (1 + k INSIDE) limit_i,   lower <= x' <= upper

        is solved in round k. Where that does not end, it is the design nearest to x on the way to it from the start design.
        """
        now = design.detach().clone()
        for k in range(1, ROUNDS + 1):
            narrow = self._narrow(geometry, now)
            if not len(narrow):
                return now
            now = narrow.widened(geometry, now, 1 + k * INSIDE)
        return self._on_the_way(geometry, design.detach())

    def _on_the_way(self, geometry: Geometry, design: torch.Tensor) -> torch.Tensor:
        start, sound, unsound = torch.from_numpy(geometry.parameters.start), 0.0, 1.0
        for _ in range(HALVINGS):
            middle = 0.5 * (sound + unsound)
            good = not len(self._narrow(geometry, torch.lerp(start, design, middle)))
            sound, unsound = (middle, unsound) if good else (sound, middle)
        return torch.lerp(start, design, sound)

    def _part(self, geometry: Geometry, design: torch.Tensor) -> Part:
        with torch.no_grad():
            return plane_part(geometry.mesh, geometry.points(design).numpy(), self.thickness, "design")

    def _narrow(self, geometry: Geometry, design: torch.Tensor) -> Narrow:
        part, limits = self._part(geometry, design), self.process
        assert part.outline is not None
        pore = max(limits.pore, self.thickness / limits.aspect) if limits.aspect else limits.pore
        low = geometry.points(design).detach().numpy().min(axis=0)  # a part's corner is at the origin
        across = [(one, limits.wall) for one in narrow_ligaments(part.outline, limits.wall)]
        across += [(one, limits.gap) for one in narrow_gaps(part.outline, limits.gap)]
        return Narrow(low, across, [(one, pore) for one in too_small(part.outline, pore)])


@dataclass(frozen=True, eq=False)
class Narrow:
    """Where a design is too narrow, each with its limit, mm: across walls and voids, and in pores.

    low   (2,) mm, the corner of the body, which is the origin of these places
    """

    low: Floats
    across: Sequence[tuple[Width, float]]
    pores: Sequence[tuple[Width, float]]

    def __len__(self) -> int:
        return len(self.across) + len(self.pores)

    @torch.enable_grad()  # type: ignore[untyped-decorator]
    def widened(self, geometry: Geometry, design: torch.Tensor, wide: float) -> torch.Tensor:
        """The nearest design (p,) at which these places are `wide` times their limits, as far as lengths are linear in it."""
        leaf = design.clone().requires_grad_()
        lengths, limits = self._lengths(geometry, leaf)
        slopes = [torch.autograd.grad(length, leaf, retain_graph=True)[0].numpy() for length in lengths]
        box = geometry.parameters
        span = box.upper - box.lower
        step = nearest_step(
            np.reshape(slopes, (-1, len(span))) * span,
            wide * limits - lengths.detach().numpy(),
            (box.lower - design.numpy()) / np.where(span > 0, span, 1.0),
            (box.upper - design.numpy()) / np.where(span > 0, span, 1.0),
        )
        moved = design + torch.from_numpy(span * step)
        box.clip_(moved)
        return moved

    def _lengths(self, geometry: Geometry, design: torch.Tensor) -> tuple[torch.Tensor, Floats]:
        """Lengths (k,) mm that are to be longer, between fixed places on edges of the boundary, and their limits."""
        points, edges = geometry.points(design), geometry.mesh.boundary()
        corners = points[torch.from_numpy(edges)]
        at, limits = corners.detach().numpy() - self.low, []
        ends: list[torch.Tensor] = []
        for width, limit in self.across:
            share, foot = _feet(at, width.place)
            apart = foot - width.place
            distance = np.linalg.norm(apart, axis=1)
            first = int(distance.argmin())
            facing = np.flatnonzero(apart @ apart[first] < OPPOSITE * distance * distance[first])
            if len(facing):
                second = int(facing[distance[facing].argmin()])
                ends.append(_along(corners, first, share) - _along(corners, second, share))
                limits.append(limit)
        for width, limit in self.pores:
            share, foot = _feet(at, width.place)
            distance = np.linalg.norm(foot - width.place, axis=1)
            for near in np.flatnonzero(distance < 0.5 * (1 + 2 * INSIDE) * limit):
                ends.append(_along(corners, int(near), share) - torch.from_numpy(width.place + self.low))
                limits.append(0.5 * limit)
        lengths = torch.stack(ends).norm(dim=1) if ends else points.new_zeros(0)
        return lengths, np.array(limits)


def made_sentences(result: Mapping[str, Any]) -> list[str]:
    """What `told` says in a run's result, for people; nothing where no process was named."""
    if "made" not in result:
        return []
    made, least = result["made"], result["made"]["least"]
    needs, limits = made["process"], {"ligament": "wall", "pore": "pore", "gap": "gap"}
    widths = ", ".join(
        f"{name} {least[name]:.2f} mm of {needs[limit]:g}" for name, limit in limits.items() if least[name] is not None
    )
    return [f"by {needs['name']}: {len(made['violations'])} violations; least {widths}"]


def stop_unmade(result: Mapping[str, Any]) -> None:
    """TrainingStopped where the result tells of violations."""
    if "made" in result and result["made"]["violations"]:
        lines = "\n".join(f"  {one}" for one in result["made"]["violations"])
        raise TrainingStopped(f"What was trained cannot be made by {result['made']['process']['name']}:\n{lines}")


def _feet(edges: Floats, place: Floats) -> tuple[Floats, Floats]:
    """Of the nearest places on edges (k, 2, 2): shares along them (k,), and coordinates (k, 2) mm."""
    start, chord = edges[:, 0], edges[:, 1] - edges[:, 0]
    share: Floats = np.clip(((place - start) * chord).sum(axis=1) / (chord**2).sum(axis=1), 0.0, 1.0)
    return share, start + share[:, None] * chord


def _along(corners: torch.Tensor, edge: int, share: Floats) -> torch.Tensor:
    return (1 - share[edge]) * corners[edge, 0] + share[edge] * corners[edge, 1]


def nearest_step(slopes: Floats, least: Floats, lower: Floats, upper: Floats) -> Floats:
    """The shortest x (p,) with slopes (k, p) @ x >= least (k,) and lower <= x <= upper, as far as there is one.

    By non-negative least squares of the dual (Lawson and Hanson 1974, Solving Least Squares Problems, chapter 23).
    """
    moved: Ints = np.flatnonzero(np.abs(slopes).max(axis=0, initial=0.0) > 0)
    one = np.eye(len(moved))
    rows = np.concatenate([slopes[:, moved], one, -one])
    bounds = np.concatenate([least, lower[moved], -upper[moved]])
    system = np.vstack([rows.T, bounds])
    wanted = np.append(np.zeros(len(moved)), 1.0)
    rest = wanted - system @ nnls(system, wanted)[0]
    step = np.zeros(slopes.shape[1])
    if rest[-1] > 1e-12:  # else there is no such x
        step[moved] = -rest[:-1] / rest[-1]
    return step
