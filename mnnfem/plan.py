"""What a run is told and what it is made of: settings, the experiment, and what makes its bodies."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch

from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.boundary import Boundary
from mnnfem.controller import Controller
from mnnfem.ensemble import Ensemble
from mnnfem.geometry import Geometry
from mnnfem.guard import Guard
from mnnfem.guess.family import Cells
from mnnfem.material import Law, NeoHookean
from mnnfem.mesh import Mesh
from mnnfem.moduli import Moduli
from mnnfem.penalty import CREASE
from mnnfem.plant import Limits, Plant
from mnnfem.regions import Regions, square_cells
from mnnfem.settings import setting
from mnnfem.starting import KINDS, LEARNED, learned, remembered
from mnnfem.task import Watched
from mnnfem.trainer import Schedule
from mnnfem.warmstart import CAPACITY, FEW, Library

HELD_OUT_SEED = 2023
RATES = ("network_rate", "design_rate", "readout_rate", "moduli_rate")  # of a schedule


@dataclass(frozen=True)
class Settings:
    """What every experiment can be told."""

    out: str = setting("", "folder of the run, made new; without it runs/<task>/<date>-seed<seed>")
    resume: bool = setting(False, "go on from the checkpoint in --out, if there is one, else begin there")
    checkpoint_minutes: float = setting(5.0, "between two checkpoints of a training; 0: after each step", unit="min", low=0)
    tensorboard: bool = setting(False, "also write events for TensorBoard: tensorboard --logdir RUN/tensorboard")
    seed: int = setting(0, "of the network's weights and the training targets", low=0, high=2**32 - 1)
    scale: str = setting("small", "defaults for minutes on 2 cores, or of the paper's size", choices=("small", "paper"))
    frozen_geometry: bool = setting(False, "the ablation alone: train the network, leave the design as it starts")
    iterations: int = setting(600, "optimiser steps", low=1)
    batch: int = setting(4, "fresh targets in each step", low=1)
    network_rate: float = setting(0.003, "Adam rate of the network's weights", low=0, high=1)
    design_rate: float = setting(0.03, "Adam rate of the design", low=0, high=1)
    fine_iterations: int = setting(0, "further steps, at lower rates, on a mesh of four times the elements", low=0)
    fine_rate: float = setting(0.2, "rates of these steps over those before", low=0, high=1)
    overlap_penalty: float = setting(0.05, "weight of walls that come too near each other: error per mm^3", low=0)
    clearance: float = setting(2.0, "how near that is", unit="mm", low=0, high=100)
    crease: float = setting(CREASE, "share of its length below which a wall counts as near to creasing", low=0, high=1)
    least_quality: float = setting(Guard.quality, "elements moved below it (mean ratio) are meshed anew", low=0, high=0.5)
    warm_start: str = setting("predictor", "where training solves start: at rest, by earlier ones, as learned", choices=KINDS)
    guess_steps: int = setting(1, "with metapde: of the guess's own training, after each of these steps", low=1)
    most_failed: float = setting(0.5, "share of a step's samples without an equilibrium that ends the run", low=0, high=1)
    ranks_per_sample: int = setting(1, "under mpirun: ranks over which each sample's mesh is spread", low=1)
    heldout: int = setting(64, "held-out targets", low=1)
    ramp: float = setting(0.0, "share of the steps over which the controls' bounds open from 40 %", low=0, high=1)
    young: float = setting(70.0, "Young's modulus", unit="MPa", low=1e-6)
    poisson: float = setting(0.3, "Poisson's ratio", low=0, high=0.49)
    divisions: int = setting(1, "element edges per pore radius", low=1, high=8)
    layers: int = setting(2, "elements from pore to cell edge", low=1, high=8)
    process: str = setting("", "of making: fdm, sla, sls, laser, casting or machine.toml; keeps designs to what it can make")
    thickness: float = setting(20.0, "thickness of the body in design.stl", unit="mm", low=0.1, high=1000)

    @property
    def law(self) -> NeoHookean:
        """The material."""
        return NeoHookean(self.young, self.poisson)

    def schedule(self, frozen: bool) -> Schedule:
        """Of the training, with a frozen design or a learned one."""
        return Schedule(
            iterations=self.iterations,
            batch=self.batch,
            network_rate=self.network_rate,
            design_rate=0.0 if frozen else self.design_rate,
            ramp=self.ramp,
            overlap_weight=self.overlap_penalty,
            clearance=self.clearance,
            crease=self.crease,
            most_failed=self.most_failed,
        )

    def fine_schedule(self, schedule: Schedule) -> Schedule:
        """Of the steps on the finer mesh, which follow those of another schedule."""
        rates = {name: self.fine_rate * getattr(schedule, name) for name in RATES}
        return dataclasses.replace(schedule, iterations=self.fine_iterations, ramp=0.0, **rates)


@dataclass(frozen=True)
class PanelSettings(Settings):
    """What experiments with a panel of square cells can be told, too."""

    moduli: str = setting(
        "one", "Young's modulus: one for the body, or of each cell its own, learned", choices=("one", "cells")
    )
    softest: float = setting(0.2, "least modulus of a cell, a share of --young, the largest", low=0.001, high=1)
    moduli_rate: float = setting(0.03, "Adam rate of the cells' moduli, as shares of --young", low=0, high=1)

    def schedule(self, frozen: bool) -> Schedule:
        """Of the training; a frozen design keeps its moduli, too."""
        learned = self.moduli == "cells" and not frozen
        return dataclasses.replace(super().schedule(frozen), moduli_rate=self.moduli_rate if learned else 0.0)

    def parts(self, columns: int, rows: int, side: float) -> Regions | None:
        """The cells of such a panel, `side` mm, where each has its own modulus; else None."""
        return square_cells(columns, rows, side) if self.moduli == "cells" else None


@dataclass(frozen=True)
class Experiment:
    """A task for a body: what is learned, what moves it, and what is drawn.

    workflow   the file in workflows/ that makes it from settings
    path       targets (k, ...) that the film follows
    hidden     widths of the network's hidden layers
    cells      of a panel of star-shaped pores, for which a first guess can be learned
    parts      of the body, whose moduli are learned;  softest  the least of these, a share of the law's
    """

    workflow: str
    task: Watched
    geometry: Geometry
    boundary: Boundary
    law: Law
    path: torch.Tensor
    hidden: tuple[int, ...] = (30, 30, 30)
    cells: Cells | None = None
    parts: Regions | None = None
    softest: float = 1.0

    def held_out(self, count: int) -> torch.Tensor:
        """The targets of every evaluation, the same whatever a run's seed."""
        return self.task.sample(count, torch.Generator().manual_seed(HELD_OUT_SEED))

    def model(
        self, make: Callable[[Mesh], Body], guard: Guard, ensemble: Ensemble | None = None, limits: Limits | None = None
    ) -> Autoencoder:
        """An untrained model, its body made by `make`."""
        controller = Controller(self.task.inputs, self.boundary.bounds, self.hidden)
        moduli = Moduli(self.law, self.parts, self.softest) if self.parts else None
        return Autoencoder(controller, Plant(self.geometry, make, guard, ensemble, limits), self.law, moduli=moduli)

    def starts(self, settings: Settings, model: Autoencoder) -> Library:
        """Where the solves of a training of this model start, on the mesh that it begins on."""
        if settings.warm_start != LEARNED or self.cells is None or model.geometry is not self.geometry:
            return remembered(settings.warm_start)
        family, body = self.cells.family(self.geometry, self.boundary, self.law), model.plant.physics
        assert isinstance(body, Body)
        return learned(family, body, model.plant.ensemble, settings.iterations, settings.guess_steps, settings.seed)


@dataclass(frozen=True)
class Makers:
    """What makes the body of a mesh: of those that a run starts on, and of the finer ones."""

    first: Callable[[Mesh], Body]
    finer: Callable[[Mesh], Body]


def body_maker(
    law: Law, boundary: Boundary, ensemble: Ensemble, factors: int, parts: Regions | None = None
) -> Callable[[Mesh], Body]:
    """What makes the body of a mesh, and keeps the last two: arms start on the same mesh, pictures are of the last."""

    @lru_cache(maxsize=2)
    def make(mesh: Mesh) -> Body:
        return Body(mesh, law, boundary, comm=ensemble.group, factors=factors, regions=parts)

    return make


def body_makers(law: Law, boundary: Boundary, ensemble: Ensemble, batch: int, parts: Regions | None = None) -> Makers:
    """Of bodies on the first mesh and on the finer one, for training with batches of so many samples.

    Each keeps the factors of its remembered solutions until a batch is done, as a start is of most use with its factor. One
    on the finer mesh is five times as large (50 MB at 56,000 degrees of freedom), so there fewer are remembered.
    """
    return Makers(*(body_maker(law, boundary, ensemble, batch + kept, parts) for kept in (CAPACITY, FEW)))
