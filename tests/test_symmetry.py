"""Mirror symmetry of parameters, and of the bodies that follow from them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import torch

from geometries.anti_tetrachiral import anti_tetrachiral
from geometries.triangular_lattice import triangular_lattice, triangular_net
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.symmetry import Symmetry, mirror_symmetry, symmetric

NET = triangular_net(3, 2)
MIDDLES = NET.graph.joints[NET.graph.bars].mean(axis=1)
CENTRE = 0.5 * np.ptp(NET.graph.joints, axis=0)


def body(geometry: Geometry, design: torch.Tensor) -> shapely.Polygon:
    points = geometry.points(design).detach().numpy()
    rings = sorted((points[loop] for loop in geometry.mesh.loops()), key=lambda ring: -shapely.Polygon(ring).area)
    return shapely.Polygon(rings[0], rings[1:])


@pytest.mark.parametrize(("mirrors", "count"), [({}, 20), ({0: CENTRE[0]}, 11), ({0: CENTRE[0], 1: CENTRE[1]}, 6)])
def test_a_symmetric_design_is_a_symmetric_body(mirrors: dict[int, float], count: int) -> None:
    """3 + 2 + 3 level bars and 12 slanted ones; one mirror leaves 2 + 1 + 2 and 6, two leave 2 + 1 and 3.

    The body equals its images, and a fresh mesh bounds the same body.
    """
    geometry = triangular_lattice(3, 2)
    small = symmetric(geometry, mirror_symmetry(MIDDLES, mirrors))
    assert len(small.parameters) == count
    free = small.parameters.random(np.random.default_rng(0))
    shape = body(small, torch.from_numpy(free))
    for axis, at in mirrors.items():
        factors = (-1, 1) if axis == 0 else (1, -1)
        origin = (at, 0) if axis == 0 else (0, at)
        image = shapely.affinity.scale(shape, *factors, origin=origin)
        assert shape.symmetric_difference(image).area < 1e-9 * shape.area
    fresh = small.rebuilt(free)
    assert body(fresh, torch.from_numpy(free)).symmetric_difference(shape).area < 1e-9 * shape.area
    assert fresh.parameters.names == small.parameters.names


def test_gradients_of_images_add_up() -> None:
    torch.manual_seed(0)
    symmetry = mirror_symmetry(MIDDLES, {0: CENTRE[0]})
    free = torch.rand(11, dtype=torch.float64, requires_grad=True)
    weights = torch.arange(20, dtype=torch.float64)
    (slope,) = torch.autograd.grad((weights * symmetry(free)).sum(), free)
    assert slope.numpy() == pytest.approx(np.bincount(symmetry.orbit, np.arange(20.0)))
    assert symmetry.free(symmetry(free).detach().numpy()) == pytest.approx(free.detach().numpy())


def test_offsets_across_a_mirror_change_their_sign() -> None:
    """x-offsets at four corners and one on the axis, which so stays 0."""
    places = np.array([[0.0, 0], [10, 0], [0, 10], [10, 10], [5, 5]])
    symmetry = mirror_symmetry(places, {0: 5.0, 1: 5.0}, odd=(0,))
    assert len(np.unique(symmetry.orbit)) == 2
    assert symmetry(torch.tensor([2.0, 7.0], dtype=torch.float64)).numpy() == pytest.approx([2, -2, 2, -2, 0])


def test_parameters_of_another_kind_are_no_images() -> None:
    places = np.array([[0.0, 0], [10, 0], [0, 0], [10, 0]])
    symmetry = mirror_symmetry(places, {0: 5.0}, kinds=["width", "width", "radius", "radius"])
    assert symmetry.orbit.tolist() == [0, 0, 1, 1]
    with pytest.raises(InputError, match=r"Parameter 0 has its mirror image at \(8, 0\) mm"):
        mirror_symmetry(places, {0: 4.0})


def test_what_cannot_be_symmetric_is_refused() -> None:
    geometry = triangular_lattice(3, 2)
    symmetry = mirror_symmetry(MIDDLES, {0: CENTRE[0]})
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match="not symmetric"):
        symmetric(geometry.rebuilt(geometry.parameters.random(rng)), symmetry)
    chiral = anti_tetrachiral(2, 2)
    with pytest.raises(InputError, match="none in common"):
        symmetric(chiral, Symmetry(np.array([0, 0]), np.ones(2)))
