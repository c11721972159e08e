"""A learned basis in one file: tensors, and what it takes to make it again."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from mnnfem.errors import InputError
from mnnfem.metapde.basis import Basis
from mnnfem.metapde.problems import Size, basis_of

KINDS = {"float32": torch.float32, "float64": torch.float64}


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a basis comes from."""

    problem: str
    size: Size
    seed: int
    dtype: str
    seconds: float = 0.0
    steps: int = 0
    device: str = "cpu"

    def basis(self) -> Basis:
        """The basis as it was before its first step."""
        return basis_of(self.problem, self.size, self.seed, KINDS[self.dtype])


def save(file: Path, basis: Basis, origin: Origin) -> None:
    """Write beside and rename, so that the file is whole whenever it is there."""
    tensors = {name: one.detach().cpu().contiguous() for name, one in basis.trunk.state_dict().items()}
    beside = file.with_name(file.name + ".part")
    beside.write_bytes(safetensors.torch.save(tensors, metadata={"origin": json.dumps(dataclasses.asdict(origin))}))
    os.replace(beside, file)


def load(file: Path, problem: str) -> tuple[Basis, Origin]:
    """What `save` has written. InputError for a file that is not there, not whole, of another version or problem."""
    try:
        with safetensors.safe_open(file, "pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            told: dict[str, Any] = json.loads((opened.metadata() or {})["origin"])
        origin = Origin(**{**told, "size": Size(**told["size"])})
        basis = origin.basis()
        basis.trunk.load_state_dict(tensors)
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as fault:
        raise InputError(f"{file} holds no learned basis that fits this version ({fault}): learn it anew.") from None
    if origin.problem != problem:
        raise InputError(f"{file} holds a basis learned for {origin.problem}, not for {problem}.")
    return basis, origin
