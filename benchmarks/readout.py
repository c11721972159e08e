"""What other networks and other shares of the images make of a trained display: readout.py RUN [--seeds 5] [--json FILE]

For each seed the images are divided anew, a network learns its share without the body, and chooses among the states of the
run's display, as it was left: read-out of the windows and the network's own answer on the test share. Bars: the mean read-out
is right for 95 % and within a point of the network's own, the mean error at most 0.25.

    ./run python workflows/digit_display.py --scale paper --out runs/digit_display/paper
    ./run python benchmarks/readout.py runs/digit_display/paper
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import fmean

import torch

from benchmarks.report import finish
from mnnfem import checkpoint
from mnnfem.autoencoder import Autoencoder
from mnnfem.display.arms import Display, size_of
from mnnfem.display.choice import Choice
from mnnfem.display.colours import Colours
from mnnfem.display.images import Images, load
from mnnfem.display.recognition import head_accuracy, learn, recogniser
from mnnfem.display.segments import read
from mnnfem.display.show import Show
from mnnfem.ensemble import Ensemble
from mnnfem.guard import Guard
from mnnfem.plan import body_makers
from mnnfem.plant import Plant
from mnnfem.trainer import follow
from mnnfem.verify import on_finer_mesh
from mnnfem.warmstart import FEW, Library
from workflows.digit_display import DigitSettings, experiment

BATCH = 8


def trained(run: Path, display: Display, settings: DigitSettings) -> Autoencoder:
    """The display as a run has left it."""
    assert display.images is not None
    inputs, bounds = display.images.train.pixels.shape[1], [drive.bound for drive in display.boundary.drives]
    makers = body_makers(display.law, display.boundary, Ensemble.alone(), BATCH)
    plant = Plant(display.geometry, makers.first, Guard(settings.least_quality))
    controller = Choice(recogniser(inputs), torch.zeros(10, len(bounds), dtype=torch.float64), bounds)
    colours = Colours(size_of(display.geometry), settings.colour_spacing)
    model = Autoencoder(controller, plant, display.law, colours)
    checkpoint.load(run, model)
    return on_finer_mesh(model, makers.finer, 1) if settings.fine_iterations else model


def measure(model: Autoencoder, display: Display, settings: DigitSettings, seed: int) -> dict[str, float]:
    """Figures of a network and shares of its own; each solve starts from the nearest state before."""
    torch.manual_seed(seed)
    assert isinstance(model.controller, Choice)
    assert isinstance(model.readout, Colours)
    shares, states = load(settings.images, seed), model.controller.states()
    network = recogniser(shares.train.pixels.shape[1])
    learn(network, shares.train, shares.validation, settings.epochs, torch.Generator().manual_seed(seed))
    model.controller = Choice(network, states, model.controller.bounds.tolist())
    test = Images(shares.test.pixels[: settings.heldout], shares.test.digits[: settings.heldout])
    task = Show(display.windows, model.readout, model.plant, test.pixels, test.digits)
    found = follow(model, task, torch.arange(len(test.digits)), Library(FEW))
    with torch.no_grad():
        seen = task.seen(found.response.moved_to(found.displacement))
    return {
        "error": found.mean,
        "accuracy": float((read(seen) == test.digits).double().mean()),
        "network's accuracy": head_accuracy(model.controller, test, states),
        "failed": found.failed,
        "crossed": found.crossed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run of the digit display")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="networks and shares (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as one flat JSON object")
    arguments = parser.parse_args()
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"--json {arguments.json}: there is no folder {arguments.json.parent}.")
    torch.set_num_threads(1)
    try:
        stored = json.loads((arguments.run / "settings.json").read_text())
    except (OSError, json.JSONDecodeError) as problem:
        sys.exit(f"{arguments.run} is not the folder of a run: {problem}.")
    if stored.pop("workflow") != Show.name or stored["images"] == "none":
        sys.exit(f"{arguments.run} is not a run of the digit display with images.")
    settings = DigitSettings(**stored)
    display = experiment(settings)
    model, figures = trained(arguments.run, display, settings), dict[str, float]()
    for seed in range(arguments.seeds):
        found = measure(model, display, settings, seed)
        print(f"seed {seed}:", ", ".join(f"{name} {value:.4g}" for name, value in found.items()), flush=True)
        figures |= {f"seed {seed}: {name}": value for name, value in found.items()}
    mean = {name: fmean(figures[f"seed {seed}: {name}"] for seed in range(arguments.seeds)) for name in found}
    figures |= {f"mean: {name}": value for name, value in mean.items()}
    below = mean["network's accuracy"] - mean["accuracy"]
    wanted = {
        f"mean accuracy {mean['accuracy']:.4g}, wanted at least 0.95": mean["accuracy"] >= 0.95,
        f"mean accuracy {below:.2g} below the network's own, wanted at most 0.01": below <= 0.01,
        f"mean error {mean['error']:.4g}, wanted at most 0.25": mean["error"] <= 0.25,
    }
    finish(figures, [sentence for sentence, kept in wanted.items() if not kept], arguments.json)


if __name__ == "__main__":
    main()
