"""A network that tells which digit an image shows, and how it learns that without the body."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from mnnfem.controller import Bounded
from mnnfem.display.distortion import distorted
from mnnfem.display.images import Images, side_of

BATCH, RATE = 64, 3e-3
MOST = 2000  # images in an epoch, and of those that judge it: of MNIST's 42,000 each epoch sees others
CHANNELS = (16, 32)
LARGE = 16  # pixels a side: larger images are halved after the first convolution too


def recogniser(inputs: int, digits: int = 10) -> torch.nn.Sequential:
    """Square images (b, inputs) -> logits (b, digits), float64: two convolutions of 3 x 3, halved, and a linear layer.

    It has neither dropout nor running means, so that it is the same function in training as afterwards. InputError if
    the images are not square.
    """
    side, (first, second) = side_of(inputs), CHANNELS
    layers: list[torch.nn.Module] = [torch.nn.Unflatten(1, (1, side, side))]
    for before, after in ((1, first), (first, second)):
        layers += [torch.nn.Conv2d(before, after, 3, padding=1), torch.nn.ReLU()]
        if after == second or side > LARGE:
            layers.append(torch.nn.MaxPool2d(2))
            side //= 2
    layers += [torch.nn.Flatten(), torch.nn.Linear(second * side**2, digits)]
    return torch.nn.Sequential(*layers).double()


def learn(
    network: torch.nn.Module,
    train: Images,
    validation: Images,
    epochs: int,
    generator: torch.Generator,
    pause: Callable[[], None] = lambda: None,
) -> list[float]:
    """Adam on the cross-entropy of distorted images, its rate decaying along a cosine; the best epoch's weights are kept.

    Returns the cross-entropy on (up to MOST of) the validation images after each epoch, in nats. The least is the best: of
    a few hundred images nearly all are right, and their number hardly tells one epoch from another. `pause` is called
    before each epoch: it may stop the program.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: 0.5 * (1 + math.cos(math.pi * k / epochs)))
    entropies, best = list[float](), network.state_dict()
    for _ in range(epochs):
        pause()
        for rows in torch.randperm(len(train.digits), generator=generator)[:MOST].split(BATCH):
            optimiser.zero_grad()
            _entropy(network, distorted(train.pixels[rows], generator), train.digits[rows]).backward()
            optimiser.step()
        decay.step()
        with torch.no_grad():
            entropies.append(float(_entropy(network, validation.pixels[:MOST], validation.digits[:MOST])))
        if entropies[-1] == min(entropies):
            best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(best)
    return entropies


def _entropy(network: torch.nn.Module, pixels: torch.Tensor, digits: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(network(pixels), digits)


def nearest(controls: torch.Tensor, examples: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The row of examples (k, c) mm that is nearest to each of the controls (b, c) mm, counted in units of scale (c,): (b,)."""
    return torch.cdist(controls / scale, examples / scale).argmin(dim=1)


@torch.no_grad()
def head_accuracy(controller: Bounded, images: Images, examples: torch.Tensor) -> float:
    """Share of the images whose controls are nearest to those of their own digit: what the network knows, without a body."""
    found = nearest(controller(images.pixels), examples, controller.bounds)
    return float((found == images.digits).double().mean())
