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

from mnnfem.metapde.basis import Basis
from mnnfem.metapde.evaluation import Guess, Tally, solved
from mnnfem.metapde.pictures import Shown
from mnnfem.metapde.poisson_fem import PoissonElements
from mnnfem.metapde.run import UNLEARNED, LearnedSettings, judge, steps_of, unseen
from mnnfem.settings import parse, run_main, setting

EXAMPLES = """examples:
  ./run python workflows/metapde_poisson.py                          five minutes of training, a hundred unseen instances
  ./run python workflows/metapde_poisson.py --weights w.safetensors  judges a basis that was learned elsewhere
  python -m mnnfem.metapde.train poisson --out w.safetensors         learns one where there is only torch, such as on a GPU
"""
BAR = 0.026  # relative L2 error, median of the unseen instances
COARSE = (6, 8, 12)  # rings of the competitor's meshes; of 4 a wavy boundary may turn elements over
PICTURES = 4


@dataclass(frozen=True)
class PoissonSettings(LearnedSettings):
    rings: int = setting(24, "of triangles in the mesh of the truth", low=4, high=256)


def compared(learned: Basis, unlearned: Basis, settings: PoissonSettings) -> tuple[Tally, list[Shown]]:
    """The learned basis after 0, 1, ... steps, one that has learned nothing, coarser meshes; some instances to show."""
    fine, coarse = PoissonElements(settings.rings), {f"P2, {rings} rings": PoissonElements(rings) for rings in COARSE}
    tally, shown, newton, instances = Tally(), list[Shown](), learned.steps, unseen("poisson", settings)
    for elements in coarse.values():
        elements.solve(instances[0])  # what is made once is not timed
    for number, instance in enumerate(instances):
        truth, nodes = fine.solve(instance).values, fine.place(instance)
        guesses = solved(learned, instance, nodes, newton, settings.judged, seed=number)
        found = {steps_of(k): guess for k, guess in enumerate(guesses)}
        found[UNLEARNED] = solved(unlearned, instance, nodes, newton, settings.judged, seed=number)[-1]
        for name, elements in coarse.items():
            answer = elements.solve(instance)
            found[name] = Guess(fine.carried(elements, answer.values), answer.seconds)
        for name, guess in found.items():
            tally.add(name, guess.seconds, *fine.errors(guess.values, truth))
        if number < PICTURES:
            shown.append(Shown(nodes, fine.triangles, truth, guesses[newton].values, f"{newton} steps"))
    return tally, shown


def main(argv: Sequence[str]) -> int:
    return judge("poisson", parse(PoissonSettings, argv, __doc__, EXAMPLES), compared, BAR, "P2")


if __name__ == "__main__":
    run_main(main)
