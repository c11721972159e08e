"""Which nodes are loaded and which are read: chosen on the training samples alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mnnfem.errors import InputError
from mnnfem.mesh import Floats, Ints
from mnnfem.parameters import Parameters
from mnnfem.springs.batched import Batched, Crowd
from mnnfem.springs.losses import Loss
from mnnfem.springs.modes import modes_of
from mnnfem.springs.network import Network
from mnnfem.springs.ports import Port, Ports
from mnnfem.springs.training import Samples


@dataclass(frozen=True)
class Search:
    """`first` choices at random; then in each round `children` of each of the `kept` best, one port changed, are tried.

    A choice is worth what a short training makes of it: `epochs` steps at `rate`, three times as many in the last round.
    In `damaged` further rounds it is worth what that training makes on average with any one bond cut that can be, and at worst.
    """

    first: int = 128
    rounds: int = 10
    kept: int = 4
    children: int = 16
    epochs: int = 60
    rate: float = 0.05
    damaged: int = 0


@dataclass(frozen=True, eq=False)
class _Choice:
    """Nodes that are loaded, components that are read (of those in `Network.free`), and the signs of the readings."""

    loaded: Ints
    read: Ints
    signs: Floats


def choose_ports(
    network: Network,
    samples: Samples,
    outputs: int,
    bounds: Parameters,
    loss: Loss,
    seed: int,
    bias_load: float = 0.0,
    search: Search = Search(),
) -> Ports:
    """Loads go down at nodes, readings along x or y either way; a constant load of `bias_load` N, if any, at one more node.

    The choice of the least loss on `samples`. InputError where the network has too few nodes.
    """
    axis = network.dim - 1
    nodes = np.flatnonzero(~network.held[:, axis])
    count = samples.inputs.shape[1] + (bias_load > 0)
    if len(nodes) < count or len(network.free) < outputs:
        raise InputError(
            f"{count} nodes are to be loaded and {outputs} components read; {len(nodes)} and {len(network.free)} are free."
        )
    rng = np.random.default_rng(seed)
    batched = Batched(network, bounds)
    loads = samples.inputs
    if bias_load > 0:
        loads = torch.cat([loads, torch.full((len(loads), 1), bias_load, dtype=loads.dtype)], dim=1)
    free, whole = len(network.free), torch.ones(1, len(network.bonds), dtype=torch.float64)
    choices = [
        _Choice(rng.permutation(nodes)[:count], rng.permutation(free)[:outputs], rng.choice([-1.0, 1.0], outputs))
        for _ in range(search.first)
    ]
    for number in range(search.rounds + search.damaged + 1):
        if number:
            choices = [
                child for one in choices for child in [one, *(_changed(one, nodes, free, rng) for _ in range(search.children))]
            ]
        cuts = whole if number <= search.rounds else _cuts(network)
        crowd = _crowd(network, axis, choices).damaged(cuts)
        epochs = search.epochs * (3 if number == search.rounds and not search.damaged else 1)
        losses = batched.trained(crowd, loads, samples.wanted, loss, epochs, search.rate)
        each = losses.reshape(len(choices), len(cuts))
        worth = each.mean(dim=1) + (each.amax(dim=1) if len(cuts) > 1 else 0.0)
        choices = [choices[int(k)] for k in worth.argsort()[: search.kept]]
    return _ports(network, axis, choices[0], samples.inputs.shape[1], bias_load)


def _cuts(network: Network) -> torch.Tensor:
    """What is left of the bonds, (k, b), where none is cut, and each that can be."""
    intact = torch.ones(len(network.bonds), len(network.bonds), dtype=torch.float64).fill_diagonal_(0.0)
    kept = np.setdiff1d(np.arange(len(network.bonds)), modes_of(network).essential)
    return torch.cat([torch.ones(1, len(network.bonds), dtype=torch.float64), intact[torch.from_numpy(kept)]])


def _changed(choice: _Choice, nodes: Ints, free: int, rng: np.random.Generator) -> _Choice:
    """The choice with one load moved to another node, changing places with one that is there, or one reading replaced."""
    loaded, read, signs = choice.loaded.copy(), choice.read.copy(), choice.signs.copy()
    if rng.random() < 0.5:
        place, node = rng.integers(len(loaded)), rng.choice(nodes)
        loaded[loaded == node] = loaded[place]
        loaded[place] = node
    else:
        place = rng.integers(len(read))
        read[place] = rng.choice(np.setdiff1d(np.arange(free), read))
        signs[place] = rng.choice([-1.0, 1.0])
    return _Choice(loaded, read, signs)


def _crowd(network: Network, axis: int, choices: list[_Choice]) -> Crowd:
    loaded = np.searchsorted(network.free, np.array([one.loaded for one in choices]) * network.dim + axis)
    read, signs = (torch.from_numpy(np.array([getattr(one, name) for one in choices])) for name in ("read", "signs"))
    down, intact = (torch.ones(shape, dtype=torch.float64) for shape in (loaded.shape, (len(choices), len(network.bonds))))
    return Crowd(torch.from_numpy(loaded), -down, read, signs, intact)


def _ports(network: Network, axis: int, choice: _Choice, inputs: int, bias_load: float) -> Ports:
    loaded = [Port(int(node), axis, -1.0) for node in choice.loaded]
    places = [divmod(int(network.free[component]), network.dim) for component in choice.read]
    read = [Port(node, along, float(sign)) for (node, along), sign in zip(places, choice.signs, strict=True)]
    return Ports(tuple(loaded[:inputs]), tuple(read), loaded[-1] if bias_load > 0 else None, bias_load)
