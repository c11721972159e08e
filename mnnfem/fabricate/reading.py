"""Files of triangles -> parts to check; what cannot be one is refused before much is read."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from mnnfem.errors import InputError, package_for
from mnnfem.fabricate.part import Part
from mnnfem.mesh import Floats, Ints

MOST = 5_000_000  # triangles: their checks take some 8 GB
LARGEST = 1_000_000_000  # bytes of a file that does not tell its number of triangles
READABLE = ("stl", "3mf", "obj", "ply", "off")


def read_part(path: Path) -> Part:
    """The triangles of a file, corners at one place made one, taken as millimetres. InputError where there are none.

    A 3MF file is read by lib3mf's strict reader, its unit made millimetres.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in READABLE:
        raise InputError(f"{path} is none of the files that are checked: {', '.join(READABLE)}.")
    _refuse_large(path, kind)
    try:
        vertices, faces = _read_3mf(path) if kind == "3mf" else _read(path, kind)
    except InputError:
        raise
    except Exception as problem:  # readers raise what they like on malformed files
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise InputError(f"{path} is not a readable {kind.upper()} file: {reason.rstrip('.')}.") from None
    if not len(faces):
        raise InputError(f"{path} holds no triangle: it was cut short, or is not a {kind.upper()} file.")
    if len(faces) > MOST:
        raise InputError(_too_many(path, len(faces)))
    vertices, number = np.unique(vertices, axis=0, return_inverse=True)
    return Part(trimesh.Trimesh(vertices, number.ravel()[faces], process=False), path.stem, str(path))


def _refuse_large(path: Path, kind: str) -> None:
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(84)
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}.") from None
    if not size:
        raise InputError(f"{path} is empty.")
    if kind == "stl" and len(head) == 84:
        count = struct.unpack("<I", head[80:])[0]
        if size == 84 + 50 * count and count > MOST:
            raise InputError(_too_many(path, count))
        if not head.lstrip().startswith(b"solid") and size != 84 + 50 * count:
            raise InputError(
                f"{path} tells {count} triangles, {84 + 50 * count} bytes, but has {size}: it was cut short or damaged."
            )
    if size > LARGEST:
        raise InputError(f"{path} has {size / 1e9:.1f} GB; files up to {LARGEST / 1e9:g} GB are read: simplify it first.")


def _too_many(path: Path, count: int) -> str:
    return f"{path} has {count:,} triangles; up to {MOST:,} are checked, which takes some 8 GB: simplify it first."


def _read(path: Path, kind: str) -> tuple[Floats, Ints]:
    loaded: Any = trimesh.load_mesh(path, file_type=kind, process=False)
    vertices, faces = np.asarray(loaded.vertices, dtype=np.float64), np.asarray(loaded.faces, dtype=np.int64)
    return vertices, faces


def _read_3mf(path: Path) -> tuple[Floats, Ints]:
    lib3mf = package_for("3MF files", "lib3mf", "lib3mf")
    wrapper = lib3mf.get_wrapper()
    model = wrapper.CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromFile(str(path))
    unit = {0: 1e-3, 1: 1.0, 2: 10.0, 3: 25.4, 4: 304.8, 5: 1000.0}[int(model.GetUnit())]
    vertices, faces, count = [np.zeros((0, 3))], [np.zeros((0, 3), dtype=np.int64)], 0
    items = model.GetBuildItems()
    while items.MoveNext():
        item = items.GetCurrent()
        mesh = model.GetMeshObjectByID(item.GetObjectResource().GetResourceID())
        places = np.array([vertex.Coordinates[:] for vertex in mesh.GetVertices()], dtype=np.float64).reshape(-1, 3)
        turn = np.array([list(row) for row in item.GetObjectTransform().Fields])
        vertices.append(unit * (places @ turn[:3] + turn[3]))
        faces.append(count + np.array([one.Indices[:] for one in mesh.GetTriangleIndices()], dtype=np.int64).reshape(-1, 3))
        count += len(places)
    return np.concatenate(vertices), np.concatenate(faces)
