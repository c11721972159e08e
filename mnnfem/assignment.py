"""Which state of a bank shall show which digit, and in which colours: both at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mnnfem.colours import Colours

HOT, COLD = 2.0, 0.05  # temperatures of the soft minimum at the start and the end, in nats of cross-entropy
RATE = 0.15  # of Adam on the logits
SPREAD = 1.0  # standard deviation of the logits that a restart begins with


@dataclass(frozen=True)
class Assignment:
    """state (k,): the row of the bank for each pattern; logits of the colours; loss of each restart (restarts,)."""

    state: torch.Tensor
    logits: torch.Tensor
    losses: torch.Tensor


def assign(
    weights: torch.Tensor,
    points: torch.Tensor,
    colours: Colours,
    patterns: torch.Tensor,
    generator: torch.Generator,
    restarts: int = 8,
    iterations: int = 300,
) -> Assignment:
    r"""The best of some restarts of Adam on the colours, with a soft choice of states that hardens.

        minimise  -T sum_k log mean_s exp(-H_ks / T),   H_ks = cross-entropy of pattern k and what state s shows,

    T falling from HOT to COLD in geometric steps. With T large all states count, with T small each pattern's best one.
    A restart is judged by its sum of mean colour errors under the hard choice, per pattern.

    weights (s, w, n) of the states, see `Windows.weights`; points (n, 2) mm; patterns (k, w) of zeros and ones.
    `colours` is left as it was.
    """
    kept, best, losses = colours.logits.detach().clone(), None, []
    flat = weights.reshape(-1, weights.shape[2])
    for _ in range(restarts):
        with torch.no_grad():
            colours.logits.copy_(SPREAD * torch.randn(kept.shape, generator=generator, dtype=torch.float64))
        optimiser = torch.optim.Adam(colours.parameters(), lr=RATE)
        for iteration in range(iterations):
            temperature = HOT * (COLD / HOT) ** (iteration / max(1, iterations - 1))
            seen = (flat @ colours(points)).reshape(weights.shape[:2])
            entropy = -(patterns @ seen.log().T + (1 - patterns) @ (1 - seen).log().T)
            optimiser.zero_grad()
            (-temperature * torch.logsumexp(-entropy / temperature, dim=1).sum()).backward()
            optimiser.step()
        with torch.no_grad():
            seen = (flat @ colours(points)).reshape(weights.shape[:2])
            errors = (seen - patterns[:, None]).abs().sum(dim=2)
        losses.append(float(errors.min(dim=1).values.mean()))
        if best is None or losses[-1] < best[0]:
            best = losses[-1], errors.argmin(dim=1), colours.logits.detach().clone()
    with torch.no_grad():
        colours.logits.copy_(kept)
    assert best is not None
    return Assignment(best[1], best[2], torch.tensor(losses))
