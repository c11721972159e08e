"""Meshes survive a round trip through files, names and numbers included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvista

from geometries.extruded import extruded
from geometries.gyroid import gyroid
from geometries.star_pores import star_pores
from geometries.strut_lattice import strut_lattice
from mnnfem.errors import InputError
from mnnfem.formats import read_mesh, write_mesh
from mnnfem.mesh import Ints, Mesh
from tests.conftest import strip


def as_set(facets: Ints) -> set[frozenset[int]]:
    return {frozenset(facet) for facet in facets.tolist()}


MESHES = {
    "plane": lambda: star_pores(3, 3, solid=((1, 1),)).mesh,  # facets that overlap: left, left_middle and corners
    "solid": lambda: strut_lattice(1, 1, 1).mesh,
    "sheet": lambda: gyroid(1, 1, 1, divisions=10).mesh,
    "quadrilaterals": lambda: star_pores(3, 3, solid=((1, 1),), quadrilaterals=True).mesh,
    "hexahedra": lambda: extruded(star_pores(1, 1, solid=(), layers=1, quadrilaterals=True), 20.0, 2).mesh,
    "bare": lambda: Mesh(strip(1.0, 1.0, 1, 1).points, strip(1.0, 1.0, 1, 1).cells, {}),
}


@pytest.mark.parametrize("suffix", [".vtu", ".msh"])
@pytest.mark.parametrize("which", MESHES)
def test_a_round_trip_changes_nothing(which: str, suffix: str, tmp_path: Path) -> None:
    mesh = MESHES[which]()
    write_mesh(tmp_path / "deeper" / f"mesh{suffix}", mesh)
    back = read_mesh(tmp_path / "deeper" / f"mesh{suffix}")
    assert np.array_equal(back.points, mesh.points)
    assert np.array_equal(back.cells, mesh.cells)
    assert dict(back.vertices) == dict(mesh.vertices)
    assert {name: as_set(facet) for name, facet in back.facets.items()} == {n: as_set(f) for n, f in mesh.facets.items()}
    assert [len(back.facets[name]) for name in mesh.facets] == [len(facet) for facet in mesh.facets.values()]


def test_vtu_has_the_names_as_arrays_of_cells(tmp_path: Path) -> None:
    mesh = strip(4.0, 2.0, 4, 2)
    write_mesh(tmp_path / "mesh.vtu", Mesh(mesh.points, mesh.cells, mesh.facets, {"corner": 0}))
    grid = pyvista.read(tmp_path / "mesh.vtu")
    assert set(grid.cell_data) == {"facet left", "facet right", "facet bottom", "facet top", "vertex corner"}
    assert [int(grid.cell_data[name].sum()) for name in ("facet left", "facet bottom", "vertex corner")] == [2, 4, 1]
    left = grid.extract_cells(grid.cell_data["facet left"] == 1)
    assert left.bounds[:4] == pytest.approx((0.0, 0.0, 0.0, 2.0))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mesh.xyz", "", "Unknown mesh format '.xyz'"),
        ("mesh.vtu", None, "There is no file"),
        ("mesh.msh", "nonsense", "gmsh cannot read|holds none of"),
    ],
)
def test_files_without_a_mesh_are_refused(name: str, content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_mesh(tmp_path / name)


def test_points_alone_are_no_mesh(tmp_path: Path) -> None:
    pyvista.UnstructuredGrid(np.array([1, 0]), np.array([1], dtype=np.uint8), np.zeros((1, 3))).save(tmp_path / "mesh.vtu")
    with pytest.raises(InputError, match="holds none of triangles"):
        read_mesh(tmp_path / "mesh.vtu")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_mesh(tmp_path / "file" / "mesh.vtu", strip(1.0, 1.0, 1, 1))
