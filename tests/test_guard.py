"""A mesh that a design has moved too far is made anew, and everything else goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mpi4py import MPI

from geometries.round_pores import round_pores
from mnnfem import checkpoint
from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.boundary import Boundary, Drive
from mnnfem.controller import Controller
from mnnfem.ensemble import Ensemble
from mnnfem.errors import InputError
from mnnfem.experiment import LEARNED, train_arm
from mnnfem.formulation import Formulation
from mnnfem.geometry import Geometry
from mnnfem.guard import Guard
from mnnfem.material import NeoHookean
from mnnfem.mesh import Mesh
from mnnfem.outline import Outline, outlined
from mnnfem.parameters import alike
from mnnfem.plan import body_makers
from mnnfem.plant import Plant
from mnnfem.progress import Progress
from mnnfem.quality import mean_ratios, measure_ratios
from mnnfem.runfolder import RunFolder
from mnnfem.solid import Solid
from mnnfem.task import Translation
from mnnfem.trainer import Schedule, train
from mnnfem.transfer import Transfer, locate
from mnnfem.warmstart import Library
from tests.conftest import panel_boundary, strip
from workflows.translation import TranslationSettings, experiment

LAW = NeoHookean()
EAGER = Guard(quality=0.9, size=0.9)
PRESS = Boundary(("bottom",), (Drive("top", (0.0, 1.0), 10.0),))


def block() -> Geometry:
    """A strip 4 x 2 mm whose round hole moves along x, and past its end: radius 0.5, place 1 to 5."""
    turn = torch.arange(24, dtype=torch.float64) * (-2 * torch.pi / 24)
    around = 0.5 * torch.stack([turn.cos(), turn.sin()], dim=1)
    x = np.linspace(0, 4, 13)
    rim = [*zip(x, 0 * x, strict=True), *((4, y) for y in (0.5, 1.0, 1.5)), *zip(x[::-1], 0 * x + 2, strict=True)]
    rim = torch.tensor([*rim, *((0, y) for y in (1.5, 1.0, 0.5))], dtype=torch.float64)

    def at(design: torch.Tensor) -> torch.Tensor:
        return torch.cat([rim, around + torch.stack([design[0], torch.ones_like(design[0])])])

    edges = np.stack([np.arange(len(rim)), (np.arange(len(rim)) + 1) % len(rim)], axis=1)
    loops = (np.arange(len(rim)), len(rim) + np.arange(24))
    facets = {"bottom": edges[:12], "top": edges[16:28]}
    return outlined(Outline(loops, facets, at, names=("the rim", "the hole")), alike(["place"], 1.0, (1.0, 5.0)))


def test_the_worst_element_is_named_and_limits_are_kept() -> None:
    mesh = strip(4.0, 2.0, 4, 2)
    guard, points = Guard(quality=0.5, size=0.1), mesh.points.copy()
    assert guard.breach(mesh, points) is None
    flat = points * [1.0, 0.15]
    assert mean_ratios(flat, mesh.cells).min() < 0.5 < mean_ratios(mesh.points, mesh.cells).min()
    breach = guard.breach(mesh, flat)
    assert breach.quality == pytest.approx(mean_ratios(flat, mesh.cells).min())
    assert breach.size == pytest.approx(0.15)
    assert Guard(quality=0.0, size=0.1).breach(mesh, flat) is None
    assert Guard(quality=0.0, size=0.2).breach(mesh, flat).size == pytest.approx(0.15)
    points[mesh.cells[7, 2]] = points[mesh.cells[7, :2]].mean(axis=0) * 2 - points[mesh.cells[7, 2]]
    inverted = Guard(quality=0.0, size=0.0).breach(mesh, points)
    assert inverted.element == np.argmin(mean_ratios(points, mesh.cells))
    assert "is inverted: quality -" in inverted.sentence
    assert guard.breach(mesh, np.full_like(points, np.nan)) is not None


def test_an_element_that_was_made_bad_is_not_blamed_on_the_design() -> None:
    """Otherwise a mesh that gmsh can make no better would be made anew at every step."""
    mesh = strip(4.0, 0.05, 4, 2)
    least = mean_ratios(mesh.points, mesh.cells).min()
    assert least < 0.1
    guard = Guard(quality=0.2, size=0.0)
    assert guard.breach(mesh, mesh.points) is None
    assert guard.breach(mesh, mesh.points * [1.0, 0.6]) is None
    assert guard.breach(mesh, mesh.points * [1.0, 0.4]) is not None


def test_places_are_found_inside_on_edges_and_outside() -> None:
    mesh = strip(4.0, 2.0, 8, 4)
    rng = np.random.default_rng(0)
    at = np.concatenate([rng.uniform(0, 1, (200, 2)) * [4, 2], mesh.points, [[4.1, 1.0]]])
    places = locate(mesh.points, mesh.cells, at)
    assert places.weight.min() >= 0
    back = np.einsum("kc,kcd->kd", places.weight, mesh.points[mesh.cells[places.cell]])
    assert back[:-1] == pytest.approx(at[:-1], abs=1e-12)
    assert back[-1] == pytest.approx([4.0, 1.0], abs=0.05)


@pytest.mark.parametrize("degree", [1, 2])
def test_a_field_of_the_elements_degree_is_carried_exactly(degree: int) -> None:
    old, new = (
        Solid(mesh, LAW, PRESS, MPI.COMM_SELF, Formulation(degree)) for mesh in (strip(4.0, 2.0, 8, 4), strip(4.0, 2.0, 7, 5))
    )

    def field(x: np.ndarray) -> np.ndarray:
        quadratic = x[:, 0] * x[:, 1] * (degree - 1)
        return np.stack([2 * x[:, 0] + quadratic, x[:, 1] - 3 * x[:, 0] * x[:, 1] * (degree - 1)], axis=1) * x[:, 1:] ** 0

    nodes = [solid.space.tabulate_dof_coordinates()[:, :2] for solid in (old, new)]
    from mnnfem.equilibrium import Start

    carried = Transfer(old, old.mesh.points, new, new.mesh.points)(Start(field(nodes[0]).ravel(), np.array([0.3])))
    assert carried.displacement[new.free] == pytest.approx(field(nodes[1]).ravel()[new.free], abs=1e-12)
    assert carried.displacement[new.prescribed] == pytest.approx(new.lift(np.array([0.3]))[new.prescribed])


def test_states_are_carried_to_the_new_mesh_and_cost_less_than_from_rest() -> None:
    """A buckled panel. Factorisations: 4 from rest, 2 from the carried state: one to start with, one to certify."""
    geometry, library = round_pores(4, 4, elements=24), Library()
    design = torch.from_numpy(geometry.parameters.start) + 0.08
    control = np.array([-5.0])
    plant = Plant(geometry, lambda mesh: Body(mesh, LAW, PRESS, comm=MPI.COMM_SELF, factors=4), EAGER)
    library.add(plant.physics.solve(geometry.points(design).numpy(), control, LAW.values))
    renewal = plant.renew(design, library)
    assert renewal.breach.size < 0.9
    assert renewal.elements == len(plant.geometry.mesh.cells) != len(geometry.mesh.cells)
    points, counts = plant.geometry.points(design).numpy(), []
    assert points == pytest.approx(plant.geometry.mesh.points, abs=1e-12)
    start = library.nearest(control)
    for one in (start, None):
        found = plant.physics.solve(points, control, LAW.values, one)
        assert found.record.warm == (one is not None)
        counts.append(found.record.factorisations)
    assert counts[0] <= 2 < counts[1]
    assert found.record.kicks > 0
    assert np.abs(start.displacement - found.displacement).max() < 0.1 * np.abs(found.displacement).max()
    assert plant.renew(design, library) is None


def test_a_hole_may_go_farther_than_its_first_mesh_and_a_bad_design_is_refused_in_a_sentence() -> None:
    plant, renewals = Plant(block(), lambda mesh: None, Guard(0.1, 0.05)), 0
    for place in np.linspace(1.0, 3.2, 12):
        renewals += plant.renew(torch.tensor([place])) is not None
        points = plant.geometry.points(torch.tensor([place])).numpy()
        assert measure_ratios(plant.geometry.mesh, points).min() > 0.05
    assert renewals >= 1
    with pytest.raises(InputError, match=r"must be made anew, as element \d+ .* but it cannot: The outline bounds no body"):
        plant.renew(torch.tensor([4.0], dtype=torch.float64))


def model(panel: Geometry, guard: Guard) -> Autoencoder:
    torch.manual_seed(0)
    plant = Plant(panel, lambda mesh: Body(mesh, LAW, panel_boundary(), comm=MPI.COMM_SELF, factors=4), guard)
    return Autoencoder(Controller(2, [40.0, 40.0]), plant, LAW)


def test_training_goes_on_through_a_new_mesh(panel: Geometry, tmp_path: Path) -> None:
    """The optimiser does not notice: the losses differ by what the meshes differ; and the checkpoint knows the mesh."""
    losses, trained = [], None
    for guard in (Guard(), Guard(quality=0.3)):
        trained = model(panel, guard)
        steps = list(train(trained, Translation(), torch.Generator().manual_seed(0), Schedule(6, 2, 0.003, 0.08), Library()))
        losses.append([step.loss for step in steps])
        renewals = [step for step in steps if step.renewal]
        assert bool(renewals) == (guard.quality == 0.3)
    assert renewals[0].iteration > 0
    assert renewals[0].renewal.breach.quality < 0.3 < renewals[0].renewal.quality
    assert renewals[0].warm == renewals[0].solves
    assert losses[1] == pytest.approx(losses[0], rel=0.1)
    assert losses[1] != losses[0]
    folder = RunFolder(tmp_path / "run")
    checkpoint.save(folder, trained, {})
    loaded = model(panel, Guard())
    checkpoint.load(folder.path, loaded)
    assert loaded.geometry.mesh.points == pytest.approx(trained.geometry.mesh.points)
    assert torch.equal(loaded.points(), trained.points())
    assert loaded.plant.physics.observables["centre"] == trained.geometry.mesh.vertex("centre")


@pytest.mark.mpi
def test_gmsh_runs_on_one_rank_and_its_errors_reach_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same body over all ranks: same event, same mesh, a warm solve; and one sentence where there is no mesh."""
    import mnnfem.outline

    world, meshed, count = MPI.COMM_WORLD, mnnfem.outline._meshed, [0]

    def counted(*arguments):  # type: ignore[no-untyped-def]
        count[0] += 1
        return meshed(*arguments)

    def make(mesh: Mesh) -> Body:
        return Body(mesh, LAW, PRESS, comm=world)

    plant, library = Plant(block(), make, Guard(0.3, 0.3), Ensemble.of(world, world.size)), Library()
    monkeypatch.setattr(mnnfem.outline, "_meshed", counted)
    design, control = torch.tensor([2.0], dtype=torch.float64), np.array([-0.1])
    start = plant.geometry.parameters.start
    library.add(plant.physics.solve(plant.geometry.points(torch.from_numpy(start)).numpy(), control, LAW.values))
    renewal = plant.renew(design, library)
    assert world.allgather(count[0]) == [1] + [0] * (world.size - 1)
    assert len(set(world.allgather(renewal.sentence))) == 1
    assert all(np.array_equal(points, plant.geometry.mesh.points) for points in world.allgather(plant.geometry.mesh.points))
    solution = plant.physics.solve(plant.geometry.points(design).numpy(), control, LAW.values, library.nearest(control))
    assert solution.record.warm

    def failing(*_):  # type: ignore[no-untyped-def]
        assert world.rank == 0, "gmsh was called on another rank"
        raise InputError(f"gmsh cannot mesh the outline (planted on rank {world.rank})")

    monkeypatch.setattr(mnnfem.outline, "_meshed", failing)
    with pytest.raises(InputError, match="planted on rank 0") as caught:
        plant.renew(torch.tensor([3.0], dtype=torch.float64))
    assert len(set(world.allgather(str(caught.value)))) == 1


def test_the_event_is_in_the_metrics_and_on_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = TranslationSettings(iterations=4, batch=1, design_rate=0.12, least_quality=0.3)
    plan, folder = experiment(settings), RunFolder(tmp_path / "run")
    progress = Progress(folder, Ensemble.alone(), settings.checkpoint_minutes)
    train_arm(
        LEARNED,
        plan,
        settings,
        body_makers(plan.law, plan.boundary, Ensemble.alone(), settings.batch),
        plan.task.sample(1, torch.Generator()),
        progress,
    )
    lines = [json.loads(line) for line in folder.file("metrics.jsonl").read_text().splitlines()]
    told = [line for line in lines if line["renewal"]]
    assert told
    first = told[0]["renewal"]
    assert first["quality"] > first["breach"]["quality"]
    assert f"iteration {told[0]['iteration']}: element {first['breach']['element']} at (" in capsys.readouterr().err
