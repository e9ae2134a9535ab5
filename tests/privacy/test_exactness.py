"""Full enumeration: what the integers of a schema do, against what the schema says."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.privacy import LDPSchema, exact_epsilon, rsfd_epsilon
from sampkit.privacy._accounting import RSFD_PROTOCOLS, losing_ratios
from sampkit.privacy._exact import GRID, bernoulli, uniform, uniform_one
from sampkit.privacy._lookup import PLACES, Lookup, NoiseBits, equal_chances
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


# --- the exact draws ----------------------------------------------------------------------------


def law_of(table: Lookup) -> list[Fraction]:
    """Probability of every outcome, from the tables and thresholds themselves."""
    places = np.bincount(
        np.searchsorted(table.values, table.table[: table.owned]), minlength=table.values.size
    )
    law = [Fraction(int(n), PLACES) for n in places]
    unowned = PLACES - table.owned
    if unowned == 0:
        return law
    if table._rest is table:  # drawn again and again: the same law
        return [share / (1 - Fraction(unowned, PLACES)) for share in law]
    if table._rest is not None:
        rest = law_of(table._rest)
    else:
        rest = [
            Fraction(end - start, table._ends[-1])
            for start, end in itertools.pairwise([0, *table._ends])
        ]
    return [share + Fraction(unowned, PLACES) * more for share, more in zip(law, rest, strict=True)]


WEIGHTS = st.lists(st.integers(0, 1 << 40), min_size=1, max_size=300).filter(any)


@given(WEIGHTS)
@settings(max_examples=100, deadline=None)
def test_tables_have_the_exact_law(weights):
    """Owned places, further tables and thresholds together give every outcome its probability."""
    assert law_of(Lookup(weights)) == [Fraction(w, sum(weights)) for w in weights]


@pytest.mark.parametrize("n_bits", [8, 12])
def test_noise_bits_have_exact_weights(n_bits):
    rng = np.random.default_rng(0)
    for numerator in (1, 2, GRID // 2, GRID - 1, *rng.integers(1, GRID, 2).tolist()):
        table = NoiseBits(numerator)._table(n_bits)
        law = law_of(table)
        assert table.table.dtype.itemsize == (1 if n_bits == 8 else 2)
        weight = [
            Fraction(numerator**ones * (GRID - numerator) ** (n_bits - ones), GRID**n_bits)
            for ones in range(n_bits + 1)
        ]
        assert all(law[v] == weight[v.bit_count()] for v in range(1 << n_bits))


@pytest.mark.parametrize("sizes", [(10, 10), (7, 16, 7), (2,) * 11, (41, 2), (100,), (1 << 14,)])
def test_joint_categories_are_uniform_and_side_by_side(sizes):
    table = equal_chances(sizes)
    assert set(law_of(table)) == {Fraction(1, math.prod(sizes))}
    widths = [(k - 1).bit_length() for k in sizes]
    expected = [
        int("".join(format(v, f"0{w}b") for v, w in zip(values, widths, strict=True)), 2)
        for values in itertools.product(*map(range, sizes))
    ]
    assert table.values.tolist() == expected


def scripted(*pieces):
    """Entropy that plays back given bytes."""
    rest = list(pieces)

    def entropy(n):
        piece = rest.pop(0)
        assert len(piece) == n
        return piece

    return entropy


def test_thresholds_are_resolved_by_more_bits():
    """A number that starts as a threshold does is compared beyond its 64 bits."""
    table = Lookup([1, 2, 100])
    assert table._rest is None
    ends, over = table._ends, table._ends[-1]
    unowned = np.array([PLACES - 1], dtype="<u2").tobytes()
    assert table.owned < PLACES
    first = (ends[0] << 64) // over  # the first threshold's 64 bits
    second = ((ends[0] << 128) // over) & ((1 << 64) - 1)

    def word(number):
        return number.to_bytes(8, "little")

    below = scripted(unowned, word(first), word(second - 1))
    above = scripted(unowned, word(first), word(second + 1))
    assert (table.draw(below, 1)[0], table.draw(above, 1)[0]) == (0, 1)
    assert table.draw(scripted(unowned, word(first - 1)), 1)[0] == 0
    assert table.draw(scripted(unowned, word(first + 1)), 1)[0] == 1
    assert table.one(PLACES - 1, scripted(word(first + 1))) == 1


def test_refused_places_of_equal_chances_are_drawn_again():
    table = equal_chances((100,))
    assert table.owned == 65500
    words = [np.array(w, dtype="<u2").tobytes() for w in ([3, 65500, 65535], [65501, 655], [1310])]
    assert table.draw(scripted(*words), 3).tolist() == [0, 2, 1]


def test_coins_compare_a_second_word_on_a_tie():
    numerator = (7 << 16) + 5
    words = np.array([6, 8, 7, 7, 7], dtype="<u2").tobytes()
    more = np.array([4, 5, 6], dtype="<u2").tobytes()
    shown = bernoulli(scripted(words, more), numerator, 5)
    assert shown.tolist() == [True, False, True, False, False]
    each = np.array([numerator, numerator, numerator, numerator + 1, numerator + 1])
    shown = bernoulli(scripted(words, more), each, 5)
    assert shown.tolist() == [True, False, True, True, False]


def test_uniform_integers_are_exact():
    """All 2^16 words at once: the accepted ones hit every outcome equally often."""
    for k in (2, 3, 10, 100, 255, 256):
        words = np.arange(1 << 16, dtype="<u2")
        product = words.astype(np.uint64) * k
        accepted = (product & 0xFFFF) >= (1 << 16) % k
        hits = np.bincount((product[accepted] >> 16).astype(int), minlength=k)
        assert np.ptp(hits) == 0
        tail = words[accepted][0].tobytes()
        refused = int(np.count_nonzero(~accepted))
        drawn = (
            uniform(scripted(words.tobytes(), tail * refused), k, 1 << 16)
            if refused
            else (uniform(scripted(words.tobytes()), k, 1 << 16))
        )
        assert np.array_equal(drawn[accepted], product[accepted] >> 16)


def test_uniform_one_rejects_the_same_words():
    for k in (3, 10, 1000, (1 << 31) + 1):
        tilted = GRID % k
        # a word whose product has the low half 0 is always refused unless k divides 2^32
        assert uniform_one(k, iter([0, GRID - 1])) == ((GRID - 1) * k) >> 32
        good = next(w for w in range(1, 1000) if (w * k) % GRID >= tilted)
        assert uniform_one(k, iter([good])) == (good * k) >> 32
