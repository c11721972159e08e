"""What a task watches in each stored frame, and where it should be; the colours and windows of a display."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree

from mnnfem.bridge import Response
from mnnfem.checkpoint import WEIGHTS, read_tensors
from mnnfem.display.arms import Display, ShowSettings, size_of
from mnnfem.display.colours import Colours
from mnnfem.mesh import Floats
from mnnfem.plan import Experiment
from mnnfem.reopen import Designed
from mnnfem.report.frames import Frames
from mnnfem.report.scene import Overlay, Shade

NEAR = 1e-3  # mm: nodes of the design and of the fields that are the same


def watched(experiment: Experiment, design: Designed, frames: Frames) -> Overlay:
    """Targets along the path, and the error of each frame; nothing where the fields are not of this design and path."""
    path, task = experiment.path, experiment.task
    gap, node = cKDTree(frames.rest[:, :2]).query(design.points)
    if len(path) != len(frames.moved) or gap.max() > NEAR:
        return Overlay()
    mesh = design.mesh
    named = {**mesh.vertices, **{name: np.unique(facet) for name, facet in mesh.facets.items()}}
    moved = torch.from_numpy(frames.moved[:, node, :2])
    response = Response(moved, (), named, torch.from_numpy(design.points))
    errors = task.errors(response, path)
    labels = [f"{task.title(target)}, error {float(error):.3g} {task.unit}" for target, error in zip(path, errors, strict=True)]
    return Overlay(task.watched(response).numpy(), task.wanted(response, path).numpy(), task.loop, labels=labels)


def shown(run: Path, display: Display, settings: ShowSettings, frames: Frames) -> tuple[Shade, Overlay]:
    """The colours that the material carries, and the windows."""
    weights = read_tensors(run / WEIGHTS)
    colours = Colours(size_of(display.geometry), settings.colour_spacing)
    colours.load_state_dict(
        {name.removeprefix("readout."): one for name, one in weights.items() if name.startswith("readout.")}
    )
    with torch.no_grad():
        carried: Floats = colours(torch.from_numpy(frames.rest[:, :2].copy())).numpy()
    digits = [f"digit {number}" for number in range(len(frames.moved))] if len(frames.moved) == 10 else []
    boxes = list(display.windows.rectangles.values())
    return Shade("colour carried by the material", carried, "cividis", (0.0, 1.0)), Overlay(rectangles=boxes, labels=digits)
