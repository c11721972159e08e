"""The printable twin of a network of springs: bars as wide as they are stiff, with thin ends that turn easily."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.lattice.graph import Graph
from mnnfem.lattice.outlines import Lattice, lattice_of
from mnnfem.mesh import Floats, Ints
from mnnfem.outline import Outline, outlined
from mnnfem.parameters import Parameters
from mnnfem.springs.network import Network

EDGE = 0.75  # length of an element's edge along a bar over the width that it has in the middle of the bounds


def spring_twin(
    network: Network,
    start: Floats,
    bounds: tuple[Floats, Floats],
    hinge: float = 0.2,
    neck: float = 0.5,
    support: float = 1.03,
    design: Floats | None = None,
) -> Geometry:
    """The twin of a plane network: parameters 'width a-b' mm of its bonds, from `start` (b,) within `bounds`.

    hinge, neck  the ends of a bar, a share `hinge` of its length each, have the share `neck` of its width; 0 for none
    support      radius of the discs at the held nodes, over the widest end of a bar
    design       where the mesh is made, (b,) mm; without, at the start

    Facets: 'support k' the rims of the held nodes' discs, pores. Vertices: 'node k, i' the corners of the voids around joint k,
    over which a force on it is spread. InputError where bonds cross, the network is not plane, or bars are too wide.
    """
    if not 0 <= hinge < 0.4 or not 0 < neck <= 1 or not support > 0:
        raise InputError(f"Hinges need 0 <= hinge < 0.4, 0 < neck <= 1 and support > 0, got {hinge:g}, {neck:g}, {support:g}.")
    names = tuple(f"width {a}-{b}" for a, b in network.bonds)
    parameters = Parameters(names, start, *bounds, "width", "mm")
    graph, of, shares = _with_necks(network, hinge, neck)
    held = np.flatnonzero(network.held.any(axis=1))
    discs = np.zeros(len(graph.joints))
    discs[held] = support * (shares.min() * bounds[1].max())
    middle = 0.5 * (bounds[0] + bounds[1])
    parts = np.linalg.norm(graph.joints[graph.bars[:, 1]] - graph.joints[graph.bars[:, 0]], axis=1) / (EDGE * middle[of])
    lattice = lattice_of(graph, middle[of] * shares, np.maximum(1, np.ceil(parts)).astype(np.int64), 0.0, discs)
    joints, rims, share = torch.from_numpy(graph.joints), torch.from_numpy(discs), torch.from_numpy(shares)

    def at(design: torch.Tensor) -> torch.Tensor:
        return lattice.points(joints, design[torch.from_numpy(of)] * share, rims)

    facets = {f"support {node}": _rim(lattice, int(node)) for node in held}
    corners = {node: _around(lattice, node) for node in range(len(network.nodes)) if node not in held}
    vertices = {f"node {node}, {i}": int(point) for node, points in corners.items() for i, point in enumerate(points)}
    outline = Outline(lattice.loops, {**facets, "pores": lattice.pores}, at, vertices)
    made = outlined(outline, parameters, design)
    return Geometry(
        made.mesh, parameters, made.motion, made.made_at, partial(spring_twin, network, start, bounds, hinge, neck, support)
    )


def _with_necks(network: Network, hinge: float, neck: float) -> tuple[Graph, Ints, Floats]:
    """A graph of three bars for each bond; the bond (k,) and the share (k,) of its width of each of them."""
    nodes, bonds, count = network.nodes, network.bonds, len(network.bonds)
    if network.dim != 2:
        raise InputError(f"A twin is a plane body: the network has {network.dim} dimensions.")
    if hinge == 0 or neck == 1:
        return Graph(nodes, bonds), np.arange(count), np.ones(count)
    a, b = nodes[bonds[:, 0]], nodes[bonds[:, 1]]
    Graph(nodes, bonds)  # names crossing bonds as what they are
    joints = np.concatenate([nodes, a + hinge * (b - a), b + hinge * (a - b)])
    near, far = len(nodes) + np.arange(count), len(nodes) + count + np.arange(count)
    bars = np.concatenate([np.stack(pair, axis=1) for pair in ((bonds[:, 0], near), (near, far), (far, bonds[:, 1]))])
    return Graph(joints, bars), np.tile(np.arange(count), 3), np.repeat([neck, 1.0, neck], count)


def _rim(lattice: Lattice, joint: int) -> Ints:
    """(e, 2) points of the edges of the arcs around a joint."""
    edges: Ints = lattice.edges[(lattice.bar < 0) & (lattice.sectors.tail[lattice.of] == joint)]
    return edges


def _around(lattice: Lattice, joint: int) -> Ints:
    """The points of the outline where sides meet around a joint."""
    return np.flatnonzero(~lattice.aside & (lattice.sectors.tail[lattice.of] == joint))
