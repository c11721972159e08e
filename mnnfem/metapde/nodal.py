"""An instance -> values at all nodes: random waves, and a last layer that is learned from a stream of targets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mnnfem import checkpoint
from mnnfem.errors import InputError
from mnnfem.mesh import Floats

RIDGE = 1e-6  # of the mean square of a feature
TENSORS = ("slopes", "shifts", "coefficients", "fields")  # of a file
KEPT = 1e-5  # of the largest singular value: fields below it are left out


@dataclass(frozen=True, eq=False)
class Waves:
    """Features h(q) = (1, tanh(A q + b)) of numbers q (p,) from -1 to 1: slopes A (w, p), shifts b (w,)."""

    slopes: Floats
    shifts: Floats

    @classmethod
    def drawn(cls, inputs: int, width: int, steepness: float, rng: np.random.Generator) -> Waves:
        """`width` features whose steepest places are all over the range."""
        slopes = steepness * rng.standard_normal((width - 1, inputs))
        return cls(slopes, -(slopes * rng.uniform(-1, 1, slopes.shape)).sum(axis=1))

    def __call__(self, q: Floats) -> Floats:
        """h (..., w + 1) of q (..., p)."""
        waves = np.tanh(q @ self.slopes.T + self.shifts)
        return np.concatenate([np.ones_like(waves[..., :1]), waves], axis=-1)


@dataclass(frozen=True, eq=False)
class Nodal:
    """f(q) = V z(q), z(q) = C h(q): few fields V (size, k), orthonormal, and their coefficients, C (k, w + 1)."""

    waves: Waves
    coefficients: Floats
    fields: Floats

    def __call__(self, q: Floats) -> Floats:
        """Values (size,) of q (p,)."""
        found: Floats = self.fields @ (self.coefficients @ self.waves(q))
        return found


class LastLayer:
    r"""The last layer W of f = W^T h(q), learned from one target t after another. Each brings f there nearer to it by a share,

        W <- W + share k (t - W^T h)^T,   k = S h / (h^T S h),   S = (mean h h^T + ridge)^-1,

    and changes it elsewhere as little as can be in the mean over the family: the method of Kaczmarz, in the metric of the
    natural gradient. No older target holds it back, where least squares over many would.

    samples  (n, p) of the family;  size  of the values
    """

    def __init__(self, waves: Waves, samples: Floats, size: int) -> None:
        self.waves, self.samples = waves, samples
        features = waves(samples)
        normal = features.T @ features / len(samples)
        ridge = RIDGE * np.trace(normal) / len(normal)
        self._inverse: Floats = np.linalg.inv(normal + ridge * np.eye(len(normal)))
        self._weights = np.zeros((len(normal), size))

    def __call__(self, q: Floats) -> Floats:
        """f (size,); 0 before the first target."""
        found: Floats = self.waves(q) @ self._weights
        return found

    def show(self, q: Floats, target: Floats, share: float = 1.0) -> None:
        """A target (size,) of q."""
        h = self.waves(q)
        gain = self._inverse @ h
        self._weights += np.outer(share / (h @ gain) * gain, target - h @ self._weights)

    def learned(self) -> Nodal:
        """What has been learned, by the fields that matter."""
        _, values, fields = np.linalg.svd(self.waves(self.samples) @ self._weights, full_matrices=False)
        fields = fields[values > KEPT * values[0]]
        return Nodal(self.waves, fields @ self._weights.T, fields.T)


def save(file: Path, found: Nodal, told: dict[str, Any]) -> None:
    """In one file with what is told of it, the fields in single precision."""
    arrays = (found.waves.slopes, found.waves.shifts, found.coefficients, found.fields.astype(np.float32))
    tensors = {name: torch.from_numpy(one) for name, one in zip(TENSORS, arrays, strict=True)}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(checkpoint.packed(tensors, told))


def load(file: Path, wanted: dict[str, Any]) -> tuple[Nodal, dict[str, Any]]:
    """What `save` has written. InputError where it is not whole, or tells something else of what is `wanted`."""
    tensors, told = checkpoint.unpacked(file)
    for name, value in wanted.items():
        if told.get(name) != value:
            raise InputError(f"{file} cannot be used: it was learned for {name} {told.get(name)}, here it is {value}.")
    try:
        slopes, shifts, coefficients, fields = (tensors[name].double().numpy() for name in TENSORS)
    except KeyError as missing:
        raise InputError(f"{file} cannot be used: it has no {missing}.") from None
    return Nodal(Waves(slopes, shifts), coefficients, fields), told
