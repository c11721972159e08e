"""A learned first guess that learns beside a training: from the energy alone, at the design of the moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from mnnfem import checkpoint
from mnnfem.checkpoint import Tensors
from mnnfem.ensemble import Ensemble
from mnnfem.equilibrium import Start
from mnnfem.guess.family import Instances
from mnnfem.guess.gate import Preferred
from mnnfem.guess.learned import LearnedGuess
from mnnfem.guess.learning import Gradient, Learner, Regime, energy_gradient
from mnnfem.guess.muon import momenta
from mnnfem.guess.network import CellNetwork, Size
from mnnfem.guess.reference import Reference
from mnnfem.mesh import Floats
from mnnfem.warmstart import CAPACITY, Library, Study, leaning

DRIFT = 0.03  # by how much radii of members are off those of the moment: about as far as a step of a training moves them
NEAR = 0.1  # of the controls' bounds: how far controls of members are off some that were solved lately


class Beside(Library):
    """Remembered solutions, and a network that after each step of a training takes some of its own, too.

    Its guess starts a solve, with that one's factor, where it is worth more than the nearest solution (`Preferred`). On another
    mesh it knows nothing: there it is given up, and the nearest solution starts as in a `Library`.

    regime     steps: all that the network will take, those of its rate's cosine;  per_step: after each step of the training
    ensemble   of the ranks that call alike: energies are dealt to them, and all have rank 0's weights
    """

    def __init__(
        self,
        reference: Reference,
        ensemble: Ensemble,
        regime: Regime,
        per_step: int,
        seed: int,
        size: Size,
        capacity: int = CAPACITY,
    ) -> None:
        super().__init__(capacity)
        self._ensemble, self._per_step, self._seed = ensemble, per_step, seed
        network = CellNetwork(reference, size, torch.Generator().manual_seed(seed))
        family = reference.family
        gradient = dealt(ensemble, energy_gradient(reference.solid, family, reference.energy))
        self._learner: Learner | None = Learner(network, gradient, regime)
        self._preferred = Preferred(LearnedGuess(network, reference), super().__call__, reference)
        self._family, self._guessed, self._seconds = family, 0, 0.0

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """The learned guess under the whole of the controls where that is the better one, else the nearest solution."""
        near = super().__call__(points, controls, material)
        if self._learner is None or not self._learner.taken:
            return near
        began = time.perf_counter()
        start = self._preferred(points, controls, material)
        if start is not None and start is not near:
            self._guessed += 1
            start = leaning(start, near)
        self._seconds += time.perf_counter() - began
        return start

    def carry(self, carrier: Callable[[Start], Start]) -> None:
        """Turn all that is remembered into starts on another mesh, and give up what was learned on this one."""
        super().carry(carrier)
        self._learner = None

    def study(self, design: Floats) -> Study:
        """Learn from members near the design (p,) and the controls of the moment. Collective."""
        began = time.perf_counter()
        if self._learner is not None:
            for _ in range(self._per_step):
                self._learner.take(self._members(self._learner, design))
            for weights in self._learner.network.parameters():
                self._ensemble.world.Bcast(weights.detach().numpy())
        told = Study(self._guessed, self._seconds + time.perf_counter() - began)
        self._guessed, self._seconds = 0, 0.0
        return told

    def _members(self, learner: Learner, design: Floats) -> Instances:
        """Of the next step: told by its number alone, so that a training that is resumed draws the same."""
        family, rng = self._family, np.random.default_rng([self._seed, learner.taken])
        drawn, bounds = family.sample(learner.regime.batch, rng), np.array(family.boundary.bounds)
        low, high = family.radii
        moved = design + DRIFT * rng.uniform(-1, 1, drawn.designs.shape)
        drawn = replace(drawn, designs=np.clip(moved, low, high))
        if len(self.controls):
            near = self.controls[rng.integers(len(self.controls), size=len(drawn))]
            off = NEAR * bounds * rng.uniform(-1, 1, near.shape)
            drawn = replace(drawn, controls=np.clip(near + off, -bounds, bounds))
        return drawn

    def tensors(self) -> Tensors:
        """What was learned and decides how it goes on; nothing once it is given up."""
        if self._learner is None:
            return {}
        learner = self._learner
        parts = {
            "network": learner.network.state_dict(),
            "muon": checkpoint.moments(learner.muon),
            "adam": checkpoint.moments(learner.adam),
        }
        named = {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
        return {**named, "taken": torch.tensor(learner.taken)}

    def restore_(self, tensors: Tensors, file: str) -> None:
        """Take on what `tensors` told, which come from `file`; InputError where they do not fit."""
        if not tensors or self._learner is None:
            checkpoint.fit(tensors, {}, file)
            self._learner = None
            return
        learner = self._learner
        wanted = {f"network.{name}": tensor for name, tensor in learner.network.state_dict().items()}
        wanted["taken"] = torch.tensor(0)
        own = {name: tensor for name, tensor in tensors.items() if not name.startswith(("muon.", "adam."))}
        checkpoint.fit(own, wanted, file)
        checkpoint.put_moments(under("muon.", tensors), learner.muon, file, momenta)
        checkpoint.put_moments(under("adam.", tensors), learner.adam, file)
        learner.network.load_state_dict(under("network.", tensors))
        learner.taken = int(own["taken"])


def under(prefix: str, tensors: Tensors) -> Tensors:
    """Those whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def dealt(ensemble: Ensemble, gradient: Gradient) -> Gradient:
    """The same gradient, each member's found by one group of ranks."""

    def whole(members: Instances, displacements: Floats) -> Floats:
        def own(k: int) -> Floats:
            return gradient(members.of(slice(k, k + 1)), displacements[k : k + 1])[0]

        return np.stack(ensemble.share([False] * len(members), own)[0])

    return whole
