"""A part as 3MF: millimetres, oriented triangles, material and origin as metadata, by lib3mf."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

import numpy as np

from mnnfem.errors import InputError, package_for
from mnnfem.fabricate.part import Part

COLOUR = (219, 231, 243, 255)  # of the material, for viewers only


def write_3mf(path: Path, part: Part, material: str) -> None:
    """Write the part; InputError where lib3mf's strict reader has a word to say of what was written.

    Coordinates are of single precision there. The same part gives the same bytes.
    """
    lib3mf = package_for("3MF files", "lib3mf", "lib3mf")
    wrapper = lib3mf.get_wrapper()
    model = wrapper.CreateModel()
    model.SetUnit(lib3mf.ModelUnit.MilliMeter)
    told = model.GetMetaDataGroup()
    for name, value in (("Title", part.name), ("Designer", "mnnfem"), ("Description", part.origin)):
        told.AddMetaData("", name, value, "xs:string", True)
    body = model.AddMeshObject()
    body.SetName(part.name)
    vertices, faces = np.asarray(part.surface.vertices, dtype=np.float32), np.asarray(part.surface.faces, dtype=np.uint32)
    body.SetGeometry(_positions(lib3mf, vertices), _triangles(lib3mf, faces))
    group = model.AddBaseMaterialGroup()
    kind = group.AddMaterial(material, wrapper.RGBAToColor(*COLOUR))
    body.SetObjectLevelProperty(group.GetResourceID(), kind)
    item = model.AddBuildItem(body, wrapper.GetIdentityTransform())
    content = hashlib.sha256(vertices.tobytes() + faces.tobytes() + part.origin.encode()).hexdigest()
    for role, named in (("body", body.SetUUID), ("item", item.SetUUID), ("build", model.SetBuildUUID)):
        named(str(uuid.uuid5(uuid.NAMESPACE_OID, role + content)))  # lib3mf's own are random
    model.QueryWriter("3mf").WriteToFile(str(path))
    warnings = reader_warnings(path)
    if warnings or not body.IsManifoldAndOriented():
        raise InputError(f"{path} is no clean 3MF file: {'; '.join(warnings) or 'its surface is not closed and oriented'}.")


def reader_warnings(path: Path) -> list[str]:
    """What lib3mf's strict reader has to say of a file; it raises where the file is not valid."""
    lib3mf = package_for("3MF files", "lib3mf", "lib3mf")
    reader = lib3mf.get_wrapper().CreateModel().QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromFile(str(path))
    return [str(reader.GetWarning(number)[-1]) for number in range(reader.GetWarningCount())]


def _positions(lib3mf, vertices):  # type: ignore[no-untyped-def]
    rows = (lib3mf.Position * len(vertices))()
    np.ctypeslib.as_array(rows).view(np.float32).reshape(-1, 3)[:] = vertices
    return rows


def _triangles(lib3mf, faces):  # type: ignore[no-untyped-def]
    rows = (lib3mf.Triangle * len(faces))()
    np.ctypeslib.as_array(rows).view(np.uint32).reshape(-1, 3)[:] = faces
    return rows
