"""Classification by a network of springs: training with several starts, and accuracy, with noise where it is read or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from mnnfem.springs.losses import Loss
from mnnfem.springs.springnet import SpringNet
from mnnfem.springs.training import Epoch, Regime, Samples, fit, readings

SPREAD = 0.3  # of the shares of further starts, about the first


@dataclass(frozen=True)
class Reading:
    """How a class is learned and read off: a loss, and readings (s, o) mm -> classes (s,).

    aligned  whether a lower loss is a better classifier; where it is not, epochs are compared by their accuracy first
    """

    loss: Loss
    decide: Callable[[torch.Tensor], torch.Tensor]
    aligned: bool


@dataclass(frozen=True)
class History:
    """Epochs of the start that was kept, and the accuracy on the training samples after each."""

    epochs: tuple[Epoch, ...]
    accuracy: tuple[float, ...]


def train_classifier(
    model: SpringNet, samples: Samples, reading: Reading, regime: Regime, seed: int, starts: int = 1
) -> History:
    """Train from where the model is, and from `starts` - 1 random places about it; it keeps the best epoch of all.

    The best on the training samples, see `Reading`: the |u| loss goes on falling where accuracy does not, and may stop at a
    reading that would have to change its sign.
    """
    first, generator = model.share.detach().clone(), torch.Generator().manual_seed(seed)
    best, kept, history = (-1.0, 0.0), first, History((), ())
    for start in range(starts):
        with torch.no_grad():
            model.share.copy_(
                first + (SPREAD * (2 * torch.rand(first.shape, dtype=first.dtype, generator=generator) - 1) if start else 0)
            )
        model.clip_()
        epochs, scores, found = [], [], False
        for epoch in fit(model, samples, reading.loss, regime, generator):
            answers = readings(model, samples)  # after the step, which may have gone too far
            score = _score(reading, answers, samples)
            rank = (0.0 if reading.aligned else score, -float(reading.loss(answers, samples.wanted).mean()))
            epochs.append(epoch)
            scores.append(score)
            if rank > best:
                best, kept, found = rank, model.share.detach().clone(), True
        if found:
            history = History(tuple(epochs), tuple(scores))
    with torch.no_grad():
        model.share.copy_(kept)
    return history


def accuracy(model: SpringNet, samples: Samples, reading: Reading) -> float:
    """Share of samples whose class is read correctly."""
    return _score(reading, readings(model, samples), samples)


def noisy_accuracy(model: SpringNet, samples: Samples, reading: Reading, noise: float, seed: int, repeats: int = 20) -> float:
    """The same, each reading with noise of standard deviation `noise` mm; the mean of `repeats` readings of all samples."""
    generator, clean = torch.Generator().manual_seed(seed), readings(model, samples)
    scores = []
    for _ in range(repeats):
        seen = clean + noise * torch.randn(clean.shape, dtype=clean.dtype, generator=generator)
        scores.append(_score(reading, seen, samples))
    return sum(scores) / repeats


def _score(reading: Reading, answers: torch.Tensor, samples: Samples) -> float:
    """Share of samples whose class is read correctly off the answers (s, o) mm."""
    return float((reading.decide(answers) == samples.wanted).double().mean())
