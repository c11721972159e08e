"""A family that a user adds in at most fifty lines is checked, meshed and trained like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mpi4py import MPI

from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.bridge import Bridge
from mnnfem.errors import InputError
from mnnfem.material import NeoHookean
from tests.own_family import lenses


def test_it_is_at_most_fifty_lines_long() -> None:
    assert len(Path(__file__).with_name("own_family.py").read_text().splitlines()) <= 50


def test_it_trains_through_the_bridge() -> None:
    """Pulled by 1 mm, the strip's waist shall not narrow: its holes grow high where that costs least."""
    geometry, law = lenses(), NeoHookean()
    body = Body(geometry.mesh, law, Boundary(("left",), (Drive("right", (1.0, 0.0), 2.0),)), comm=MPI.COMM_SELF)
    design = torch.nn.Parameter(torch.from_numpy(geometry.parameters.start.copy()))
    adam, pull = torch.optim.Adam([design], lr=0.02), torch.ones(1, 1, dtype=torch.float64)
    narrowings = []
    for _ in range(8):
        response = Bridge(body)(geometry.points(design), pull, torch.from_numpy(law.values))
        loss = response["bottom"][0, :, 1].mean() - response["top"][0, :, 1].mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        geometry.parameters.clip_(design)
        narrowings.append(loss.item())
    assert narrowings[-1] < 0.8 * narrowings[0]
    assert all(narrowings[k + 1] < narrowings[k] for k in range(7))


def test_its_gradient_is_that_of_its_area() -> None:
    geometry, rng = lenses(), np.random.default_rng(0)
    design = torch.tensor(geometry.parameters.start, requires_grad=True)
    corners = geometry.points(design)[torch.from_numpy(geometry.mesh.cells)]
    (torch.linalg.det(corners[:, 1:] - corners[:, :1]).sum() / 2).backward()
    way = 1e-4 * rng.normal(size=design.shape)
    areas = []
    for sign in (1, -1):
        made = geometry.rebuilt(design.detach() + sign * torch.from_numpy(way)).mesh
        sides = made.points[made.cells[:, 1:]] - made.points[made.cells[:, :1]]
        areas.append(np.linalg.det(sides).sum() / 2)
    assert areas[0] - areas[1] == pytest.approx(2 * design.grad.numpy() @ way, rel=1e-6)


def test_its_bounds_are_kept() -> None:
    geometry = lenses()
    with pytest.raises(InputError, match="'height 1'"):
        geometry.points(torch.tensor([0.3, 0.3, 0.3, 0.2, 0.5, 0.2], dtype=torch.float64))
