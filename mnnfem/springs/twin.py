"""The solid twin of a network: its joints under loads, what stiffness its bars have, and widths that make it alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from mnnfem.bridge import Bridge, Physics
from mnnfem.errors import InputError
from mnnfem.geometry import Geometry
from mnnfem.mesh import Floats
from mnnfem.optimise import least
from mnnfem.springs.network import Network, compatibility
from mnnfem.springs.ports import Ports

FAVOUR = 30.0  # how much more the loads at ports count than any other where springs are fitted to a body
SMALL = 1e-3  # N, for each N that is asked for: a body that is linear still must not turn its elements over


def corners_of(geometry: Geometry) -> list[str]:
    """The vertices around joints, in order."""
    return [name for name in geometry.mesh.vertices if name.startswith("node ")]


@dataclass(frozen=True, eq=False)
class Twin:
    """A plane body that stands for a network, its design the bars' widths (b,) mm.

    physics    of the body, linear; its controls are forces, N per mm of thickness, in x and y at each of `corners_of`
    material   of the body;   thickness mm
    """

    network: Network
    geometry: Geometry
    physics: Physics
    material: torch.Tensor
    thickness: float

    def compliance(self, widths: torch.Tensor, forces: torch.Tensor) -> torch.Tensor:
        """Displacements (c, f) mm of the free components of the joints under forces (c, f) N on them."""
        corners, spread = corners_of(self.geometry), self._spread
        response = Bridge(self.physics)(self.geometry.points(widths), SMALL / self.thickness * forces @ spread, self.material)
        moved = torch.cat([response[name] for name in corners], dim=1)
        return moved @ spread.T / SMALL

    @cached_property
    def _spread(self) -> torch.Tensor:
        """(f, 2 v): a force on a joint's component as equal forces at its corners; its transpose takes their mean."""
        corners, free = corners_of(self.geometry), list(map(int, self.network.free))
        nodes = [int(name.split()[1].rstrip(",")) for name in corners]
        spread = torch.zeros(len(free), 2 * len(corners), dtype=torch.float64)
        for place, node in enumerate(nodes):
            for axis in range(2):
                spread[free.index(2 * node + axis), 2 * place + axis] = 1 / nodes.count(node)
        return spread

    def port_forces(self, ports: Ports) -> torch.Tensor:
        """Forces (c, f) N on the free components: 1 N at each port."""
        return torch.from_numpy(ports.loads(self.network).toarray()[:, self.network.free])

    def port_readings(self, ports: Ports) -> torch.Tensor:
        """What is read of displacements (f,) of the free components, (o, f)."""
        return torch.from_numpy(ports.readings(self.network).toarray()[:, self.network.free])

    def readings(self, widths: torch.Tensor, ports: Ports) -> torch.Tensor:
        """What is read (c, o) mm/N of 1 N at each port."""
        return self.compliance(widths, self.port_forces(ports)) @ self.port_readings(ports).T

    def stiffnesses(self, widths: Floats, ports: Ports) -> Floats:
        r"""The springs (b,) N/mm that are most like the body: with its compliance G and the bonds' rows c_i of C

            sum_j (c_i G c_j) (c_i H c_j) k_j = c_i H c_i,      H = G + FAVOUR sum_p (G p) (G p)^T / (p G p),

        the least squares of (1 - G^1/2 C^T diag(k) C G^1/2) S^1/2 where S counts the loads p at what is loaded and at what is
        read FAVOUR times more than others; exact where the body is a network of springs. Springs that no displacement tells
        apart, in one line between supports, come out alike.
        """
        used = torch.cat([self.port_forces(ports), self.port_readings(ports)])
        with torch.no_grad():
            found = self.compliance(torch.from_numpy(widths), torch.eye(len(self.network.free), dtype=torch.float64)).numpy()
        whole = 0.5 * (found + found.T)
        fields = used.numpy() @ whole
        fields /= np.sqrt((fields * used.numpy()).sum(axis=1))[:, None]
        rows = compatibility(self.network.nodes, self.network.bonds)[:, self.network.free].toarray()
        stretched, favoured = (rows @ one @ rows.T for one in (whole, whole + FAVOUR * fields.T @ fields))
        springs: Floats = np.linalg.lstsq(stretched * favoured, np.diag(favoured))[0]
        return springs

    def fitting_thickness(self, widths: Floats, ports: Ports, wanted: torch.Tensor) -> float:
        """The thickness, mm, with which displacements are nearest to `wanted` (c, f) mm/N under 1 N at each port."""
        with torch.no_grad():
            found = self.compliance(torch.from_numpy(widths), self.port_forces(ports))
        return self.thickness * float(found.square().sum() / (found * wanted).sum())

    def calibrated(self, widths: Floats, stiffness: Floats, ports: Ports, rounds: int = 3) -> Floats:
        """Widths (b,) mm whose bars have these stiffnesses (b,) N/mm, from widths nearby; clipped to their bounds."""
        lower, upper = self.geometry.parameters.lower, self.geometry.parameters.upper
        for _ in range(rounds):
            now = self.stiffnesses(widths, ports)
            if now.min() <= 0:
                bond = int(now.argmin())
                raise InputError(f"{self.network.name(bond).capitalize()} of the body has no stiffness: make it wider.")
            widths = np.clip(widths * stiffness / now, lower, upper)
        return widths

    def tuned(self, widths: Floats, wanted: torch.Tensor, ports: Ports, iterations: int = 20) -> Floats:
        """Widths (b,) mm whose readings are nearest to `wanted` (c, o) mm/N, by the adjoint of the body."""
        size = wanted.square().sum()

        def misfit(design: torch.Tensor) -> torch.Tensor:
            return (self.readings(design, ports) - wanted).square().sum() / size

        return least(misfit, self.geometry.parameters, widths, iterations, enough=1e-6)
