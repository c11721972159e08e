"""Beyond a bifurcation: a stable branch, chosen by the sign of an imperfection, beside what plain Newton returns.

An Euler column (slenderness 40, both ends clamped) and regular lattices under 25 % compression, each solved from rest in
one go for both signs. Column: buckling load by bisection, then sway and load against the elastica. Lattices: mesh and
load are their own mirror images, so the mirror image of a state is a state again. The two signs have to lead to two
states that are images of each other, or to one that is its own image: then there is no pair to choose from.

Bars: buckling load within 2 % of Euler's, sway and load within 2 % of the elastica, sway by the sign; every state
certified, energies below the straight one's, images within 1e-6 of the largest displacement.

The plain solver goes in ten equal steps; the energy of what it returns is given as a multiple of ours.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.elastica import Column, critical_load, load_of
from benchmarks.lattices import Lattice, images
from benchmarks.plain import Certificate, Plain, certificate, plain_solve
from benchmarks.report import bench_main
from mnnfem.equilibrium import Solution
from mnnfem.mesh import Floats, Mesh

MULTIPLES = (1.5, 3.0, 6.0, 10.0, 20.0)  # of the elastic shortening at Euler's load
BAR, SAME = 0.02, 1e-6
LATTICES = [
    Lattice(columns, rows, pore, ligament, poisson)
    for (columns, rows), pore, ligament, poisson in itertools.product(
        ((4, 4), (5, 5), (6, 4)), ("round", "square"), (0.08, 0.15, 0.25), (0.3, 0.46)
    )
]
SHOWN = (Lattice(4, 4, "round", 0.15, 0.3), Lattice(4, 4, "square", 0.15, 0.46))


@dataclass(frozen=True)
class Pair:
    """A lattice under its load for both signs: solutions and displacements (n, 2) mm by sign, and the plain solver's state.

    distances: of the second sign's state from images of the first's;  own: of the first from its own images
    (largest difference over largest displacement)
    """

    mesh: Mesh
    solutions: dict[int, Solution]
    moved: dict[int, Floats]
    plain: Plain
    plain_moved: Floats
    judged: Certificate
    distances: dict[str, float]
    own: dict[str, float]

    @property
    def verdict(self) -> str:
        """How the two states are related: 'mirror', another image, 'one state' that is its own mirror image, or 'unrelated'."""
        if self.distances["same"] <= SAME:
            return "one state" if self.own["mirror"] <= SAME else "not selected"
        return next((name for name in ("mirror", "half_turn", "upside_down") if self.distances[name] <= SAME), "unrelated")


def solve_pair(lattice: Lattice) -> Pair:
    """Both signs and the plain solver, at 25 % compression."""
    mesh, solutions, moved = lattice.mesh(), {}, {}
    control = np.array([-0.25 * np.ptp(mesh.points[:, 1])])
    for sign in (1, -1):
        body = lattice.body(mesh, sign)
        solutions[sign] = body.solve(mesh.points, control, body.solid.law.values)
        moved[sign] = body.displacement(solutions[sign])
    plain = plain_solve(body.solid, mesh.points, control, body.solid.law.values)
    size, seen = np.abs(moved[1]).max(), images(mesh.points, moved[1], control[0])

    def from_images(state: Floats) -> dict[str, float]:
        return {name: float(np.abs(image - state).max() / size) for name, image in seen.items()}

    return Pair(
        mesh,
        solutions,
        moved,
        plain,
        body.solid.dofs.at_points(plain.displacement),
        certificate(body.solid, plain.displacement),
        from_images(moved[-1]),
        from_images(moved[1]),
    )


def measure_column() -> tuple[dict[str, float], list[str]]:
    """Figures of the column, and the bars missed."""
    column, missed = Column(), []
    bodies = {sign: column.body(sign) for sign in (1, -1)}
    critical = critical_load(column) / column.euler
    figures = {"euler_load": column.euler, "critical_load_over_euler": critical}
    if not abs(critical - 1) <= BAR:
        missed.append(f"the column buckles at {critical:.4f} of Euler's load")
    points = bodies[1].solid.mesh.points
    for multiple in MULTIPLES:
        control, exact = -multiple * column.shortening, column.elastica(multiple * column.shortening)
        solved = {sign: body.solve(points, np.array([control]), column.law.values) for sign, body in bodies.items()}
        moved = {sign: body.displacement(solved[sign]) for sign, body in bodies.items()}
        middle = np.abs(moved[1][:, 0]).argmax()
        sway = moved[1][middle, 0]
        mirror = np.abs(images(points, moved[1], control)["mirror"] - moved[-1]).max() / np.abs(moved[1]).max()
        straight = plain_solve(bodies[1].solid, points, np.array([control]), column.law.values, steps=5)
        name = f"column_{multiple:g}"
        figures |= {
            f"{name}_sway": sway,
            f"{name}_sway_error": abs(sway) / exact.sway - 1,
            f"{name}_load_error": load_of(bodies[1], solved[1].displacement) / exact.load - 1,
            f"{name}_mirror": mirror,
            f"{name}_straight_energy": straight.energy / solved[1].record.energy,
        }
        if not (sway > 0 and mirror <= SAME and all(one.record.certified for one in solved.values())):
            missed.append(f"at {multiple:g} buckling shortenings: sway {sway:.3g} mm, mirror image off by {mirror:.1e}")
        missed += [
            f"{key} is {figures[key]:.4f}" for key in (f"{name}_sway_error", f"{name}_load_error") if abs(figures[key]) > BAR
        ]
        if not (straight.complete and figures[f"{name}_straight_energy"] > 1):
            missed.append(f"{name}: no straight state of more energy")
    return figures, missed


def measure_lattices(pairs: dict[Lattice, Pair]) -> tuple[dict[str, float], list[str]]:
    """Figures of the lattices over all, the bars missed, and a line each on the way."""
    missed: list[str] = []
    print(
        "lattice                                energies +, - (mJ/mm)     images        factors  plain: energy, solves, state"
    )
    for lattice in LATTICES:
        pair = pairs[lattice] = solve_pair(lattice)
        first, second = (pair.solutions[sign].record for sign in (1, -1))
        state = "stable" if pair.judged.certified else "unstable" if pair.judged.balanced else "not balanced"
        plain = (
            f"{pair.plain.energy / first.energy:6.3f} {pair.plain.solves:4d} {state}"
            if pair.plain.complete
            else pair.plain.reason
        )
        factors = f"{first.factorisations:3d} {second.factorisations:3d}"
        print(
            f"{lattice.name:36} {first.energy:12.6f} {second.energy:12.6f}  {pair.verdict:12} {factors}   {plain}", flush=True
        )
        if pair.verdict in ("not selected", "unrelated"):
            missed.append(f"{lattice.name}: the two signs lead to states that are {pair.verdict}")
    every = list(pairs.values())
    differences = [abs(one.solutions[1].record.energy / one.solutions[-1].record.energy - 1) for one in every]
    related = [min(value for key, value in one.distances.items() if key != "same") for one in every]
    complete = [one for one in every if one.plain.complete]
    factors = [one.solutions[sign].record.factorisations for one in every for sign in (1, -1)]
    figures = {
        "lattices": float(len(every)),
        "mirror_pairs": float(sum(one.verdict == "mirror" for one in every)),
        "own_mirror_images": float(sum(one.verdict == "one state" for one in every)),
        "largest_image_distance": max(related),
        "largest_energy_difference": max(differences),
        "factorisations_median": float(np.median(factors)),
        "plain_complete": float(len(complete)),
        "plain_certified": float(sum(one.judged.certified for one in complete)),
        "plain_energy_largest": max(one.plain.energy / one.solutions[1].record.energy for one in complete),
    }
    return figures, missed


def main() -> None:
    """Command line."""
    pairs: dict[Lattice, Pair] = {}

    def measure() -> tuple[dict[str, float], list[str]]:
        column, missed = measure_column()
        lattices, also_missed = measure_lattices(pairs)
        return column | lattices, missed + also_missed

    def picture(path: Path) -> None:
        from benchmarks.branch_picture import draw

        draw(path, {lattice: pairs[lattice] for lattice in SHOWN})

    bench_main(__doc__ or "", measure, picture)


if __name__ == "__main__":
    main()
