"""Full enumeration: what the integers of a schema do, against what the schema says."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.privacy import LDPSchema, exact_epsilon, rsfd_epsilon
from sampkit.privacy._accounting import RSFD_PROTOCOLS, losing_ratios
from sampkit.privacy._solutions import WITH_PRIOR

SPACE = 1 << 15  # entries of an enumerated channel: a test stays within a second
PLAIN = ("grr", "sue", "oue", "blh", "olh", "ss", "hr")

budgets = st.floats(0.05, 3.0)
units = st.sampled_from(["tuple", "attribute"])


@st.composite
def distributions(draw, k):
    weights = np.array(draw(st.lists(st.floats(0.02, 1.0), min_size=k, max_size=k)))
    return (weights / weights.sum()).tolist()


@st.composite
def schemas(draw):
    solution = draw(st.sampled_from(["spl", "smp", "rsfd"]))
    domain = draw(st.lists(st.integers(2, 4), min_size=2, max_size=3))
    protocol = draw(
        st.sampled_from((*(RSFD_PROTOCOLS if solution == "rsfd" else PLAIN), "adaptive"))
    )
    options = {}
    unit = draw(units)
    if (
        solution == "rsfd"
        and protocol in WITH_PRIOR
        and (protocol == "matched" or draw(st.booleans()))
    ):
        options["prior"] = [draw(distributions(k)) for k in domain]
    if solution == "smp":
        options["n_sampled"] = draw(st.integers(1, len(domain)))
        if options["n_sampled"] == 1 and draw(st.booleans()):
            options["sampling_probabilities"] = draw(distributions(len(domain)))
    if solution == "spl" and unit == "tuple" and draw(st.booleans()):
        options["weights"] = draw(distributions(len(domain)))
    return LDPSchema(
        domain, draw(budgets), solution=solution, protocol=protocol, privacy_unit=unit, **options
    )


def channel_or_none(schema):
    try:
        channel = schema.channel()
    except ValueError:  # too many entries
        return None
    return channel if channel.size <= SPACE else None


@settings(max_examples=150)
@given(schema=schemas())
def test_enumerated_loss_is_the_stated_one(schema):
    channel = channel_or_none(schema)
    if channel is None:
        return
    assert np.allclose(channel.sum(axis=1), 1, rtol=0, atol=1e-12)
    losses = exact_epsilon(schema)
    d = len(schema.domain_sizes)
    unit = d if schema.privacy_unit == "tuple" else 1
    assert losses[unit] <= schema.epsilon + 1e-12
    assert losses[unit] >= schema.epsilon - 1e-4
    # nominal values lie at or above what the rounded integers do
    assert schema.epsilon_tuple - 2e-7 <= losses[d] <= schema.epsilon_tuple + 1e-12
    assert schema.epsilon_attribute - 2e-7 <= losses[1] <= schema.epsilon_attribute + 1e-12


@settings(max_examples=200)
@given(data=st.data(), epsilon=budgets)
def test_closed_form_is_enumeration(data, epsilon):
    """`rsfd_epsilon` against all sets J of changed attributes, and against likelihood ratios."""
    domain = data.draw(st.lists(st.integers(2, 4), min_size=2, max_size=4))
    names = [data.draw(st.sampled_from(RSFD_PROTOCOLS)) for _ in domain]
    priors = [data.draw(distributions(k)) for k in domain]
    priors = [
        pi if name == "matched" or data.draw(st.booleans()) else None
        for name, pi in zip(names, priors, strict=True)
    ]
    ratios = [
        likelihood_ratios(name, k, epsilon, pi)
        for name, k, pi in zip(names, domain, priors, strict=True)
    ]
    for (a, m), r in zip(
        (losing_ratios(n, k, epsilon, pi) for n, k, pi in zip(names, domain, priors, strict=True)),
        ratios,
        strict=True,
    ):
        assert math.isclose(m, r.min(), rel_tol=1e-9)
        # a is what the loser has left where the winner has E times as much
        best = r.max(axis=0) / r.min(axis=0)
        assert math.isclose(best.max(), math.exp(epsilon), rel_tol=1e-9)
        assert any(
            math.isclose(a, low, rel_tol=1e-9)
            for low in r.min(axis=0)[best > best.max() * (1 - 1e-9)]
        )
    for t in range(1, len(domain) + 1):
        worst = max(
            mixture_loss(ratios, changed)
            for changed in itertools.combinations(range(len(domain)), t)
        )
        found = rsfd_epsilon(domain, epsilon, names, priors, n_changed=t)
        assert math.isclose(found, worst, rel_tol=1e-9, abs_tol=1e-9)


def likelihood_ratios(protocol, k, epsilon, prior):
    """r(y | x) = P(y | sampled, x) / P(y | fake), rows x, columns y, from the definitions."""
    E, pi = math.exp(epsilon), np.full(k, 1 / k) if prior is None else np.array(prior)
    if protocol in ("grr", "matched"):
        if protocol == "matched":
            gain = (E - 1) * pi.min() / (1 + (E - 1) * pi.min())
            law = gain * np.eye(k) + (1 - gain) * pi
        else:
            law = np.where(np.eye(k), E, 1) / (E + k - 1)
        return law / pi
    p, q = (
        (0.5, 1 / (E + 1)) if protocol[:3] == "oue" else (E**0.5 / (E**0.5 + 1), 1 / (E**0.5 + 1))
    )
    bits = np.array(list(itertools.product([0, 1], repeat=k)))
    one = np.where(np.eye(k, dtype=bool)[:, None, :], p, q)
    law = np.where(bits, one, 1 - one).prod(axis=2)
    if protocol.endswith("z"):
        return law / np.where(bits, q, 1 - q).prod(axis=1)
    return law / (pi @ law)


def mixture_loss(ratios, changed):
    """Largest log ratio of sums of r over reports and pairs that differ exactly in `changed`.

    A pair of values per changed attribute and a report: its winner's and loser's r add up; all
    that matters of an unchanged attribute is its smallest r.
    """
    rest = sum(r.min() for j, r in enumerate(ratios) if j not in changed)
    options = []
    for j in changed:
        r = ratios[j]
        pairs = list(itertools.permutations(range(len(r)), 2))
        points = {
            (round(r[won, y], 14), round(r[lost, y], 14))
            for won, lost in pairs
            for y in range(r.shape[1])
        }
        # for every loser's value only the largest winner's one can be best
        best: dict = {}
        for win, lose in points:
            best[lose] = max(best.get(lose, 0), win)
        options.append([(win, lose) for lose, win in best.items()])
    worst = -math.inf
    if math.prod(len(o) for o in options) <= 200_000:
        grid = np.zeros(1), np.zeros(1)
        for option in options:
            win, lose = np.array(option).T
            grid = (
                (grid[0][:, None] + win).ravel(),
                (grid[1][:, None] + lose).ravel(),
            )
        worst = np.log((grid[0] + rest) / (grid[1] + rest)).max()
        return float(worst)
    raise AssertionError("the test's domains are small")
