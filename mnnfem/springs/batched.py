"""Many small networks at once, of the same bonds and different ports, dense and by torch alone: for searches."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mnnfem.parameters import Parameters
from mnnfem.springs.losses import Loss
from mnnfem.springs.network import Network, compatibility


@dataclass(frozen=True, eq=False)
class Crowd:
    """m choices of ports: components (m, c) loaded and (m, o) read, numbered as in `Network.free`, with their signs.

    intact  (m, b) 0 where a bond is cut, 1 elsewhere
    """

    loaded: torch.Tensor
    load_signs: torch.Tensor
    read: torch.Tensor
    read_signs: torch.Tensor
    intact: torch.Tensor

    def __len__(self) -> int:
        return len(self.loaded)

    def damaged(self, cuts: torch.Tensor) -> Crowd:
        """Each choice once for every row of cuts (k, b), (m k) in all."""
        rows = torch.arange(len(self)).repeat_interleave(len(cuts))
        return Crowd(
            self.loaded[rows], self.load_signs[rows], self.read[rows], self.read_signs[rows], cuts.repeat(len(self), 1)
        )


class Batched:
    """Readings of one network under many choices of ports and stiffnesses; the same as m `SpringNet`s."""

    def __init__(self, network: Network, bounds: Parameters) -> None:
        self._matrix = torch.from_numpy(compatibility(network.nodes, network.bonds)[:, network.free].toarray())
        self._lower, self._upper = torch.from_numpy(bounds.lower), torch.from_numpy(bounds.upper)
        self._start = torch.from_numpy((bounds.start - bounds.lower) / (bounds.upper - bounds.lower))

    def readings(self, share: torch.Tensor, crowd: Crowd, loads: torch.Tensor) -> torch.Tensor:
        """(m, s, o) mm of shares (m, b) of the stiffnesses' range and loads (s, c) N."""
        stiffness = crowd.intact * (self._lower + share * (self._upper - self._lower))
        whole = torch.einsum("bi,mb,bj->mij", self._matrix, stiffness, self._matrix)
        forces = torch.zeros(len(crowd), whole.shape[1], crowd.loaded.shape[1], dtype=share.dtype)
        forces = forces.scatter(1, crowd.loaded[:, None], crowd.load_signs[:, None])
        moved = torch.linalg.solve(whole, forces)
        read = moved.gather(1, crowd.read[:, :, None].expand(-1, -1, moved.shape[2])) * crowd.read_signs[:, :, None]
        return torch.einsum("moc,sc->mso", read, loads)

    def trained(
        self, crowd: Crowd, loads: torch.Tensor, wanted: torch.Tensor, loss: Loss, epochs: int, rate: float
    ) -> torch.Tensor:
        """Losses (m,) after `epochs` steps of Adam on all samples, from the start stiffnesses."""
        share = self._start.expand(len(crowd), -1).clone().requires_grad_()
        optimiser = torch.optim.Adam([share], lr=rate)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)

        def losses() -> torch.Tensor:
            read = self.readings(share, crowd, loads)
            each = loss(read.flatten(0, 1), wanted.repeat(len(crowd), *(1,) * (wanted.ndim - 1)))
            return each.reshape(len(crowd), -1).mean(dim=1)

        for _ in range(epochs):
            optimiser.zero_grad()
            losses().sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            decay.step()
            with torch.no_grad():
                share.clamp_(0.0, 1.0)
        return losses().detach()
