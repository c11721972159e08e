"""The setting `warm_start`: where the solves of a training start."""

from __future__ import annotations

from mnnfem.body import Body
from mnnfem.ensemble import Ensemble
from mnnfem.errors import InputError
from mnnfem.guess.beside import Beside
from mnnfem.guess.classical import Neighbours, Previous, Rest
from mnnfem.guess.family import Family
from mnnfem.guess.learning import Regime
from mnnfem.guess.network import Size
from mnnfem.guess.reference import Reference
from mnnfem.warmstart import CAPACITY, Library

REMEMBERED = {"none": Rest, "previous": Previous, "predictor": Library, "interpolation": Neighbours}
LEARNED = "metapde"
KINDS = (*REMEMBERED, LEARNED)
BATCH = 8  # members of a step of the learned guess
SIZE = Size(channels=128)  # of its network: less than one that is learned beforehand, as each step of the training pays for it


def remembered(kind: str, capacity: int = CAPACITY) -> Library:
    """Where solves start on a body for which no guess is learned: there `metapde` is the nearest solution."""
    return REMEMBERED.get(kind, Library)(capacity)


def learned(family: Family, body: Body, ensemble: Ensemble, steps: int, per_step: int, seed: int) -> Library:
    """A guess that learns beside the `steps` steps of a training of a body of the family, `per_step` of its own after each."""
    regime = Regime(steps=max(1, steps * per_step), batch=BATCH)
    return Beside(Reference(family, body.solid), ensemble, regime, per_step, seed, SIZE)


def refuse_unknown(kind: str, known: bool, ranks_per_sample: int, parted: bool = False) -> None:
    """InputError where a guess is to be learned for bodies of no known family, of differing parts, or spread over ranks."""
    classical = f"Choose one of {', '.join(REMEMBERED)}."
    if kind == LEARNED and not known:
        raise InputError(
            f"--warm-start {LEARNED} learns the equilibria of panels of square cells with star-shaped pores, as in translation "
            f"and rotation; this workflow's bodies are none. {classical}"
        )
    if kind == LEARNED and parted:
        raise InputError(
            f"--warm-start {LEARNED} learns bodies of one modulus, --moduli cells gives each cell its own. {classical}"
        )
    if kind == LEARNED and ranks_per_sample > 1:
        raise InputError(
            f"--warm-start {LEARNED} learns from whole bodies, --ranks-per-sample {ranks_per_sample} spreads them. {classical}"
        )
