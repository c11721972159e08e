"""First guesses that a learned one must beat: made of the same number of solves, of a coarse mesh, of a linear solve."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.carried import carried, solution
from benchmarks.trials import Case
from geometries.star_pores import star_pores
from mnnfem.body import Body
from mnnfem.equilibrium import Start
from mnnfem.errors import EquilibriumError
from mnnfem.factor import Cholesky
from mnnfem.geometry import Geometry
from mnnfem.guess.classical import Guess
from mnnfem.guess.family import Family, Instances
from mnnfem.guess.learned import LearnedGuess
from mnnfem.guess.learning import Regime, learn
from mnnfem.guess.network import CellNetwork, Size
from mnnfem.guess.reference import Reference
from mnnfem.mesh import Floats


@dataclass(frozen=True)
class Solved(Instances):
    """Members of a family with their equilibria (k, size) mm."""

    displacements: Floats


def solved(family: Family, body: Body, count: int, rng: np.random.Generator) -> Solved:
    """Members that have an equilibrium, of `count` that are drawn."""
    members, rows = family.sample(count, rng), []
    found = np.zeros(count, dtype=bool)
    for k, (design, controls) in enumerate(zip(members.designs, members.controls, strict=True)):
        try:
            rows.append(body.solve(family.points(design), controls, family.law.values).displacement)
        except EquilibriumError:
            continue
        found[k] = True
    return Solved(members.designs[found], members.controls[found], np.array(rows))


def linear(reference: Reference) -> Callable[..., Start]:
    """The linear-elastic answer of the body itself: an assembly and a factor."""
    solid = reference.solid
    factor, rest = Cholesky(solid.comm), np.zeros(solid.size)

    def guess(points: Floats, controls: Floats, material: Floats) -> Start:
        solid.set_inputs(points, material, controls)
        lift = solid.lift(controls)
        factor.factorise(solid.tangent(rest))
        return Start(lift - factor.solve(solid.on_free(solid.tangent_action(rest, lift))), controls.copy())

    return guess


def middle(reference: Reference) -> Callable[..., Start]:
    """The linear-elastic answer of the family's middle design: no solve."""
    return lambda points, controls, material: Start(controls @ reference.lifts, controls.copy())


class Exact:
    """The solution itself as a guess, known before the clock runs: how much can be saved at all."""

    def __init__(self, body: Body, cases: Iterable[Case]) -> None:
        self.solution = solution(body)
        self.known: dict[bytes, Start | None] = {}
        for case in cases:
            self(case.points, case.controls, case.material)

    def __call__(self, points: Floats, controls: Floats, material: Floats) -> Start | None:
        """Solved when it is asked for the first time; None where there is none."""
        key = points.tobytes() + controls.tobytes()
        if key not in self.known:
            self.known[key] = self.solution(points, controls, material)
        return self.known[key]


def coarse(family: Family, body: Body, other: Geometry | None = None) -> Guess:
    """The equilibrium on another mesh of a family's body, by default the 5x5 panel's of half as many elements.

    It is carried over where nodes lie in the middle design.
    """
    other = other or star_pores(layers=1)
    rough = Body(other.mesh, family.law, family.boundary, comm=body.solid.comm)

    def there(points: Floats) -> Floats:
        moved: Floats = other.motion(torch.from_numpy(family.design_of(points))).numpy()
        return moved

    middle = family.points(family.middle)
    return carried(solution(rough), body.carrier(rough, there(middle), middle), there)


class Table:
    """Solved members, told by what their displacements differ from the middle design's linear-elastic answer.

    The kernel is a product: (c . c') / b^2, as displacements are nearly linear in the controls c, and Gaussians of radii and
    controls. Width, of 1, 2, 4 half ranges, and ridge are those of the least error when each member is left out of the table.
    """

    def __init__(
        self, reference: Reference, known: Solved, modes: int = 200, ridges: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1)
    ) -> None:
        self.reference, self.family, self.known = reference, reference.family, known
        low, high = self.family.radii
        self.scale = 0.5 * (high - low)
        off = known.displacements - known.controls @ reference.lifts
        values, vectors = np.linalg.eigh(off @ off.T)  # proper orthogonal decomposition, by snapshots
        kept = np.maximum(values[::-1][:modes], 1e-12)
        self.modes: Floats = (vectors[:, ::-1][:, : len(kept)] / np.sqrt(kept)).T @ off
        self.shares: Floats = off @ self.modes.T
        trials = [(width, ridge) for width in (1.0, 2.0, 4.0) for ridge in ridges]
        self.width, ridge = min(trials, key=lambda trial: self._left_out(*trial))
        gram = self._kernel(known.designs, known.controls)
        self.weights: Floats = np.linalg.solve(gram + ridge * np.eye(len(known)), self.shares)

    def _kernel(self, designs: Floats, controls: Floats) -> Floats:
        """Of members, with all that are known."""
        count, reach = designs.shape[1], self.family.reach
        apart = _squares(designs, self.known.designs) / self.scale**2 / count
        pushed = _squares(controls, self.known.controls) / reach**2
        linear = controls @ self.known.controls.T / reach**2
        return linear * np.exp(-(apart + pushed) / (2 * self.width**2))

    def _left_out(self, width: float, ridge: float) -> float:
        self.width = width
        inverse = np.linalg.inv(self._kernel(self.known.designs, self.known.controls) + ridge * np.eye(len(self.known)))
        return float(np.sum(((inverse @ self.shares) / np.diag(inverse)[:, None]) ** 2))

    def ridge(self, points: Floats, controls: Floats, material: Floats) -> Start:
        """Kernel ridge regression of the shares of the orthogonal modes."""
        design = self.family.design_of(points)
        shares = self._kernel(design[None], controls[None])[0] @ self.weights
        return self._start(controls @ self.reference.lifts + shares @ self.modes, controls)

    def nearest(self, points: Floats, controls: Floats, material: Floats) -> Start:
        """The nearest member carried along the geometry, its controls made up for by linear-elastic answers."""
        design, known = self.family.design_of(points), self.known
        apart = np.sum((known.designs - design) ** 2, axis=1) / self.scale**2 / len(design)
        apart += np.sum((known.controls - controls) ** 2, axis=1) / self.family.reach**2
        near = int(np.argmin(apart))
        return self._start(known.displacements[near] + (controls - known.controls[near]) @ self.reference.lifts, controls)

    def _start(self, u: Floats, controls: Floats) -> Start:
        solid = self.reference.solid
        return Start(np.where(solid.prescribed, solid.lift(controls), u), controls.copy())


def _squares(a: Floats, b: Floats) -> Floats:
    found: Floats = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return found


def taught(reference: Reference, known: Solved, size: Size, regime: Regime, seed: int) -> LearnedGuess:
    """The same network, trained on solved members: on the error's energy in the reference stiffness."""
    network, rng = CellNetwork(reference, size, torch.Generator().manual_seed(seed)), np.random.default_rng([seed, 2])

    def draw(step: int) -> Solved:
        rows = rng.integers(len(known), size=regime.batch)
        return Solved(known.designs[rows], known.controls[rows], known.displacements[rows])

    def gradient(members: Instances, displacements: Floats) -> Floats:
        assert isinstance(members, Solved)
        off = np.where(reference.solid.free, displacements - members.displacements, 0.0)
        return (reference.stiffness @ off.T).T / reference.energy(members.controls)[:, None]

    learn(network, draw, gradient, regime)
    return LearnedGuess(network, reference)
