"""Digit display: an image goes in, and a body of 24 pores moves so that seven windows show its digit.

The body's material is coloured, brightly or darkly, and carries its colours along; six faces are pushed and pulled. What
each digit's controls are, where which colour lies and how the pores are shaped is learned through the finite-element solver,
and a network learns to read the image.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from geometries.display import display, windows
from mnnfem.boundary import Boundary, Drive
from mnnfem.display.arms import Display, ShowSettings
from mnnfem.display.images import NAMES, load
from mnnfem.display.run import run
from mnnfem.display.windows import Windows
from mnnfem.settings import parse, run_main, setting

EXAMPLES = """examples:
  ./run python workflows/digit_display.py                       minutes on 2 cores; needs scikit-learn for its images
  ./run python workflows/digit_display.py --images none         the ten digits alone, without a network
  ./run python workflows/digit_display.py --frozen-geometry     the ablation: the pores stay as they are
  ./run python workflows/digit_display.py --scale paper --images mnist
                                                                a larger bank, more steps, torchvision's images
"""

FACES = {
    "left_lower": (1.0, 0.0),
    "left_upper": (1.0, 0.0),
    "right_lower": (1.0, 0.0),
    "right_upper": (1.0, 0.0),
    "bottom_middle": (0.0, 1.0),
    "top_middle": (0.0, 1.0),
}


@dataclass(frozen=True)
class DigitSettings(ShowSettings):
    images: str = setting("digits", "8x8 of scikit-learn, torchvision's MNIST, or only the ten digits", choices=NAMES)
    bound: float = setting(20.0, "largest displacement of a driven face", unit="mm", low=0.1, high=30)


PRESETS = {
    "paper": {"iterations": 200, "fine_iterations": 60, "image_iterations": 30, "states": 500, "heldout": 2000},
}


def experiment(settings: DigitSettings) -> Display:
    """The panel of the paper: corners held, six faces of two cells driven along their normals."""
    return Display(
        geometry=display(divisions=settings.divisions, layers=settings.layers),
        boundary=Boundary(held=("corners",), drives=[Drive(face, normal, settings.bound) for face, normal in FACES.items()]),
        law=settings.law,
        windows=Windows(windows()),
        images=None if settings.images == "none" else load(settings.images),
    )


def main(argv: Sequence[str]) -> None:
    began = time.perf_counter()
    settings = parse(DigitSettings, argv, __doc__, EXAMPLES, PRESETS)
    run(experiment(settings), settings, began)


if __name__ == "__main__":
    run_main(main)
