"""Gripper: the finger of a pneumatic gripper learns to close on a given shape.

Its chambers' lengths and rises and the pressure in them are optimised together through the finite-element solver, so that
the finger's underside comes to lie on an elliptic bar. Skin and floor are two silicones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mpi4py import MPI

from geometries.pneumatic_finger import pneumatic_finger
from mnnfem.body import Body
from mnnfem.boundary import Boundary
from mnnfem.bridge import Bridge, Response
from mnnfem.designs import keep_design
from mnnfem.fabricate.mirrored import write_stl
from mnnfem.fields import FieldWriter
from mnnfem.geometry import Geometry, finer
from mnnfem.loads import Pressure
from mnnfem.measured import MATERIALS, material
from mnnfem.mesh import Floats
from mnnfem.optimise import descend
from mnnfem.parameters import alike, joined
from mnnfem.regions import Regions
from mnnfem.run import Run, RunSettings
from mnnfem.settings import parse, run_main, setting
from mnnfem.solidfilm import Frame, solid_film
from mnnfem.warmstart import Library

EXAMPLES = """examples:
  ./run python workflows/gripper.py                          ten minutes
  ./run python workflows/gripper.py --object-width 110 --object-height 110
"""
FLOOR = 2.0  # mm
KPA = 1e-3  # MPa
SECANTS, FARTHEST = 5, 0.1  # solves on the finer mesh; the longest step of the pressure between two, a share of it


@dataclass(frozen=True)
class GripperSettings(RunSettings):
    chambers: int = setting(7, "of the finger", low=1, high=30)
    object_width: float = setting(100.0, "of the elliptic bar, along the finger", unit="mm", low=5)
    object_height: float = setting(80.0, "of the bar", unit="mm", low=5)
    object_at: float = setting(16.0, "where its axis is, from the base", unit="mm")
    skin: str = setting("dragon_skin_10", "silicone of the chambers", choices=tuple(MATERIALS))
    floor: str = setting("dragon_skin_30", "silicone of the floor", choices=tuple(MATERIALS))
    poisson: float = setting(0.49, "Poisson's ratio of both", low=0, high=0.499)
    pressure: float = setting(15.0, "at the start", unit="kPa", low=0.1)
    most: float = setting(30.0, "highest pressure", unit="kPa", low=0.1)
    iterations: int = setting(60, "steps of Adam", low=1)
    rate: float = setting(0.03, "of each step at first, a share of the parameters' ranges", low=1e-6, high=1)
    coarse_only: bool = setting(False, "leave out the last solve, on eight times the elements")
    frames: int = setting(12, "of the film", low=2)


@dataclass(frozen=True)
class Bar:
    """An elliptic bar along z below the finger, its top at height 0: half axes a, b and place of its axis, mm."""

    a: float
    b: float
    x: float

    def gaps(self, places: torch.Tensor) -> torch.Tensor:
        """Distance of places (k, 3) from its surface, to first order, mm; below 0 inside."""
        x, y = (places[:, 0] - self.x) / self.a, (places[:, 1] + self.b) / self.b
        slope = 2 * torch.sqrt((x / self.a) ** 2 + (y / self.b) ** 2)
        return (x**2 + y**2 - 1) / slope

    def outline(self, z: float) -> Floats:
        """Its outline at z, (k, 3) mm."""
        angle = np.linspace(0, 2 * np.pi, 121)
        return np.stack([self.x + self.a * np.cos(angle), self.b * (np.sin(angle) - 1), np.full_like(angle, z)], axis=1)


class Finger:
    """The finger as a body, and how it lies on the bar."""

    def __init__(self, geometry: Geometry, settings: GripperSettings) -> None:
        self.geometry = geometry
        laws = [material(name).law(settings.poisson) for name in (settings.skin, settings.floor)]
        self.values = torch.from_numpy(np.stack([law.values for law in laws]))
        regions = Regions(("skin", "floor"), lambda middles: (middles[:, 1] < FLOOR).astype(np.int64))
        boundary = Boundary(("base",), (), rollers=(("middle", 2),), loads=[Pressure("cavity", settings.most * KPA)])
        self.body = Body(geometry.mesh, laws[0], boundary, comm=MPI.COMM_SELF, regions=regions)
        self.starts = Library(capacity=1)
        self.grips = [name for name in geometry.mesh.vertices if name.startswith("grip_")]

    def under(self, design: torch.Tensor, pressure: torch.Tensor) -> Response:
        """The equilibrium of a design at a pressure, kPa."""
        return Bridge(self.body)(self.geometry.points(design), KPA * pressure.reshape(1, 1), self.values, self.starts)

    def gaps(self, bar: Bar, response: Response) -> torch.Tensor:
        """Between bar and underside, mm, at each grip."""
        return bar.gaps(torch.cat([response.now(name) for name in self.grips]))


def between_blocks(finger: Finger, points: Floats, moved: Floats) -> float:
    """The least distance of two neighbouring blocks, mm, along the line between their feet; below 0 they have passed."""
    nodes = np.unique(finger.geometry.mesh.facet("gaps"))
    borders = np.unique(np.round(finger.geometry.mesh.points[nodes, 0], 9)).reshape(-1, 2)
    found = []
    for left, right in borders:
        sides = []
        for border in (left, right):
            side = nodes[np.isclose(finger.geometry.mesh.points[nodes, 0], border)]
            sides.append(side[np.lexsort(np.round(points[side], 6).T[[2, 1]])])
        across = moved[sides[1]] - moved[sides[0]]
        foot = across[0] / np.linalg.norm(across[0])
        found.append(float((across @ foot).min()))
    return min(found, default=np.inf)


def main(argv: Sequence[str]) -> int:
    settings = parse(GripperSettings, argv, __doc__, EXAMPLES)
    run = Run.begin("gripper", settings)
    geometry = pneumatic_finger(settings.chambers, floor=FLOOR)
    finger = Finger(geometry, settings)
    bar = Bar(0.5 * settings.object_width, 0.5 * settings.object_height, settings.object_at)
    count, box = len(geometry.parameters), geometry.parameters
    air = alike(["pressure"], settings.pressure, (0.0, settings.most), "pressure", "kPa")

    def misfit(design: torch.Tensor) -> torch.Tensor:
        return finger.gaps(bar, finger.under(design[:count], design[count:])).square().mean()

    def alone(pressure: torch.Tensor) -> torch.Tensor:
        return misfit(torch.cat([torch.from_numpy(box.start), pressure]))

    pressed = descend(alone, air, air.start, settings.iterations // 2, settings.rate)
    before, _ = tell(run, "pressure alone", finger, bar, torch.from_numpy(box.start), torch.from_numpy(pressed))
    best = descend(misfit, joined(box, air), np.append(box.start, pressed), settings.iterations, settings.rate)
    design, pressure = torch.from_numpy(best[:count]), torch.from_numpy(best[count:])
    after, response = tell(run, "pressure and chambers", finger, bar, design, pressure)
    nearer = before / after
    run.tell(f"chambers make it {nearer:.1f} times nearer", {"nearer": nearer}, {"nearer": nearer > 1})
    points = geometry.points(design).numpy()
    apart = between_blocks(finger, points, points + response.displacement[0].numpy())
    run.tell(
        f"blocks stay {apart:.2f} mm apart",
        {"blocks apart": apart, "design": design.tolist(), "elements": len(geometry.mesh.cells)},
        {"apart": apart > 0},
    )
    if not settings.coarse_only:
        verify(run, Finger(finer(geometry), settings), bar, design, pressure)
    film(run, settings.frames, finger, bar, design, pressure)
    write_stl(run.folder.file("finger.stl"), geometry.mesh, points, "middle")
    keep_design(run.folder, "gripper", geometry.mesh, points)
    return run.end(("closing.gif", "finger.stl"))


def tell(run: Run, name: str, finger: Finger, bar: Bar, design: torch.Tensor, pressure: torch.Tensor) -> tuple[float, Response]:
    """How far off the bar the underside is, rms in mm, told; and the equilibrium."""
    with torch.no_grad():
        response = finger.under(design, pressure)
    gaps, record = finger.gaps(bar, response), response.outcome[0].record
    rms = float(gaps.square().mean().sqrt())
    run.tell(
        f"{name}: the underside is {rms:.3f} mm off the bar (rms; most {float(gaps.abs().max()):.3f}) at "
        f"{float(pressure):.2f} kPa, certified {record.certified}",
        {name: {"rms": rms, "gaps": gaps.tolist(), "pressure": float(pressure), "certified": record.certified}},
        {"a certified state": record.certified},
    )
    return rms, response


def verify(run: Run, fine: Finger, bar: Bar, design: torch.Tensor, pressure: torch.Tensor) -> None:
    """The design on a finer mesh, which is softer: at the same pressure, then at the one that is best there, by secants."""
    pressures, slopes, misfits, certified = [float(pressure)], [], [], True
    for _ in range(SECANTS):
        leaf = torch.tensor(pressures[-1:], dtype=torch.float64, requires_grad=True)
        response = fine.under(design, leaf)
        value = fine.gaps(bar, response).square().mean()
        value.backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        slopes.append(float(leaf.grad))
        misfits.append(value.item() ** 0.5)
        certified &= response.outcome[0].record.certified
        step = -0.05 * np.sign(slopes[0]) * pressures[0]
        if len(slopes) > 1:
            step = -slopes[-1] * (pressures[-1] - pressures[-2]) / (slopes[-1] - slopes[-2])
        pressures.append(pressures[-1] + float(np.clip(step, -FARTHEST * pressures[0], FARTHEST * pressures[0])))
    best = int(np.argmin(misfits))
    run.tell(
        f"on {len(fine.geometry.mesh.cells)} elements instead of {run.result['elements']}: {misfits[0]:.3f} mm off at the same "
        f"pressure, {misfits[best]:.3f} at {pressures[best]:.2f} kPa, certified {certified}",
        {"finer mesh": {"rms": misfits, "pressures": pressures[:-1], "certified": certified}},
        {"certified there": certified},
    )


def film(run: Run, frames: int, finger: Finger, bar: Bar, design: torch.Tensor, pressure: torch.Tensor) -> None:
    """The finger closing, as GIF and as fields for ParaView."""
    mesh, points = finger.geometry.mesh, finger.geometry.points(design).numpy()
    shown, solutions = [], []
    for share in np.linspace(0, 1, frames):
        with torch.no_grad():
            response = finger.under(design, share * pressure)
        moved = response.displacement[0].numpy()
        now = points + moved
        shown.append(Frame(now, np.linalg.norm(moved, axis=1), f"{share * float(pressure):.1f} kPa"))
        solutions.append(response.outcome[0])
    reach = points[:, 2].max()
    solid_film(
        run.folder.file("closing.gif"), mesh.boundary(), shown, [bar.outline(0.0), bar.outline(reach)], "displacement (mm)"
    )
    FieldWriter(finger.body.solid).write_series(run.folder.file("closing.pvd"), solutions)


if __name__ == "__main__":
    run_main(main)
