import pytest

from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Mesh, signed_measures
from mnnfem.quality import least_angles
from tests.conftest import strip


def test_areas_angles_and_boundary_of_a_rectangle() -> None:
    mesh = strip(4.0, 2.0, 4, 2)
    assert signed_measures(mesh.points, mesh.cells).sum() == pytest.approx(8.0, rel=1e-14)
    assert least_angles(mesh.points, mesh.cells) == pytest.approx(45.0)
    a, b = (mesh.points[mesh.boundary()[:, k]] for k in (0, 1))
    # Green's theorem: the boundary runs counter-clockwise around the body.
    assert 0.5 * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() == pytest.approx(8.0)


def test_clockwise_triangles_are_refused() -> None:
    mesh = strip(1.0, 1.0, 1, 1)
    cells = mesh.cells.copy()
    cells[2] = cells[2, ::-1]
    with pytest.raises(InputError, match="element 2"):
        Mesh(mesh.points, cells, mesh.facets)


def test_misspelt_names_are_answered_with_the_nearest() -> None:
    mesh = strip(1.0, 1.0, 1, 1)
    with pytest.raises(InputError, match="Did you mean 'bottom'"):
        mesh.facet("botom")
    with pytest.raises(InputError, match="Unknown vertex 'centre'"):
        mesh.vertex("centre")


def test_loops_are_the_outline_and_the_pores(panel: Geometry) -> None:
    loops = panel.mesh.loops()
    assert len(loops) == 1 + 8
    assert sum(len(loop) for loop in loops) == len(panel.mesh.boundary())
