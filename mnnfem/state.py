"""A displacement with the energy and the forces that belong to it, each computed once."""

from __future__ import annotations

from dataclasses import dataclass

from mnnfem.mesh import Floats
from mnnfem.solid import Solid


@dataclass(frozen=True)
class State:
    """u (own degrees of freedom, mm) and its energy, residual, and their scales.

    residual  dPi/du;  free: its out-of-balance part, zero where u is prescribed
    norm      of the out-of-balance forces, over all ranks
    reaction  norm of the prescribed rows' forces, or of the loads if that is more, as pressures may balance each other
    scale     the same, but at least that of a body hardly loaded
    """

    u: Floats
    energy: float
    residual: Floats
    free: Floats
    norm: float
    reaction: float
    scale: float

    @classmethod
    def at(cls, solid: Solid, u: Floats, energy: float | None = None) -> State:
        """The state at u; its energy is computed unless it is known."""
        residual = solid.residual(u)
        free = solid.on_free(residual)
        norm, whole = solid.dot(free, free), solid.dot(residual, residual)
        loads = solid.load_forces(u)
        reaction = max(max(whole - norm, 0.0), solid.dot(loads, loads)) ** 0.5
        energy = solid.energy(u) if energy is None else energy
        return cls(u, energy, residual, free, norm**0.5, reaction, max(reaction, solid.force_floor))
