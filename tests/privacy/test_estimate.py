"""Counts to frequencies: unbiased exactly, intervals that cover, post-processing."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sampkit.privacy import (
    FrequencyOracle,
    LDPAggregator,
    LDPClient,
    LDPSchema,
    iterative_bayesian_update,
    project_simplex,
    symmetric_channel_mle,
)
from sampkit.privacy._estimate import Interval, moments
from sampkit.privacy._moments import affine_map
from sampkit.privacy._protocol import PrivacyWarning

PRIOR = [[0.3, 0.7], [0.2, 0.3, 0.5]]
F = [np.array([0.35, 0.65]), np.array([0.0, 0.1, 0.9])]
PLAIN = ("grr", "sue", "oue", "blh", "olh", "ss", "hr", "the")
CASES = [
    *((s, p, {}) for s in ("spl", "smp") for p in (*PLAIN, "adaptive")),
    ("spl", "oue", {"weights": [1, 2]}),
    ("smp", "grr", {"n_sampled": 2}),
    ("smp", "grr", {"sampling_probabilities": [0.3, 0.7]}),
    *(("rsfd", p, {}) for p in ("grr", "sue-z", "oue-z", "sue-r", "oue-r", "adaptive")),
    *(("rsfd", p, {"prior": PRIOR}) for p in ("grr", "sue-r", "oue-r", "matched")),
]


def schema_of(case, domain=(2, 3), epsilon=1.5):
    solution, protocol, options = case
    return LDPSchema(list(domain), epsilon, solution=solution, protocol=protocol, **options)


def expected_support(schema, j, f):
    """E[C_v] / n_j from the joint channel, by summing over reports that support v."""
    p, q, phi = schema.probabilities[j]
    d = len(schema.attributes)
    return q + f * (p - q) if phi is None else (q + f * (p - q) + (d - 1) * phi) / d


# --- moments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_expected_counts_give_the_frequencies_exactly(case):
    schema = schema_of(case)
    for j, (attribute, f) in enumerate(zip(schema.attributes, F, strict=True)):
        to = affine_map(attribute, schema.mixed)
        support = expected_support(schema, j, f)
        assert np.allclose(to.frequency(support), f, rtol=0, atol=1e-12)
        assert np.allclose(to.support(f), support, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c[0] == "rsfd" and c[1][:3] in ("grr", "mat")], ids=str
)
def test_support_probabilities_are_the_channels(case):
    """Independently of the moments: marginals of the enumerated channel."""
    schema = schema_of(case)
    channel = schema.channel().reshape(2, 3, 2, 3)
    for x0 in range(2):
        for x1 in range(3):
            report = channel[x0, x1]
            for j, (marginal, x) in enumerate(((report.sum(1), x0), (report.sum(0), x1))):
                one_hot = np.eye(len(marginal))[x]
                assert np.allclose(marginal, expected_support(schema, j, one_hot), atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_simulated_estimates_have_the_predicted_moments(case):
    """Mean within 4.5 standard errors, variance in a chi-square band at 1e-6, per cell.

    Seeds are fixed; fresh ones would alarm with probability 3e-5 a case.
    """
    schema = schema_of(case)
    n, R = 400, 120
    X = np.repeat([[0, 1], [1, 2], [1, 2], [0, 2]], 100, axis=0)
    f = [np.bincount(X[:, j], minlength=k) / n for j, k in enumerate((2, 3))]
    client = LDPClient(schema, 17)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        runs = np.array(
            [
                LDPAggregator(schema).partial_fit(client.privatize_many(X)).estimate()["estimate"]
                for _ in range(R)
            ]
        )
    truth, variance = np.concatenate(f), np.concatenate(schema.variance(n, f))
    if schema.solution == "smp":
        variance = variance * 1.05  # predictions take n_j = n/d, which varies
    assert np.all(np.abs(runs.mean(axis=0) - truth) < 4.5 * np.sqrt(variance / R))
    low, high = stats.chi2(R).ppf([1e-6, 1 - 1e-6]) / R
    ratio = ((runs - truth) ** 2).mean(axis=0) / variance
    assert np.all((low < ratio) & (ratio < high))


# --- the table ----------------------------------------------------------------------------------


def filled(schema, n=2000, seed=0):
    rng = np.random.default_rng(seed)
    X = np.stack([rng.integers(0, k, n) for k in schema.domain_sizes], axis=1)
    return LDPAggregator(schema).partial_fit(LDPClient(schema, seed).privatize_many(X))


def test_table():
    schema = LDPSchema({"b": [2, 1], "a": ["x", "y", "z"]}, 1.0, solution="spl", protocol="oue")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.choice(["x", "y", "z"], 500), "b": rng.choice([1, 2], 500)})
    table = LDPAggregator(schema).partial_fit(LDPClient(schema, 0).privatize_many(X)).estimate()
    assert table.index.names == ["attribute", "category"]
    assert list(table.index) == [("b", 2), ("b", 1), ("a", "x"), ("a", "y"), ("a", "z")]
    assert list(table.columns[:4]) == ["estimate", "std_error", "ci_low", "ci_high"]
    assert (table.ci_low < table.estimate).all()
    assert (table.estimate < table.ci_high).all()
    variance = np.concatenate(schema.variance(500, target="population"))
    assert np.allclose(table.std_error**2, variance, rtol=0.3)


def test_attribute_without_reports():
    schema = LDPSchema([2, 3], 1.0, solution="smp", protocol="grr")
    aggregator = LDPAggregator(schema).partial_fit(b"\x00\x00" * 5)
    with pytest.warns(RuntimeWarning, match="'x1'"):
        table = aggregator.estimate(postprocess="normalize")
    assert table.loc["x0"].notna().all().all()
    assert table.loc["x1"].isna().all().all()


def test_simultaneous_intervals_are_wider_by_sidak():
    schema = LDPSchema([3, 4], 1.0, solution="spl", protocol="oue")
    aggregator = filled(schema)
    single = aggregator.estimate(interval="normal")
    joint = aggregator.estimate(interval="normal", simultaneous=True)
    ratio = (joint.ci_high - joint.ci_low) / (single.ci_high - single.ci_low)
    z = stats.norm.ppf(0.5 + 0.95 ** (1 / 7) / 2) / stats.norm.ppf(0.975)
    assert np.allclose(ratio, z)


@pytest.mark.parametrize("interval", ["wilson", "clopper-pearson", "normal"])
def test_intervals_against_scipy(interval):
    schema = LDPSchema([4], 1.0, solution="spl", protocol="oue")
    counts, n = np.array([0, 37, 100, 50]), 100
    table = LDPAggregator.from_counts(schema, [counts], n).estimate(interval=interval)
    p, q, _ = schema.probabilities[0]
    for count, row in zip(counts, table.itertuples(), strict=True):
        if interval == "normal":
            u, half = count / n, 1.959964 * np.sqrt(count / n * (1 - count / n) / n)
            low, high = u - half, u + half
        else:
            method = "exact" if interval == "clopper-pearson" else "wilson"
            low, high = stats.binomtest(int(count), n).proportion_ci(0.95, method=method)
        assert row.ci_low == pytest.approx((low - q) / (p - q), abs=1e-6)
        assert row.ci_high == pytest.approx((high - q) / (p - q), abs=1e-6)


def exact_coverage(to, n, f, level, kind="wilson"):
    """Coverage of a support interval when reports are i.i.d.: a sum over all binomial counts."""
    counts = np.arange(n + 1)
    columns = moments(to, counts, n, n, Interval(kind, level, "population"))
    law = stats.binom(n, float(to.support(f))).pmf(counts)
    return law[(columns[:, 2] <= f) & (f <= columns[:, 3])].sum()


def one_cell(protocol, calibration="exact"):
    """The affine map of a category among 41, nine attributes, epsilon 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        schema = LDPSchema([41] * 9, 1.0, protocol=protocol, calibration=calibration)
    to = affine_map(schema.attributes[0], 9)
    return type(to)(to.slope[0], to.intercept[0])


@pytest.mark.parametrize("n", [200, 1000, 5000])
@pytest.mark.parametrize("protocol", ["grr", "oue-z", "sue-z", "oue-r"])
@pytest.mark.parametrize("f", [0.0, 0.05, 0.5])
def test_wilson_covers(n, protocol, f):
    """Enumerated, not simulated: 0.94..0.965 for a nominal 95 %."""
    to = one_cell(protocol)
    # GRR with 41 categories expects 5 reports a cell at n = 200: counts that small are coarse, and
    # coverage moves with the frequency; the next test takes the mean over frequencies
    most = 0.97 if protocol == "grr" and n == 200 else 0.965
    assert 0.94 <= exact_coverage(to, n, f, 0.95) <= most
    assert exact_coverage(to, n, f, 0.95, "clopper-pearson") >= 0.95


@pytest.mark.parametrize("calibration", ["exact", "paper"])
@pytest.mark.parametrize("protocol", ["grr", "oue-z", "sue-z", "oue-r"])
def test_wilson_covers_on_average_over_frequencies(protocol, calibration):
    """Where few reports support a category no interval of counts covers alike everywhere."""
    to = one_cell(protocol, calibration)
    each = [exact_coverage(to, 200, f, 0.95) for f in np.linspace(0, 0.5, 51)]
    assert 0.945 <= np.mean(each) <= 0.965
    assert min(each) > 0.93
    assert max(each) < 0.975


@pytest.mark.parametrize(
    "case", [("spl", "oue", {}), ("smp", "grr", {}), ("rsfd", "oue-z", {})], ids=str
)
@pytest.mark.parametrize(("n", "epsilon"), [(300, 0.8), (1000, 3.0), (5000, 8.0)])
def test_sample_target_covers_these_users(case, n, epsilon):
    """Coverage of 95 % intervals over 600 runs and 5 cells, band at a standard error of 0.004."""
    schema = schema_of(case, epsilon=epsilon)
    X = np.random.default_rng(5).choice(3, (n, 2), p=[0.3, 0.6, 0.1])
    X[:, 0] %= 2
    truth = np.concatenate([np.bincount(X[:, j], minlength=k) / n for j, k in enumerate((2, 3))])
    client = LDPClient(schema, 1)
    hits = []
    for _ in range(600 if n < 5000 else 300):
        table = (
            LDPAggregator(schema).partial_fit(client.privatize_many(X)).estimate(target="sample")
        )
        hits.append((table.ci_low <= truth + 1e-12) & (truth <= table.ci_high + 1e-12))
    assert 0.93 <= np.mean(hits) <= 0.972


# --- post-processing ----------------------------------------------------------------------------


def given_counts(counts, n=1000):
    schema = LDPSchema([len(counts)], 1.0, solution="spl", protocol="oue")
    return LDPAggregator.from_counts(schema, [counts], n)


def test_postprocess():
    aggregator = given_counts([500, 400, 270, 200])
    raw = aggregator.estimate().estimate.to_numpy()
    assert raw.min() < 0
    clip = aggregator.estimate(postprocess="clip").estimate.to_numpy()
    assert np.array_equal(clip, raw.clip(0, 1))
    normalized = aggregator.estimate(postprocess="normalize").estimate.to_numpy()
    assert np.allclose(normalized, clip / clip.sum())
    simplex = aggregator.estimate(postprocess="simplex").estimate.to_numpy()
    assert np.array_equal(simplex, project_simplex(raw))
    for other in ("clip", "normalize", "simplex"):  # intervals are of the unprocessed estimate
        table = aggregator.estimate(postprocess=other)
        assert table.iloc[:, 1:].equals(aggregator.estimate().iloc[:, 1:])
    nothing = given_counts([0, 0, 0, 0]).estimate(postprocess="normalize").estimate
    assert nothing.tolist() == [0.25] * 4


vectors = st.lists(st.floats(-3, 3), min_size=1, max_size=12).map(np.array)


@given(f=vectors, g=vectors)
def test_projection_is_the_nearest_frequency_vector(f, g):
    nearest = project_simplex(f)
    assert nearest.min() >= 0
    assert nearest.sum() == pytest.approx(1)
    # any other frequency vector lies on the far side of the projection
    other = np.abs(np.resize(g, f.size)) + 1e-3
    assert (f - nearest) @ (other / other.sum() - nearest) <= 1e-9


@given(
    counts=st.lists(st.integers(0, 1000), min_size=2, max_size=8).filter(any),
    keep=st.floats(0.05, 0.95),
)
def test_symmetric_mle_is_the_fixed_point_of_the_update(counts, keep):
    k = len(counts)
    channel = keep * np.eye(k) + (1 - keep) / k
    closed = symmetric_channel_mle(counts, channel[0, 0], channel[0, 1])
    assert closed.min() >= 0
    assert closed.sum() == pytest.approx(1)
    o = np.array(counts) / sum(counts)
    gradient = channel @ (o / (closed @ channel))
    # Karush-Kuhn-Tucker: 1 where positive, at most 1 elsewhere
    assert np.all(gradient <= 1 + 1e-8)
    assert np.allclose(gradient[closed > 1e-6], 1, atol=1e-6)


def test_update_reaches_the_closed_form():
    # the case that a wrong q in a peer library (multi-freq-ldpy 0.2.5, L_GRR IBU) cannot recover
    f = np.array([0.5, 0.25, 0.15, 0.07, 0.03])
    channel = 0.3 * np.eye(5) + 0.14
    counts = 1e6 * (f @ channel)
    assert np.allclose(symmetric_channel_mle(counts, 0.44, 0.14), f, atol=1e-12)
    assert np.allclose(iterative_bayesian_update(channel, counts), f, atol=1e-7)


@pytest.mark.parametrize(
    "case",
    [("spl", "grr", {}), ("smp", "grr", {}), ("smp", "hr", {}), ("rsfd", "grr", {}),
     ("rsfd", "grr", {"prior": PRIOR}), ("rsfd", "matched", {"prior": PRIOR})],
    ids=str,
)  # fmt: skip
def test_mle_maximises_the_likelihood_of_the_reports(case):
    schema = schema_of(case)
    aggregator = filled(schema, 300)
    table = aggregator.estimate(postprocess="mle")
    for j, (attribute, k) in enumerate(zip(schema.attributes, (2, 3), strict=True)):
        f = table.loc[f"x{j}", "estimate"].to_numpy()
        assert f.sum() == pytest.approx(1)
        if attribute.protocol == "hr":
            channel, counts = attribute.oracle.channel(), aggregator._tally.histograms[j]
        else:
            eye = np.eye(k)
            channel = np.array([expected_support(schema, j, row) for row in eye])
            counts = aggregator.support_counts_[j]

        def loss(g, channel=channel, counts=counts):
            return -counts @ np.log(g @ channel)

        for other in np.random.default_rng(j).dirichlet(np.ones(k), 300):
            mixed = 0.99 * f + 0.01 * other
            assert loss(f) <= loss(mixed) + 1e-7
            assert loss(f) <= loss(other) + 1e-7


@pytest.mark.parametrize("protocol", ["oue-z", "sue-r", "adaptive"])
def test_mle_of_bits_needs_the_reports(protocol):
    schema = LDPSchema([3, 40], 1.0, protocol=protocol)
    with pytest.raises(ValueError, match="mle_frequencies"):
        filled(schema).estimate(postprocess="mle")
    hashed = LDPSchema([3, 40], 1.0, solution="smp", protocol="olh")
    with pytest.raises(ValueError, match="mle_frequencies"):
        filled(hashed).estimate(postprocess="mle")


def test_single_oracle_estimates_as_the_aggregator_does():
    schema = LDPSchema([5], 1.0, solution="spl", protocol="olh")
    oracle = FrequencyOracle("olh", 5, 1.0)
    aggregator = filled(schema)
    direct = oracle.estimate(aggregator.support_counts_[0], 2000)
    assert np.allclose(direct, aggregator.estimate().estimate)
    assert np.allclose(schema.variance(7)[0], oracle.variance(7, 0.2))


def test_published_calibration_estimates_too():
    with pytest.warns(PrivacyWarning):
        schema = LDPSchema([2, 3], 1.0, protocol="oue-r", calibration="paper")
    table = filled(schema, 20000).estimate()
    # 5 cells, two-sided 5 standard errors with a fixed seed; else 3e-6
    truth = np.r_[np.full(2, 1 / 2), np.full(3, 1 / 3)]
    assert np.all(np.abs(table.estimate - truth) < 5 * table.std_error)
