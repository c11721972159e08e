"""Weights and design of a trained model: safetensors and JSON, never pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import safetensors
import safetensors.torch

from mnnfem.errors import InputError
from mnnfem.runfolder import RunFolder

WEIGHTS, STATE = "checkpoint/weights.safetensors", "checkpoint/state.json"


class Stored(Protocol):
    """A torch module that may have something to put right after its tensors have been loaded."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...
    def restore_(self) -> None: ...


def save(folder: RunFolder, model: Stored, state: Mapping[str, Any]) -> None:
    """Write the model's tensors and a JSON state (iteration, seed, ...) into the run folder."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    folder.write(WEIGHTS, safetensors.torch.save(tensors))
    folder.write_json(STATE, state)


def load(run: Path, model: Stored) -> dict[str, Any]:
    """Read a run's tensors into `model` and return its state; InputError if they are missing or do not fit."""
    try:
        tensors = safetensors.torch.load_file(run / WEIGHTS)
        state: dict[str, Any] = json.loads((run / STATE).read_text())
        model.load_state_dict(tensors)
        model.restore_()
    except FileNotFoundError as problem:
        raise InputError(f"{run} holds no checkpoint: {problem.filename} is missing.") from None
    except (safetensors.SafetensorError, json.JSONDecodeError, RuntimeError) as problem:
        raise InputError(f"The checkpoint in {run} cannot be used: {problem}") from None
    return state
