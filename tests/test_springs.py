"""Networks of springs: counts of modes, equilibria and gradients against independent formulas, refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from mpi4py import MPI

from mnnfem.bridge import Bridge
from mnnfem.ensemble import Ensemble
from mnnfem.errors import EquilibriumError, InputError
from mnnfem.springs.exact import ExactSprings
from mnnfem.springs.factor import Factor
from mnnfem.springs.lattices import cubic, random_geometric, square, trapezoid, triangular
from mnnfem.springs.modes import modes_of, refuse_mechanism
from mnnfem.springs.network import Network, compatibility, holding
from mnnfem.springs.physics import Springs
from mnnfem.springs.ports import Port, Ports
from mnnfem.springs.springnet import SpringNet, strip_bounds
from mnnfem.springs.tasks import BEHAVIOUR

LOAD = np.array([0.049])
LATTICES = {
    "trapezoid": trapezoid(),
    "triangular": triangular(5, 4),
    "square": square(4, 4),
    "cubic": cubic(3, 3, 3),
    "random": random_geometric(25, 3),
    "random in space": random_geometric(27, 3, dim=3),
}


def loads_at(network: Network, node: int) -> sp.csr_matrix:
    return Ports((Port(node, network.dim - 1, -1.0),), (Port(node, 0),)).loads(network)


def complex_displacement(network: Network, stiffness: np.ndarray, forces: np.ndarray) -> np.ndarray:
    """By a dense solve of its own: loops over bonds, no matrices of the package."""
    whole = np.zeros((network.nodes.size,) * 2, dtype=complex)
    for (a, b), k in zip(network.bonds, stiffness, strict=True):
        n = network.nodes[b] - network.nodes[a]
        n = n / np.sqrt((n**2).sum())
        block, d = k * np.outer(n, n), network.dim
        for i, j, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
            whole[d * i : d * i + d, d * j : d * j + d] += sign * block
    u, free = np.zeros(network.nodes.size, dtype=complex), network.free
    u[free] = np.linalg.solve(whole[np.ix_(free, free)], forces.ravel()[free])
    return u.reshape(network.nodes.shape)


def test_the_trapezoid_is_the_papers() -> None:
    """14 nodes, 28 bonds of 16 mm, 10 of them horizontal, rank 24, 4 states of self stress."""
    network = trapezoid()
    assert network.nodes.shape == (14, 2)
    assert network.lengths == pytest.approx(np.full(28, 16.0))
    along = network.nodes[network.bonds[:, 1]] - network.nodes[network.bonds[:, 0]]
    assert (np.abs(along[:, 1]) < 1e-9).sum() == 10
    modes = modes_of(network)
    assert modes.zero.shape == (0, 14, 2)
    assert len(modes.self_stress) == 4
    assert modes.sentence == "4 states of self stress, 0 zero modes"
    assert network.nodes[0] == pytest.approx([0, 0])
    assert network.nodes[13] == pytest.approx([-40, -24 * 3**0.5])


@pytest.mark.parametrize("network", LATTICES.values(), ids=LATTICES.keys())
def test_modes_are_null_spaces_and_add_up(network: Network) -> None:
    """Calladine: zero modes - states of self stress = free components - bonds; tensions balance, modes do not stretch."""
    modes = modes_of(network)
    matrix = compatibility(network.nodes, network.bonds)
    assert len(modes.zero) - len(modes.self_stress) == len(network.free) - len(network.bonds)
    assert np.abs(modes.self_stress @ matrix[:, network.free]).max() < 1e-12
    assert np.allclose(modes.self_stress @ modes.self_stress.T, np.eye(len(modes.self_stress)), atol=1e-12)


def test_a_bond_in_no_state_of_self_stress_cannot_be_cut() -> None:
    """Each one of the essential bonds, cut, gives one zero mode, and no other bond does."""
    network = trapezoid()
    essential = modes_of(network).essential
    assert essential.tolist() == [1, 11]
    for bond in range(28):
        assert len(modes_of(network.without([bond])).zero) == (1 if bond in essential else 0)
    with pytest.raises(InputError, match=r"is a mechanism: 4 states of self stress, 1 zero mode: nodes .* may move"):
        refuse_mechanism(network.without([1]))


def test_two_zero_modes_are_told_apart() -> None:
    """Two nodes that each hang on one bond swing on their own."""
    nodes = np.array([[0.0, 0.0], [10, 0], [5, 8], [-5, 0], [15, 0]])
    network = Network(nodes, np.array([[0, 1], [0, 2], [1, 2], [0, 3], [1, 4]]), holding(5, 2, (0, 1)))
    assert modes_of(network).sentence == (
        "1 state of self stress, 2 zero modes: node 3 (+0.00 +1.00) may move; node 4 (+0.00 +1.00) may move"
    )


def test_a_large_mechanism_is_found_by_its_factor() -> None:
    network = triangular(45, 40)
    refuse_mechanism(network)
    on_hinge = np.flatnonzero((network.bonds == len(network.nodes) - 1).any(axis=1))
    with pytest.raises(InputError, match="is a mechanism"):
        refuse_mechanism(network.without(on_hinge[1:].tolist()))


@pytest.mark.parametrize("size", [30, 400])
def test_factors_tell_whether_a_matrix_is_positive_definite(size: int) -> None:
    """Dense and sparse: a Laplacian, the same without its boundary (singular), and with one negative eigenvalue."""
    laplacian = sp.diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(size, size)).tolil()
    assert Factor(laplacian.tocsc()).definite
    rhs = np.random.default_rng(0).normal(size=(size, 2))
    assert laplacian @ Factor(laplacian.tocsc()).solve(rhs) == pytest.approx(rhs, abs=1e-9)
    free = laplacian.copy()
    free[0, 0] = free[-1, -1] = 1.0
    assert not Factor(free.tocsc()).definite
    assert not Factor((laplacian - 0.5 * sp.eye(size)).tocsc()).definite


@pytest.mark.parametrize("network", LATTICES.values(), ids=LATTICES.keys())
def test_the_gradient_is_exact_to_a_complex_step(network: Network) -> None:
    """e_adj o e against the imaginary part of a dense solve of its own; 8e-15 was measured."""
    rng = np.random.default_rng(2)
    stiffness, seed = rng.uniform(0.1, 0.2, len(network.bonds)), rng.normal(size=network.nodes.shape)
    springs = Springs(network, loads_at(network, len(network.nodes) - 2))
    field = springs.solve(network.nodes, LOAD, stiffness)
    forces = (springs.loads.T @ LOAD).reshape(network.nodes.shape)
    assert field.displacement == pytest.approx(complex_displacement(network, stiffness, forces).real, abs=1e-12)
    gradient, wanted = springs.vjp(field, seed).material, np.empty(len(network.bonds))
    for bond in range(len(wanted)):
        moved = stiffness.astype(complex)
        moved[bond] += 1e-30j
        wanted[bond] = (seed * complex_displacement(network, moved, forces).imag).sum() / 1e-30
    assert np.linalg.norm(gradient - wanted) <= 1e-12 * np.linalg.norm(wanted)
    assert np.linalg.norm(1.01 * gradient - wanted) > 1e-12 * np.linalg.norm(wanted)


@pytest.mark.parametrize("kind", [Springs, ExactSprings])
@pytest.mark.parametrize("which", ["points", "controls", "material"])
def test_taylor_order_and_rebuilt_solves(kind: type[Springs], which: str) -> None:
    """At 40 g: second order, and central differences of networks built anew, 1e-9 was measured; a 1 % error is seen."""
    network, rng = trapezoid(), np.random.default_rng(4)
    inputs = {
        "points": network.nodes + rng.normal(size=network.nodes.shape),
        "controls": 8 * LOAD,
        "material": rng.uniform(0.1, 0.2, 28),
    }
    seed = rng.normal(size=network.nodes.shape)
    direction = rng.normal(size=inputs[which].shape) * (0.1 * np.abs(inputs[which]).mean())

    def value(step: float) -> float:
        springs = kind(trapezoid(), BEHAVIOUR.loads(network))
        moved = {**inputs, which: inputs[which] + step * direction}
        return float((seed * springs.solve(**moved).displacement).sum())

    springs = kind(network, BEHAVIOUR.loads(network))
    slope = float((getattr(springs.vjp(springs.solve(**inputs), seed), which) * direction).sum())
    difference = (value(1e-4) - value(-1e-4)) / 2e-4
    assert slope == pytest.approx(difference, rel=1e-6)
    assert 1.01 * slope != pytest.approx(difference, rel=1e-6)
    if kind is Springs and which == "controls":
        assert value(1.0) - value(0.0) == pytest.approx(slope)  # linear: there is no rest whose order could be told
        return
    rests = [abs(value(h) - value(0.0) - h * slope) for h in (0.04, 0.02)]
    assert np.log2(rests[0] / rests[1]) > 1.9


def test_exact_springs_become_linear_under_small_loads_and_turn_under_large_ones() -> None:
    network, stiffness = trapezoid(), strip_bounds(trapezoid()).start
    linear, exact = (kind(network, BEHAVIOUR.loads(network)) for kind in (Springs, ExactSprings))
    apart = []
    for load in (1e-5, 2e-5, 0.392):
        fields = [springs.solve(network.nodes, np.array([load]), stiffness).displacement for springs in (linear, exact)]
        apart.append(np.abs(fields[1] - fields[0]).max() / np.abs(fields[0]).max())
    assert apart[0] < 1e-4
    assert apart[1] == pytest.approx(2 * apart[0], rel=1e-2)  # first order in the load
    assert apart[2] > 0.05


def test_one_exact_spring_against_its_formula() -> None:
    """Two bonds at 45 degrees, loaded at their joint: 2 k (l - L) sin = F along the middle."""
    nodes, k = np.array([[-10.0, 0.0], [10, 0], [0, -10]]), 0.2
    network = Network(nodes, np.array([[0, 2], [1, 2], [0, 1]]), holding(3, 2, (0, 1)))
    springs = ExactSprings(network, loads_at(network, 2))
    depth = 10 - springs.solve(nodes, np.array([1.5]), np.full(3, k)).displacement[2, 1]
    length = np.hypot(10, depth)
    assert 2 * k * (length - 10 * np.sqrt(2)) * depth / length == pytest.approx(1.5, rel=1e-10)


def test_a_flat_arch_that_snaps_ends_stable_on_the_other_side() -> None:
    """Beyond its critical load the joint passes through the line of its supports; the state that is returned is stable."""
    nodes = np.array([[-10.0, 0.0], [10, 0], [0, 1.0]])
    network = Network(nodes, np.array([[0, 2], [1, 2], [0, 1]]), holding(3, 2, (0, 1)))
    springs = ExactSprings(network, loads_at(network, 2))
    field = springs.solve(nodes, np.array([0.01]), np.ones(3))
    assert field.displacement[2, 1] < -2.0
    assert np.abs(field.elongations[:2]).max() < 0.1
    up = springs.solve(nodes, np.array([1e-5]), np.ones(3))
    assert -0.1 < up.displacement[2, 1] < 0


def test_what_does_not_converge_or_is_unstable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bonds pressed in line stand at a saddle."""
    nodes = np.array([[0.0, 0.0], [10, 0], [20, 0], [10, 5]])
    network = Network(nodes, np.array([[0, 1], [1, 2], [0, 3], [2, 3], [1, 3]]), holding(4, 2, (0, 2)))
    springs = ExactSprings(network, loads_at(network, 3))
    monkeypatch.setattr("mnnfem.springs.exact.ITERATIONS", 1)
    with pytest.raises(EquilibriumError, match=r"has not converged in 1 steps.*Use smaller loads"):
        springs.solve(nodes, np.array([5.0]), np.ones(5))


@pytest.mark.mpi
def test_through_the_bridge_samples_and_ranks_change_nothing() -> None:
    """Superposed or solved one by one, on one rank or dealt to all: the same readings and the same gradient."""
    network = trapezoid()
    bounds = strip_bounds(network)
    inputs = torch.tensor([[0.049], [-0.02], [0.1]], dtype=torch.float64)
    ensemble = Ensemble.of(MPI.COMM_WORLD)
    found = []
    for linear, groups in ((True, None), (False, None), (False, ensemble)):
        model = SpringNet(network, BEHAVIOUR, bounds, linear=linear, ensemble=groups)
        read = model(inputs)
        (read**2).sum().backward()
        found.append((read.detach(), model.share.grad.clone()))
    for read, gradient in found[1:]:
        assert torch.allclose(read, found[0][0], rtol=1e-12)
        assert torch.allclose(gradient, found[0][1], rtol=1e-10)
    assert torch.equal(found[1][1], found[2][1])


def test_the_bridge_gives_gradients_of_nodes_and_loads_too() -> None:
    network = trapezoid()
    springs = Springs(network, BEHAVIOUR.loads(network))
    leaves = [
        torch.tensor(value, requires_grad=True) for value in (network.nodes, np.array([[0.049]]), strip_bounds(network).start)
    ]
    response = Bridge(springs)(*leaves)
    response["node 13"][0, 1].backward()
    assert response["node 13"][0, 1].item() == pytest.approx(-0.52429, abs=1e-4)
    assert leaves[1].grad.item() == pytest.approx(response["node 13"][0, 1].item() / 0.049)
    assert leaves[0].grad.abs().max() > 1e-3


BONDS = np.array([[0, 1], [1, 2], [0, 2]])
NODES = np.array([[0.0, 0.0], [10, 0], [5, 8]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bonds": np.array([[0, 1]])}, "Node 2 is disconnected: no bond ends there"),
        ({"bonds": np.array([[0, 1], [1, 0], [0, 2]])}, "Nodes 0 and 1 are linked by 2 bonds"),
        ({"bonds": np.array([[0, 1], [1, 1], [0, 2]])}, "Bond 1 links node 1 to itself"),
        ({"bonds": np.array([[0, 1], [1, 3]])}, "Bonds may name nodes 0 to 2; got 0 to 3"),
        ({"nodes": np.array([[0.0, 0.0], [0, 0], [5, 8]])}, "Joints 0 and 1 lie on top of each other"),
        ({"nodes": np.array([[0.0, np.nan], [0, 0], [5, 8]])}, "Node 0 has a coordinate that is no number"),
        ({"held": np.zeros((3, 2), dtype=bool)}, "Nothing holds the network"),
        ({"held": np.zeros((2, 2), dtype=bool)}, "got .* and \\(2, 2\\)"),
        ({"bonds": np.zeros((0, 2), dtype=int)}, "needs nodes"),
    ],
)
def test_bad_networks_are_refused_in_a_sentence(change: dict, message: str) -> None:
    good = Network(NODES, BONDS, holding(3, 2, (0, 1)))
    with pytest.raises(InputError, match=message):
        dataclasses.replace(good, **change)


def test_parts_that_no_bond_links_are_refused() -> None:
    nodes = np.concatenate([NODES, NODES + 30])
    with pytest.raises(InputError, match=r"2 parts that no bar links: joint 3"):
        Network(nodes, np.concatenate([BONDS, BONDS + 3]), holding(6, 2, (0, 1)))


def test_bad_inputs_of_a_solve_are_refused() -> None:
    network = trapezoid()
    springs, k = Springs(network, BEHAVIOUR.loads(network)), np.full(28, 0.1)
    for value in (0.0, -0.1, np.nan):
        bad = k.copy()
        bad[3] = value
        with pytest.raises(InputError, match=r"Bond 3 \(nodes . and .\) has a stiffness of .* must be above 0"):
            springs.solve(network.nodes, LOAD, bad)
    with pytest.raises(InputError, match="There are 28 bonds"):
        springs.solve(network.nodes, LOAD, k[:27])
    with pytest.raises(InputError, match="There are 1 loads"):
        springs.solve(network.nodes, np.zeros(2), k)
    with pytest.raises(InputError, match="finite numbers"):
        springs.solve(network.nodes, np.array([np.inf]), k)
    with pytest.raises(InputError, match="has nodes"):
        springs.solve(network.nodes[:3], LOAD, k)
    flat = network.nodes * np.array([1.0, 0.0]) + np.arange(14)[:, None] * np.array([0.1, 0.0])
    with pytest.raises(InputError, match="has become a mechanism at these nodes"):
        springs.solve(flat, LOAD, k)


@pytest.mark.parametrize(
    ("port", "message"),
    [(Port(0, 1), "is held and cannot be loaded"), (Port(14, 0), "no component 0 of node 14"), (Port(3, 2), "no component 2")],
)
def test_ports_that_are_held_or_not_there_are_refused(port: Port, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Ports((port,), (Port(12, 0),)).loads(trapezoid())


def test_bad_lattices_and_cuts_are_refused() -> None:
    with pytest.raises(InputError, match="2 nodes or more each way"):
        triangular(1, 4)
    with pytest.raises(InputError, match="rows <= top"):
        trapezoid(3, 4)
    with pytest.raises(InputError, match="spread"):
        random_geometric(25, 0, spread=0.6)
    with pytest.raises(InputError, match="no bond 28 to cut"):
        trapezoid().without([28])
    with pytest.raises(InputError, match="a stiffness must be above 0"):
        strip_bounds(trapezoid(), 0.0, 1.0)
    with pytest.raises(InputError, match="disconnected"):
        trapezoid().without([0, 1])
