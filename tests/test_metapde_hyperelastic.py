"""The pressed square with pores: its mesh, steps of its energy, a last layer learned from targets, training, the workflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial import cKDTree

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, signed_measures
from mnnfem.metapde.descent import LAST, guessed, learn, share_at
from mnnfem.metapde.nodal import LastLayer, Nodal, Waves, load, save
from mnnfem.metapde.pores import FAMILIES, ROUND, Family, Pores, radius
from mnnfem.metapde.pores_fem import CONTROLS, PoreElements
from workflows import metapde_hyperelastic

MODERATE = Family((0.3, 0.0, 0.0), (0.8, 0.0, 0.0))
EXTREMES = np.array([[0.2, 0, 0], [1.19, 0, 0], *([s, a, b] for s in (0.2, 1.0) for a in (-0.1, 0.1) for b in (-0.1, 0.1))])


@pytest.fixture(scope="module")
def elements() -> PoreElements:
    return PoreElements(2, 1)


def layer(width: int = 12, size: int = 3, inputs: int = 1) -> LastLayer:
    rng = np.random.default_rng(0)
    return LastLayer(Waves.drawn(inputs, width, 2.0, rng), rng.uniform(-1, 1, (200, inputs)), size)


def test_pores_have_their_area_and_a_mesh_that_is_its_own_image() -> None:
    pores = Pores.of(8, 2)
    for instance in EXTREMES:
        points = pores.points(instance)
        areas = signed_measures(points, pores.mesh.cells)
        assert areas.min() > 0
        assert areas.sum() == pytest.approx(1 - instance[0] ** 2 / 2, abs=0.01)
        for sign, shift in (((-1, 1), (1, 0)), ((1, -1), (0, 1))):
            assert cKDTree(points).query(points * sign + shift)[0].max() < 1e-12
    assert radius(ROUND, np.zeros(1)) == pytest.approx(0.0997, abs=1e-4)
    assert {name: np.unique(pores.mesh.points[edges, 1]).tolist() for name, edges in pores.mesh.facets.items()} == {
        "bottom": [0.0],
        "top": [1.0],
    }
    for numbers in ((3, 1), (0, 1), (2, 0)):
        with pytest.raises(InputError, match="even number of edges"):
            Pores.of(*numbers)


def test_the_coarser_mesh_of_an_instance_has_its_displacement_nearly(elements: PoreElements) -> None:
    fine, instance = PoreElements(4, 2), np.array([0.5, 0.05, -0.05])
    true = fine.solve(instance)
    carried = fine.carried(elements, elements.solve(instance).displacement, instance)
    fine.place(instance)
    l2, h1 = fine.errors(carried, true.displacement)
    assert 1e-4 < l2 < 0.03
    assert l2 < h1 < 0.3
    assert fine.errors(true.displacement, true.displacement) == (0.0, 0.0)


@pytest.mark.parametrize("scale", [0.5, 1.1])
def test_steps_of_newton_end_at_what_the_solver_certifies(elements: PoreElements, scale: float) -> None:
    """From even compression, which is a saddle where pores are large; each lowers the energy."""
    instance = np.array([scale, 0.0, 0.0])
    true = elements.solve(instance)
    u = elements.lift(elements.place(instance))
    assert u[elements.solid.prescribed] == pytest.approx(elements.solid.lift(CONTROLS)[elements.solid.prescribed], abs=0)
    for _ in range(40):
        before, u = elements.energy(u), elements.newton(u)
        assert elements.energy(u) <= before
    assert elements.errors(u, true.displacement)[0] < 1e-6


def test_reduced_steps_find_the_least_energy_among_the_fields(elements: PoreElements) -> None:
    """The solution, where its field is among them; the forces on the fields vanish."""
    instance = np.array([0.6, 0.0, 0.0])
    true = elements.solve(instance).displacement
    u = lift = elements.lift(elements.place(instance))
    others = np.where(elements.solid.free[:, None], np.random.default_rng(0).normal(size=(len(u), 2)), 0.0)
    fields = np.linalg.qr(np.column_stack([true - lift, others]))[0]
    for _ in range(12):
        u = elements.reduced(u, fields)
    assert elements.errors(u, true)[0] < 1e-6
    assert np.abs(fields.T @ elements.solid.on_free(elements.solid.residual(u))).max() < 1e-8


def test_a_last_layer_is_as_near_to_a_target_as_was_wanted() -> None:
    one, q, target = layer(), np.array([0.3]), np.array([1.0, -2.0, 0.5])
    assert not one(q).any()
    one.show(q, target, 0.25)
    assert one(q) == pytest.approx(0.25 * target)
    one.show(q, target)
    assert one(q) == pytest.approx(target)
    far = np.abs(one(np.array([-0.9]))).max()
    assert far < 0.5  # the metric of the family keeps the change near


def test_a_last_layer_learns_a_function_and_its_fields_are_few() -> None:
    """Two fields; what is kept of them is the whole, and comes back from its file."""
    rng, one = np.random.default_rng(1), layer(size=40)
    fields = rng.normal(size=(2, 40))

    def truth(q: Floats) -> Floats:
        return np.array([np.sin(2 * q[0]), q[0] ** 2]) @ fields

    for _ in range(600):
        q = rng.uniform(-1, 1, 1)
        one.show(q, truth(q))
    found = one.learned()
    assert found.fields.shape[1] < 8
    assert np.abs(found.fields.T @ found.fields - np.eye(found.fields.shape[1])).max() < 1e-12
    for q in rng.uniform(-1, 1, (5, 1)):
        assert np.linalg.norm(found(q) - truth(q)) < 0.02 * np.linalg.norm(truth(q))
        assert found(q) == pytest.approx(one(q), abs=1e-3)


def test_less_is_learned_from_the_last_targets() -> None:
    shares = [share_at(done) for done in np.linspace(0, 1, 21)]
    assert shares[:11] == [1.0] * 11
    assert shares[-1] == pytest.approx(LAST)
    assert np.all(np.diff(shares) <= 0)


def test_a_guess_that_turns_elements_over_is_cut_short(elements: PoreElements) -> None:
    lift = elements.lift(elements.place(np.array([0.8, 0.0, 0.0])))
    wild = np.where(elements.solid.free, np.random.default_rng(0).normal(size=len(lift)), 0.0)
    assert not np.isfinite(elements.energy(lift + wild))
    assert guessed(elements, lift, wild) == pytest.approx(lift, abs=0)
    small = guessed(elements, lift, 0.05 * wild)
    assert np.isfinite(elements.energy(small))
    assert guessed(elements, lift, 1e-6 * wild) == pytest.approx(lift + 1e-6 * wild, abs=0)


def trained(elements: PoreElements, family: Family, steps: int) -> Nodal:
    rng = np.random.default_rng(0)
    q = family.scaled(family.draw(256, rng, to_learn=True))
    one = LastLayer(Waves.drawn(q.shape[1], 16, 2.0, rng), q, elements.solid.size)
    learn(elements, family, one, steps, rng)
    return one.learned()


def test_training_on_the_energy_alone_solves_unseen_instances(elements: PoreElements, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a solve, and the same twice; where no step is taken nothing is learned."""
    unseen = MODERATE.draw(3, np.random.default_rng(7))
    truths = [elements.solve(one).displacement for one in unseen]

    def errors(found: Callable[[Floats], Floats]) -> list[float]:
        off = []
        for instance, true in zip(unseen, truths, strict=True):
            u = elements.lift(elements.place(instance)) + found(MODERATE.scaled(instance))
            off.append(elements.errors(u, true)[1])
        return off

    with monkeypatch.context() as patch:
        patch.setattr(elements.body, "solve", None)
        found = trained(elements, MODERATE, 120)
        again, other = (trained(PoreElements(2, 1), MODERATE, 20) for _ in range(2))
        patch.setattr(elements, "newton", lambda u: u)
        idle = trained(elements, MODERATE, 20)
    assert max(errors(found)) < 0.05
    assert min(errors(idle)) > 0.3
    assert np.array_equal(again.fields, other.fields)
    assert np.array_equal(again.coefficients, other.coefficients)


def test_weights_come_back_from_their_file_and_others_are_refused(tmp_path: Path) -> None:
    rng, file = np.random.default_rng(2), tmp_path / "w.safetensors"
    fields = np.linalg.qr(rng.normal(size=(20, 3)))[0]
    found = Nodal(Waves.drawn(2, 8, 2.0, rng), rng.normal(size=(3, 8)), fields)
    save(file, found, {"family": "radius", "steps": 5})
    back, told = load(file, {"family": "radius"})
    assert told["steps"] == 5
    q = np.array([0.3, -0.5])
    assert back(q) == pytest.approx(found(q), rel=1e-5)
    with pytest.raises(InputError, match="learned for family radius, here it is shape"):
        load(file, {"family": "shape"})
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="not as it was written"):
        load(file, {})


@pytest.mark.slow
def test_the_workflow_judges_what_was_learned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a tiny setting: bars are missed and said so, the solver agrees with itself, the file is judged alike again."""
    monkeypatch.setattr(metapde_hyperelastic, "COARSE", ())
    monkeypatch.setattr(metapde_hyperelastic, "PICTURES", 1)
    monkeypatch.setitem(metapde_hyperelastic.TABLE, "radius", 5)
    monkeypatch.setitem(FAMILIES, "radius", MODERATE)
    sizes = ["--around", "2", "--layers", "1", "--steps", "6", "--instances", "2", "--newton", "1", "--json"]
    results = []
    for run, more in (("a", []), ("b", ["--weights", str(tmp_path / "a/checkpoint/fields.safetensors")])):
        assert metapde_hyperelastic.main([*sizes, *more, "--out", str(tmp_path / run)]) == 1
        results.append(json.loads(capsys.readouterr().out))
    one, other = results
    assert [bar.split(" of ")[0] for bar in one["missed"]] == ["p95", "h1 p95", "excess p95"]
    assert one["solver, from rest: worst"] < 1e-6
    assert one["interpolated: median"] < 0.01 < one["learned, 1 steps: median"]
    assert one["learned, 1 steps: excess median"] < one["learned, 0 steps: excess median"]
    assert one["learned, 1 steps: least det F"] > 0
    same = [name for name in one if "median" in name or "worst" in name]
    assert len(same) > 12
    assert [other[name] for name in same] == pytest.approx([one[name] for name in same], rel=1e-3, abs=1e-9)
    for name in ("fields.png", "cost.png"):
        with Image.open(tmp_path / "a" / name) as image:
            assert np.asarray(image.convert("L")).std() > 5
