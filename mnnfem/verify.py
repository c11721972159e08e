"""A trained model on a finer mesh of the same body: does what it learned hold there?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from mnnfem.autoencoder import Autoencoder
from mnnfem.body import Body
from mnnfem.geometry import finer
from mnnfem.mesh import Mesh
from mnnfem.plant import Plant
from mnnfem.task import Watched
from mnnfem.trainer import Evaluation, evaluate


@dataclass(frozen=True)
class Verification:
    """The same targets on the mesh of the training and on the finer one.

    model    the trained one, with the finer mesh
    apart    by how much the watched points differ, the mean over them, (n,) mm; NaN where a state has no equilibrium
    """

    coarse: Evaluation
    fine: Evaluation
    model: Autoencoder
    apart: torch.Tensor

    @property
    def numbers(self) -> dict[str, Any]:
        """The result for programs; `apart` is None where no target has a state on both meshes."""
        solved = self.apart[torch.isfinite(self.apart)]
        meshes = {"coarse": self.coarse, "fine": self.fine}
        return {
            "elements": len(self.model.geometry.mesh.cells),
            "n": len(self.apart),
            "apart": float(solved.mean()) if len(solved) else None,
            **{
                name: {
                    "error": one.mean,
                    "worst": one.worst,
                    "failed": one.failed,
                    "uncertified": one.uncertified,
                    "crossed": one.crossed,
                    "deepest_overlap": one.deepest_overlap,
                }
                for name, one in meshes.items()
            },
        }

    def sentences(self, unit: str) -> str:
        """The result for people."""
        n, coarse, fine = len(self.apart), self.coarse, self.fine
        bad = fine.failed + fine.uncertified
        apart = self.numbers["apart"]
        return (
            f"held-out error {coarse.mean:.3g} {unit} on the mesh of the training, {fine.mean:.3g} {unit} on the finer one of "
            f"{self.numbers['elements']} elements ({fine.mean - coarse.mean:+.2g}; worst {fine.worst:.3g}, n = {n})\n"
            f"there {n - bad} of {n} states are certified, {fine.failed} failed; walls pass through each other in "
            f"{fine.crossed} ({coarse.crossed} before), at most {fine.deepest_overlap:.2f} mm deep; "
            + ("no state to compare" if apart is None else f"watched points move by {apart:.2f} mm between the meshes")
        )


@torch.no_grad()
def verify(
    model: Autoencoder, task: Watched, targets: torch.Tensor, make: Callable[[Mesh], Body], refinements: int
) -> Verification:
    """Evaluate on `targets` (n, ...), then once more with every element cut `refinements` times into similar ones.

    The walls stay the polygons that they are, so only the discretisation of the displacement changes. The network is the
    same, so are its controls; every solve starts at rest. `make`: the body on a mesh.
    """
    coarse = evaluate(model, task, targets)
    finer = on_finer_mesh(model, make, refinements)
    fine = evaluate(finer, task, targets)
    places = [task.watched(one.response) for one in (coarse, fine)]
    return Verification(coarse, fine, finer, (places[1] - places[0]).norm(dim=2).mean(dim=1))


def on_finer_mesh(model: Autoencoder, make: Callable[[Mesh], Body], refinements: int) -> Autoencoder:
    """The same network and design, not copies, with a body whose every element is cut `refinements` times."""
    geometry = model.geometry
    for _ in range(refinements):
        geometry = finer(geometry)
    return model.on(Plant(geometry, make, model.plant.guard, model.plant.ensemble, model.plant.limits))
