"""The neuromechanical autoencoder: one network and one body that learn a task together."""

from __future__ import annotations

import torch

from mnnfem.bridge import Bridge, Physics, Response, Starts
from mnnfem.controller import Controller
from mnnfem.geometry import Geometry
from mnnfem.material import NeoHookean


class Autoencoder(torch.nn.Module):
    """Features -> controls -> equilibrium. Learns the controller's weights and the design (p,)."""

    def __init__(self, controller: Controller, geometry: Geometry, physics: Physics, law: NeoHookean) -> None:
        super().__init__()
        self.controller, self.geometry = controller, geometry
        self.bridge = Bridge(physics, skip_failures=True)
        self.design = torch.nn.Parameter(torch.from_numpy(geometry.parameters.start.copy()))
        self.register_buffer("material", torch.from_numpy(law.values))

    def forward(self, features: torch.Tensor, starts: Starts | None = None) -> Response:
        """Displacements of the mesh points under the network's controls for features (b, inputs)."""
        response: Response = self.bridge(self.points(), self.controller(features), self.material, starts)
        return response

    def points(self) -> torch.Tensor:
        """Node coordinates of the present design, (n, 2) mm."""
        return self.geometry.points(self.design)

    def clip_(self) -> None:
        """Clip the design to its bounds, as after every optimiser step."""
        self.geometry.parameters.clip_(self.design)
