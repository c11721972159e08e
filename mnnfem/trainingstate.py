"""All that decides how a training goes on -> named tensors, and back, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from mpi4py import MPI

from mnnfem import checkpoint
from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.checkpoint import Tensors
from mnnfem.errors import InputError
from mnnfem.guess.beside import Beside
from mnnfem.mesh import Floats
from mnnfem.warmstart import Library

SPREAD = ("displacement", "factored")  # each rank of a group has some of their columns


@dataclass(frozen=True, eq=False)
class Training:
    """What changes from step to step: the model, Adam's moments, the random numbers to come, the remembered solutions, a guess
    that learns beside it.

    The tensors do not depend on the number of groups of ranks. The bodies' factors are not among them: the solutions
    that they belong to are, and the factor that is made again from one is the same.
    """

    model: Autoencoder
    optimiser: torch.optim.Adam
    generator: torch.Generator
    starts: Library

    def tensors(self) -> Tensors:
        """All of it at this moment. Collective."""
        starts = self.starts.arrays()
        for name in starts.keys() & set(SPREAD):
            starts[name] = np.concatenate(self._group.allgather(starts[name]), axis=1)
        guess = self.starts.tensors() if isinstance(self.starts, Beside) else {}
        return {
            **{f"model.{name}": tensor for name, tensor in self.model.state_dict().items()},
            **{f"adam.{name}": tensor for name, tensor in checkpoint.moments(self.optimiser).items()},
            **{f"starts.{name}": torch.from_numpy(rows) for name, rows in starts.items()},
            **{f"guess.{name}": tensor for name, tensor in guess.items()},
            "random.sampler": self.generator.get_state(),
            "random.torch": torch.get_rng_state(),
        }

    def restore_(self, tensors: Mapping[str, torch.Tensor], file: str) -> None:
        """Take on what `tensors` told, which come from `file`. InputError where they do not fit. Collective."""
        parts: dict[str, Tensors] = {name: {} for name in ("model", "adam", "starts", "guess", "random")}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = tensor
        checkpoint.put(parts.pop("model"), self.model, file)
        checkpoint.put_moments(parts.pop("adam"), self.optimiser, file)
        self._take_starts(parts.pop("starts"), file)
        if isinstance(self.starts, Beside):
            self.starts.restore_(parts.pop("guess"), file)
        self._take_random(parts.pop("random"), file)
        checkpoint.fit({f"{part}.{name}": tensor for part in parts for name, tensor in parts[part].items()}, {}, file)

    def _take_starts(self, found: Tensors, file: str) -> None:
        if not found:
            return
        body = self.model.plant.physics
        assert isinstance(body, Body)
        counts = self._group.allgather(body.solid.dofs.size)
        count, known = len(found.get("displacement", ())), len(found.get("factored", ()))
        if not known <= count <= self.starts.capacity:
            raise InputError(
                f"The checkpoint {file} cannot be used: it remembers {count} solutions, {known} with a factor, "
                f"where there is room for {self.starts.capacity}."
            )
        double, points = torch.float64, tuple(self.model.geometry.mesh.points.shape)
        shapes: dict[str, tuple[int, ...]] = {
            "displacement": (count, sum(counts)),
            "controls": (count, len(self.model.controller.bounds)),
        }
        if known:
            shapes |= {
                "factored": (known, sum(counts)),
                "points": (known, *points),
                "material": (known, *self.model.values().shape),
            }
        checkpoint.fit(found, {name: torch.empty(shape, dtype=double) for name, shape in shapes.items()}, file)
        first = sum(counts[: self._group.rank])
        arrays: dict[str, Floats] = {name: tensor.numpy() for name, tensor in found.items()}
        for name in arrays.keys() & set(SPREAD):
            arrays[name] = np.ascontiguousarray(arrays[name][:, first : first + counts[self._group.rank]])
        self.starts.recall(arrays)

    def _take_random(self, found: Tensors, file: str) -> None:
        checkpoint.fit(found, {"sampler": self.generator.get_state(), "torch": torch.get_rng_state()}, file)
        try:
            self.generator.set_state(found["sampler"])
            torch.set_rng_state(found["torch"])
        except RuntimeError as problem:
            raise InputError(f"The checkpoint {file} cannot be used: its random state is none ({problem}).") from None

    @property
    def _group(self) -> MPI.Comm:
        return self.model.plant.ensemble.group
