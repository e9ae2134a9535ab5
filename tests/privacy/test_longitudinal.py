"""Longitudinal protocols: known probabilities, both budgets, memory, unbiased counts."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from sampkit.privacy import (
    FrequencyOracle,
    LongitudinalAggregator,
    LongitudinalClient,
    longitudinal_probabilities,
)
from sampkit.privacy._exact import GRID, exp_down
from sampkit.privacy._two_rounds import CALIBRATIONS, composite, hash_size, read_plan, two_rounds

PROTOCOLS = tuple(CALIBRATIONS)
BITS = ("l-sue", "l-osue", "l-oue", "l-soue")
F = np.array([0.5, 0.25, 0.15, 0.07, 0.03])


# --- known answers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "place", "value"),
    [  # section 5.6 of the family's specification, epsilon_permanent = 2, epsilon_first = 1
        ("l-sue", 2, 0.764996),
        ("l-osue", 2, 0.803388),
        ("l-oue", 3, 0.080937),
        ("l-soue", 3, 0.072024),
        ("l-grr", 2, 0.360441),
    ],
)
def test_known_probabilities(protocol, place, value):
    found = longitudinal_probabilities(protocol, 2.0, 1.0, n_categories=20)
    assert found[place] == pytest.approx(value, abs=1e-6)


def test_known_variance_of_l_grr():
    assert LongitudinalAggregator("l-grr", 20, 2.0, 1.0).variance(1) == pytest.approx(
        7.0172, abs=1e-4
    )
    # the calibration for two categories, used for 100, gives 71296 (multi-freq-ldpy 0.2.5)
    assert LongitudinalAggregator("l-grr", 100, 1.0, 0.5).variance(1) == pytest.approx(
        236.8, abs=0.05
    )


@pytest.mark.parametrize(
    ("protocol", "single"), [("l-grr", "grr"), ("l-sue", "sue"), ("l-osue", "oue")]
)
@pytest.mark.parametrize("k", [2, 7, 60])
def test_both_rounds_together_are_the_one_round_protocol(protocol, single, k):
    oracle = FrequencyOracle(single, k, 0.8)
    p, q = composite(longitudinal_probabilities(protocol, 2.5, 0.8, k))
    assert (p, q) == pytest.approx((oracle.p, oracle.q), abs=1e-8)


def test_hashing_returns_the_probabilities_on_its_hashes():
    g = hash_size("l-olh", 1.0)
    assert g == round(math.e) + 1
    assert longitudinal_probabilities("l-olh", 2.0, 1.0) == CALIBRATIONS["l-grr"](2.0, 1.0, g)
    assert longitudinal_probabilities("l-blh", 2.0, 1.0) == CALIBRATIONS["l-grr"](2.0, 1.0, 2)


@pytest.mark.parametrize("k", [3, 10, 11, 40])
def test_adaptive_takes_the_smaller_variance(k):
    variance = {
        name: LongitudinalAggregator(name, k, 2.0, 1.0).variance(1)
        for name in ("l-grr", "l-osue", "l-adaptive")
    }
    assert variance["l-adaptive"] == min(variance["l-grr"], variance["l-osue"])


# --- budgets ------------------------------------------------------------------------------------

budgets = st.tuples(st.floats(0.05, 6), st.floats(0.05, 0.95)).map(lambda t: (t[0], t[0] * t[1]))


@given(protocol=st.sampled_from(PROTOCOLS), budget=budgets, k=st.integers(2, 40))
@settings(max_examples=150, deadline=None)
def test_rounded_rounds_keep_both_budgets_and_waste_nothing(protocol, budget, k):
    permanent, first = budget
    try:
        rounds = two_rounds(protocol, permanent, first, k)
    except ValueError:
        assert protocol in ("l-oue", "l-soue")
        return
    memo, fresh, server = rounds.first, rounds.second, rounds.server
    assert memo.ratio <= exp_down(permanent)
    assert server.ratio <= exp_down(first)
    nominal_loss = math.log(_nominal_ratio(protocol, permanent, first, k))
    assert nominal_loss == pytest.approx(first, rel=1e-7)
    assert math.log(server.ratio) >= first - 1e-5
    if protocol in BITS:  # both rounds multiplied out, exactly
        p1, q1, p2, q2 = memo.p, memo.q, fresh.p, fresh.q
        assert server.p == p1 * p2 + (1 - p1) * q2
        assert server.q == q1 * p2 + (1 - q1) * q2
    elif protocol == "l-grr":
        p1, q1, p2, q2 = memo.p, memo.q, fresh.p, fresh.q
        assert server.p == p1 * p2 + (1 - p1) * q2
        assert server.p + (k - 1) * server.q == 1


def _nominal_ratio(protocol, permanent, first, k):
    p, q = composite(longitudinal_probabilities(protocol, permanent, first, k))
    return p * (1 - q) / (q * (1 - p)) if protocol in BITS else p / q


def test_budgets_beyond_floats_are_accepted():
    for protocol in PROTOCOLS:
        if protocol == "l-soue":
            continue  # it cannot meet budgets this close
        probabilities = longitudinal_probabilities(protocol, 2000.0, 900.0, 5)
        assert all(0 <= p <= 1 for p in probabilities)
        client = LongitudinalClient(protocol, 5, 2000.0, 900.0, random_state=0)
        assert {client.report(3) for _ in range(3)}


def test_lifetime_loss_counts_distinct_fields():
    client = LongitudinalClient("l-osue", 30, 2.0, 1.0)
    assert client.epsilon_spent == 0.0
    for v in (3, 3, 4, 3, 9):
        client.report(v)
    assert client.epsilon_spent == 6.0
    hashed = LongitudinalClient("l-olh", 30, 2.0, 1.0)
    for v in range(30):
        hashed.report(v)
    assert hashed.epsilon_spent <= 2.0 * hash_size("l-olh", 1.0)
    for n_bits, most in ((2, 3), (5, 5)):  # min(n_bits + 1, n_buckets)
        flips = LongitudinalClient("dbitflip", 30, 2.0, n_buckets=5, n_bits=n_bits)
        for v in range(30):
            flips.report(v)
        assert flips.epsilon_spent == 2.0 * most


# --- devices ------------------------------------------------------------------------------------


def make(protocol, k=12, state=None, random_state=None):
    if protocol == "dbitflip":
        return LongitudinalClient(
            protocol, k, 2.0, None, state, n_buckets=6, n_bits=3, random_state=random_state
        )
    return LongitudinalClient(protocol, k, 2.0, 1.0, state, random_state=random_state)


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "l-adaptive", "dbitflip"])
def test_state_carries_the_memory_on(protocol):
    client = make(protocol)
    sizes = {len(client.report(v)) for v in (1, 5, 1, 7)}
    assert len(sizes) == 1
    assert sizes == {make(protocol)._plan.n_bytes}
    before = json.loads(client.state)
    again = make(protocol, state=client.state)
    again.report(5)
    assert json.loads(again.state) == before
    assert again.epsilon_spent == client.epsilon_spent
    assert pickle.loads(pickle.dumps(client)).state == client.state


def test_the_same_value_keeps_its_field_and_gets_fresh_noise():
    client = LongitudinalClient("l-sue", 64, 3.0, 1.0)
    reports = {client.report(10) for _ in range(20)}
    assert len(reports) == 20  # 64 fresh bits: two equal ones have probability < 1e-9
    assert len(json.loads(client.state)["memo"]) == 1
    fixed = LongitudinalClient("dbitflip", 64, 3.0, n_buckets=16, n_bits=16)
    assert len({fixed.report(10) for _ in range(20)}) == 1


def test_seeds_repeat_and_the_system_does_not():
    same = [[make("l-osue", random_state=4).report(v) for v in (1, 2)] for _ in range(2)]
    assert same[0] == same[1]
    assert not make("l-osue", random_state=4).secure
    assert make("l-osue").secure
    assert len({make("l-olh").report(0) for _ in range(5)}) == 5


def test_a_device_needs_numpy_alone():
    code = """
import sys
for name in ("pandas", "scipy", "sklearn", "dask", "matplotlib"):
    sys.modules[name] = None
from sampkit.privacy import LongitudinalClient
for protocol in ("l-grr", "l-sue", "l-osue", "l-oue", "l-soue", "l-olh", "l-adaptive"):
    client = LongitudinalClient(protocol, 9, 2.0, 1.0)
    client.report(3)
    LongitudinalClient(protocol, 9, 2.0, 1.0, client.state).report(4)
LongitudinalClient("dbitflip", 9, 2.0, n_buckets=3).report(1)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_layout_of_reports():
    flips = LongitudinalClient("dbitflip", 100, 2.0, n_buckets=40, n_bits=3, random_state=1)
    report = flips.report(50)
    buckets = np.frombuffer(report[:12], dtype=">u4").tolist()
    assert len(report) == 13
    assert sorted(buckets) == buckets
    assert len(set(buckets)) == 3
    assert max(buckets) < 40
    assert report[12] & 0x1F == 0
    hashed = LongitudinalClient("l-olh", 100, 2.0, 1.0, random_state=1)
    assert len(hashed.report(50)) == 9
    assert hashed.report(1)[:8] == hashed.report(2)[:8]  # one seed for life


@pytest.mark.parametrize("protocol", ["l-grr", *BITS])
def test_drawn_reports_follow_both_rounds(protocol):
    # chi-square of whole reports of a fresh device, k = 3; false alarm 1e-4 each, seeds fixed
    n, k = 6000, 3
    rng = np.random.default_rng(7)
    oracle = read_plan(protocol, k, 2.0, 1.0, None, 1).rounds.server
    drawn = [LongitudinalClient(protocol, k, 2.0, 1.0, random_state=rng).report(1)[0]
             for _ in range(n)]  # fmt: skip
    if protocol == "l-grr":
        law = np.array([oracle.q, oracle.p, oracle.q], dtype=float)
        counts = np.bincount(np.array(drawn) >> 6, minlength=k)
    else:
        p, q = float(oracle.p), float(oracle.q)
        one = np.array([q, p, q])
        bits = (np.arange(8)[:, None] >> np.array([2, 1, 0])) & 1
        law = np.where(bits, one, 1 - one).prod(axis=1)
        counts = np.bincount(np.array(drawn) >> 5, minlength=8)
    assert ((counts - n * law) ** 2 / (n * law)).sum() < chi2.isf(1e-4, law.size - 1)


# --- server -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "l-adaptive"])
@pytest.mark.parametrize("k", [5])
def test_estimates_of_expected_counts_are_the_frequencies(protocol, k):
    server = LongitudinalAggregator(protocol, k, 2.0, 1.0)
    oracle = server._oracle
    expected = [Fraction(f).limit_denominator(100) for f in F]
    counts = [oracle.q + f * (oracle.p - oracle.q) for f in expected]
    assert oracle.estimate(np.array(counts, dtype=float), 1) == pytest.approx(F, abs=1e-12)


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "dbitflip"])
def test_rounds_of_real_devices_estimate_without_bias(protocol):
    # 8 protocols x 5 (6) cells, 4.5 standard errors: false alarm < 4e-4 in all, seeds fixed
    rng = np.random.default_rng(11)
    k, n = 12, 3000
    f = np.array([0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0, 0, 0, 0])
    values = np.repeat(np.arange(k), np.rint(n * f).astype(int))
    reports = [make(protocol, k, random_state=rng).report(int(v)) for v in values]
    if protocol == "dbitflip":
        server = LongitudinalAggregator(protocol, k, 2.0, n_buckets=6, n_bits=3)
        f = f.reshape(6, 2).sum(axis=1)
    else:
        server = LongitudinalAggregator(protocol, k, 2.0, 1.0)
    table = server.partial_fit(reports).estimate(target="sample")
    assert server.n_reports_ == n
    assert table.index.names == ["attribute", "category"]
    assert table.index.get_level_values("attribute").unique().tolist() == ["x0"]
    error = np.sqrt(server.variance(n, f))
    assert (np.abs(table["estimate"].to_numpy() - f) < 4.5 * error).all()
    assert ((table["ci_low"] <= table["estimate"]) & (table["estimate"] <= table["ci_high"])).all()
    projected = server.estimate(postprocess="simplex")["estimate"]
    assert projected.sum() == pytest.approx(1)
    assert (projected >= 0).all()


def test_bits_of_buckets_enumerated():
    # every choice of 2 of 4 buckets and every pair of bits: unbiased, and the variance is exact
    server = LongitudinalAggregator("dbitflip", 8, 1.5, n_buckets=4, n_bits=2)
    oracle = server._oracle
    p, q = float(oracle.p), float(oracle.q)
    choices = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    for value in range(4):
        mean, square = np.zeros(4), np.zeros(4)
        for pair in choices:
            for bits in np.ndindex(2, 2):
                chance = 1 / len(choices)
                for bucket, bit in zip(pair, bits, strict=True):
                    one = p if bucket == value else q
                    chance *= one if bit else 1 - one
                symbols = np.array([[*pair, *bits]], dtype=np.uint64)
                estimate = oracle.estimate(oracle.tally(symbols), 1)
                mean += chance * estimate
                square += chance * estimate**2
        truth = np.eye(4)[value]
        np.testing.assert_allclose(mean, truth, atol=1e-12)
        np.testing.assert_allclose(square - mean**2, server.variance(1, truth), atol=1e-9)
    # a population is a mixture of values
    f = 0.3
    within = server.variance(1, 1.0) * f + server.variance(1, 0.0) * (1 - f)
    assert server.variance(1, f) == pytest.approx(within)
    assert server.variance(1, f, "population") == pytest.approx(within + f * (1 - f))


@pytest.mark.parametrize("target", ["population", "sample"])
@pytest.mark.parametrize("interval", ["wilson", "normal"])
def test_intervals_of_buckets_cover(target, interval):
    # 400 collections x 4 buckets of simulated counts; 0.95 +- 4 standard errors of 1600 cells
    # (correlated: taken as 800) is 0.919..0.981; 'normal' on small counts may fall lower
    rng = np.random.default_rng(5)
    server = LongitudinalAggregator("dbitflip", 8, 3.0, n_buckets=4, n_bits=2)
    oracle, n, f = server._oracle, 400, np.array([0.7, 0.2, 0.1, 0.0])
    p, q = float(oracle.p), float(oracle.q)
    covered = []
    for _ in range(400):
        true = rng.multinomial(n, f) if target == "population" else np.rint(n * f).astype(int)
        values = np.repeat(np.arange(4), true)
        chosen = rng.random((n, 4)).argsort(axis=1) < 2
        bits = rng.random((n, 4)) < np.where(values[:, None] == np.arange(4), p, q)
        counts = np.concatenate([(chosen & bits).sum(axis=0), chosen.sum(axis=0)])
        columns = oracle.columns(counts, n, interval, 0.95, target)
        covered.append((columns[:, 2] <= f) & (f <= columns[:, 3]))
    assert (0.9 if interval == "normal" else 0.919) < np.mean(covered) < 0.981


def test_merged_rounds_are_the_whole_round():
    whole = LongitudinalAggregator("l-olh", 9, 2.0, 1.0)
    parts = [LongitudinalAggregator("l-olh", 9, 2.0, 1.0) for _ in range(2)]
    for i in range(60):
        report = LongitudinalClient("l-olh", 9, 2.0, 1.0, random_state=i).report(i % 9)
        whole.partial_fit(report)
        parts[i % 2].partial_fit(report)
    merged = parts[1].merge(parts[0])
    np.testing.assert_array_equal(merged.support_counts_[0], whole.support_counts_[0])
    assert merged.n_reports_ == 60


def test_maximum_likelihood_of_l_grr():
    rng = np.random.default_rng(0)
    server = LongitudinalAggregator("l-grr", 5, 2.0, 1.0)
    server.partial_fit(
        [
            LongitudinalClient("l-grr", 5, 2.0, 1.0, random_state=rng).report(int(v))
            for v in rng.choice(5, 500, p=F)
        ]
    )
    likeliest = server.estimate(postprocess="mle")["estimate"]
    assert likeliest.sum() == pytest.approx(1)
    assert (likeliest >= 0).all()


def test_malformed_reports_are_counted_or_refused():
    server = LongitudinalAggregator("dbitflip", 30, 2.0, n_buckets=10, n_bits=2)
    good = LongitudinalClient("dbitflip", 30, 2.0, n_buckets=10, n_bits=2).report(3)
    twice = np.array([4, 4], dtype=">u4").tobytes() + b"\0"
    beyond = np.array([4, 10], dtype=">u4").tobytes() + b"\0"
    padded = good[:-1] + bytes([good[-1] | 1])
    for bad in (twice, beyond, padded, good[:-1]):
        with pytest.raises(ValueError, match="report"):
            server.partial_fit(bad)
    assert server.n_reports_ == 0
    server.partial_fit([good, twice, beyond, padded, good[:-1]], on_error="skip")
    assert (server.n_reports_, server.n_rejected_) == (1, 4)
    noise = np.random.default_rng(0).integers(0, 256, (5000, 9), dtype=np.uint8)
    server.partial_fit(noise, on_error="skip")
    assert server.n_reports_ + server.n_rejected_ == 5005


# --- bad input ----------------------------------------------------------------------------------

STATE = LongitudinalClient("l-grr", 5, 2.0, 1.0).state


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: longitudinal_probabilities("grr", 2.0, 1.0), ("protocol", "'grr'", "'l-grr'")),
        (lambda: longitudinal_probabilities("dbitflip", 2.0, 1.0), ("protocol", "'dbitflip'")),
        (lambda: longitudinal_probabilities("l-grr", 2.0, 1.0), ("n_categories", "None")),
        (lambda: longitudinal_probabilities("l-adaptive", 2.0, 1.0), ("n_categories",)),
        (lambda: longitudinal_probabilities("l-sue", 1.0, 1.0), ("epsilon_first", "1.0")),
        (lambda: longitudinal_probabilities("l-sue", 1.0, 2.0), ("epsilon_permanent", "2.0")),
        (lambda: longitudinal_probabilities("l-sue", math.inf, 1.0), ("epsilon_permanent", "inf")),
        (lambda: longitudinal_probabilities("l-sue", 1.0, True), ("epsilon_first", "True")),
        (lambda: longitudinal_probabilities("l-oue", 1.0, 0.9), ("l-oue", "epsilon_first", "2 a")),
        (lambda: longitudinal_probabilities("l-soue", 5.0, 4.0), ("l-soue", "epsilon_first")),
        (lambda: LongitudinalClient("l-grr", 1, 2.0, 1.0), ("n_categories", ">= 2", "1")),
        (lambda: LongitudinalClient("l-grr", 5, 2.0), ("epsilon_first", "None")),
        (lambda: LongitudinalClient("l-grr", 5, 2.0, 1.0, n_buckets=3), ("n_buckets", "dbitflip")),
        (lambda: LongitudinalClient("l-grr", 5, 2.0, 1.0, n_bits=3), ("n_bits", "dbitflip")),
        (lambda: LongitudinalClient("l-grr", 5, 2.0, 1.0).report(5), ("v", "[0, 4]", "5")),
        (lambda: LongitudinalClient("l-grr", 5, 2.0, 1.0).report("a"), ("v", "integer", "'a'")),
        (lambda: LongitudinalClient("dbitflip", 5, 2.0, 1.0), ("epsilon_first", "1.0")),
        (lambda: LongitudinalClient("dbitflip", 5, 2.0), ("n_buckets", "[2, 5]", "None")),
        (lambda: LongitudinalClient("dbitflip", 5, 2.0, n_buckets=6), ("n_buckets", "6")),
        (lambda: LongitudinalClient("dbitflip", 5, 2.0, n_buckets=3, n_bits=4), ("n_bits", "4")),
        (lambda: LongitudinalClient("l-grr", 5, 2.0, 1.0, "{}"), ("state", "{}")),
        (lambda: LongitudinalClient("l-grr", 6, 2.0, 1.0, STATE), ("state", "n_categories", "6")),
        (
            lambda: LongitudinalClient(
                "l-grr", 5, 2.0, 1.0, STATE.replace('"memo": {', '"memo": {"7": "1"')
            ),
            ("state", "fields"),
        ),
        (lambda: LongitudinalAggregator("l-grr", 5, 2.0, 1.0).estimate(), ("no reports",)),
        (
            lambda: LongitudinalAggregator("l-grr", 5, 2.0, 1.0).merge(
                LongitudinalAggregator("l-grr", 5, 3.0, 1.0)
            ),
            ("epsilon_permanent", "3.0", "2.0"),
        ),
        (
            lambda: LongitudinalAggregator("l-grr", 5, 2.0, 1.0).variance(1, 2.0),
            ("frequency", "[0, 1]", "2.0"),
        ),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        call()
    assert all(word in str(error.value) for word in words), error.value
    assert len(str(error.value)) < 400


def test_dbitflip_refuses_what_its_counts_cannot_tell():
    server = LongitudinalAggregator("dbitflip", 6, 2.0, n_buckets=3)
    server.partial_fit(LongitudinalClient("dbitflip", 6, 2.0, n_buckets=3).report(0))
    for option in ({"postprocess": "mle"}, {"interval": "clopper-pearson"}):
        with pytest.raises(ValueError, match="dbitflip"):
            server.estimate(**option)


def test_grid_numerators_are_integers():
    rounds = two_rounds("l-osue", 2.0, 1.0, 5)
    assert 0 < rounds.second.cold < rounds.second.hot < GRID
