"""The pressed square of round pores as a family of one number, and guesses of it that are sums of few fields."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.sparse as sp

from benchmarks.starts import Table
from mnnfem.equilibrium import Start
from mnnfem.geometry import Geometry, Linear
from mnnfem.guess.classical import Guess
from mnnfem.guess.family import Family
from mnnfem.mesh import Floats
from mnnfem.metapde import pores
from mnnfem.metapde.descent import learn, share_at
from mnnfem.metapde.nodal import Nodal
from mnnfem.metapde.pores import CELLS, ROUND, Pores
from mnnfem.metapde.pores_fem import CONTROLS, LAW, PoreElements
from mnnfem.parameters import alike
from workflows.metapde_hyperelastic import HyperelasticSettings, by_fields, untrained

LOW, HIGH = 0.3, 0.9  # of the scale s: pores of 0.12 to 0.36 of their cell
INSTANCES = pores.Family(tuple(LOW * ROUND), tuple(HIGH * ROUND))
SHOWN = 4000  # times that a solved instance is shown to the network
NEWTON = 2  # steps on the coefficients of the modes


def instance(scale: float) -> Floats:
    """Round pores as an instance (s, 0, 0)."""
    return scale * ROUND


def geometry(mesh: Pores) -> Geometry:
    """Nodes are a linear function of the scale, and the mesh is made by formula, so that it is the same at any."""
    nodes, bounds = mesh.points(instance(0)), alike(["scale"], 0.5 * (LOW + HIGH), (LOW, HIGH), "scale")
    motion = Linear(nodes, sp.csr_matrix((mesh.points(ROUND) - nodes).reshape(-1, 1)))
    return Geometry(mesh.mesh, bounds, motion, ROUND[:1], lambda design: geometry(mesh))


def family(elements: PoreElements) -> Family:
    """All scales, under the whole of the compression."""
    centres = np.array([*itertools.product(np.arange(CELLS + 1) / CELLS, repeat=2)])
    return Family(
        geometry=geometry(elements.pores),
        boundary=elements.solid.boundary,
        law=LAW,
        radii=(LOW, HIGH),
        reach=float(CONTROLS[0]),
        centres=centres,
        porous=tuple(range(len(centres))),
        side=1 / CELLS,
    )


def from_energy(elements: PoreElements, settings: HyperelasticSettings) -> Nodal:
    """Learned as the workflow does it: from the energy of fresh instances, none of which is solved."""
    layer = untrained(INSTANCES, elements.solid.size, settings)
    learn(elements, INSTANCES, layer, settings.steps, np.random.default_rng([settings.seed, 0]))
    return layer.learned()


def from_solves(elements: PoreElements, count: int, settings: HyperelasticSettings) -> Nodal:
    """The same network, learned from solved instances: one of them, drawn anew each time, is shown after the other."""
    layer, rng = untrained(INSTANCES, elements.solid.size, settings), np.random.default_rng([settings.seed, 3])
    known = INSTANCES.draw(count, rng, to_learn=True)
    inputs = INSTANCES.scaled(known)
    targets = [elements.solve(one).displacement - elements.lift(elements.place(one)) for one in known]
    for step in range(SHOWN):
        k = rng.integers(count)
        layer.show(inputs[k], targets[k], share_at(step / SHOWN))
    return layer.learned()


def by_network(elements: PoreElements, square: Family, found: Nodal) -> Guess:
    """What a network tells of a scale; None beyond the family."""

    def guess(points: Floats, controls: Floats, material: Floats) -> Start | None:
        design = square.design_of(points)
        if design is None:
            return None
        one = instance(design[0])
        return Start(by_fields(elements, found, INSTANCES.scaled(one), one, 0)[0].values, controls.copy())

    return guess


def by_modes(elements: PoreElements, table: Table) -> Guess:
    """The nearest solution of a table, after steps of Newton's method on the coefficients of its orthogonal modes alone.

    That is the equilibrium projected on them. Coefficients regressed in the scale would be the solutions interpolated.
    """
    fields = table.modes.T

    def guess(points: Floats, controls: Floats, material: Floats) -> Start:
        u = table.nearest(points, controls, material).displacement
        elements.solid.set_inputs(points, material, controls)
        for _ in range(NEWTON):
            u = elements.reduced(u, fields)
        return Start(u, controls.copy())

    return guess
