"""Frames of a body -> the few numbers that `scene.js` turns and moves: quantised, base64, in one JSON object."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt

from mnnfem.mesh import Floats
from mnnfem.report.frames import Frames

BUDGET = 1_500_000  # bytes for all frames
STOPS = 17  # colours of a scale that are told, even in between
CLIPPED = 98.0  # percentile at which a colour scale ends: a peak at one corner would leave all else dark
STEPS16, STEPS8 = 32_000, 255


@dataclass(frozen=True, eq=False)
class Overlay:
    """What is drawn over the body.

    watched, wanted   places of each frame (f, k, 2) mm, where watched points are and where they should be
    loop              whether these go around a closed line
    rectangles        windows fixed in space: left, bottom, right, top, mm
    labels            a sentence for each frame
    """

    watched: Floats | None = None
    wanted: Floats | None = None
    loop: bool = False
    rectangles: Sequence[Floats] = ()
    labels: Sequence[str] = ()

    def every(self, step: int) -> Overlay:
        """That of every so-manieth frame."""
        watched, wanted = (None if one is None else one[::step] for one in (self.watched, self.wanted))
        return dataclasses.replace(self, watched=watched, wanted=wanted, labels=self.labels[::step])


@dataclass(frozen=True, eq=False)
class Shade:
    """A field that colours the body: values (f, n), or (n,) where they do not change; name with unit, and a colour map."""

    name: str
    values: Floats
    colours: str = "viridis"
    span: tuple[float, float] | None = None

    def every(self, step: int) -> Shade:
        """That of every so-manieth frame."""
        return dataclasses.replace(self, values=self.values[::step]) if self.values.ndim == 2 else self


@dataclass(frozen=True, eq=False)
class Scene:
    """A body to turn: frames, thickness of a plane one, mm, shades, overlay."""

    frames: Frames
    thickness: float
    shades: Sequence[Shade]
    overlay: Overlay = field(default_factory=Overlay)

    def fitting(self) -> Scene:
        """With as many frames, evenly spaced, as the budget has room for, and two at least."""
        frames = self.frames
        each = len(frames.rest) * (2 * (2 if frames.plane else 3) + sum(shade.values.ndim == 2 for shade in self.shades))
        step = -(-len(frames.moved) // max(2, BUDGET // each))
        shades = [shade.every(step) for shade in self.shades]
        return dataclasses.replace(self, frames=frames.every(step), shades=shades, overlay=self.overlay.every(step))


def shades_of(frames: Frames) -> list[Shade]:
    """Displacement and every stored field."""
    size = Shade("displacement (mm)", np.linalg.norm(frames.moved, axis=2))
    return [
        size,
        *(Shade(name, values, "viridis_r" if "least" in name else "viridis") for name, values in frames.fields.items()),
    ]


def packed(scene: Scene) -> str:
    """The scene as JSON."""
    frames, dim = scene.frames, 2 if scene.frames.plane else 3
    rest, moved = frames.rest[:, :dim], frames.moved[:, :, :dim]
    content: dict[str, Any] = {
        "dim": dim,
        "nodes": len(rest),
        "frames": len(moved),
        "start": frames.most_moved,
        "thickness": scene.thickness,
        "closed": _closed(frames),
        "rest": _quantised(rest),
        "moved": _quantised(moved),
        "faces": _encoded(_index(frames.faces, len(rest))),
        "edges": _encoded(_index(frames.edges, len(rest))),
        "shades": [_shade(shade) for shade in scene.shades],
        **_overlay(scene.overlay),
    }
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


def _closed(frames: Frames) -> bool:
    """Whether the last frame leads on to the first: no farther than twice the longest step between two."""
    steps = np.linalg.norm(np.diff(frames.moved, axis=0), axis=2).max(axis=1, initial=0.0)
    back = float(np.linalg.norm(frames.moved[0] - frames.moved[-1], axis=1).max())
    return len(steps) > 1 and back <= 2 * float(steps.max())


def _quantised(values: Floats) -> Mapping[str, Any]:
    """16-bit steps of the largest absolute value, 3e-5 of it."""
    unit = float(np.abs(values).max(initial=0.0)) / STEPS16 or 1.0
    return {"unit": unit, "data": _encoded(np.round(values / unit).astype("<i2"))}


def _shade(shade: Shade) -> Mapping[str, Any]:
    low, high = shade.span or _span(shade)
    share = np.clip((shade.values - low) / ((high - low) or 1.0), 0, 1)
    colours = matplotlib.colormaps[shade.colours](np.linspace(0, 1, STOPS))
    return {
        "name": shade.name,
        "low": low,
        "high": high,
        "over": bool(shade.values.max() > high * (1 + 1e-9)),
        "under": bool(shade.values.min() < low - 1e-9 * abs(low)),
        "colours": [matplotlib.colors.to_hex(colour) for colour in colours],
        "still": shade.values.ndim == 1,
        "data": _encoded(np.round(STEPS8 * share).astype("u1")),
    }


def _span(shade: Shade) -> tuple[float, float]:
    values = shade.values
    if "least" in shade.name:
        return float(np.percentile(values, 100 - CLIPPED)), float(np.percentile(values, CLIPPED))
    top = values.max() if shade.name.startswith("displacement") else np.percentile(values, CLIPPED)
    return min(0.0, float(values.min())), float(top)


def _overlay(overlay: Overlay) -> Mapping[str, Any]:
    def places(values: Floats | None) -> Any:
        return None if values is None else np.round(values, 2).tolist()

    return {
        "watched": places(overlay.watched),
        "wanted": places(overlay.wanted),
        "loop": overlay.loop,
        "rectangles": [np.round(one, 2).tolist() for one in overlay.rectangles],
        "labels": list(overlay.labels),
    }


def _index(numbers: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    return numbers.astype("<u2" if count < 2**16 else "<u4")


def _encoded(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
