"""Learned bases: jets, problems against exact solutions, Gauss-Newton steps, training, files."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from mnnfem.errors import InputError
from mnnfem.metapde import burgers, train
from mnnfem.metapde.burgers import EARLY, Burgers
from mnnfem.metapde.burgers_exact import exact, initial, potential, volumes
from mnnfem.metapde.burgers_fem import BurgersElements
from mnnfem.metapde.burgers_pieces import MIRRORS, PIECES, VISCOSITY, Pieces
from mnnfem.metapde.evaluation import solved
from mnnfem.metapde.jets import Jets
from mnnfem.metapde.poisson import RIM, Poisson, source, wave
from mnnfem.metapde.poisson_fem import PoissonElements
from mnnfem.metapde.problems import PROBLEMS, Size, basis_of
from mnnfem.metapde.rings import Rings
from mnnfem.metapde.training import Regime, learn
from mnnfem.metapde.weights import load
from workflows import metapde_burgers, metapde_poisson

TINY = ["--width", "12", "--depth", "2", "--batch", "2", "--points", "32", "--device", "cpu"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def derivatives(jets: Jets, function: Callable[[torch.Tensor], torch.Tensor], points: torch.Tensor) -> torch.Tensor:
    """The jet (b, c, n, w) of a function of one point (d,), by torch's derivatives of the whole."""
    slope = torch.func.jacfwd(function)

    def channels(point: torch.Tensor) -> torch.Tensor:
        parts = [function(point)[None], slope(point).T]
        if jets.second:
            parts.append(sum(torch.func.jacfwd(slope)(point)[:, axis, axis] for axis in jets.second)[None])
        return torch.cat(parts)

    return torch.func.vmap(torch.func.vmap(channels))(points).movedim(1, 2)


@pytest.mark.parametrize("second", [(), (0,), (0, 1)])
def test_jets_are_the_derivatives_of_the_whole_function(second: tuple[int, ...]) -> None:
    jets = Jets(2, second)
    points = torch.rand(3, 5, 2, dtype=torch.float64, generator=generator())
    x, y = jets.at(points).split(1, dim=-1)
    found = jets.product(jets.sine(jets.plus(3 * jets.product(x, y), 0.4)), torch.cat([x, jets.sine(y)], dim=-1))
    wanted = derivatives(jets, lambda p: torch.sin(3 * p[0] * p[1] + 0.4) * torch.stack([p[0], torch.sin(p[1])]), points)
    assert found.shape == (3, jets.channels, 5, 2)
    assert found.numpy() == pytest.approx(wanted.numpy(), rel=1e-12, abs=1e-12)
    assert Jets(0).at(points).shape == (3, 1, 5, 2)


def test_the_residual_of_poisson_is_that_of_its_equation() -> None:
    """For u = x^2 + y the source would be 2 (1 + 0.1 u^2) + 0.2 u (4 x^2 + 1)."""
    poisson = Poisson()
    instances = poisson.draw(3, generator())
    points = poisson.points(instances, 40, generator(1))
    x, y = points.unbind(-1)
    u, angle = x**2 + y, torch.atan2(y, x)
    jet = torch.stack([u, 2 * x, torch.ones_like(x), torch.full_like(x, 2.0)], dim=1)
    share = torch.hypot(x, y) / (1 + wave(angle, instances[:, None, 11:]))
    inside = (1 - share**2) * (2 * (1 + 0.1 * u**2) + 0.2 * u * (4 * x**2 + 1) - source(points, instances))
    a = instances[:, 6:11, None]
    g = a[:, 0] + a[:, 1] * angle.cos() + a[:, 2] * angle.sin() + a[:, 3] * (2 * angle).cos() + a[:, 4] * (2 * angle).sin()
    found = poisson.residual(jet, points, instances)
    assert found[:, 10:].numpy() == pytest.approx(inside[:, 10:].numpy(), rel=1e-12)
    assert found[:, :10].numpy() == pytest.approx(RIM * (u - g)[:, :10].numpy(), rel=1e-12)
    middle, alone = instances[:1, None, 0:2], instances[:1].clone()
    alone[:, 5] = 0
    assert source(middle, alone).item() == pytest.approx(instances[0, 2].item(), rel=1e-12)


def test_points_of_poisson_are_on_the_boundary_and_within() -> None:
    poisson = Poisson()
    instances = poisson.draw(4, generator())
    x, y = poisson.points(instances, 400, generator(1)).unbind(-1)
    share = torch.hypot(x, y) / (1 + wave(torch.atan2(y, x), instances[:, None, 11:]))
    assert share[:, :100].numpy() == pytest.approx(1.0, rel=1e-12)
    assert (share[:, 100:] < 1).all()
    assert share[:, 100:].square().mean().item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_known_of_a_solution_has_the_derivatives_that_it_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By differences of the frame's own values, all pieces being near, so that they are the same at all points."""
    monkeypatch.setattr(burgers, "NEAR", PIECES * len(MIRRORS))
    problem = PROBLEMS[name]
    instances = problem.draw(3, generator())
    points = 0.2 + 0.6 * torch.rand(3, 7, 2, dtype=torch.float64, generator=generator(1))

    def frame(at: torch.Tensor) -> torch.Tensor:
        found = problem.frame(problem.jets, problem.jets.at(at), instances)
        jets = torch.cat([found.coordinates, found.lift, found.envelope], dim=-1)
        return jets.unflatten(2, found.piece.shape[1:]).flatten(3)

    jet, h = frame(points), 1e-4
    second = torch.zeros_like(jet[:, 0])
    for axis in range(2):
        step = h * torch.eye(2, dtype=torch.float64)[axis]
        far, near = frame(points + step)[:, 0], frame(points - step)[:, 0]
        assert jet[:, 1 + axis].numpy() == pytest.approx(((far - near) / (2 * h)).numpy(), rel=1e-5, abs=1e-6)
        if axis in problem.jets.second:
            second += (far - 2 * jet[:, 0] + near) / h**2
    assert jet[:, 3].numpy() == pytest.approx(second.numpy(), rel=1e-4, abs=1e-4)


def test_elements_of_poisson_converge_to_an_exact_solution() -> None:
    """No sources: u + u^3 / 30 is harmonic, and with c = 0 and g = a_0 + a_1 cos t known near the boundary."""
    instance = np.zeros(13)
    instance[6:8] = 0.5, 0.8
    errors = []
    for rings in (4, 8):
        elements = PoissonElements(rings)
        found = elements.solve(instance)
        x, y = elements.place(instance).T
        edge = np.exp(1j * np.linspace(0, 2 * np.pi, 256, endpoint=False))
        g = 0.5 + 0.8 * edge.real
        waves = np.fft.rfft(g + g**3 / 30).real / 128
        z = x + 1j * y
        harmonic = waves[0] / 2 + sum(waves[k] * (z**k).real for k in range(1, 8))
        u = harmonic.copy()
        for _ in range(20):
            u -= (u + u**3 / 30 - harmonic) / (1 + u**2 / 10)
        errors.append(elements.errors(found.values, u)[0])
        assert found.steps <= 6
    assert errors[0] < 1e-3
    assert errors[1] < errors[0] / 6  # third order and more


def test_values_carried_to_another_mesh_are_those_of_their_field() -> None:
    """A quadratic is: exactly where edges are straight, and nearly, as its coordinates are, where they curve."""
    instance = np.zeros(13)
    instance[11:] = 0.1, -0.05
    fine, coarse = PoissonElements(9), PoissonElements(6)
    (x, y), (a, b) = fine.place(instance).T, coarse.place(instance).T
    carried = fine.carried(coarse, a**2 - 3 * a * b)
    off = np.abs(carried - (x**2 - 3 * x * y))
    assert np.median(off) < 1e-12
    assert off.max() < 0.02


def test_rings_cover_the_disc_and_nest() -> None:
    rings = Rings.of(5)
    nodes = rings.nodes(np.ones_like)
    corner = nodes[rings.cells[:, :3]]
    area = 0.5 * np.linalg.det(corner[:, 1:] - corner[:, :1])
    assert (area > 0).all()
    assert area.sum() == pytest.approx(15 * math.sin(math.pi / 15), rel=1e-12)
    assert np.hypot(*nodes[rings.rim].T) == pytest.approx(1.0)
    assert rings.rim.sum() == 60


def test_hopf_and_cole_solve_burgers_equation() -> None:
    """Its residual, by differences; volumes converge to it at second order."""
    instance, x, t, h = np.array([0.7, -1.1]), np.linspace(0.03, 0.97, 23), 0.11, 1e-4
    u = exact(x, t, instance)
    later, earlier, right, left = (exact(x + a, t + b, instance) for a, b in ((0, h), (0, -h), (h, 0), (-h, 0)))
    residual = (later - earlier) / (2 * h) + u * (right - left) / (2 * h) - VISCOSITY * (right - 2 * u + left) / h**2
    assert np.abs(residual).max() < 1e-3 * np.abs((later - earlier) / (2 * h)).max()
    assert exact(np.array([0.0, 1.0]), t, instance) == pytest.approx(0.0, abs=1e-9)
    assert exact(x, 1e-4, instance) == pytest.approx(initial(x, instance), abs=0.05)
    errors = []
    for cells in (50, 100, 200):
        middle = (np.arange(cells) + 0.5) / cells
        true = exact(middle, t, instance)
        errors.append(np.linalg.norm(volumes(cells, np.array([t]), instance)[0] - true) / np.linalg.norm(true))
    assert errors[2] < 0.01
    assert errors[2] < errors[1] / 2 < errors[0] / 4
    found = BurgersElements(80).solve(instance, np.array([t]), x, 2e-3)[0]
    assert np.linalg.norm(found - u) < 0.02 * np.linalg.norm(u)


def test_a_rounded_minimum_has_the_derivatives_of_the_whole_function() -> None:
    jets, points = Jets(2, (0,)), torch.rand(2, 6, 2, dtype=torch.float64, generator=generator())
    turned = torch.tensor([[1.0, 2.0, -1.0], [0.5, -0.7, 1.5]], dtype=torch.float64)

    def pieces(point: torch.Tensor) -> torch.Tensor:
        return torch.sin(point @ turned + 0.3)

    found = jets.softmin(derivatives(jets, pieces, points), 0.4)
    whole = derivatives(jets, lambda point: -0.4 * torch.logsumexp(-pieces(point) / 0.4, dim=-1, keepdim=True), points)
    assert found.numpy() == pytest.approx(whole[..., 0].numpy(), rel=1e-12, abs=1e-12)


def test_the_residual_of_burgers_is_the_mean_of_what_its_pieces_lack() -> None:
    """Of pieces of any kind, weighted by their shares of Hopf's and Cole's sum."""
    problem = Burgers()
    instances = problem.draw(2, generator())
    points = problem.points(instances, 40, generator(1))
    jet = 0.1 * torch.randn(2, 4, 40, 5, dtype=torch.float64, generator=generator(2))
    lacking = jet[:, 2] + jet[:, 1].square() / 2 - VISCOSITY * jet[:, 3]
    share = torch.softmax(-jet[:, 0] / (2 * VISCOSITY), dim=-1)
    wanted = (EARLY + points[..., 1]) * (share * lacking).sum(dim=-1)
    found = problem.residual(problem.joined(problem.jets, jet), points, instances)
    assert found.numpy() == pytest.approx(wanted.numpy(), rel=1e-10, abs=1e-12)
    assert (found - lacking.mean(dim=-1)).abs().max() > 0.01


def test_burgers_begins_and_ends_at_the_walls_as_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    """At t = 0 the potential is the first one's, its slope the first wave, whatever the coefficients; at the walls u = 0."""
    basis = basis_of("burgers", Size(8, 2, 1), 0, torch.float64)
    problem, instances = Burgers(), basis.problem.draw(40, generator())
    z = 0.3 * torch.randn(40, PIECES * 8, dtype=torch.float64, generator=generator(1))
    x = torch.linspace(0, 1, 101, dtype=torch.float64)
    places = torch.stack([x, torch.zeros_like(x)], dim=-1).expand(40, -1, -1)
    with torch.no_grad():
        value, slope, _ = problem.joined(problem.seen, basis.fields(instances, places, problem.seen).jet(z)).unbind(dim=1)
    first, wave = (np.array([of(x.numpy(), one) for one in instances.numpy()]) for of in (potential, initial))
    assert value.numpy() == pytest.approx(first, abs=1e-3)
    assert slope.numpy() == pytest.approx(wave, abs=0.1)
    times = torch.linspace(0, 1, 21, dtype=torch.float64)
    for near, part, coefficients, most in ((PIECES * len(MIRRORS), 1.0, z, 1e-6), (burgers.NEAR, 0.95, 0 * z, 1e-3)):
        monkeypatch.setattr(burgers, "NEAR", near)
        for wall in (0.0, 1.0):
            at = torch.stack([torch.full_like(times, wall), times], dim=-1).expand(40, -1, -1)
            with torch.no_grad():
                u = basis.values(basis.fields(instances, at, problem.seen), coefficients)
            assert u.abs().quantile(part) < most


def test_pieces_are_where_the_first_wave_expands() -> None:
    """For sin pi x one, about a wall, its own image; for - 2 sin 2 pi x another; sin 4 pi x has three."""
    found = Pieces.of(torch.tensor([[0.0, 0.0], [-2.0, 0.0], [0.0, 2.0]], dtype=torch.float64))
    there = found.above.unflatten(1, (PIECES, len(MIRRORS))) < 1
    assert there.any(dim=2).sum(dim=1).tolist() == [1, 1, 3]
    assert there[:, 0].sum(dim=1).tolist() == [3, 5, 3]
    assert [one[0, 0].item() for one in found[:4]] == pytest.approx([0, -1, 1, math.pi], abs=1e-4)
    assert found.even[:, :: len(MIRRORS)].tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 1]]
    x = np.linspace(0, 1, 100001)
    slopes = np.gradient(initial(x, np.array([-2.0, 0.0])), x)
    assert found.middle[1, 0].item() == pytest.approx(x[slopes.argmax()], abs=1e-4)
    assert (found.left[1, 0].item(), found.right[1, 0].item()) == pytest.approx((0, 1), abs=1e-9)
    left, right = (one[2, :: len(MIRRORS)].tolist() for one in (found.left, found.right))
    assert left[1:] == pytest.approx(right[:-1])


@pytest.mark.parametrize("name", PROBLEMS)
def test_steps_of_gauss_and_newton_find_the_least_residual(name: str) -> None:
    """In float64 their gradient vanishes at the end."""
    basis = basis_of(name, Size(16, 2, 2), 0, torch.float64)
    instances = 0.5 * basis.problem.draw(2, generator())
    fields = basis.fields(instances, basis.problem.points(instances, 200, generator(1)), basis.problem.jets)
    start, *_, z = basis.path(instances, fields, 30)
    first, loss = (basis.residual(fields, one.requires_grad_(), instances).square().sum(dim=1) for one in (start, z))
    before, after = torch.autograd.grad(first.sum() + loss.sum(), (start, z))
    assert (after.abs().amax(dim=1) < 1e-4 * before.abs().amax(dim=1)).all()
    assert (loss < first).all()


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_loss_has_the_gradient_of_differences(name: str) -> None:
    """Of the steps and all: z may be held where it is at its best (variable projection), and only there."""
    slopes = {}
    for steps in (1, 30):
        basis = basis_of(name, Size(8, 2, steps), 0, torch.float64)
        instances = basis.problem.draw(2, generator())
        points = basis.problem.points(instances, 60, generator(1))
        basis.loss(instances, points).backward()
        weight = basis.trunk.layers[1].weight
        along = torch.randn(weight.shape, dtype=torch.float64, generator=generator(2))
        values = []
        with torch.no_grad():
            for step in (1e-5, -2e-5):
                weight.add_(step * along)
                values.append(basis.loss(instances, points).item())
        slopes[steps] = float((weight.grad * along).sum()), (values[0] - values[1]) / 2e-5
    held, differences = slopes[30]
    assert held == pytest.approx(differences, rel=1e-4)
    held, differences = slopes[1]
    assert held != pytest.approx(differences, rel=1e-3)


def test_learning_lowers_what_is_lacking_in_unseen_instances() -> None:
    basis = basis_of("poisson", Size(48, 2, 2), 0, torch.float32)
    instances = basis.problem.draw(6, generator(7))
    inner, outer = (basis.problem.points(instances, 300, generator(seed)) for seed in (8, 9))

    @torch.no_grad()
    def lacking() -> float:
        fields, others = (basis.fields(instances, points, basis.problem.jets) for points in (inner, outer))
        *_, z = basis.path(instances, fields, 2)
        return basis.residual(others, z, instances).square().mean(dim=1).sqrt().median().item()

    before = lacking()
    steps = learn(basis, Regime(4, 192, 2e-3, 10.0, 40), generator(), lambda step: None)
    assert [step.number for step in steps] == list(range(1, 41))
    assert lacking() < 0.95 * before


def test_the_basis_that_is_here_solves_unseen_instances() -> None:
    """Better than those that have learned nothing."""
    weights = Path(metapde_poisson.__file__).parent / "weights"
    basis, origin = load(weights / "metapde_poisson.safetensors", "poisson")
    elements, errors = PoissonElements(10), []
    for number, instance in enumerate(Poisson().draw(5, generator(11)).numpy()):
        true, nodes = elements.solve(instance).values, elements.place(instance)
        found = [solved(one, instance, nodes, 2, 1024, number)[-1].values for one in (basis, origin.basis())]
        errors.append([elements.errors(one, true)[0] for one in found])
    learned, unlearned = np.median(errors, axis=0)
    assert learned < 0.5 * unlearned
    assert learned < 0.01
    basis, origin = load(weights / "metapde_burgers.safetensors", "burgers")
    x = np.linspace(0, 1, 60)
    places, off = np.concatenate([np.column_stack([x, np.full_like(x, t)]) for t in (0.05, 0.3)]), []
    for instance in Burgers().draw(5, generator(11)).numpy():
        true = np.concatenate([exact(x, t, instance) for t in (0.05, 0.3)])
        found = [solved(one, instance, places, basis.steps, 2048, 0)[-1].values for one in (basis, origin.basis())]
        off.append([np.linalg.norm(one - true) / np.linalg.norm(true) for one in found])
    learned, unlearned = np.median(off, axis=0)
    assert learned < 0.7 * unlearned
    assert learned < 0.02


def test_training_by_steps_is_the_same_twice(tmp_path: Path) -> None:
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for file in files:
        train.main(["burgers", "--out", str(file), "--steps", "3", *TINY])
    (one, _), (other, _) = (load(file, "burgers") for file in files)
    assert all(torch.equal(a, b) for a, b in zip(one.trunk.parameters(), other.trunk.parameters(), strict=True))
    with pytest.raises(InputError, match="learned for burgers, not for poisson"):
        load(files[0], "poisson")
    files[1].write_bytes(files[0].read_bytes()[:-10])
    with pytest.raises(InputError, match="no learned basis that fits"):
        load(files[1], "burgers")


def test_a_basis_is_learned_where_there_is_torch_alone(tmp_path: Path) -> None:
    missing = ("dolfinx", "mpi4py", "petsc4py", "gmsh", "shapely", "scipy", "matplotlib", "pyvista")
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules.update(dict.fromkeys({missing!r}))")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "mnnfem.metapde.train", "poisson", "--out", str(tmp_path / "w"), "--steps", "2", *TINY]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "w", "poisson")[1].steps == 2


@pytest.mark.parametrize(("workflow", "rival"), [(metapde_poisson, "P2, 8 rings"), (metapde_burgers, "volumes, 100 cells")])
def test_the_workflows_judge_what_was_learned(
    workflow: ModuleType, rival: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a tiny setting: the bar is missed and said so, the rival is good, the file of weights is judged alike again."""
    monkeypatch.setattr(workflow, "BAR", 1e-6)
    monkeypatch.setattr(workflow, "COARSE", (int(rival.split()[1]),))
    monkeypatch.setattr(metapde_burgers, "ELEMENTS", (20,))
    sizes = [*TINY, "--iterations", "3", "--instances", "2", "--judged", "64", "--json"]
    sizes += ["--rings", "10"] if workflow is metapde_poisson else []
    results = []
    for run, more in (("a", []), ("b", ["--weights", str(tmp_path / "a/checkpoint/basis.safetensors")])):
        assert workflow.main([*sizes, *more, "--out", str(tmp_path / run)]) == 1
        results.append(json.loads(capsys.readouterr().out))
    one, other = results
    assert one["missed"] == ["a median of at most 0.0%"]
    assert one[f"{rival}: p95"] < 0.05 < one["learned, 0 steps: median"]
    assert one["training steps"] == 3
    same = [name for name, value in one.items() if "median" in name or "worst" in name]
    assert len(same) > 8
    assert [other[name] for name in same] == [one[name] for name in same]
    for name in ("fields.png", "cost.png"):
        with Image.open(tmp_path / "a" / name) as image:
            assert np.asarray(image.convert("L")).std() > 5


def test_mistakes_are_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["poisson", "--out", str(tmp_path / "none" / "w")], "there is no folder"),
        (["poisson", "--out", str(tmp_path / "w"), "--steps", "0"], "are above 0"),
        (["poisson", "--out", str(tmp_path / "w"), "--device", "cuda"], "torch sees no GPU here"),
    ):
        if "cuda" in arguments and torch.cuda.is_available():
            continue
        with pytest.raises(SystemExit) as stop:
            train.main(arguments)
        assert stop.value.code == 2
        assert said in capsys.readouterr().err
