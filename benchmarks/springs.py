"""Networks of springs against their bars: gradients, behaviour, regression, irises, retraining, noise.

Gradients: e_adj o e against a complex step and central differences, exact springs at 40 g, and the number of solves whatever
the number of bonds. The rest is what the workflows do, over 10 random shares of the irises. Ten minutes or more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from benchmarks.report import bench_main
from mnnfem.mesh import Floats
from mnnfem.springs.exact import ExactSprings
from mnnfem.springs.fidelity import NOISE, compare_rules
from mnnfem.springs.iris import FULL
from mnnfem.springs.lattices import trapezoid, triangular
from mnnfem.springs.losses import log_ratio, squared
from mnnfem.springs.network import Network
from mnnfem.springs.physics import Springs
from mnnfem.springs.ports import Port, Ports
from mnnfem.springs.springnet import strip_bounds
from mnnfem.springs.tasks import BEHAVIOUR
from workflows import spring_behaviour, spring_iris, spring_regression, spring_retrain

SEEDS = 10
SIZES = {28: trapezoid, 1000: lambda: triangular(19, 19), 100000: lambda: triangular(184, 184)}


class Counted(Springs):
    """Springs that count their solves."""

    solves = 0

    def respond(self, points: Floats, material: Floats, forces: Floats) -> Floats:
        self.solves += 1
        return super().respond(points, material, forces)


@dataclass
class Table:
    """Figures by name, and the bars that they miss."""

    figures: dict[str, float]
    missed: list[str]

    def add(self, name: str, value: float, most: float = np.inf, least: float = -np.inf) -> None:
        """A figure that should be between `least` and `most`."""
        self.figures[name] = float(value)
        if not least <= value <= most:
            wanted = f"at most {most:g}" if value > most else f"at least {least:g}"
            self.missed.append(f"{name} {value:.4g}, wanted {wanted}")


def complex_step(network: Network, stiffness: Floats, forces: Floats, seed: Floats) -> Floats:
    """dJ/dk (b,) of J = seed . u, by a dense complex solve for each bond."""
    along = network.nodes[network.bonds[:, 1]] - network.nodes[network.bonds[:, 0]]
    rows = np.zeros((len(stiffness), *network.nodes.shape))
    unit = along / np.linalg.norm(along, axis=1)[:, None]
    each = np.arange(len(stiffness))
    rows[each, network.bonds[:, 1]], rows[each, network.bonds[:, 0]] = unit, -unit
    rows = rows.reshape(len(stiffness), -1)[:, network.free]
    found = np.empty(len(stiffness))
    for bond in range(len(stiffness)):
        moved = stiffness.astype(complex)
        moved[bond] += 1e-30j
        u = np.linalg.solve((rows.T * moved) @ rows, forces.ravel()[network.free])
        found[bond] = (seed.ravel()[network.free] * u.imag).sum() / 1e-30
    return found


def differences(springs: Springs, load: float, stiffness: Floats, seed: Floats, step: float) -> Floats:
    """Central differences dJ/dk (b,)."""
    network, found = springs.network, np.empty(len(stiffness))
    for bond in range(len(stiffness)):
        values = []
        for sign in (1, -1):
            moved = stiffness.copy()
            moved[bond] += sign * step
            values.append((seed * springs.solve(network.nodes, np.array([load]), moved).displacement).sum())
        found[bond] = (values[0] - values[1]) / (2 * step)
    return found


def gradients(table: Table) -> None:
    """Exactness at the trapezoid; 10 g at node 12, read at node 13, as in the paper."""
    network, rng = trapezoid(), np.random.default_rng(0)
    ports = Ports((Port(12, 1, -1.0),), (Port(13, 1),))
    seed = ports.readings(network).toarray().reshape(network.nodes.shape)
    stiffness = strip_bounds(network).start * rng.uniform(0.8, 1.2, len(network.bonds))

    def apart(one: Floats, other: Floats) -> float:
        return float(np.linalg.norm(one - other) / np.linalg.norm(other))

    springs = Springs(network, ports.loads(network))
    found = springs.vjp(springs.solve(network.nodes, np.array([2 * FULL]), stiffness), seed).material
    forces = 2 * FULL * springs.loads.toarray().reshape(network.nodes.shape)
    table.add("gradient_complex_step", apart(found, complex_step(network, stiffness, forces, seed)), most=1e-12)
    table.add("gradient_differences", apart(found, differences(springs, 2 * FULL, stiffness, seed, 3e-6)), most=1e-8)
    exact = ExactSprings(network, BEHAVIOUR.loads(network))
    at = exact.vjp(exact.solve(network.nodes, np.array([8 * FULL]), stiffness), seed).material
    table.add("exact_40g_differences", apart(at, differences(exact, 8 * FULL, stiffness, seed, 1e-5)), most=1e-6)
    linear = Springs(network, BEHAVIOUR.loads(network))
    straight = linear.vjp(linear.solve(network.nodes, np.array([8 * FULL]), stiffness), seed).material
    table.add("linear_40g_off_by", apart(straight, at))


def sizes(table: Table) -> None:
    """Solves and seconds of a gradient, and one directional difference, by number of bonds."""
    for size, make in SIZES.items():
        network, rng = make(), np.random.default_rng(0)
        force = sp.csr_matrix(rng.normal(size=(1, network.nodes.size)) * ~network.held.ravel())
        springs, stiffness = Counted(network, force), rng.uniform(0.1, 0.2, len(network.bonds))
        seed, way = rng.normal(size=network.nodes.shape), rng.normal(size=len(network.bonds))
        began = time.perf_counter()
        gradient = springs.vjp(springs.solve(network.nodes, np.ones(1), stiffness), seed).material
        table.add(f"seconds_{size}", time.perf_counter() - began)
        table.add(f"bonds_{size}", len(network.bonds))
        table.add(f"solves_{size}", springs.solves, most=2)
        values = [
            (seed * springs.solve(network.nodes, np.ones(1), stiffness + h * way).displacement).sum() for h in (3e-5, -3e-5)
        ]
        slope = gradient @ way
        table.add(f"difference_{size}", abs((values[0] - values[1]) / 6e-5 - slope) / abs(slope), most=1e-6)


def behaviours(table: Table) -> None:
    settings = spring_behaviour.BehaviourSettings()
    ratio = spring_behaviour.learn(spring_behaviour.PAPER, log_ratio, torch.tensor([0]), settings)
    table.add("log_ratio_13", ratio.reading[0])
    table.add("log_ratio_14", ratio.reading[1])
    table.add("log_ratio_off_by_mm", np.abs(ratio.reading - spring_behaviour.PUBLISHED).max(), most=1e-5)
    wanted = np.array([-0.5, -0.8])
    for name, widths, bars in (
        ("7:1", spring_behaviour.WIDE, {"most": 1e-3}),
        ("1.67:1", spring_behaviour.PAPER, {"least": 1e-3}),
    ):
        found = spring_behaviour.learn(widths, squared(spring_behaviour.SCALE), torch.from_numpy(wanted[None]), settings)
        table.add(f"targets_{name}_off_by_mm", np.abs(found.reading - wanted).max(), **bars)
    for rule, values in compare_rules((-0.5, -0.8), settings.repeats, settings.seed).items():
        table.add(f"cosine_10um_{rule}", values[NOISE.index(0.01)])


def regressions(table: Table) -> None:
    clean, paper, noisy = [], [], []
    for seed in range(SEEDS):
        settings = spring_regression.RegressionSettings(seed=seed)
        clean.append(spring_regression.fitted(spring_regression.WIDE, 0.0, settings).error)
        paper.append(spring_regression.fitted(spring_regression.PAPER, 0.0, settings).error)
        found = spring_regression.fitted(spring_regression.WIDE, settings.noise, settings)
        noisy.append(found.error / found.floor)
    table.add("regression_3:1_worst", max(clean), most=1e-6)
    table.add("regression_paper_worst", max(paper), most=0.14)
    table.add("regression_noisy_over_floor_worst", max(noisy), most=1.1)


def flowers(table: Table) -> None:
    splits = [spring_iris.train_all(seed, spring_iris.IrisSettings()) for seed in range(SEEDS)]
    for name, (train, test) in spring_iris.BARS.items():
        table.add(f"{name}_train", np.mean([split[name][0].train for split in splits]), least=train)
        table.add(f"{name}_test", np.mean([split[name][0].test for split in splits]), least=test)
        table.add(f"{name}_read_with_20um", np.mean([split[name][1] for split in splits]))


def retraining(table: Table) -> None:
    settings = spring_retrain.RetrainSettings()
    switches = [spring_retrain.switch(seed, settings) for seed in range(SEEDS)]
    table.add("switch_regression_least", min(one.regression for one in switches), least=0.999)
    table.add("switch_irises_lost_most", max(one.before - one.after for one in switches), most=0.01)
    for seed in range(3):
        found = spring_retrain.damage(seed, settings)
        table.add(f"bonds_that_cannot_be_cut_seed_{seed}", len(found.essential), most=2, least=2)
        repaired = [one.repaired for one in found.cuts]
        table.add(f"whole_test_seed_{seed}", found.whole)
        table.add(f"damaged_test_seed_{seed}", np.mean([one.damaged for one in found.cuts]))
        table.add(f"repaired_test_seed_{seed}", np.mean(repaired), least=0.95)
        table.add(f"repaired_test_least_seed_{seed}", min(repaired), least=0.85)


def measure() -> tuple[dict[str, float], list[str]]:
    """All of it."""
    table = Table({}, [])
    for part in (gradients, sizes, behaviours, regressions, flowers, retraining):
        part(table)
    return table.figures, table.missed


if __name__ == "__main__":
    bench_main(__doc__ or "", measure)
