import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from mnnfem.errors import InputError
from mnnfem.fabricate.extrude import prism, write_stl
from mnnfem.geometry import Geometry
from mnnfem.mesh import signed_measures


def test_stl_is_the_simulated_body_in_millimetres(panel: Geometry, design: torch.Tensor, tmp_path: Path) -> None:
    points = panel.points(design).numpy()
    write_stl(tmp_path / "panel.stl", panel.mesh, points, 20.0)
    solid = trimesh.load_mesh(tmp_path / "panel.stl")
    assert solid.is_volume
    assert solid.body_count == 1
    assert solid.extents == pytest.approx([150.0, 150.0, 20.0], abs=1e-4)
    assert solid.volume == pytest.approx(20.0 * signed_measures(points, panel.mesh.cells).sum(), rel=1e-6)
    assert solid.euler_number == 2 - 2 * 8  # a body with 8 through holes


def test_a_body_with_a_missing_wall_is_refused(panel: Geometry) -> None:
    mesh = panel.mesh
    torn = dataclasses.replace(mesh, cells=np.concatenate([mesh.cells, mesh.cells[:1]]))
    with pytest.raises(InputError, match="not a printable solid"):
        prism(torn, mesh.points, 20.0)
    with pytest.raises(InputError, match="above 0 mm, got 0"):
        prism(mesh, mesh.points, 0.0)
