"""Curves -> SVG that takes its colours from the page, light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from mnnfem.mesh import Floats

WIDTH, HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 12, 44
POINTS = 600  # of a curve, as many as there are places beside each other
SMOOTHED = 40  # a running mean is over this part of a curve


@dataclass(frozen=True, eq=False)
class Curve:
    """y over x, numbers (n,) that may be missing; a rough one is pale, under its running mean; the tone is its colour."""

    name: str
    x: Floats
    y: Floats
    tone: int = 0
    rough: bool = True


@dataclass(frozen=True)
class Level:
    """A horizontal line, dotted."""

    name: str
    value: float


@dataclass(frozen=True)
class Chart:
    """Curves and levels in one frame: what x and y are, with units; y on a log scale or from 0; events along x, with names."""

    x: str
    y: str
    curves: Sequence[Curve]
    levels: Sequence[Level] = ()
    log: bool = True
    events: Sequence[tuple[float, str]] = ()


def svg(chart: Chart, title: str) -> str:
    """The chart as an element of the page; `title` is read to who cannot see it. "" where there is nothing to draw."""
    drawn = [curve for curve in map(_finite, chart.curves) if len(curve.x)]
    if not drawn:
        return ""
    across = _Axis(0.0, max(float(curve.x.max()) for curve in drawn) or 1.0, LEFT, WIDTH - RIGHT, False)
    values = np.concatenate([*(curve.y for curve in drawn), [level.value for level in chart.levels]])
    up = _upward(values, chart.log)
    parts = [*_grid(across, up), *_events(chart, across)]
    for curve in drawn:
        x, y = _thinned(across.at(curve.x)), _thinned(up.at(curve.y))
        smooth = _running_mean(curve.y) if curve.rough else curve.y
        if curve.rough:
            parts.append(f'<path class="rough t{curve.tone}" d="{_path(x, y)}"/>')
        late = curve.x[len(curve.x) - len(smooth) :]
        parts.append(f'<path class="line t{curve.tone}" d="{_path(_thinned(across.at(late)), _thinned(up.at(smooth)))}"/>')
    parts += _levels(chart.levels, up)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(chart.x)}</text>'
    )
    parts.append(
        f'<text class="axis" transform="translate(13 {middle}) rotate(-90)" text-anchor="middle">{escape(chart.y)}</text>'
    )
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
        f'<p class="key">{_key(drawn, chart.levels)}</p>'
    )


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float
    end: float
    log: bool

    def at(self, values: Floats) -> Floats:
        """Places on the page."""
        share = (
            np.log(values / self.low) / np.log(self.high / self.low)
            if self.log
            else (values - self.low) / (self.high - self.low)
        )
        places: Floats = self.start + share * (self.end - self.start)
        return places

    @property
    def ticks(self) -> list[float]:
        """Where numbers stand: at 1, 2 and 5 times powers of ten, or at even steps."""
        if not self.log:
            step = _step((self.high - self.low) / 5)
            return [step * k for k in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        factors = (1, 2, 5) if len(powers) <= 4 else (1,)
        return [
            k * 10.0**power for power in powers for k in factors if self.low * 0.999 <= k * 10.0**power <= self.high * 1.001
        ]


def _upward(values: Floats, log: bool) -> _Axis:
    low, high = float(values.min()), float(values.max())
    if log:
        low = float(values[values > 0].min(initial=high)) if high > 0 else 0.1
        return _Axis(low / 1.15, max(high, 1.01 * low) * 1.15, HEIGHT - BOTTOM, TOP, True)
    return _Axis(min(low, 0.0), high * 1.05 or 1.0, HEIGHT - BOTTOM, TOP, False)


def _finite(curve: Curve) -> Curve:
    good = np.isfinite(curve.y)
    return Curve(curve.name, curve.x[good], curve.y[good], curve.tone, curve.rough)


def _running_mean(values: Floats) -> Floats:
    window = max(1, len(values) // SMOOTHED)
    mean: Floats = np.convolve(values, np.full(window, 1 / window), "valid")
    return mean


def _thinned(values: Floats) -> Floats:
    """Every so-manieth, the last one always: all if there are few."""
    keep = np.unique(np.linspace(0, len(values) - 1, min(len(values), POINTS)).astype(int))
    return values[keep]


def _path(x: Floats, y: Floats) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, np.clip(y, TOP, HEIGHT - BOTTOM), strict=True))


def _grid(across: _Axis, up: _Axis) -> list[str]:
    parts = []
    for value in up.ticks:
        y = float(up.at(np.array(value)))
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value in across.ticks:
        x = float(across.at(np.array(value)))
        parts.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{value:g}</text>')
    base = HEIGHT - BOTTOM
    return [*parts, f'<line class="base" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>']


def _events(chart: Chart, across: _Axis) -> list[str]:
    places = [(float(across.at(np.array(x))), escape(name)) for x, name in chart.events]
    return [
        f'<line class="event" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"><title>{name}</title></line>'
        for x, name in places
    ]


def _levels(levels: Sequence[Level], up: _Axis) -> list[str]:
    places = [float(up.at(np.array(level.value))) for level in levels]
    return [f'<line class="level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>' for y in places]


def _key(curves: Sequence[Curve], levels: Sequence[Level]) -> str:
    lines = [f'<span><i class="t{curve.tone}"></i>{escape(curve.name)}</span>' for curve in curves]
    return "".join([*lines, *(f'<span><i class="dotted"></i>{escape(level.name)}</span>' for level in levels)])


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next(k * power for k in (1, 2, 5, 10) if k * power >= rough * 0.999))
