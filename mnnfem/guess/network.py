r"""Design and controls -> displacement: a network that sees cells, with an output that is whitened by the stiffness.

    u = sum_j c_j l_j + e (B a + sum_c P_c K^(-1/2) z_c),      a, z_c = W (h_c c_1 / b, h_c c_2 / b, ...)

l_j are the linear-elastic answers to the controls (`Reference.lifts`), B smooth fields of the whole body (`modal`), the rest is
every node of every cell (`nodal`); b is the reach of the controls, e^2 the linear-elastic energy there. The state h_c of a cell
starts from its radii, the controls and its place, and goes through layers that all cells share; each mixes the cells by weights
of its own. With the controls as factors of the output, the guess at rest is rest, and its relative error does not grow there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.guess.modal import static_modes
from mnnfem.guess.nodal import cell_fields
from mnnfem.guess.reference import Reference

GROUPS = 4  # of the channels: each mixes the cells in its own way
WIDEST, DEEPEST = 1024, 64
SHARE = 0.1  # of e: so that outputs are of order one


@dataclass(frozen=True)
class Size:
    """Channels of a cell's state, and layers that mix the cells. InputError for sizes that no network here has."""

    channels: int = 192
    layers: int = 3

    def __post_init__(self) -> None:
        if self.channels % GROUPS or not GROUPS <= self.channels <= WIDEST:
            raise InputError(f"A network's channels are a multiple of {GROUPS} up to {WIDEST}, got {self.channels}.")
        if not 1 <= self.layers <= DEEPEST:
            raise InputError(f"A network has 1 to {DEEPEST} layers, got {self.layers}.")


class Output(torch.nn.Module):
    """What fields are made of: nothing here is learned, and nothing is saved."""

    lifts: torch.Tensor
    smooth: torch.Tensor
    dofs: torch.Tensor
    root: torch.Tensor
    free: torch.Tensor

    def __init__(self, reference: Reference) -> None:
        super().__init__()
        family, cells = reference.family, cell_fields(reference)
        self.size, scale = reference.solid.size, SHARE * float(reference.energies.max() * family.reach**2 / 2) ** 0.5
        smooth = scale * static_modes(reference).reshape(self.size, -1)
        free = reference.solid.free[cells.dofs].ravel().astype(np.float64)  # prescribed displacements are the lifts' alone
        fixed = {"lifts": reference.lifts, "smooth": smooth.T.copy(), "root": scale * cells.root, "free": free}
        for name, array in fixed.items():
            self.register_buffer(name, torch.from_numpy(array).float(), persistent=False)
        self.register_buffer("dofs", torch.from_numpy(cells.dofs).long().ravel(), persistent=False)
        self.fields, self.nodal = len(smooth.T) // len(family.centres), cells.dofs.shape[1]

    def forward(self, controls: torch.Tensor, smooth: torch.Tensor, nodal: torch.Tensor) -> torch.Tensor:
        """Displacement (b, size) mm of controls (b, c) mm, smooth (b, cells, fields) and nodal (b, pores, k)."""
        moved = controls @ self.lifts + smooth.flatten(1) @ self.smooth
        return moved.index_add(1, self.dofs, (nodal @ self.root).flatten(1) * self.free)


class CellNetwork(torch.nn.Module):
    """Designs (b, p) and controls (b, c) mm, float64 -> displacements (b, size) mm, of the weights' precision."""

    def __init__(self, reference: Reference, size: Size, generator: torch.Generator) -> None:
        super().__init__()
        family = reference.family
        controls, cells, channels = len(family.boundary.controls), len(family.centres), size.channels
        radii = len(family.geometry.parameters) // len(family.porous)
        self.output, self.porous = Output(reference), list(family.porous)
        low, high = family.radii
        self.centre, self.spread, self.reach = 0.5 * (low + high), 0.5 * (high - low), family.reach
        self.first = torch.nn.Linear(radii + controls, channels)
        self.place = torch.nn.Parameter(0.5 * torch.randn(cells, channels, generator=generator))
        self.mixing = torch.nn.Parameter(torch.randn(size.layers, GROUPS, cells, cells, generator=generator) / cells**0.5)
        self.inner = torch.nn.ModuleList(torch.nn.Linear(2 * channels, channels) for _ in range(size.layers))
        self.outer = torch.nn.ModuleList(torch.nn.Linear(channels, channels) for _ in range(size.layers))
        self.smooth = torch.nn.Linear(channels * controls, self.output.fields, bias=False)
        self.nodal = torch.nn.Linear(channels * controls, self.output.nodal, bias=False)
        _draw(self, generator)

    def forward(self, designs: torch.Tensor, controls: torch.Tensor) -> torch.Tensor:
        """The displacements, to that precision also those that are prescribed."""
        kind = self.place.dtype
        pores, pushed = ((designs - self.centre) / self.spread).to(kind), (controls / self.reach).to(kind)
        count, cells = len(designs), len(self.place)
        radii = pores.new_zeros(count, cells, pores.shape[1] // len(self.porous))
        radii[:, self.porous] = pores.view(count, len(self.porous), -1)
        seen = torch.cat([radii, pushed[:, None].expand(-1, cells, -1)], dim=2)
        state = self.first(seen) + self.place
        for mixing, inner, outer in zip(self.mixing, self.inner, self.outer, strict=True):
            groups = state.view(count, cells, GROUPS, -1)
            mixed = torch.einsum("gst,btgm->bsgm", mixing, groups).reshape(state.shape)
            state = state + outer(torch.nn.functional.silu(inner(torch.cat([state, mixed], dim=2))))
        driven = torch.einsum("bsm,bc->bscm", state, pushed).flatten(2)
        return self.output(controls.to(kind), self.smooth(driven), self.nodal(driven[:, self.porous]))


def _draw(network: CellNetwork, generator: torch.Generator) -> None:
    """Weights of the linear layers from a generator; the output starts at nothing, which is the linear-elastic answer."""
    for layer in (network.first, *network.inner, *network.outer):
        torch.nn.init.normal_(layer.weight, std=layer.in_features**-0.5, generator=generator)
        torch.nn.init.zeros_(layer.bias)
    for layer in (network.smooth, network.nodal):
        torch.nn.init.zeros_(layer.weight)
