"""The import rule of ARCHITECTURE.md: a room imports only from rooms above it, and torch meets dolfinx in few places."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mnnfem"
MECHANICS, LEARNING = {"dolfinx", "petsc4py", "ufl", "basix"}, {"torch", "safetensors"}
SEE_BOTH = {"doctor"}  # it only asks whether they are there


def rooms() -> list[str]:
    """Rooms in the order of ARCHITECTURE.md's table."""
    return re.findall(r"^\| `mnnfem/([\w/]+)\.py` \|", (ROOT / "ARCHITECTURE.md").read_text(), flags=re.MULTILINE)


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def room_of(module: str) -> str:
    return module.removeprefix("mnnfem.").replace(".", "/")


def files() -> dict[str, Path]:
    every = {str(file.relative_to(PACKAGE).with_suffix("")): file for file in PACKAGE.rglob("*.py")}
    return {name: file for name, file in every.items() if not name.endswith("__")}


def test_every_file_has_a_row_and_every_row_a_file() -> None:
    assert sorted(rooms()) == sorted(files())


def test_imports_flow_one_way() -> None:
    order, known = rooms(), files()
    for name, file in known.items():
        for module in imports(file):
            target = room_of(module)
            if module.startswith("mnnfem.") and target in known:
                assert order.index(target) < order.index(name), f"{name} imports {target}, which lies below it"


def test_torch_and_dolfinx_are_kept_apart() -> None:
    for name, file in files().items():
        roots = {module.split(".")[0] for module in imports(file)}
        if name not in SEE_BOTH:
            assert not (roots & MECHANICS and roots & LEARNING), f"{name} imports both"


def test_only_the_compatibility_room_asks_for_a_version() -> None:
    for name, file in files().items():
        if name not in ("_compat", *SEE_BOTH):
            assert "dolfinx.__version__" not in file.read_text()


def test_files_stay_small() -> None:
    for name, file in files().items():
        assert len(file.read_text().splitlines()) <= 230, f"{name} wants to be two rooms"
