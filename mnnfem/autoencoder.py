"""The neuromechanical autoencoder: one network and one body that learn a task together."""

from __future__ import annotations

import copy

import torch

from mnnfem.bridge import Bridge, Response, Starts
from mnnfem.controller import Bounded
from mnnfem.geometry import Geometry
from mnnfem.material import Law
from mnnfem.moduli import Moduli
from mnnfem.plant import Plant, Renewal


class Autoencoder(torch.nn.Module):
    """Features -> controls -> equilibrium. Learns the controller's weights and the design (p,).

    `made_at` (p,) is the design at which the present mesh was made: it is saved with the weights. `readout` is what else is
    learned, and used by the task: how the body's answer is read, such as the colours of its material; `moduli` those of the
    body's parts, where they are learned, too.
    """

    made_at: torch.Tensor
    material: torch.Tensor

    def __init__(
        self,
        controller: Bounded,
        plant: Plant,
        law: Law,
        readout: torch.nn.Module | None = None,
        moduli: Moduli | None = None,
    ) -> None:
        super().__init__()
        self.controller, self.plant, self.readout, self.moduli = controller, plant, readout, moduli
        self.design = torch.nn.Parameter(torch.from_numpy(plant.geometry.parameters.start.copy()))
        self.register_buffer("made_at", torch.from_numpy(plant.geometry.made_at.copy()))
        self.register_buffer("material", torch.from_numpy(law.values))

    def forward(self, features: torch.Tensor, starts: Starts | None = None) -> Response:
        """Displacements of the mesh points under the network's controls for features (b, inputs)."""
        bridge = Bridge(self.plant.physics, skip_failures=True, ensemble=self.plant.ensemble)
        response: Response = bridge(self.points(), self.controller(features), self.values(), starts)
        return response

    def values(self) -> torch.Tensor:
        """The law's parameters, (p,), or (r, p) where each of r parts has its own."""
        return self.material if self.moduli is None else self.moduli()

    def on(self, plant: Plant) -> Autoencoder:
        """The same network, design and material, not copies, with the body of another plant."""
        other = copy.copy(self)
        other._buffers = dict(self._buffers)  # its own `made_at`
        other.made_at = torch.from_numpy(plant.geometry.made_at.copy())
        other.plant = plant
        return other

    @property
    def geometry(self) -> Geometry:
        """The body on its present mesh."""
        return self.plant.geometry

    def renew_(self, starts: Starts | None = None) -> Renewal | None:
        """A new mesh if the design has moved the present one too far, as before every batch of solves; see `Plant.renew`.

        There a pore has other corners, so the design may be moved a little, to be within its limits.
        """
        renewal = self.plant.renew(self.design, starts)
        if renewal is not None:
            self.clip_()
        self.made_at.copy_(torch.from_numpy(self.geometry.made_at))
        return renewal

    def agree_(self) -> None:
        """Rank 0's weights and design on all ranks: processors of different makes round differently."""
        for parameter in self.parameters():
            self.plant.ensemble.world.Bcast(parameter.detach().numpy())

    def restore_(self) -> None:
        """The mesh that belongs to a loaded `made_at`."""
        if not torch.equal(self.made_at, torch.from_numpy(self.geometry.made_at)):
            self.plant.remesh(self.made_at.numpy().copy())

    def points(self) -> torch.Tensor:
        """Node coordinates of the present design, (n, 2) mm."""
        return self.geometry.points(self.design)

    def clip_(self) -> None:
        """Move the design within its bounds and limits, and moduli within their range, as after every optimiser step."""
        self.plant.clip_(self.design)
        if self.moduli is not None:
            self.moduli.clip_()
