"""The printable twin: springs that tell irises apart become one piece of rubber that does, too.

The trained network's bonds become bars as wide as they are stiff, with thin ends; dolfinx solves the body in plane stress.
Its thickness takes up the mean difference, the widths are calibrated bond by bond, then tuned by the body's adjoint until
it is read as the network is; the test flowers are hung on it, and it is written as STL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from geometries.spring_twin import spring_twin
from mnnfem.body import Body
from mnnfem.boundary import Boundary
from mnnfem.designs import keep_design
from mnnfem.fabricate.extrude import write_stl
from mnnfem.formulation import Formulation
from mnnfem.geometry import Geometry
from mnnfem.hooke import LinearElastic
from mnnfem.loads import PointForce
from mnnfem.mesh import Floats
from mnnfem.run import Run, RunSettings
from mnnfem.settings import parse, run_main, setting
from mnnfem.springs.classifier import accuracy
from mnnfem.springs.drawing import Picture, networks_figure
from mnnfem.springs.flowers import SIGNED, signed, signed_ports
from mnnfem.springs.iris import irises
from mnnfem.springs.network import Network
from mnnfem.springs.springnet import THICKNESS, YOUNG, SpringNet
from mnnfem.springs.twin import Twin, corners_of
from mnnfem.visualise import Scene, design_figure

EXAMPLES = """examples:
  ./run python workflows/spring_twin.py                two minutes
  ./run python workflows/spring_twin.py --neck 1       bars of one width from joint to joint
"""
ROOM = (0.6, 1.15)  # of the network's narrowest and widest strip: what the bars' widths may be


@dataclass(frozen=True)
class TwinSettings(RunSettings):
    epochs: int = setting(1000, "steps of the network's training", low=1)
    hinge: float = setting(0.25, "share of a bar's length that each thin end has", low=0, high=0.39)
    neck: float = setting(0.3, "share of a bar's width that its ends have", low=0.05, high=1)
    poisson: float = setting(0.45, "Poisson's ratio, an elastomer's", low=0, high=0.49)
    iterations: int = setting(60, "most steps of L-BFGS-B in the tuning", low=1)


def body_of(network: Network, geometry: Geometry, law: LinearElastic) -> Body:
    """The body with its supports' rims held and a forces at the corners around every joint."""
    loads = [PointForce(name, way, 1.0) for name in corners_of(geometry) for way in ((1.0, 0.0), (0.0, 1.0))]
    return Body(
        geometry.mesh,
        law,
        Boundary(supports(network), (), loads=loads),
        factors=len(network.free),
        formulation=Formulation(plane="stress"),
    )


def supports(network: Network) -> list[str]:
    """The facets that are held."""
    return [f"support {node}" for node in np.flatnonzero(network.held.any(axis=1))]


def made(network: Network, widths: Floats, span: tuple[float, float], settings: TwinSettings) -> Twin:
    """The twin of a network in the plane, its mesh made at these widths (b,) mm."""
    bounds = (np.full(len(widths), ROOM[0] * span[0]), np.full(len(widths), ROOM[1] * span[1]))
    geometry = spring_twin(network, widths, bounds, settings.hinge, settings.neck)
    law = LinearElastic(YOUNG, settings.poisson)
    return Twin(network, geometry, body_of(network, geometry, law), torch.from_numpy(law.values), THICKNESS)


def apart(twin: Twin, widths: Floats, model: SpringNet) -> tuple[float, float]:
    """Relative error of the body's readings, and of the displacements of all joints, under unit loads at the ports."""
    with torch.no_grad():
        found = twin.compliance(torch.from_numpy(widths), twin.port_forces(model.ports))
        wanted, read = unit_fields(model), twin.port_readings(model.ports)
        pairs = ((found @ read.T, wanted @ read.T), (found, wanted))
        readings, joints = (float((one - other).norm() / other.norm()) for one, other in pairs)
    return readings, joints


def unit_fields(model: SpringNet) -> torch.Tensor:
    """Displacements (c, f) mm/N of the network's free components under unit loads at the ports."""
    springs, points, stiffness = model.bridge.physics, model.network.nodes, model.stiffness().detach().numpy()
    loads = np.eye(len(model.ports.loaded))
    fields = [springs.solve(points, load, stiffness).displacement.ravel()[model.network.free] for load in loads]
    return torch.from_numpy(np.array(fields))


def main(argv: Sequence[str]) -> int:
    settings = parse(TwinSettings, argv, __doc__, EXAMPLES)
    run = Run.begin("spring_twin", settings)
    shares = irises(settings.seed)
    model = signed(shares, signed_ports(shares, settings.seed), settings.epochs, settings.seed).model
    network, stiffness = model.network, model.stiffness().detach().numpy()
    widths: Floats = np.divide(stiffness * network.lengths, YOUNG * THICKNESS)
    twin = made(network, widths, (widths.min(), widths.max()), settings)
    raw = apart(twin, widths, model)
    twin = replace(twin, thickness=twin.fitting_thickness(widths, model.ports, unit_fields(model)))
    scaled = apart(twin, widths, model)
    run.tell(
        f"{network.nodes.shape[0]} joints, {len(twin.geometry.mesh.cells)} elements: readings {raw[0]:.2%} off as cut, "
        f"{scaled[0]:.2%} with {twin.thickness:.3f} mm of thickness instead of {THICKNESS:g}",
        {"raw": raw, "scaled": scaled, "thickness": twin.thickness},
        {},
    )
    widths = twin.calibrated(widths, stiffness, model.ports)
    calibrated = apart(twin, widths, model)
    run.tell(
        f"calibrated bond by bond: readings {calibrated[0]:.2%} off, all joints {calibrated[1]:.2%}",
        {"calibrated": calibrated},
        {"calibrated readings within 2 %": calibrated[0] <= 0.02},
    )
    wanted = unit_fields(model) @ twin.port_readings(model.ports).T
    widths = twin.tuned(widths, wanted, model.ports, settings.iterations)
    tuned = apart(twin, widths, model)
    run.tell(
        f"tuned by the adjoint: readings {tuned[0]:.3%} off, all joints {tuned[1]:.2%}; widths {widths.min():.2f} to "
        f"{widths.max():.2f} mm, the thinnest end {settings.neck * widths.min():.2f} mm",
        {"tuned": tuned, "widths": widths.tolist()},
        {"tuned readings within 0.5 %": tuned[0] <= 0.005},
    )
    score = accuracy(model, shares.test, SIGNED)
    with torch.no_grad():
        answers = SIGNED.decide(model.loads(shares.test.inputs) @ twin.readings(torch.from_numpy(widths), model.ports))
    solid = float((answers == shares.test.wanted).double().mean())
    run.tell(
        f"irises on the solid: test {solid:.4f}, the network {score:.4f}",
        {"solid": solid, "network": score},
        {"the solid at most 0.01 below the network": solid >= score - 0.01},
    )
    points = twin.geometry.points(torch.from_numpy(widths)).numpy()
    boundary = Boundary(supports(network), ())
    design_figure(run.folder.file("design.png"), Scene(twin.geometry.mesh, boundary, points))
    networks_figure(
        run.folder.file("network.png"), [Picture("the network", network, model.share.detach().numpy(), model.ports)]
    )
    write_stl(run.folder.file("design.stl"), twin.geometry.mesh, points, twin.thickness)
    keep_design(run.folder, "spring_twin", twin.geometry.mesh, points)
    return run.end(("design.png", "design.stl"))


if __name__ == "__main__":
    run_main(main)
