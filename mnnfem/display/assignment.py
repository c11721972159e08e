"""Which state of a bank shall show which digit, and in which colours: both at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mnnfem.display.colours import Colours

HOT, COLD = 2.0, 0.05  # temperatures of the soft minimum at the start and the end, in nats of cross-entropy
RATE = 0.15  # of Adam on the logits
SPREAD = 1.0  # standard deviation of the logits that a restart begins with


@dataclass(frozen=True)
class Assignment:
    """state (k,): the row of the bank for each pattern; logits of the colours; patterns that are exact; their mean error."""

    state: torch.Tensor
    logits: torch.Tensor
    exact: int
    error: float


def assign(
    weights: torch.Tensor,
    points: torch.Tensor,
    colours: Colours,
    patterns: torch.Tensor,
    generator: torch.Generator,
    restarts: int = 8,
    iterations: int = 300,
) -> list[Assignment]:
    r"""Restarts of Adam on the colours, with a soft choice of states that hardens; all of them, the best first.

        minimise  -T sum_k log mean_s exp(-H_ks / T),   H_ks = cross-entropy of pattern k and what state s shows,

    T falling from HOT to COLD in geometric steps. With T large all states count, with T small each pattern's best one.
    A restart is judged by how many patterns all its windows show rightly, then by the sum of colour errors: training goes on
    downhill, and a segment that is wrong by far stays so.

    weights (s, w, n) of the states, see `Windows.weights`; points (n, 2) mm; patterns (k, w) of zeros and ones.
    `colours` is left as it was.
    """
    kept, found = colours.logits.detach().clone(), []
    flat = weights.reshape(-1, weights.shape[2])

    def entropies() -> tuple[torch.Tensor, torch.Tensor]:
        seen = (flat @ colours(points)).reshape(weights.shape[:2])
        return seen, -(patterns @ seen.log().T + (1 - patterns) @ (1 - seen).log().T)

    for _ in range(restarts):
        with torch.no_grad():
            colours.logits.copy_(SPREAD * torch.randn(kept.shape, generator=generator, dtype=torch.float64))
        optimiser = torch.optim.Adam(colours.parameters(), lr=RATE)
        for iteration in range(iterations):
            temperature = HOT * (COLD / HOT) ** (iteration / max(1, iterations - 1))
            optimiser.zero_grad()
            (-temperature * torch.logsumexp(-entropies()[1] / temperature, dim=1).sum()).backward()
            optimiser.step()
        with torch.no_grad():
            seen, entropy = entropies()
        state = entropy.argmin(dim=1)
        errors = (seen[state] - patterns).abs()
        exact = int((errors < 0.5).all(dim=1).sum())
        found.append(Assignment(state, colours.logits.detach().clone(), exact, float(errors.sum(dim=1).mean())))
    with torch.no_grad():
        colours.logits.copy_(kept)
    return sorted(found, key=lambda one: (-one.exact, one.error))
