"""A square of pores pressed by 12 %: its displacement learned from the energy alone, then unseen pores.

Pores about all (i/4, j/4) of a nearly incompressible solid, of any size or shape (Qin et al., 2022); where they are large, they
pattern. A network from an instance to the displacement of all nodes learns from fresh instances; of each it sees no
solution, but where one step of Newton's method on the finite-element energy leads from its own guess. Its guesses are sums of
few fields; further steps on their coefficients alone make them better. The held-out instances are drawn before the training;
judge and competitor is the solver with its certificate.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator
from tqdm import tqdm

from mnnfem.mesh import Floats
from mnnfem.metapde.descent import guessed, learn
from mnnfem.metapde.evaluation import Guess, Tally
from mnnfem.metapde.nodal import LastLayer, Nodal, Waves, load, save
from mnnfem.metapde.pictures import Shown
from mnnfem.metapde.pores import FAMILIES, Family
from mnnfem.metapde.pores_fem import PoreElements, Solved
from mnnfem.metapde.run import HELD_OUT, drawn, steps_of
from mnnfem.metrics import FILE
from mnnfem.run import Run, RunSettings
from mnnfem.settings import parse, run_main, setting

EXAMPLES = """examples:
  ./run python workflows/metapde_hyperelastic.py                  one radius for all pores
  ./run python workflows/metapde_hyperelastic.py --family shape   two numbers of their shape
"""
BARRED = ("p95", "h1 p95", "excess p95")  # 95th percentiles of errors in L2 and H1, and of the energy
BARS = {"radius": (0.01, 0.05, 0.03), "shape": (0.02, 0.05, 0.03)}
COARSE = ((4, 2), (2, 1))  # the competitor's meshes: edges to a quarter of a pore, layers
TABLE = {"radius": 12, "shape": 4}  # solutions of the table, along each axis of what varies
SAMPLES = 512  # instances that tell how much the waves weigh, and which fields are kept
LOOK = 50  # steps between lines of metrics
FEW = 20  # instances that the solver and coarser meshes solve as well
PICTURES = 4  # instances to show, which are solved on a finer mesh, too
FINER = "this mesh, against one of four times the elements"
EVEN, TABLED, SOLVED = "even compression", "interpolated", "solver"
REST, WARM = f"{SOLVED}, from rest", f"{SOLVED}, from the learned one"
SAME = 1e-6  # relative L2 difference of two certified solutions that are one


@dataclass(frozen=True)
class HyperelasticSettings(RunSettings):
    family: str = setting("radius", "what varies of the pores", choices=tuple(FAMILIES))
    weights: str = setting("", "file of learned fields to judge, instead of a training")
    steps: int = setting(1500, "of the training: fresh instances", low=1, high=10**6)
    width: int = setting(64, "waves that the network sees an instance by", low=2, high=1024)
    steepness: float = setting(3.0, "of these waves", low=0.1, high=20)
    newton: int = setting(2, "steps of the fields for an unseen instance", low=1, high=10)
    instances: int = setting(100, "unseen instances to judge by", low=1, high=10000)
    around: int = setting(6, "edges to a quarter of a pore, an even number", low=2, high=64)
    layers: int = setting(3, "layers of elements about a pore", low=1, high=32)


def untrained(family: Family, size: int, settings: HyperelasticSettings) -> LastLayer:
    """The network of so many nodal values before it has learned anything."""
    wave_draws, samples = (np.random.default_rng([settings.seed, k]) for k in (1, 2))
    waves = Waves.drawn(len(family.scaled(np.array(family.low))), settings.width, settings.steepness, wave_draws)
    return LastLayer(waves, family.scaled(family.draw(SAMPLES, samples, to_learn=True)), size)


def trained(run: Run, family: Family, elements: PoreElements, settings: HyperelasticSettings) -> Nodal:
    """Fields learned from the energy alone; the shares of it that the steps save go to the folder's metrics."""
    began, saved, draws = time.process_time(), list[float](), np.random.default_rng([settings.seed, 0])
    layer = untrained(family, elements.solid.size, settings)
    with tqdm(total=settings.steps, disable=None) as bar:

        def tell(step: int, share: float) -> None:
            bar.update()
            saved.append(share)
            if len(saved) == LOOK:
                seconds = time.process_time() - began
                run.folder.append_json(FILE, {"step": step + 1, "seconds": seconds, "saved": float(np.median(saved))})
                saved.clear()

        learn(elements, family, layer, settings.steps, draws, tell)
    return layer.learned()


def learned(run: Run, family: Family, elements: PoreElements, settings: HyperelasticSettings) -> Nodal:
    """The fields in the settings' file, or those that are learned now and kept in the run's folder."""
    file = Path(settings.weights) if settings.weights else run.folder.file("checkpoint/fields.safetensors")
    wanted = {name: getattr(settings, name) for name in ("family", "around", "layers")}
    if not settings.weights:
        began = time.process_time()
        found = trained(run, family, elements, settings)
        save(file, found, {**wanted, "steps": settings.steps, "seconds": time.process_time() - began, "seed": settings.seed})
    found, told = load(file, wanted)
    figures = {"training steps": told["steps"], "training seconds": told["seconds"], "fields": found.fields.shape[1]}
    said = f"{figures['fields']} fields of {elements.solid.size} unknowns"
    run.tell(f"{said} learned in {told['steps']} steps, {told['seconds']:.0f} s of processor time", figures, {})
    return found


def by_fields(elements: PoreElements, found: Nodal, q: Floats, instance: Floats, steps: int) -> list[Guess]:
    """The learned displacement after 0, 1, ... steps of its fields."""
    began = time.process_time()
    u = guessed(elements, elements.lift(elements.place(instance)), found(q))
    guesses = [Guess(u, time.process_time() - began)]
    for _ in range(steps):
        u = elements.reduced(u, found.fields)
        guesses.append(Guess(u, time.process_time() - began))
    return guesses


class Table:
    """Solutions on an even grid of a family, interpolated by cubic radial functions: what labels would give."""

    def __init__(self, elements: PoreElements, family: Family, count: int) -> None:
        began = time.process_time()
        corners = zip(family.low, family.high, strict=True)
        axes = [np.linspace(low, high, count if low < high else 1) for low, high in corners]
        known = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 3)
        answers = np.array([elements.solve(one).displacement for one in known])
        self._of = RBFInterpolator(family.scaled(known), answers, kernel="cubic")
        self.count, self.seconds = len(known), time.process_time() - began

    def __call__(self, q: Floats) -> Guess:
        """The displacement of an instance."""
        began = time.process_time()
        return Guess(self._of(q[None])[0], time.process_time() - began)


@dataclass(frozen=True)
class Judged:
    """All ways to solve the unseen instances, the least det F of what was learned in each, some to show."""

    tally: Tally
    det_f: list[float]
    shown: list[Shown]


def compared(elements: PoreElements, found: Nodal, table: Table, unseen: Floats, settings: HyperelasticSettings) -> Judged:
    """The learned displacement after 0, 1, ... steps beside the solver, coarser meshes and the table.

    The truth is what the solver finds from the interpolated displacement, so that what it finds from rest is judged, too.
    """
    family, judged = FAMILIES[settings.family], Judged(Tally(), [], [])
    coarse = {f"{SOLVED}, {a} edges, {b} layers": PoreElements(a, b) for a, b in COARSE}
    finer = PoreElements(2 * settings.around, 2 * settings.layers)
    for number, instance in enumerate(unseen):
        q = family.scaled(instance)
        own, near = by_fields(elements, found, q, instance, settings.newton), table(q)
        true = elements.solve(instance, near.values)
        ways = {steps_of(k): guess for k, guess in enumerate(own)}
        ways[EVEN], ways[TABLED] = Guess(elements.lift(elements.place(instance)), 0.0), near
        ways[f"{TABLED}, then the {SOLVED}"] = Guess(true.displacement, near.seconds + true.seconds)
        if number < FEW:
            for name, other in coarse.items():
                answer = other.solve(instance)
                ways[name] = Guess(elements.carried(other, answer.displacement, instance), answer.seconds)
            for name, start, seconds in ((REST, None, 0.0), (WARM, own[0].values, own[0].seconds)):
                answer = elements.solve(instance, start)
                ways[name] = Guess(answer.displacement, seconds + answer.seconds)
        nodes = elements.place(instance)
        for name, guess in ways.items():
            excess = elements.energy(guess.values) / true.record.energy - 1
            judged.tally.add(name, guess.seconds, *elements.errors(guess.values, true.displacement), excess)
        judged.det_f.append(elements.solid.least_det_f(own[-1].values)[0])
        if number < PICTURES:
            judged.tally.add(FINER, *_finer(finer, elements, true, instance))
            judged.shown.append(_shown(elements, nodes, true.displacement, own[-1].values, instance))
    return judged


def _finer(finer: PoreElements, elements: PoreElements, true: Solved, instance: Floats) -> tuple[float, ...]:
    """Seconds of a solve on a finer mesh, and how far a solution is from that one: L2, H1, energy."""
    best = finer.solve(instance)
    here = finer.carried(elements, true.displacement, instance)
    finer.place(instance)
    return best.seconds, *finer.errors(here, best.displacement), true.record.energy / best.record.energy - 1


def _shown(elements: PoreElements, nodes: Floats, true: Floats, found: Floats, instance: Floats) -> Shown:
    """The displacement sideways, where the nodes truly are."""
    places, (scale, *waves) = nodes + true.reshape(-1, 2), instance
    title = f"s {scale:.2f}, c {', '.join(f'{wave:.2f}' for wave in waves)}"
    return Shown(places, elements.triangles, true[::2], found[::2], title)


def conclude(run: Run, judged: Judged, settings: HyperelasticSettings) -> int:
    """Tell the rows, with the bars of the one after the most steps; draw; end."""
    tally, named = judged.tally, steps_of(settings.newton)
    for row in tally.rows():
        bars = {}
        if row.name == named:
            wanted = zip(BARRED, BARS[settings.family], strict=True)
            bars = {f"{what} of at most {bar:.0%}": row.figures[f"{row.name}: {what}"] <= bar for what, bar in wanted}
        elif row.name == REST:
            bars = {"the same solution from rest and from the interpolated one": float(row.errors.max()) <= SAME}
        run.tell(row.sentence, row.figures, bars)
    least = min(judged.det_f)
    run.tell(f"{named}: least det F {least:.3f}", {f"{named}: least det F": least}, {"no element turned over": least > 0})
    return drawn(run, tally, judged.shown, SOLVED)


def main(argv: Sequence[str]) -> int:
    settings = parse(HyperelasticSettings, argv, __doc__, EXAMPLES)
    run = Run.begin("metapde_hyperelastic", settings)
    family, elements = FAMILIES[settings.family], PoreElements(settings.around, settings.layers)
    unseen = family.draw(settings.instances, np.random.default_rng(HELD_OUT))
    found = learned(run, family, elements, settings)
    table = Table(elements, family, TABLE[settings.family])
    run.tell(f"{table.count} solutions for the table in {table.seconds:.1f} s", {"table seconds": table.seconds}, {})
    return conclude(run, compared(elements, found, table, unseen, settings), settings)


if __name__ == "__main__":
    run_main(main)
