"""A controller learns from examples, without the body: what it gives for an image shall be the controls of its digit."""

from __future__ import annotations

import torch

from mnnfem.controller import Controller
from mnnfem.display.images import Images

BATCH, RATE = 64, 1e-3


def nearest(controls: torch.Tensor, examples: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The row of examples (k, c) mm that is nearest to each of the controls (b, c) mm, counted in units of scale (c,): (b,)."""
    return torch.cdist(controls / scale, examples / scale).argmin(dim=1)


@torch.no_grad()
def head_accuracy(controller: Controller, images: Images, examples: torch.Tensor) -> float:
    """Share of the images whose controls are nearest to those of their own digit: what the network knows, without a body."""
    found = nearest(controller(images.pixels), examples, controller.bounds)
    return float((found == images.digits).double().mean())


def imitate(
    controller: Controller,
    train: Images,
    validation: Images,
    examples: torch.Tensor,
    epochs: int,
    generator: torch.Generator,
) -> list[float]:
    """Adam on the mean square of (controls - examples[digit]) / bound; keeps the weights of the best epoch on `validation`.

    examples (10, c) mm. Returns the accuracy on the validation images after each epoch, see `head_accuracy`.
    """
    optimiser = torch.optim.Adam(controller.parameters(), lr=RATE)
    wanted, accuracies, best = examples[train.digits] / controller.bounds, list[float](), controller.state_dict()
    for _ in range(epochs):
        for rows in torch.randperm(len(wanted), generator=generator).split(BATCH):
            optimiser.zero_grad()
            (controller(train.pixels[rows]) / controller.bounds - wanted[rows]).square().mean().backward()
            optimiser.step()
        accuracies.append(head_accuracy(controller, validation, examples))
        if accuracies[-1] >= max(accuracies):
            best = {name: tensor.clone() for name, tensor in controller.state_dict().items()}
    controller.load_state_dict(best)
    return accuracies
