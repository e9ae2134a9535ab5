"""Frequency oracles one by one: known answers, channels, samplers, estimates."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from sampkit.privacy import FrequencyOracle
from sampkit.privacy._discrete_laplace import discrete_laplace, exponential_coins
from sampkit.privacy._exact import entropy_of, system_entropy
from sampkit.privacy._popcount import positional_popcount
from sampkit.privacy.oracles.hashing import hash_one, hashes

PURE = ("grr", "sue", "oue", "blh", "olh", "ss", "hr", "the")


# Derived from the definitions with epsilon = 1 and checked by an independent computation:
# p, q, and the variance at f = 0 of a single report.
@pytest.mark.parametrize(
    ("protocol", "k", "p", "q", "variance"),
    [
        ("grr", 10, 0.231969, 0.085337, 3.63025),
        ("sue", 10, 0.622459, 0.377541, 3.91770),
        ("oue", 10, 0.5, 0.268941, 3.68269),
        ("olh", 10, 0.475367, 0.25, 3.69165),
        ("blh", 10, 0.731059, 0.5, 4.68269),
        ("ss", 10, 0.538102, 0.273544, 2.83921),
        ("hr", 10, 0.731059, 0.5, 4.68269),
        ("the", 10, 0.586819, 0.366989, 4.80715),
        ("grr", 100, None, None, 34.11297),
        ("ss", 100, None, None, 3.58965),
    ],
)
def test_known_probabilities(protocol, k, p, q, variance):
    oracle = FrequencyOracle(protocol, k, 1.0)
    if p is not None:
        assert oracle.p == pytest.approx(p, abs=1e-6)
        assert oracle.q == pytest.approx(q, abs=1e-6)
    assert oracle.variance(1) == pytest.approx(variance, abs=1e-5)


def test_known_shapes():
    assert FrequencyOracle("olh", 10, 1.0)._oracle.g == 4
    assert FrequencyOracle("ss", 10, 1.0)._oracle.size == 3
    assert FrequencyOracle("ss", 100, 1.0)._oracle.size == 27
    assert FrequencyOracle("hr", 10, 1.0)._oracle.n_reports == 16
    block = FrequencyOracle("hr-block", 10, 2.0)._oracle
    assert (block.n_blocks, block.width) == (4, 4)


def test_binary_randomised_response():
    oracle = FrequencyOracle("grr", 2, math.log(3))
    assert oracle.p == pytest.approx(0.75, abs=1e-9)
    assert oracle.variance(1) == pytest.approx(0.75, abs=1e-7)


def test_she():
    oracle = FrequencyOracle("she", 10, 1.0)
    assert math.isnan(oracle.p)
    assert math.isnan(oracle.q)
    assert oracle.epsilon_effective == 1
    assert oracle.variance(1) == pytest.approx(8, rel=1e-12)  # that of Laplace(2 / epsilon)
    with pytest.raises(ValueError, match="no matrix"):
        oracle.channel()
    reports = oracle.privatize(np.zeros(20000, dtype=int), random_state=0)
    assert reports.shape == (20000, 10)
    assert reports.dtype == np.float64
    error = oracle.estimate(oracle.support_counts(reports), 20000) - np.eye(10)[0]
    # 10 cells, two-sided 4.5 standard deviations: false alarm 7e-5
    assert np.abs(error).max() < 4.5 * oracle.variance(20000) ** 0.5
    # variance ratio of 2e5 cells; the fourth moment of Laplace noise is 6: 5 standard errors
    noise = reports - np.eye(10)[0]
    assert abs((noise**2).mean() / 8 - 1) < 5 * (5 / 2e5) ** 0.5


def test_she_from_the_system(monkeypatch):
    """Integers up to the last division by a power of two; no generator."""
    oracle = FrequencyOracle("she", 4, 3.0)
    assert 3 - 1e-5 < oracle.epsilon_effective <= 3
    for name in ("default_rng", "laplace", "geometric", "exponential"):
        monkeypatch.setattr(np.random, name, None)
    symbols = oracle._oracle.randomize(np.array([1, 2]), system_entropy)
    assert symbols.dtype == np.int64
    first, second = (oracle.privatize([1, 2]) for _ in range(2))
    assert not np.array_equal(first, second)
    assert np.array_equal(first * 2**20, np.rint(first * 2**20))


@pytest.mark.parametrize("epsilon", [1e-8, 1e-3, 0.3, 5.0, 700.0, 1e6])
def test_she_never_costs_more(epsilon):
    oracle = FrequencyOracle("she", 3, epsilon)
    # exactly, not as floats: 2 steps / scale
    assert Fraction(2 * oracle._oracle.steps, oracle._oracle.scale) <= Fraction(epsilon)
    assert oracle.epsilon_effective > min(epsilon, 700) * (1 - 1e-3)


@pytest.mark.parametrize("scale", [1, 2, 7])
def test_discrete_laplace(scale):
    # chi-square over the values, 1e-6 for each of three scales, seeds fixed
    n, far = 60_000, 6 * scale
    noise = discrete_laplace(entropy_of(scale), scale, n)
    decay = math.exp(-1 / scale)
    z = np.arange(-far, far + 1)
    law = (1 - decay) / (1 + decay) * decay ** np.abs(z)
    observed = np.bincount(np.clip(noise, -far, far) + far, minlength=z.size)
    law[[0, -1]] = decay**far / (1 + decay)  # all that lies beyond
    assert stats.chisquare(observed, n * law).pvalue > 1e-6


@pytest.mark.parametrize("numerator", [0, 1, 4, 5])
def test_exponential_coins(numerator):
    n = 40_000
    shown = exponential_coins(entropy_of(1), np.full(n, numerator, np.uint32), 5).sum()
    p = math.exp(-numerator / 5)
    if numerator == 0:
        assert shown == n
    else:
        assert stats.binomtest(int(shown), n, p).pvalue > 1e-6


def test_block_hadamard_variance_depends_on_all_frequencies():
    oracle = FrequencyOracle("hr-block", 10, 2.0)
    others = np.r_[0, np.ones(9) / 9]
    assert oracle.variance(1, others)[0] == pytest.approx(1.2055, abs=1e-4)
    assert oracle.variance(1, np.eye(10)[9])[0] == pytest.approx(0.7050, abs=1e-4)
    assert oracle.variance(1, np.eye(10)[1])[0] == pytest.approx(2.9571, abs=1e-4)
    assert oracle.epsilon_effective == pytest.approx(2.0, abs=1e-8)
    assert math.isnan(oracle.p)


@pytest.mark.parametrize("k", [2, 5, 10, 17])
@pytest.mark.parametrize("epsilon", [0.5, 2.0, 5.0])
def test_block_hadamard_is_unbiased(k, epsilon):
    oracle = FrequencyOracle("hr-block", k, epsilon)
    f = np.random.default_rng(k).dirichlet(np.ones(k))
    law = f @ oracle.channel()
    rows = oracle._oracle.rows()
    assert np.allclose(oracle.estimate(rows @ law, 1), f, atol=1e-12)
    # Var of one report, from its law
    c = rows / oracle._oracle.gain
    assert np.allclose(oracle.variance(1, f, "population"), c**2 @ law - (c @ law) ** 2)


def supports(protocol: str, oracle: FrequencyOracle) -> np.ndarray:
    """Which value (rows) is supported by which report (columns), by the definition."""
    k, m = oracle.n_categories, oracle.channel().shape[1]
    if protocol in ("sue", "oue", "the"):
        return np.array(list(itertools.product([0, 1], repeat=k))).T.astype(bool)
    if protocol == "ss":
        size = oracle._oracle.size
        subsets = list(itertools.combinations(range(k), size))
        return np.array([[v in subset for subset in subsets] for v in range(k)])
    if protocol == "hr":
        return np.array([[((v + 1) & y).bit_count() % 2 == 0 for y in range(m)] for v in range(k)])
    return np.eye(m, dtype=bool)


@pytest.mark.parametrize("protocol", PURE)
@pytest.mark.parametrize("k", [2, 3, 5, 7])
@pytest.mark.parametrize("epsilon", [0.05, 1.0, 3.0])
def test_channel_has_the_stated_probabilities(protocol, k, epsilon):
    oracle = FrequencyOracle(protocol, k, epsilon)
    channel = oracle.channel()
    assert np.allclose(channel.sum(axis=1), 1, rtol=0, atol=1e-12)
    loss = np.log(channel.max(axis=0) / channel.min(axis=0)).max()
    assert loss <= epsilon + 1e-12
    assert loss == pytest.approx(oracle.epsilon_effective, abs=1e-12)
    if protocol != "the":
        assert loss >= epsilon - 1e-4
    by_value = channel @ supports(protocol, oracle).T
    off = ~np.eye(len(by_value), dtype=bool)
    assert np.allclose(np.diag(by_value), oracle.p, rtol=0, atol=1e-12)
    if protocol in ("blh", "olh"):  # the server's q averages over seeds
        assert oracle.q == pytest.approx(1 / len(channel))
    else:
        assert np.allclose(by_value[off], oracle.q, rtol=0, atol=1e-12)


def column_of(protocol: str, oracle: FrequencyOracle, reports: np.ndarray, value: int):
    """The channel column of every report."""
    if protocol in ("sue", "oue", "the"):
        return reports @ (1 << np.arange(oracle.n_categories)[::-1])
    if protocol == "ss":
        subsets = itertools.combinations(range(oracle.n_categories), oracle._oracle.size)
        number = {subset: i for i, subset in enumerate(subsets)}
        return np.array([number[tuple(np.flatnonzero(row))] for row in reports])
    return reports


@pytest.mark.parametrize("source", ["system", "generator"])
@pytest.mark.parametrize("protocol", [*PURE, "hr-block"])
def test_sampler_follows_the_channel(protocol, source):
    # 18 tests of 3 values each at 1e-6: with system entropy a false alarm about once in 4e4 runs.
    oracle = FrequencyOracle(protocol, 5, 1.3)
    channel = oracle.channel()
    for value in (0, 2, 4):
        state = None if source == "system" else value
        reports = oracle.privatize(np.full(20000, value), random_state=state)
        if protocol in ("blh", "olh"):
            g = len(channel)
            row = hashes(reports[:, 0], np.full(20000, value), g).astype(int)
            observed = np.bincount(row * g + reports[:, 1].astype(int), minlength=g * g)
            expected = (np.bincount(row, minlength=g)[:, None] * channel).ravel()
        else:
            column = column_of(protocol, oracle, reports, value)
            observed = np.bincount(column, minlength=channel.shape[1])
            expected = 20000 * channel[value]
        assert stats.chisquare(observed, expected, sum_check=False).pvalue > 1e-6


@pytest.mark.parametrize("protocol", PURE)
def test_estimates_are_unbiased_with_the_predicted_variance(protocol):
    oracle = FrequencyOracle(protocol, 6, 1.0)
    values = np.repeat(np.arange(6), [500, 200, 150, 100, 50, 0])
    f = np.bincount(values, minlength=6) / 1000
    rng = np.random.default_rng(3)
    R = 200
    estimates = np.array(
        [
            oracle.estimate(oracle.support_counts(oracle.privatize(values, rng)), 1000)
            for _ in range(R)
        ]
    )
    variance = oracle.variance(1000, f)
    # seed fixed; with a fresh one 48 cells at 4.5 standard errors alarm with probability 3e-4
    assert np.all(np.abs(estimates.mean(axis=0) - f) < 4.5 * np.sqrt(variance / R))
    # chi-square band at 1e-6 per cell
    low, high = stats.chi2(R).ppf([1e-6, 1 - 1e-6]) / R
    ratio = ((estimates - f) ** 2).mean(axis=0) / variance
    assert np.all((low < ratio) & (ratio < high))


def test_population_and_sample_variances_differ_by_the_draw_of_users():
    f = np.linspace(0, 1, 5)
    for protocol in PURE:
        oracle = FrequencyOracle(protocol, 10, 1.0)
        difference = oracle.variance(7, f, "population") - oracle.variance(7, f, "sample")
        assert np.allclose(difference, f * (1 - f) / 7)
        assert isinstance(oracle.variance(7), float)


def test_reports_have_the_documented_form():
    values = np.arange(5)
    for protocol, dtype, shape in [
        ("grr", np.int64, (5,)),
        ("hr", np.int64, (5,)),
        ("hr-block", np.int64, (5,)),
        ("sue", np.uint8, (5, 5)),
        ("the", np.uint8, (5, 5)),
        ("ss", np.uint8, (5, 5)),
        ("olh", np.uint64, (5, 2)),
        ("she", np.float64, (5, 5)),
    ]:
        reports = FrequencyOracle(protocol, 5, 1.0).privatize(values, random_state=0)
        assert reports.dtype == dtype
        assert reports.shape == shape


def test_hashes_agree_between_integers_and_arrays():
    rng = np.random.default_rng(0)
    seeds = rng.integers(0, 1 << 64, 300, dtype=np.uint64)
    codes = rng.integers(0, 1000, 300)
    for g in (2, 4, 23, 1 << 16):
        many = hashes(seeds, codes, g)
        assert many.max() < g
        one = [hash_one(int(s), int(c), g) for s, c in zip(seeds, codes, strict=True)]
        assert many.tolist() == one


def test_hash_support_is_counted_as_defined():
    oracle = FrequencyOracle("olh", 50, 1.5)
    reports = oracle.privatize(np.arange(50).repeat(40), random_state=0)
    g = oracle._oracle.g
    expected = [
        int(np.sum(hashes(reports[:, 0], np.full(2000, v), g) == reports[:, 1])) for v in range(50)
    ]
    assert oracle.support_counts(reports).tolist() == expected


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (7, 2), (8, 5), (1000, 3), (5000, 13), (3, 0)])
def test_positional_popcount(shape):
    rows = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    expected = np.unpackbits(rows, axis=1).sum(axis=0, dtype=np.int64)
    assert np.array_equal(positional_popcount(rows), expected)
    assert np.array_equal(positional_popcount(rows[::-1]), expected)


def test_large_budgets_saturate_and_stay_exact():
    for protocol in PURE:
        for epsilon in (50.0, 800.0):
            oracle = FrequencyOracle(protocol, 4, epsilon)
            assert oracle.epsilon_effective <= epsilon
            if protocol != "olh":  # 2^16 hash values by then
                assert np.allclose(oracle.channel().sum(axis=1), 1)
    with pytest.raises(ValueError, match="65536 x 65536"):
        FrequencyOracle("olh", 4, 50.0).channel()
