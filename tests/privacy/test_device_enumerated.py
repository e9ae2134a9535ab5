"""The device itself, enumerated: every draw it can make, with its exact probability.

Not the channel that a schema computes, but the code that makes reports: it is fed every place of
its tables' outcomes in turn, and the reports' probabilities add up to the channel's, exactly.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest

from sampkit.privacy import LDPSchema
from sampkit.privacy._engine import Engine
from sampkit.privacy._exact import GRID
from sampkit.privacy._lookup import PLACES

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
