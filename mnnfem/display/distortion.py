"""Images moved, turned and scaled a little: more of them to learn from."""

from __future__ import annotations

import math

import torch

from mnnfem.display.images import side_of

SHIFT, TURN, SCALE = 1.0, 12.0, 0.1  # at most: pixels along each axis, degrees, share of the size


def distorted(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each of the square images (n, inputs) moved, turned and scaled by chance, uniformly; dark (0) comes in from outside."""
    count, side = len(pixels), side_of(pixels.shape[1])
    chance = 2 * torch.rand(4, count, generator=generator, dtype=pixels.dtype) - 1
    angle, scale = math.radians(TURN) * chance[0], 1 + SCALE * chance[1]
    across, along = scale * torch.cos(angle), scale * torch.sin(angle)
    x, y = 2 * SHIFT / side * chance[2:]  # an image is 2 wide
    maps = torch.stack([across, -along, x, along, across, y], dim=1).reshape(count, 2, 3)
    grid = torch.nn.functional.affine_grid(maps, [count, 1, side, side], align_corners=False)
    images = pixels.reshape(count, 1, side, side)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False).reshape(count, -1)
