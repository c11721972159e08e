"""Beam lattices as geometries: what the families of lattices share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.lattice.graph import Graph
from mnnfem.lattice.outlines import lattice_of
from mnnfem.mesh import Ints
from mnnfem.outline import Outline, outlined
from mnnfem.parameters import Parameters, alike

HALVINGS = 14  # of the way from the start to a design that is refused


@dataclass(frozen=True)
class Beams:
    """What a design is as beams: joints (j, 2) mm; widths (b,) or (b, 2) mm; discs (j,) mm or None, see `Lattice.points`."""

    joints: torch.Tensor
    widths: torch.Tensor
    discs: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class Net:
    """A graph and the joints at its sides: left, right, bottom, top."""

    graph: Graph
    sides: Mapping[str, Sequence[int]]


def net_of(rows: Sequence[Sequence[tuple[float, float]]], bars: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> Net:
    """A net of rows of joints, each from the left to the right; bars are given by (row, place) of their joints.

    Its sides are the first and last row, and the first and last joint of all rows.
    """
    starts = np.cumsum([0, *(len(row) for row in rows)])
    numbers = [(int(starts[a] + i), int(starts[b] + k)) for (a, i), (b, k) in bars]
    numbered = [range(int(a), int(b)) for a, b in itertools.pairwise(starts)]
    sides = {
        "left": [row[0] for row in numbered],
        "right": [row[-1] for row in numbered],
        "bottom": numbered[0],
        "top": numbered[-1],
    }
    return Net(Graph(np.array([joint for row in rows for joint in row], dtype=np.float64), np.array(numbers)), sides)


def with_plates(net: Net, widths: torch.Tensor, plates: float) -> torch.Tensor:
    """Widths (b, 2) mm whose bottom and top rows reach `plates` mm out, and half of widths (b,) elsewhere."""
    both = torch.stack([0.5 * widths, 0.5 * widths], dim=1)
    if plates == 0:
        return both
    along = np.sign(np.diff(net.graph.joints[net.graph.bars, 0], axis=1)[:, 0])
    for side, outward in (("bottom", -1), ("top", 1)):
        row = np.isin(net.graph.bars, list(net.sides[side])).all(axis=1)
        # left of a bar that goes right is up
        out = np.stack([row & (along == outward), row & (along == -outward)], axis=1)
        both = torch.where(torch.from_numpy(out), plates, both)
    return both


def beam_geometry(
    net: Net,
    parameters: Parameters,
    beams: Callable[[torch.Tensor], Beams],
    divisions: int | Ints,
    fillet: float = 0.0,
    size: float | None = None,
) -> Geometry:
    """The body of a family of beam lattices: `beams` of a design, thickened, meshed, moved by extension.

    divisions  element edges along each side of a bar, one number or (b,);   fillet  radius of the corners of voids, mm
    size       largest element inside, mm; without, as large as the edges make them

    Facets: left, right, bottom, top (outer sides of the bars between the joints of that side) and pores.

    No design of the families' default boxes was refused or inverted an element in 200 at random and 200 at random corners,
    as long as there were no fillets. With them (0.3 mm in a honeycomb, 0.6 mm in a plated triangular lattice) random designs
    kept sound, too, but 10 % and 6 % of the corners of the box need the body rebuilt.
    """
    start = beams(torch.from_numpy(parameters.start))
    discs = None if start.discs is None else start.discs.numpy()
    lattice = lattice_of(net.graph, start.widths.numpy(), divisions, fillet, discs)

    def at(design: torch.Tensor) -> torch.Tensor:
        now = beams(design)
        try:
            return lattice.points(now.joints, now.widths, now.discs)
        except InputError as error:
            raise InputError(f"{error}{_way_back(parameters, design.detach(), sound)}") from error

    def sound(design: torch.Tensor) -> bool:
        now = beams(design)
        return lattice.sound(now.joints, now.widths, now.discs)

    facets = {name: lattice.facet(joints) for name, joints in net.sides.items()}
    return outlined(Outline(lattice.loops, {**facets, "pores": lattice.pores}, at), parameters, size=size)


def _way_back(parameters: Parameters, design: torch.Tensor, sound: Callable[[torch.Tensor], bool]) -> str:
    """How far from the start design towards this one bodies are sound, as a sentence; empty where the start is none."""
    start = torch.from_numpy(parameters.start)
    if not sound(start):
        return ""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if sound(start + middle * (design - start)) else (low, middle)
    spread = torch.from_numpy(parameters.upper - parameters.lower).clamp(min=1e-300)  # a parameter may be held fixed
    most = torch.argsort((design - start).abs() / spread, descending=True)[:4]
    at = start + low * (design - start)
    names = ", ".join(f"{parameters.names[i]!r} {float(at[i]):.4g} of {float(design[i]):.4g}" for i in most.tolist())
    return f" Sound from the start design up to {low:.2%} of the way to this one: {names}."


def one_width_each(
    net: Net, length: float, start: float, bounds: tuple[float, float], divisions: int, fillet: float, plates: float
) -> Geometry:
    """A lattice of equilateral triangles (and larger voids) of bars of `length` mm: parameters 'width a-b' mm, a and b joints.

    The distances of a point in an equilateral triangle from its sides sum to its altitude, so a void stays open while the
    three half-widths around it stay below sqrt(3) / 2 length in sum: all may go up to 0.57 length, fillets left aside.
    """
    if not 0 < bounds[0] <= start <= bounds[1] or 3**0.5 * (bounds[1] * length / 2 + fillet) >= length / 2:
        raise InputError(
            f"Widths need 0 < {bounds[0]:g} <= {start:g} <= {bounds[1]:g} (lower, start, upper, of the length), and voids "
            f"room at corners: sqrt(3) (width / 2 + fillet) below half the length, {length / 2:g} mm; fillet: {fillet:g} mm."
        )
    names, joints = [f"width {a}-{b}" for a, b in net.graph.bars], torch.from_numpy(net.graph.joints)
    parameters = alike(names, start * length, (bounds[0] * length, bounds[1] * length), "width", "mm")
    return beam_geometry(net, parameters, lambda design: Beams(joints, with_plates(net, design, plates)), divisions, fillet)
