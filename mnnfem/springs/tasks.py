"""The tasks of Li and Mao (Nature Communications 15, 10528) for their trapezoid: behaviour, regression, irises."""

from __future__ import annotations

import numpy as np
import torch

from mnnfem.mesh import Floats
from mnnfem.springs.iris import FULL
from mnnfem.springs.ports import Port, Ports
from mnnfem.springs.training import Samples

X, Y = 0, 1
BEHAVIOUR = Ports((Port(10, Y, -1.0),), (Port(12, Y), Port(13, Y)))  # their nodes 11; 13 and 14, counted from 1
REGRESSION = Ports((Port(10, Y),), (Port(12, X), Port(12, Y), Port(13, X), Port(13, Y)))
IRIS = Ports(tuple(Port(node, Y, -1.0) for node in (13, 11, 12, 9)), tuple(Port(node, X) for node in (7, 1, 2)))
REACH, COUNT, TRAINED = 0.196, 100, 70  # N; samples of the regression, and those to learn from
SLOPES = np.array([0.0, 16.0, 4.0, 16.0])  # mm/N


def behaviour(wanted: torch.Tensor) -> Samples:
    """One sample: 5 g down at node 10; wanted is the class of the larger reading (1,), or both readings (1, 2) mm."""
    return Samples(torch.tensor([[FULL]], dtype=torch.float64), wanted)


def regression(seed: int, noise: float = 0.0) -> tuple[Samples, Samples, Floats]:
    """Vertical forces U(-0.196, 0.196) N and displacements in proportion, with noise of `noise` mm: for training, for the test.

    The third are the test's targets without noise, (30, 4) mm.
    """
    rng = np.random.default_rng(seed)
    forces = rng.uniform(-REACH, REACH, (COUNT, 1))
    clean = forces * SLOPES
    seen = clean + noise * rng.normal(size=clean.shape)
    inputs, wanted = torch.from_numpy(forces), torch.from_numpy(seen)
    return Samples(inputs[:TRAINED], wanted[:TRAINED]), Samples(inputs[TRAINED:], wanted[TRAINED:]), clean[TRAINED:]
