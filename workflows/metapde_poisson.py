"""A nonlinear Poisson equation solved without a mesh: a basis is learned from the equation alone, then unseen instances.

div((1 + 0.1 u^2) grad u) = f on wavy discs, sources, boundary values and shapes drawn at random (Qin et al., 2022). A sine
network gives functions for an instance; what is learned makes the residual small after few Gauss-Newton steps on their
coefficients, at random points. No solution is ever shown to it. The held-out instances are drawn before the training, and
judged by finite elements: P2 triangles, whose own errors on coarser meshes are the competitor, Newton's method with
backtracking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnnfem.metapde.basis import Basis
from mnnfem.metapde.evaluation import Guess, Row, solved
from mnnfem.metapde.pictures import Shown, cost_figure, fields_figure
from mnnfem.metapde.poisson_fem import PoissonElements
from mnnfem.metapde.run import LearnedSettings, basis_for, tell_rows, unseen
from mnnfem.run import Run
from mnnfem.settings import parse, run_main, setting

EXAMPLES = """examples:
  ./run python workflows/metapde_poisson.py                          five minutes of training, a hundred unseen instances
  ./run python workflows/metapde_poisson.py --weights w.safetensors  judges a basis that was learned elsewhere
  python -m mnnfem.metapde.train poisson --out w.safetensors         learns one where there is only torch, such as on a GPU
"""
BAR = 0.026  # relative L2 error, median of the unseen instances
COARSE = (3, 4, 6, 8, 12)  # rings of the competitor's meshes
PICTURES = 4


@dataclass(frozen=True)
class PoissonSettings(LearnedSettings):
    rings: int = setting(32, "of triangles in the mesh of the truth", low=4, high=256)


def compared(basis: Basis, newton: int, settings: PoissonSettings) -> tuple[dict[str, Row], list[Shown]]:
    """Rows of the learned basis after 0, 1, ... steps, then of coarser meshes, and some instances to show."""
    fine, coarse = PoissonElements(settings.rings), {f"P2, {rings} rings": PoissonElements(rings) for rings in COARSE}
    errors: dict[str, list[tuple[float, float, float]]] = {}
    shown = []
    instances = unseen("poisson", settings)
    for elements in coarse.values():
        elements.solve(instances[0])  # what is made once is not timed
    for number, instance in enumerate(instances):
        truth = fine.solve(instance)
        nodes = fine.place(instance)
        guesses = solved(basis, instance, nodes, newton + 1, settings.judged, seed=number)
        found = {steps_of(k): guess for k, guess in enumerate(guesses)}
        for name, elements in coarse.items():
            answer = elements.solve(instance)
            found[name] = Guess(fine.carried(elements, answer.values), answer.seconds)
        for name, guess in found.items():
            l2, h1 = fine.errors(guess.values, truth.values)
            errors.setdefault(name, []).append((l2, guess.seconds, h1))
        if number < PICTURES:
            shown.append(Shown(nodes, fine.triangles, truth.values, guesses[newton].values, steps_of(newton)))
    return {name: Row(name, *np.array(of).T) for name, of in errors.items()}, shown


def steps_of(k: int) -> str:
    """What is after so many steps, in words."""
    return f"{k} steps"


def main(argv: Sequence[str]) -> int:
    settings = parse(PoissonSettings, argv, __doc__, EXAMPLES)
    run = Run.begin("metapde_poisson", settings)
    basis, origin = basis_for("poisson", run, settings)
    rows, shown = compared(basis, origin.size.steps, settings)
    name = steps_of(origin.size.steps)
    tell_rows(run, list(rows.values()), {name: {f"a median of at most {BAR:.1%}": rows[name].median <= BAR}})
    fields_figure(run.folder.file("fields.png"), shown)
    learned = [row for one, row in rows.items() if not one.startswith("P2")]
    cost_figure(run.folder.file("cost.png"), learned, [row for one, row in rows.items() if one.startswith("P2")], "P2 elements")
    return run.end(("fields.png", "cost.png"))


if __name__ == "__main__":
    run_main(main)
