"""The seven segments of a digital eight: which are lit for each digit, and which digit is read from their colours."""

from __future__ import annotations

import torch

# a on top, b and c on the right from above, d at the bottom, e and f on the left from below, g in the middle
SEGMENTS = "abcdefg"
DIGITS = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")
LIT = torch.tensor([[float(segment in shown) for segment in SEGMENTS] for shown in DIGITS], dtype=torch.float64)
NONE = -1  # what is read where no digit is shown


def read(seen: torch.Tensor) -> torch.Tensor:
    """The digit (b,) that colours (b, 7) show, lit above 0.5, or NONE: all seven segments must be those of the digit."""
    same = ((seen > 0.5)[:, None] == (LIT > 0.5)).all(dim=2)
    return torch.where(same.any(dim=1), same.double().argmax(dim=1), torch.tensor(NONE))


def margins(seen: torch.Tensor, digits: torch.Tensor) -> torch.Tensor:
    """1 - |seen - wanted| of each segment, (b, 7): 1 is perfect, and below 0.5 the segment is read wrongly."""
    return 1 - (seen - LIT[digits]).abs()


def best_constant(digits: torch.Tensor) -> float:
    """Least mean error of one picture for all digits (b,): each window shows what more than half of them want."""
    lit = LIT[digits].mean(dim=0)
    return float(torch.minimum(lit, 1 - lit).sum())
