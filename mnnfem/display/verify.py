"""A trained display on a finer mesh: does it show the same digits there? And a film of it showing them in turn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mnnfem import checkpoint
from mnnfem.autoencoder import Autoencoder
from mnnfem.display.arms import ALL, Display, Shown, ShowSettings, size_of
from mnnfem.display.choice import Choice
from mnnfem.display.colours import Colours
from mnnfem.display.gallery import Picture, film
from mnnfem.display.recognition import recogniser
from mnnfem.display.show import Show
from mnnfem.display.training import EACH, own_controls, shown, table
from mnnfem.ensemble import Ensemble
from mnnfem.guard import Guard
from mnnfem.plan import body_maker, body_makers
from mnnfem.plant import Plant
from mnnfem.trainer import follow
from mnnfem.verify import on_finer_mesh
from mnnfem.warmstart import Library

BETWEEN = 6  # pictures of the film from one digit to the next


def restored(run: Path, display: Display, settings: ShowSettings, ensemble: Ensemble) -> tuple[Autoencoder, torch.Tensor]:
    """The model of a run and the controls (10, c) mm of its ten digits. InputError where the checkpoint does not fit."""
    makers = body_makers(display.law, display.boundary, ensemble, max(settings.batch, len(ALL)))
    plant = Plant(display.geometry, makers.first, Guard(settings.least_quality), ensemble)
    bounds = [drive.bound for drive in display.boundary.drives]
    none = torch.zeros(len(ALL), len(bounds), dtype=torch.float64)
    pixels = None if display.images is None else display.images.train.pixels.shape[1]
    controller = table(none, bounds) if pixels is None else Choice(recogniser(pixels), none, bounds)
    model = Autoencoder(controller, plant, display.law, Colours(size_of(display.geometry), settings.colour_spacing))
    state = checkpoint.load(run, model)
    if settings.fine_iterations:
        model = on_finer_mesh(model, makers.finer, 1)
    return model, torch.tensor(state["controls"], dtype=torch.float64)


@dataclass(frozen=True)
class Verified:
    """The ten digits on the mesh of the training and on the finer one, where `model` shows them."""

    coarse: Shown
    fine: Shown
    model: Autoencoder

    @property
    def numbers(self) -> dict[str, Any]:
        """The result for programs."""
        return {
            "elements": len(self.fine.mesh.cells),
            "n": len(ALL),
            **{name: one.figures for name, one in (("coarse", self.coarse), ("fine", self.fine))},
        }

    @property
    def sentences(self) -> str:
        """The result for people."""
        coarse, fine = self.coarse.figures, self.fine.figures
        tested, change = self.fine.evaluation, fine["error"] / coarse["error"] - 1
        bad = tested.failed + tested.uncertified
        return (
            f"ten digits: error {coarse['error']:.3g} colours on the mesh of the training, {fine['error']:.3g} on the finer "
            f"one of {self.numbers['elements']} elements ({change:+.1%}; worst {fine['worst']:.3g})"
            f"\nthere {fine['exact']} of 10 are shown, least margin of a segment {fine['least_margin']:.2f}; {10 - bad} of 10 "
            f"states are certified, {tested.failed} failed; walls pass through each other in {fine['crossed']} "
            f"({coarse['crossed']} before), at most {fine['deepest_overlap']:.2f} mm deep"
        )


def verify(model: Autoencoder, controls: torch.Tensor, display: Display, refinements: int) -> Verified:
    """The ten digits under their controls (10, c) mm, here and with every element cut `refinements` times."""
    here = own_controls(model, controls, display)
    there = on_finer_mesh(here, body_maker(display.law, display.boundary, model.plant.ensemble, 1), refinements)
    return Verified(shown(here, display, EACH), shown(there, display, EACH), there)


def digits_film(path: Path, model: Autoencoder, display: Display, root: bool) -> None:
    """The digits 0 to 9 and back to 0, each from the one before; a film. Collective, `root` writes."""
    assert isinstance(model.readout, Colours)
    share = torch.arange(len(ALL) * BETWEEN, dtype=torch.float64) / BETWEEN
    weight = (1 - (share[:, None] - torch.arange(len(ALL) + 1)).abs()).clamp(min=0)
    path_of = torch.cat([weight[:, :1] + weight[:, -1:], weight[:, 1:-1]], dim=1)
    task = Show(display.windows, model.readout, model.plant, path_of, share.round().long() % len(ALL))
    found = follow(model, task, torch.arange(len(share)), Library())
    if not root:
        return
    response = found.response.moved_to(found.displacement)
    colours, seen = task.colours(response.points).detach().numpy(), task.seen(response).detach().numpy()
    now = (response.points + found.displacement).detach().numpy()
    titles = [str(int(digit)) for digit in task.digits]
    pictures = [Picture(*one) for one in zip(now, np.tile(colours, (len(now), 1)), seen, titles, strict=True)]
    film(path, model.geometry.mesh, display.windows, pictures)
