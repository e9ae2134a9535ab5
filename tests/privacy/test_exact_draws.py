"""Exact draws: the laws of tables and coins, and the device itself, enumerated.

The latter is not the channel that a schema computes, but the code that makes reports: it is fed
every place of its tables' outcomes in turn, and the probabilities of what it sends add up to the
channel's, exactly.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.privacy import LDPSchema
from sampkit.privacy._engine import Engine
from sampkit.privacy._exact import GRID, bernoulli, uniform, uniform_one
from sampkit.privacy._lookup import PLACES, Lookup, NoiseBits, equal_chances

PRIOR = [[0.3, 0.7], [0.2, 0.3, 0.5]]
CASES = [
    ("grr", None, "one"),
    ("grr", PRIOR, "one"),
    ("matched", PRIOR, "one"),
    ("oue-z", None, "one"),
    ("sue-z", None, "one"),
    ("adaptive", None, "one"),
    ("grr", None, "many"),
    ("grr", PRIOR, "many"),
    ("matched", PRIOR, "many"),
]  # of bits many records draw twelve at a time, too many to enumerate: their table has its own test


def law_of(table) -> dict[int, Fraction]:
    """Probability of every value, from the tables and thresholds themselves."""
    law = defaultdict(Fraction)
    for value, places in zip(
        *np.unique(table.table[: table.owned], return_counts=True), strict=True
    ):
        law[int(value)] = Fraction(int(places), PLACES)
    unowned = Fraction(PLACES - table.owned, PLACES)
    if table._rest is table:
        return {value: share / (1 - unowned) for value, share in law.items()}
    if unowned and table._rest is not None:
        for value, share in law_of(table._rest).items():
            law[value] += unowned * share
    elif unowned:
        for value, (start, end) in zip(
            table.values.tolist(), itertools.pairwise([0, *table._ends]), strict=True
        ):
            law[value] += unowned * Fraction(end - start, table._ends[-1])
    return law


# --- tables and coins ---------------------------------------------------------------------------


WEIGHTS = st.lists(st.integers(0, 1 << 40), min_size=1, max_size=300).filter(any)


@given(WEIGHTS)
@settings(max_examples=100, deadline=None)
def test_tables_have_the_exact_law(weights):
    """Owned places, further tables and thresholds together give every outcome its probability."""
    law = law_of(Lookup(weights))
    assert [law[v] for v in range(len(weights))] == [Fraction(w, sum(weights)) for w in weights]


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
    assert set(law_of(table).values()) == {Fraction(1, math.prod(sizes))}
    widths = [(k - 1).bit_length() for k in sizes]
    expected = [
        int("".join(format(v, f"0{w}b") for v, w in zip(values, widths, strict=True)), 2)
        for values in itertools.product(*map(range, sizes))
    ]
    assert table.values.tolist() == expected


def test_every_bit_of_four_draws_of_twelve_lands_in_a_place_of_its_own():
    noise = NoiseBits(GRID // 2)  # each of 2^12 outcomes owns 16 places
    m, hit = 2, []
    for bit in range(48 * m):
        values = [1 << (bit % 12) if bit // 12 == i else 0 for i in range(4 * m)]
        entropy = scripted(np.array([16 * v for v in values], dtype="<u2").tobytes())
        (place,) = np.flatnonzero(np.unpackbits(noise.draw(entropy, 6 * m)))
        hit.append(int(place))
    assert sorted(hit) == list(range(48 * m))


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


# --- the device ---------------------------------------------------------------------------------


def draws(table) -> list[tuple[int, Fraction]]:
    """A 16-bit draw for every value, with the value's probability."""
    values, first = np.unique(table.table[: table.owned], return_index=True)
    law = {value: share for value, share in law_of(table).items() if share}
    assert set(law) == set(values.tolist()), "every value owns a place here"
    return [
        (place, law[value]) for value, place in zip(values.tolist(), first.tolist(), strict=True)
    ]


class Scripted:
    """Entropy that gives the words of a report, and then those that draw one noise category."""

    def __init__(self, main: bytes, v: int, k: int):
        self.main, self.v, self.k = main, v, k
        self.noise_was_drawn = False

    def __call__(self, n: int) -> bytes:
        if n == 0:
            return b""
        if self.main:
            piece, self.main = self.main[:n], self.main[n:]
            assert len(piece) == n
            return piece
        self.noise_was_drawn = True
        bits = 32 if n == 8 else 16  # for one record, for many
        word = ((self.v << bits) + (1 << bits - 1)) // self.k  # the middle of v's words
        return word.to_bytes(bits // 8, "little") * (n * 8 // bits)


def words(places) -> bytes:
    return np.array(places, dtype="<u2").tobytes()


def enumerated(schema: LDPSchema, codes: list[int], way: str) -> dict[bytes, Fraction]:
    """The exact law of a record's report."""
    engine = Engine(schema)
    mixture = engine.mixture
    truth = draws(mixture.truth)
    tables = [draws(run.noise.eight) for run in mixture.runs for _ in range(run.n_bytes)]
    tables += [draws(group.law) for group in mixture.groups]
    if way == "many":
        assert not mixture.runs
        # the matrix of fakes draws groups in the order of their laws, then the outcome is drawn
        tables = [draws(group.law) for group, m in mixture.fakes.draws for _ in range(m)]
    law = defaultdict(Fraction)
    sizes = schema.domain_sizes
    for outcome, fakes in itertools.product(truth, itertools.product(*tables)):
        chance = outcome[1]
        for _, share in fakes:
            chance *= share
        places = [place for place, _ in fakes]
        order = [outcome[0], *places] if way == "one" else [*places, outcome[0]]
        act = mixture.acts[int(mixture.truth.table[outcome[0]])]
        k = act.noise or 1
        for v in range(k):
            entropy = Scripted(words(order), v, sizes[act.field] if act.noise else 1)
            if way == "one":
                report = engine.one(codes, entropy)
            else:
                rows = np.zeros((1, schema.report_nbytes), dtype=np.uint8)
                engine.many(np.array([codes]), entropy, rows)
                report = rows.tobytes()
            assert not entropy.main
            assert entropy.noise_was_drawn == bool(act.noise)
            law[report] += chance / k
    return law


def exact_channel(schema: LDPSchema, codes: list[int]) -> dict[bytes, Fraction]:
    """The same law from the definition, in fractions, field by field."""
    d = len(codes)
    laws = []
    for attribute, code in zip(schema.attributes, codes, strict=True):
        p, q, k = attribute.oracle.p, attribute.oracle.q, attribute.oracle.k
        prior = attribute.prior or [Fraction(GRID, k)] * k
        if attribute.fake == "category":
            width = (k - 1).bit_length()
            fake = {format(v, f"0{width}b"): Fraction(prior[v]) / GRID for v in range(k)}
            keep = Fraction(attribute.oracle.keep, GRID)
            noise = attribute.oracle.noise or [Fraction(GRID, k)] * k
            true = {
                text: keep * (v == code) + (1 - keep) * Fraction(noise[v]) / GRID
                for v, text in enumerate(fake)
            }
        else:
            fake, true = {}, {}
            for bits in itertools.product("01", repeat=k):
                text = "".join(bits)
                fake[text] = true[text] = Fraction(1)
                for v, bit in enumerate(bits):
                    hot = p if v == code else q
                    fake[text] *= q if bit == "1" else 1 - q
                    true[text] *= hot if bit == "1" else 1 - hot
        laws.append((fake, true))
    law = defaultdict(Fraction)
    for texts in itertools.product(*(fake for fake, _ in laws)):
        bits = "".join(texts)
        bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
        chance = Fraction(0)
        for j in range(d):
            term = Fraction(1, d)
            for i, (text, (fake, true)) in enumerate(zip(texts, laws, strict=True)):
                term *= (true if i == j else fake)[text]
            chance += term
        law[int(bits, 2).to_bytes(len(bits) // 8, "big")] += chance
    return law


@pytest.mark.parametrize(("protocol", "prior", "way"), CASES)
def test_the_device_is_its_channel_exactly(protocol, prior, way):
    small = protocol == "adaptive"  # of both kinds
    schema = LDPSchema([2, 7 if small else 3], 0.25 if small else 1.0, protocol=protocol,
                       prior=prior)  # fmt: skip
    assert not small or schema.protocols == ("grr", "oue-z")
    for codes in ([0, 0], [1, 2]):
        assert enumerated(schema, codes, way) == exact_channel(schema, codes)


def test_groups_of_different_widths_and_laws():
    """Neighbours joined, apart, and with laws in common: one record and many draw the same law."""
    schema = LDPSchema([2, 3, 2], 2.0, protocol="grr")
    assert [group.members for group in Engine(schema).mixture.groups] == [(0, 1, 2)]
    for way in ("one", "many"):
        assert enumerated(schema, [1, 2, 0], way) == exact_channel(schema, [1, 2, 0])
