"""A digit display and what is known of it: its settings, its start, its tests, its trained arms."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch

from mnnfem.autoencoder import Autoencoder
from mnnfem.boundary import Boundary
from mnnfem.display import bank
from mnnfem.display.assignment import Assignment
from mnnfem.display.images import Shares
from mnnfem.display.segments import LIT, margins, read
from mnnfem.display.windows import Windows
from mnnfem.geometry import Geometry
from mnnfem.material import Law
from mnnfem.mesh import Mesh
from mnnfem.plan import Settings
from mnnfem.settings import setting
from mnnfem.trainer import Evaluation, Schedule, Step

ALL = torch.arange(len(LIT))  # the ten digits
SLOWER = 0.1  # rates of radii and colours when images follow the digits, over those before


@dataclass(frozen=True)
class ShowSettings(Settings):
    """What the training of a display can be told; `iterations` are those of the ten digits, `batch` is of images."""

    iterations: int = setting(60, "optimiser steps on the ten digits, all in each", low=1)
    image_iterations: int = setting(60, "optimiser steps on images, network and body together", low=0)
    batch: int = setting(8, "images in each step", low=1)
    network_rate: float = setting(0.0003, "Adam rate of the network's weights, with the body", low=0, high=1)
    control_rate: float = setting(0.1, "Adam rate of the ten digits' controls, before tanh", low=0, high=1)
    design_rate: float = setting(0.02, "Adam rate of the pore radii", low=0, high=1)
    colour_rate: float = setting(0.2, "Adam rate of the colours, before the sigmoid", low=0, high=10)
    states: int = setting(250, "random states in the bank", low=10)
    restarts: int = setting(8, "of the colours and the choice of states", low=1)
    epochs: int = setting(100, "of the network alone, of at most 2,000 images each", low=1)
    heldout: int = setting(360, "images of the test, at most all that were set aside", low=1)
    colour_spacing: float = setting(10.0, "of the grid of colours", unit="mm", low=1, high=50)
    overlap_penalty: float = setting(0.1, "weight of walls that come too near each other: colours per mm^3", low=0)

    def digit_schedule(self, frozen: bool) -> Schedule:
        """Of the ten digits, all in each step."""
        return dataclasses.replace(
            self.schedule(frozen), batch=len(ALL), network_rate=self.control_rate, readout_rate=self.colour_rate
        )

    def image_schedule(self, frozen: bool) -> Schedule:
        """Of the images, which follow the digits: radii and colours are to be kept."""
        digits = self.schedule(frozen)
        return dataclasses.replace(
            digits,
            iterations=self.image_iterations,
            design_rate=SLOWER * digits.design_rate,
            readout_rate=SLOWER * self.colour_rate,
        )


@dataclass(frozen=True)
class Display:
    """A body with windows, and the images that it shall show: none, for the ten digits alone."""

    geometry: Geometry
    boundary: Boundary
    law: Law
    windows: Windows
    images: Shares | None


@dataclass(frozen=True)
class Start:
    """What the bank gives: the controls (10, c) mm of each digit, the choice of states and colours, and the bank."""

    controls: torch.Tensor
    chosen: Assignment
    states: bank.Bank
    seconds: float


@dataclass(frozen=True)
class Shown:
    """A test: seen (n, 7) in the windows for digits (n,), colours of the mesh's points."""

    mesh: Mesh
    evaluation: Evaluation
    seen: torch.Tensor
    digits: torch.Tensor
    colours: torch.Tensor

    @property
    def accuracy(self) -> float:
        """Share of the samples whose seven windows read as the digit."""
        return float((read(self.seen) == self.digits).double().mean())

    @property
    def margin(self) -> float:
        """The least of all segments, see `segments.margins`."""
        return float(margins(self.seen, self.digits).min())

    @property
    def figures(self) -> dict[str, Any]:
        """All that is told of it."""
        tested = self.evaluation
        return {
            "error": tested.mean,
            "worst": tested.worst,
            "n": len(tested.errors),
            "accuracy": self.accuracy,
            "exact": round(self.accuracy * len(tested.errors)),
            "least_margin": self.margin,
            "failed": tested.failed,
            "crossed": tested.crossed,
            "deepest_overlap": tested.deepest_overlap,
        }


@dataclass(frozen=True)
class Tested:
    """What a trained display shows.

    classes  the ten digits, by their own controls;   finer  the same on a mesh of four times the elements
    images   of the test, if there are any, by the network's controls
    head     the network's own accuracy on them, by the nearest of its ten states
    """

    classes: Shown
    finer: Shown
    images: Shown | None
    head: float | None


@dataclass(frozen=True)
class Arm:
    """One trained display: steps by stage, the ten digits' controls (10, c) mm, tests; training and evaluation in seconds."""

    model: Autoencoder
    steps: dict[str, list[Step]]
    controls: torch.Tensor
    tests: Tested
    training: float
    evaluation: float


def size_of(geometry: Geometry) -> tuple[float, float]:
    """Width and height of the body, whose lower left corner is at the origin, mm."""
    width, height = geometry.mesh.points.max(axis=0)
    return float(width), float(height)
