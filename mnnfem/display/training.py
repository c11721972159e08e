"""How a digit display is trained: states and colours chosen from a bank, then refined, then driven by images."""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from mnnfem import checkpoint
from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.bridge import Bridge
from mnnfem.controller import Controller
from mnnfem.display import bank
from mnnfem.display.arms import ALL, Arm, Display, Shown, ShowSettings, Start, Tested, size_of
from mnnfem.display.assignment import assign
from mnnfem.display.bankfile import store, stored
from mnnfem.display.choice import Choice
from mnnfem.display.colours import Colours
from mnnfem.display.images import Images
from mnnfem.display.recognition import head_accuracy, learn, recogniser
from mnnfem.display.segments import LIT
from mnnfem.display.show import Show
from mnnfem.display.windows import marks
from mnnfem.experiment import FROZEN, trained
from mnnfem.guard import Guard
from mnnfem.plan import Makers, body_maker
from mnnfem.plant import Limits, Plant
from mnnfem.progress import Progress
from mnnfem.starting import remembered
from mnnfem.trainer import Schedule, Step, adam, evaluate
from mnnfem.trainingstate import Training
from mnnfem.verify import on_finer_mesh
from mnnfem.warmstart import CAPACITY, FEW

HIDDEN = (100, 100)
EACH = Images(torch.eye(len(ALL), dtype=torch.float64), ALL)  # the ten digits, told by their number
WITHIN = 0.97  # of the bounds: where a table of controls begins, as tanh has no slope at them


def begin(display: Display, settings: ShowSettings, body: Body, progress: Progress) -> Start:
    """What the bank gives, which is read where the run has been interrupted after it."""
    start = stored(progress, display)
    if start is None:
        start = choose(display, settings, body, progress)
        store(start, progress)
    if progress.ensemble.root:
        found = f"{start.chosen.exact} of 10 digits shown, error {start.chosen.error:.2f}"
        print(f"bank of {len(start.states.controls)} states: {found}", file=sys.stderr)
    return start


def choose(display: Display, settings: ShowSettings, body: Body, progress: Progress) -> Start:
    """Fill the bank at the start design, and choose colours and states for the ten digits."""
    began, ensemble = time.perf_counter(), progress.ensemble
    points = display.geometry.points(torch.from_numpy(display.geometry.parameters.start))
    bounds = np.array([drive.bound for drive in display.boundary.drives])
    controls = bank.random_controls(settings.states, bounds, np.random.default_rng(settings.seed))
    bridge = Bridge(body, skip_failures=True, ensemble=ensemble)
    states = bank.fill(bridge, points, controls, torch.from_numpy(display.law.values), progress.pause)
    mesh = display.geometry.mesh
    weights = torch.stack([display.windows.weights(marks(mesh, points + one)) for one in states.displacement])
    colours = Colours(size_of(display.geometry), settings.colour_spacing)
    chosen = assign(
        weights, marks(mesh, points), colours, LIT, torch.Generator().manual_seed(settings.seed), settings.restarts
    )[0]
    chosen = ensemble.agree(chosen)  # processors of different makes round differently
    return Start(states.controls[chosen.state], chosen, states, time.perf_counter() - began)


def train_display(
    name: str,
    display: Display,
    settings: ShowSettings,
    start: Start,
    makers: Makers,
    progress: Progress,
    limits: Limits | None = None,
) -> Arm:
    """Train one arm: controls, colours and radii for the ten digits, then a network with all of these for images; test it."""
    began, frozen = time.perf_counter(), name == FROZEN
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    bounds = [drive.bound for drive in display.boundary.drives]
    colours = Colours(size_of(display.geometry), settings.colour_spacing)
    with torch.no_grad():
        colours.logits.copy_(start.chosen.logits)
    plant = Plant(display.geometry, makers.first, Guard(settings.least_quality), progress.ensemble, None if frozen else limits)
    model = Autoencoder(table(start.controls, bounds), plant, display.law, colours)
    steps: dict[str, list[Step]] = {}
    optimiser = adam(model)

    def stage(what: str, images: Images, schedule: Schedule) -> None:
        task = Show(display.windows, colours, model.plant, images.pixels, images.digits)
        starts = remembered(settings.warm_start, FEW if settings.fine_iterations else CAPACITY)
        steps[what] = trained(f"{name}, {what}", Training(model, optimiser, generator, starts), task, schedule, progress)

    schedule = settings.digit_schedule(frozen)
    stage("digits", EACH, schedule)
    if settings.fine_iterations:
        model = on_finer_mesh(model, makers.finer, 1)
        stage("digits, finer mesh", EACH, settings.fine_schedule(schedule))
    controls = model.controller(EACH.pixels).detach()
    if display.images is not None:
        network = recogniser(display.images.train.pixels.shape[1])
        if not progress.reached(f"{name}, images"):
            learn(network, display.images.train, display.images.validation, settings.epochs, generator, progress.pause)
        model.controller = choice = Choice(network, controls, bounds)
        model.agree_()
        optimiser = adam(model)
        stage("images", display.images.train, settings.image_schedule(frozen))
        controls = choice.states()
    if progress.passed(name):
        controls = torch.tensor(checkpoint.load(progress.folder.path, model)["controls"], dtype=torch.float64)
    done = time.perf_counter()
    progress.pause()
    tests = tested(model, controls, display, settings.heldout)
    progress.pause()
    return Arm(model, steps, controls, tests, done - began + progress.seconds(name), time.perf_counter() - done)


def tested(model: Autoencoder, controls: torch.Tensor, display: Display, count: int) -> Tested:
    """What the trained body shows: the ten digits under `controls` (10, c) mm, here and on a finer mesh, and test images."""
    here = own_controls(model, controls, display)
    make = body_maker(display.law, display.boundary, model.plant.ensemble, 1)
    classes, finer = (shown(one, display, EACH) for one in (here, on_finer_mesh(here, make, 1)))
    if display.images is None:
        return Tested(classes, finer, None, None)
    test = Images(display.images.test.pixels[:count], display.images.test.digits[:count])
    return Tested(classes, finer, shown(model, display, test), head_accuracy(model.controller, test, controls))


def own_controls(model: Autoencoder, controls: torch.Tensor, display: Display) -> Autoencoder:
    """The same body and colours under the ten digits' own controls (10, c) mm, told by a digit's number alone."""
    assert isinstance(model.readout, Colours)
    here = Autoencoder(
        table(controls, model.controller.bounds.tolist(), within=1.0 - 1e-9), model.plant, display.law, model.readout
    )
    here.design = model.design
    return here


def table(controls: torch.Tensor, bounds: list[float], within: float = WITHIN) -> Controller:
    """A controller of no hidden layer, whose input k alone (a row of the unit matrix) gives the controls (k, c) mm.

    Those beyond `within` of the bounds are taken back to it.
    """
    controller = Controller(len(controls), bounds, hidden=())
    weight, bias = controller.parameters()
    with torch.no_grad():
        weight.copy_(torch.atanh((controls / controller.bounds).clamp(-within, within)).T)
        bias.zero_()
    return controller


@torch.no_grad()
def shown(model: Autoencoder, display: Display, images: Images) -> Shown:
    """What the windows show for these images, every equilibrium ramped from rest."""
    assert isinstance(model.readout, Colours)
    task = Show(display.windows, model.readout, model.plant, images.pixels, images.digits)
    numbers = torch.arange(len(images.digits))
    found = evaluate(model, task, numbers)
    response = found.response.moved_to(found.displacement)
    return Shown(model.geometry.mesh, found, task.seen(response), images.digits, task.colours(response.points))
