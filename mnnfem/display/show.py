"""The task of the digit display: the digit of an image appears in seven windows."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mnnfem.bridge import Response
from mnnfem.display.colours import Colours
from mnnfem.display.segments import LIT
from mnnfem.display.windows import Windows, marks
from mnnfem.errors import InputError
from mnnfem.plant import Plant


@dataclass(frozen=True, eq=False)
class Show:
    r"""Windows a to g shall show 1 where the digit has a segment and 0 elsewhere. Targets are numbers of images.

        error = sum_w mean_s |c_s - wanted_w| = sum_w |mean_s c_s - wanted_w|,

    equal since colours lie in (0, 1) and what is wanted is one end. Grey everywhere has 3.5. Source: Oktay et al., ICLR 2023.

    plant is the body that shows it; images (n, inputs) as the network sees them, digits (n,) what they show.
    """

    windows: Windows
    colours: Colours
    plant: Plant
    images: torch.Tensor
    digits: torch.Tensor

    name = "digit_display"
    unit = "colours"

    @property
    def inputs(self) -> int:
        """Numbers in an image."""
        return self.images.shape[1]

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """`count` different images, by number (count,). InputError if there are fewer."""
        if count > len(self.images):
            raise InputError(f"There are {len(self.images)} images, {count} were asked for: take fewer.")
        return torch.randperm(len(self.images), generator=generator)[:count]

    batch = sample  # images of one draw are different already

    def features(self, targets: torch.Tensor) -> torch.Tensor:
        """The images themselves."""
        return self.images[targets]

    def seen(self, response: Response) -> torch.Tensor:
        """What the windows show, (b, 7)."""
        mesh = self.plant.geometry.mesh
        material = marks(mesh, response.points)
        return self.windows.seen(material, marks(mesh, response.displacement), self.colours(material))

    def errors(self, response: Response, targets: torch.Tensor) -> torch.Tensor:
        """Sum over the windows of the mean colour error, (b,)."""
        return (self.seen(response) - LIT[self.digits[targets]]).abs().sum(dim=1)
