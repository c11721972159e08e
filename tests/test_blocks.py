"""Quadrilaterals and hexahedra: cellular bodies of them, their gradients, their files, and where they are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvista
import torch
from mpi4py import MPI
from PIL import Image

from geometries.extruded import extruded
from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.errors import InputError
from mnnfem.extension import Extension
from mnnfem.fabricate.mirrored import mirrored_surface
from mnnfem.fields import FieldWriter
from mnnfem.formulation import Formulation
from mnnfem.geometry import Geometry, finer, least_areas
from mnnfem.guard import Guard
from mnnfem.loads import rim_of
from mnnfem.mesh import Mesh, least_measures, signed_measures
from mnnfem.meshfigure import mesh_figure
from mnnfem.quality import least_angles, mean_ratios
from mnnfem.rubbers import IsochoricNeoHookean
from tests.conftest import as_geometry, squares, strip

RUBBER = IsochoricNeoHookean(1.0, 4.0)


def porous(dim: int = 2) -> Geometry:
    plane = star_pores(2, 1, solid=(), layers=2, quadrilaterals=True)
    return extruded(plane, 20.0, 1) if dim == 3 else plane


def body_of(mesh: Mesh, degree: int = 2) -> Body:
    boundary = Boundary(("bottom",), [Drive("top", (0.3, 1.0, 0.0)[: mesh.dim], 20.0)])
    return Body(mesh, RUBBER, boundary, comm=MPI.COMM_SELF, formulation=Formulation(degree=degree))


@pytest.mark.parametrize("dim", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_cellular_body_of_blocks_is_that_of_simplices(dim: int) -> None:
    """Half as many elements of more freedom: energies that come near each other, from above."""
    blocks, simplices = porous(dim), star_pores(2, 1, solid=(), layers=2)
    simplices = extruded(simplices, 20.0, 1) if dim == 3 else simplices
    assert (2 if dim == 2 else 6) * len(blocks.mesh.cells) == len(simplices.mesh.cells)
    assert blocks.mesh.kind.plural == {2: "quadrilaterals", 3: "hexahedra"}[dim]
    volumes = [signed_measures(one.mesh.points, one.mesh.cells).sum() for one in (blocks, simplices)]
    assert volumes[0] == pytest.approx(volumes[1], rel=1e-9)
    solutions = [body_of(one.mesh).solve(one.mesh.points, np.array([-3.0]), RUBBER.values) for one in (blocks, simplices)]
    assert all(one.record.certified for one in solutions)
    assert solutions[0].record.energy == pytest.approx(solutions[1].record.energy, rel=0.02)


def test_a_pore_through_a_slab_of_hexahedra_has_its_rim_on_both_faces() -> None:
    mesh = porous(3).mesh
    heights = mesh.points[rim_of(mesh.facet("pores")), 2]
    assert heights.shape == (2 * len(star_pores(2, 1, solid=(), layers=2, quadrilaterals=True).mesh.facet("pores")), 2)
    assert set(heights.ravel()) == {0.0, 20.0}


@pytest.mark.parametrize("dim", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_gradients_are_those_of_bodies_built_anew(dim: int) -> None:
    mesh, generator = porous(dim).mesh, np.random.default_rng(3)
    seed, way = generator.normal(size=mesh.points.shape), generator.normal(size=mesh.points.shape)
    degree = 2 if dim == 2 else 1
    body, controls = body_of(mesh, degree), np.array([-2.0])
    slope = body.vjp(body.solve(mesh.points, controls, RUBBER.values), seed)

    def value(step: float, moved: float = 0.0) -> float:
        again = body_of(mesh, degree)
        solution = again.solve(mesh.points + step * way, controls + moved, RUBBER.values)
        return float((seed * again.displacement(solution)).sum())

    along = float((slope.points * way).sum())
    assert (value(1e-3) - value(-1e-3)) / 2e-3 == pytest.approx(along, rel=1e-6)
    large, small = (abs(value(h) - value(0.0) - h * along) for h in (0.08, 0.04))
    assert np.log2(large / small) > 1.9
    assert (value(0.0, 1e-4) - value(0.0, -1e-4)) / 2e-4 == pytest.approx(float(slope.controls[0]), rel=1e-6)


def test_a_design_moves_quadrilaterals_as_it_moves_triangles() -> None:
    blocks, simplices = porous(), star_pores(2, 1, solid=(), layers=2)
    design = torch.full((32,), 0.8, dtype=torch.float64)
    moved = {tuple(np.round(point, 6)) for point in simplices.points(design).numpy()}
    assert {tuple(np.round(point, 6)) for point in blocks.points(design).numpy()} == moved
    assert Guard().breach(blocks.mesh, blocks.points(design).numpy()) is None


@pytest.mark.parametrize(("dim", "degree"), [(2, 1), (2, 2), (3, 1), pytest.param(3, 2, marks=pytest.mark.slow)])
def test_files_for_paraview_hold_the_elements_the_right_way_round(dim: int, degree: int, tmp_path: Path) -> None:
    mesh = porous(dim).mesh
    body = body_of(mesh, degree)
    solution = body.solve(mesh.points, np.array([-2.0]), RUBBER.values)
    FieldWriter(body.solid).write(tmp_path / "field.vtu", solution)
    grid = pyvista.read(tmp_path / "field.vtu")
    sizes = grid.compute_cell_sizes(length=False).cell_data["Area" if dim == 2 else "Volume"]
    assert sizes == pytest.approx(
        signed_measures(mesh.points, mesh.cells)[body.solid.domain.topology.original_cell_index], rel=1e-4
    )
    energies = grid.cell_data["energy density (MPa)"]
    assert (sizes * energies).sum() == pytest.approx(solution.record.energy, rel=1e-4)
    # Nodes after the corners lie in the middles of VTK's edges, one after the other.
    nodes, corners = np.array(grid.points)[grid.cells.reshape(len(mesh.cells), -1)[:, 1:]], mesh.cells.shape[1]
    around = [(k, (k + 1) % 4) for k in range(4)]
    edges = [*around, *((a + 4, b + 4) for a, b in around), *((k, k + 4) for k in range(4))] if dim == 3 else around
    for number, (a, b) in enumerate(edges if degree == 2 else []):
        assert nodes[:, corners + number] == pytest.approx(0.5 * (nodes[:, a] + nodes[:, b]), abs=1e-4)


def test_a_mesh_of_quadrilaterals_is_drawn(tmp_path: Path) -> None:
    mesh_figure(tmp_path / "mesh.png", porous().mesh, "panel")
    with Image.open(tmp_path / "mesh.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 5


def test_volumes_of_warped_hexahedra_are_exact() -> None:
    """Against six tetrahedra around the centre of each face, whose bilinear patch has the volume of its four triangles."""
    mesh, generator = extruded(as_geometry(squares(1.0, 1.0, 1, 1)), 1.0, 1).mesh, np.random.default_rng(0)
    for _ in range(20):
        corners = (mesh.points + generator.uniform(-0.25, 0.25, mesh.points.shape))[mesh.cells[0]]
        whole, middle = 0.0, corners.mean(axis=0)
        for face in mesh.kind.facets:
            ring = corners[list(face)]
            for k in range(4):
                sides = np.stack([ring[k], ring[(k + 1) % 4], ring.mean(axis=0)]) - middle
                whole += np.linalg.det(sides) / 6
        assert signed_measures(corners, np.arange(8)[None])[0] == pytest.approx(whole, rel=1e-12)


def test_a_quadrilateral_that_is_not_convex_is_inverted_at_a_corner() -> None:
    points, cells = np.array([(0.0, 0.0), (1.0, 0.0), (0.3, 0.3), (0.0, 1.0)]), np.array([[0, 1, 2, 3]])
    assert signed_measures(points, cells)[0] > 0
    assert least_measures(points, cells)[0] < 0
    assert mean_ratios(points, cells)[0] < 0
    with pytest.raises(InputError, match="make it convex"):
        Mesh(points, cells, {})


def test_quality_of_blocks_is_1_for_squares_and_cubes() -> None:
    square, cube = squares(1.0, 1.0, 2, 2), extruded(as_geometry(squares(1.0, 1.0, 2, 2)), 1.0, 2).mesh
    assert mean_ratios(square.points, square.cells) == pytest.approx(1.0)
    assert mean_ratios(cube.points, cube.cells) == pytest.approx(1.0)
    assert mean_ratios(square.points * (4.0, 1.0), square.cells) == pytest.approx(2 * 4 / 17)
    assert least_angles(square.points, square.cells) == pytest.approx(90.0)


def test_what_is_for_simplices_alone_says_so() -> None:
    blocks = porous()
    body = body_of(blocks.mesh)
    for what in (
        lambda: finer(blocks),
        lambda: least_areas(blocks),
        lambda: Extension(blocks.mesh, np.unique(blocks.mesh.boundary())),
        lambda: body.carrier(body, blocks.mesh.points, blocks.mesh.points),
        lambda: mirrored_surface(porous(3).mesh, porous(3).mesh.points),
        lambda: least_angles(porous(3).mesh.points, porous(3).mesh.cells),
    ):
        with pytest.raises(InputError, match=r"quadrilaterals|hexahedra"):
            what()
    with pytest.raises(InputError, match="leave quadrilaterals out"):
        star_pores(2, 1, solid=(), quadrilaterals=True, design=np.full(32, 0.5))
    mixed = strip(1.0, 1.0, 1, 1)
    with pytest.raises(InputError, match="tetrahedra or hexahedra"):
        Mesh(mixed.points, np.zeros((1, 5), dtype=np.int64), {})
