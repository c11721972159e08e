"""Tensors and JSON in files: a trained model, or all that a training needs to go on. No pickle; what is odd is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import safetensors
import safetensors.torch
import torch

from mnnfem.errors import InputError
from mnnfem.runfolder import RunFolder, parsed, read_json

WEIGHTS, STATE = "checkpoint/weights.safetensors", "checkpoint/state.json"

Tensors = dict[str, torch.Tensor]


class Stored(Protocol):
    """A torch module that may have something to put right after its tensors have been loaded."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...
    def restore_(self) -> None: ...


def save(folder: RunFolder, model: Stored, state: Mapping[str, Any]) -> None:
    """Write the model's tensors and a JSON state (iteration, seed, ...) into the run folder."""
    folder.write(WEIGHTS, safetensors.torch.save(_own(model.state_dict())))
    folder.write_json(STATE, state)


def load(run: Path, model: Stored) -> dict[str, Any]:
    """Read a run's tensors into `model` and return its state; InputError if they are missing or do not fit."""
    tensors = read_tensors(run / WEIGHTS)
    put(tensors, model, str(run / WEIGHTS))
    return read_json(run / STATE)


def put(tensors: Mapping[str, torch.Tensor], model: Stored, file: str) -> None:
    """Tensors that come from `file` into a model whose own have the same names, shapes and types; InputError if not."""
    fit(tensors, model.state_dict(), file)
    model.load_state_dict(tensors)
    try:
        model.restore_()
    except InputError as problem:
        raise InputError(f"The checkpoint {file} cannot be used: {problem}") from None


def fit(tensors: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], file: str) -> None:
    """InputError where tensors of `file` have not the names, shapes and types of those that are wanted."""
    if odd := sorted(tensors.keys() ^ wanted.keys()):
        which = "misses" if odd[0] in wanted else "has an unknown"
        raise InputError(f"The checkpoint {file} cannot be used: it {which} tensor {odd[0]!r}.")
    for name, tensor in wanted.items():
        found = tensors[name]
        if found.shape != tensor.shape or found.dtype != tensor.dtype:
            raise InputError(
                f"The checkpoint {file} cannot be used: {name} is {_kind(found)}, here {_kind(tensor)}. "
                "Was it made with other settings, or by another version?"
            )


def adams(parameter: torch.Tensor) -> Tensors:
    """What Adam keeps of a parameter, in its shapes and types."""
    return {"step": torch.zeros(()), "exp_avg": parameter, "exp_avg_sq": parameter}


def moments(optimiser: torch.optim.Optimizer) -> Tensors:
    """What an optimiser keeps, by the number of the parameter."""
    return {f"{k}.{name}": one for k, state in optimiser.state_dict()["state"].items() for name, one in state.items()}


def put_moments(
    tensors: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    file: str,
    kept: Callable[[torch.Tensor], Tensors] = adams,
) -> None:
    """What `moments` gave, which comes from `file`, into an optimiser of such parameters; InputError if it does not fit.

    kept    what the optimiser keeps of a parameter, in its shapes and types
    """
    learned = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    wanted, found = Tensors(), dict[int, Tensors]()
    for k, parameter in enumerate(learned):
        like = kept(parameter)
        if f"{k}.{next(iter(like))}" in tensors:  # one that has had no gradient has none
            wanted |= {f"{k}.{name}": tensor for name, tensor in like.items()}
            found[k] = {name: tensors.get(f"{k}.{name}", tensor) for name, tensor in like.items()}
    fit(tensors, wanted, file)
    optimiser.load_state_dict({**optimiser.state_dict(), "state": found})


def packed(tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> bytes:
    """One file of tensors and a JSON state, with a digest of both."""
    text, own = json.dumps(state, allow_nan=False), _own(tensors)
    return safetensors.torch.save(own, metadata={"state": text, "sha256": digest(own, text)})


def unpacked(file: Path) -> tuple[Tensors, dict[str, Any]]:
    """What `packed` made. InputError for a file that is not whole, or that something else has made."""
    tensors, notes = _opened(file)
    text = notes.get("state", "")
    if notes.get("sha256") != digest(tensors, text):
        raise InputError(f"{file} cannot be used: it is not as it was written, by its digest.")
    return tensors, parsed(text, file)


def digest(tensors: Mapping[str, torch.Tensor], text: str = "") -> str:
    """SHA-256 of tensors, their names, shapes and types, and of a text."""
    sha = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {_kind(tensor)}".encode())
        sha.update(tensor.contiguous().numpy().tobytes())
    return sha.hexdigest()


def read_tensors(file: Path) -> Tensors:
    """The tensors of a file; InputError where it cannot be read, is none, or has numbers that are not finite."""
    return _opened(file)[0]


def _opened(file: Path) -> tuple[Tensors, dict[str, str]]:
    if not file.exists():
        raise InputError(f"{file.parent.parent} holds no checkpoint: {file} is missing. Has the training ended?")
    try:
        with safetensors.safe_open(file, "pt") as opened:
            tensors = {name: opened.get_tensor(name).clone() for name in opened.keys()}  # noqa: SIM118
            notes = opened.metadata() or {}
    except (OSError, safetensors.SafetensorError, ValueError, TypeError, AttributeError, RuntimeError) as problem:
        raise InputError(f"{file} cannot be used: it is no whole file of safetensors ({problem}).") from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise InputError(f"{file} cannot be used: {name} has numbers that are not finite.")
    return tensors, notes


def _own(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}


def _kind(tensor: torch.Tensor) -> str:
    return f"{list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
