"""How a digit display is trained: states and colours chosen from a bank, then refined, then driven by images."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.bridge import Bridge
from mnnfem.controller import Controller
from mnnfem.display import bank
from mnnfem.display.arms import ALL, Arm, Display, Shown, ShowSettings, Start, size_of
from mnnfem.display.assignment import assign
from mnnfem.display.choice import Choice
from mnnfem.display.colours import Colours
from mnnfem.display.images import Images
from mnnfem.display.recognition import head_accuracy, learn, recogniser
from mnnfem.display.segments import LIT
from mnnfem.display.show import Show
from mnnfem.display.windows import marks
from mnnfem.ensemble import Ensemble
from mnnfem.experiment import FROZEN, followed
from mnnfem.guard import Guard
from mnnfem.mesh import Mesh
from mnnfem.plant import Plant
from mnnfem.runfolder import RunFolder
from mnnfem.trainer import evaluate, train
from mnnfem.verify import on_finer_mesh
from mnnfem.warmstart import Library

SLOWER = 0.1  # rates of radii and colours when images follow the digits, over those before: they are to be kept
WITHIN = 0.97  # of the bounds: where a table of controls begins, as tanh has no slope at them


def begin(display: Display, settings: ShowSettings, body: Body, ensemble: Ensemble) -> Start:
    """Fill the bank at the start design, and choose colours and states for the ten digits."""
    began = time.perf_counter()
    points = display.geometry.points(torch.from_numpy(display.geometry.parameters.start))
    bounds = np.array([drive.bound for drive in display.boundary.drives])
    controls = bank.random_controls(settings.states, bounds, np.random.default_rng(settings.seed))
    bridge = Bridge(body, skip_failures=True, ensemble=ensemble)
    states = bank.fill(bridge, points, controls, torch.from_numpy(display.law.values))
    mesh = display.geometry.mesh
    weights = torch.stack([display.windows.weights(marks(mesh, points + one)) for one in states.displacement])
    colours = Colours(size_of(display.geometry), settings.colour_spacing)
    chosen = assign(
        weights, marks(mesh, points), colours, LIT, torch.Generator().manual_seed(settings.seed), settings.restarts
    )[0]
    chosen = ensemble.agree(chosen)  # processors of different makes round differently
    if ensemble.root:
        told = f"bank of {len(weights)} states: {chosen.exact} of 10 digits shown, error {chosen.error:.2f}"
        print(told, file=sys.stderr)
    return Start(states.controls[chosen.state], chosen, states, time.perf_counter() - began)


def train_display(
    name: str,
    display: Display,
    settings: ShowSettings,
    start: Start,
    ensemble: Ensemble,
    make: Callable[[Mesh], Body],
    folder: RunFolder,
) -> Arm:
    """Train one arm: controls, colours and radii for the ten digits, then a network with all of these for images."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    bounds = [drive.bound for drive in display.boundary.drives]
    colours = Colours(size_of(display.geometry), settings.colour_spacing)
    with torch.no_grad():
        colours.logits.copy_(start.chosen.logits)
    plant = Plant(display.geometry, make, Guard(settings.least_quality), ensemble)
    model = Autoencoder(table(start.controls, bounds), plant, display.law, colours)
    design_rate = 0.0 if name == FROZEN else settings.design_rate
    steps, clock = {}, [time.perf_counter()]

    def stage(what: str, task: Show, iterations: int, batch: int, rate: float, share: float) -> None:
        loop = train(
            model,
            task,
            generator,
            iterations,
            batch,
            rate,
            share * design_rate,
            starts=Library(),
            overlap_weight=settings.overlap_penalty,
            most_failed=settings.most_failed,
            ramp=settings.ramp,
            readout_rate=share * settings.colour_rate,
        )
        steps[what] = followed(loop, iterations, f"{name}, {what}", task, model, settings.seed, folder)
        clock.append(time.perf_counter())

    digits = Show(display.windows, colours, plant, torch.eye(len(ALL), dtype=torch.float64), ALL)
    stage("digits", digits, settings.iterations, len(ALL), settings.control_rate, 1.0)
    classes, controls = show(model, digits, ALL), model.controller(digits.images).detach()
    fine = on_finer_mesh(model, make, 1)
    finer = show(fine, replace(digits, plant=fine.plant), ALL)
    clock.append(time.perf_counter())
    if display.images is None:
        return Arm(model, steps, controls, classes, finer, None, None, clock[1] - clock[0], clock[2] - clock[1])

    shares = display.images
    network = recogniser(shares.train.pixels.shape[1])
    learn(network, shares.train, shares.validation, settings.epochs, generator)
    model.controller = choice = Choice(network, controls, bounds)
    model.agree_()
    images = Show(display.windows, colours, plant, shares.train.pixels, shares.train.digits)
    stage("images", images, settings.image_iterations, settings.batch, settings.network_rate, SLOWER)
    test = Images(shares.test.pixels[: settings.heldout], shares.test.digits[: settings.heldout])
    shown = show(model, Show(display.windows, colours, plant, test.pixels, test.digits), torch.arange(len(test.digits)))
    head = head_accuracy(choice, test, choice.states())
    seconds = np.diff([*clock, time.perf_counter()])
    trained, tested = float(seconds[0] + seconds[2]), float(seconds[1] + seconds[3])
    return Arm(model, steps, controls, classes, finer, shown, head, trained, tested)


def table(controls: torch.Tensor, bounds: list[float]) -> Controller:
    """A controller of no hidden layer, whose input k alone (a row of the unit matrix) gives the controls (k, c) mm."""
    controller = Controller(len(controls), bounds, hidden=())
    weight, bias = controller.parameters()
    with torch.no_grad():
        weight.copy_(torch.atanh((controls / controller.bounds).clamp(-WITHIN, WITHIN)).T)
        bias.zero_()
    return controller


@torch.no_grad()
def show(model: Autoencoder, task: Show, targets: torch.Tensor) -> Shown:
    """What the windows show for these images, every equilibrium ramped from rest."""
    tested = evaluate(model, task, targets)
    response = tested.response.moved_to(tested.displacement)
    return Shown(model.geometry.mesh, tested, task.seen(response), task.digits[targets], task.colours(response.points))
