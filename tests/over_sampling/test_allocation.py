"""Who is a seed and how often: counts, weights, percentages."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import chi2
from sklearn.base import clone

from sampkit.combine import SMOTEUnder
from sampkit.over_sampling import (
    ADASYN,
    SMOTE,
    BorderlineSMOTE,
    KMeansSMOTE,
    RandomOverSampler,
    allocate_seeds,
    over_percent,
)
from sampkit.testing import sample_weights

seeds_of_rng = st.integers(0, 2**32 - 1)


@given(
    n=st.integers(1, 40),
    m=st.integers(0, 120),
    allocation=st.sampled_from(["balanced", "random"]),
    seed=seeds_of_rng,
)
def test_m_ascending_numbers_below_n(n, m, allocation, seed):
    seeds = allocate_seeds(n, m, np.random.default_rng(seed), allocation)
    assert seeds.shape == (m,)
    assert seeds.dtype.kind == "i"
    assert (np.diff(seeds) >= 0).all()
    assert m == 0 or (seeds[0] >= 0 and seeds[-1] < n)
    if allocation == "balanced":
        assert np.ptp(np.bincount(seeds, minlength=n)) <= 1


@given(weights=sample_weights(12), m=st.integers(0, 200), seed=seeds_of_rng)
def test_weighted_counts_are_within_one_of_their_share(weights, m, seed):
    seeds = allocate_seeds(12, m, np.random.default_rng(seed), "balanced", weights)
    counts = np.bincount(seeds, minlength=12)
    share = m * weights / weights.sum()
    assert counts.sum() == m
    assert (np.abs(counts - share) < 1 + 1e-9).all()
    assert (counts[weights == 0] == 0).all()


@given(weights=sample_weights(12), m=st.integers(0, 200), seed=seeds_of_rng)
def test_no_weight_no_draw(weights, m, seed):
    seeds = allocate_seeds(12, m, np.random.default_rng(seed), "random", weights)
    assert len(seeds) == m
    assert (weights[seeds] > 0).all()


@pytest.mark.parametrize("allocation", ["balanced", "random"])
@pytest.mark.parametrize("weights", [None, [3.0, 1.0, 0.5, 2.5, 0.1, 0.9]])
def test_counts_are_unbiased(allocation, weights):
    """Mean counts of 4000 draws; each of the 24 z-scores beyond 5 once in 1.7e6: 1.4e-5 in all."""
    rng = np.random.default_rng(0)
    counts = np.array(
        [
            np.bincount(allocate_seeds(6, 7, rng, allocation, weights), minlength=6)
            for _ in range(4000)
        ]
    )
    share = np.full(6, 1 / 6) if weights is None else np.divide(weights, sum(weights))
    standard_error = counts.std(axis=0) / np.sqrt(len(counts))
    np.testing.assert_array_less(np.abs(counts.mean(axis=0) - 7 * share), 5 * standard_error)


def test_random_allocation_leaves_a_third_unused():
    """With m = n draws (1 - 1/n)^n = 36.8 % are never seeds; 5 sd = 1.5 % of 10000."""
    seeds = allocate_seeds(10_000, 10_000, np.random.default_rng(0), "random")
    unused = 1 - len(np.unique(seeds)) / 10_000
    assert unused == pytest.approx(np.exp(-1), abs=0.016)
    assert len(np.unique(allocate_seeds(10_000, 10_000, np.random.default_rng(0)))) == 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0, "m": 1}, "n must be an integer >= 1, got 0"),
        ({"n": 2.5, "m": 1}, "n must be an integer >= 1, got 2.5"),
        ({"n": 3, "m": -1}, "m must be an integer >= 0, got -1"),
        ({"n": 3, "m": 1, "allocation": "fair"}, "allocation must be .* got 'fair'"),
        ({"n": 2, "m": 1, "weights": [1.0]}, "weights must be 2 finite numbers"),
        ({"n": 2, "m": 1, "weights": [1.0, -1.0]}, "weights must be 2 finite numbers"),
        ({"n": 2, "m": 1, "weights": [0.0, 0.0]}, "weights must be .* positive sum"),
        ({"n": 2, "m": 1, "weights": [1.0, np.nan]}, "weights must be 2 finite numbers"),
    ],
)
def test_allocation_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        allocate_seeds(**arguments, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("percent", "n_min", "after"),
    [(0, 7, 7), (100, 7, 14), (250, 7, 24), (50, 7, 10), (29, 100, 129), (28.999, 100, 128)],
)
def test_over_percent(percent, n_min, after):
    """n_min + floor(n_min N / 100); 29 % of 100 is 29 although 100 * .29 = 28.999999999999996."""
    strategy = over_percent(percent)
    assert strategy(["b"] * 130 + ["a"] * n_min) == {"a": after}
    assert pickle.loads(pickle.dumps(strategy)) == strategy
    X = np.random.default_rng(0).normal(size=(130 + n_min, 2))
    sampler = SMOTE(sampling_strategy=strategy, random_state=0)
    _, y_res = sampler.fit_resample(X, np.repeat([0, 1], [130, n_min]))
    assert (y_res == 1).sum() == after


@pytest.mark.parametrize("percent", [-1, np.inf, np.nan, "100", None, True])
def test_over_percent_errors(percent):
    with pytest.raises(ValueError, match="N must be a number >= 0"):
        over_percent(percent)


# --- seed_weights ---------------------------------------------------------------------------------


def synthetic_seeds(sampler):
    """Seeds of the new rows: those that moved (a gap of 0 has no probability)."""
    if not hasattr(sampler, "provenance_"):
        return sampler.sample_indices_[sampler._n_rows_seen :]
    seed, _, gap = sampler.provenance_
    return seed[gap != 0]


def test_a_row_of_weight_zero_is_no_seed(generator, overlapping):
    X, y = overlapping
    weights = np.random.default_rng(1).integers(0, 3, size=len(y)).astype(float)
    for sampler in (clone(generator), RandomOverSampler(), SMOTEUnder()):
        sampler.set_params(random_state=0).fit_resample(X, y, seed_weights=weights)
        seeds = synthetic_seeds(sampler)
        assert len(seeds)
        assert (weights[seeds] > 0).all()


def test_a_row_of_weight_zero_still_is_a_neighbour(overlapping):
    X, y = overlapping
    weights = (np.arange(len(y)) % 2).astype(float)
    sampler = SMOTE(random_state=0)
    sampler.fit_resample(X, y, seed_weights=weights)
    neighbors = sampler.provenance_.neighbor[len(y) :]
    assert (weights[neighbors] == 0).any()


@given(weights=sample_weights(60, scale=(0.1, 10.0)))
def test_seed_weights_shares_within_a_class(weights, overlapping):
    X, y = overlapping
    per_row = np.zeros(len(y))
    per_row[y == 1] = weights
    sampler = SMOTE(k_neighbors=1, random_state=0)
    sampler.fit_resample(X, y, seed_weights=per_row)
    counts = np.bincount(sampler.provenance_.seed[len(y) :], minlength=len(y))
    assert (np.abs(counts - 280 * per_row / weights.sum()) < 1 + 1e-9).all()


@pytest.mark.parametrize("sampler", [SMOTE(), RandomOverSampler()], ids=str)
def test_equal_weights_are_no_weights(sampler, overlapping):
    """As many rows from every seed, up to one."""
    X, y = overlapping
    sampler = clone(sampler).set_params(random_state=0, sampling_strategy={1: 120})
    sampler.fit_resample(X, y, seed_weights=np.full(len(y), 1e300))
    seeds = synthetic_seeds(sampler)
    counts = np.bincount(seeds, minlength=len(y))[y == 1]
    if isinstance(sampler, SMOTE):
        assert (counts == 1).all()
    else:  # a multinomial: chi-square beyond its 1 - 1e-6 quantile once in a million
        assert ((counts - 1) ** 2).sum() < chi2(59).ppf(1 - 1e-6)


@pytest.mark.parametrize("scale", [1.7e308, 5e-324])
@pytest.mark.parametrize(
    "sampler",
    [
        SMOTE(allocation="random"),
        BorderlineSMOTE(),
        KMeansSMOTE(cluster_balance_threshold=0.0),
        ADASYN(),
        RandomOverSampler(),
    ],
    ids=str,
)
def test_only_shares_within_a_class_count(sampler, scale, overlapping):
    """At the ends of float64, and however much the classes differ."""
    X, y = overlapping
    sampler = clone(sampler).set_params(random_state=0)
    X_res, _ = sampler.fit_resample(X, y, seed_weights=np.ones(len(y)))
    X_far, _ = sampler.fit_resample(X, y, seed_weights=np.where(y == 1, scale, 1.0))
    assert_array_equal(X_res, X_far)


def test_clusters_share_by_weight():
    """Two clusters alike: the one of weight 3 gets three rows for each of the other's."""
    rng = np.random.default_rng(0)
    cluster = rng.normal(size=(20, 2))
    X = np.vstack([cluster, cluster + 50, rng.normal(size=(70, 2)) - 50])
    y = np.repeat([1, 0], [40, 70])
    sampler = KMeansSMOTE(
        sampling_strategy={1: 80}, kmeans_estimator=3, cluster_balance_threshold=0.5, random_state=0
    )
    sampler.fit_resample(X, y, seed_weights=np.repeat([1.0, 3.0, 1.0], [20, 20, 70]))
    assert np.bincount(sampler.provenance_.seed[110:] // 20).tolist() == [10, 30]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(5), "seed_weights must have one entry for each of the 400 rows, got shape"),
        (np.full(400, -1.0), "seed_weights must be finite and >= 0"),
        (np.full(400, np.nan), "seed_weights must be finite and >= 0"),
        (np.zeros(400), "seed_weights must be positive for at least one row of class 1"),
    ],
)
def test_seed_weight_errors_at_fit_and_at_fit_resample(weights, message, overlapping):
    X, y = overlapping
    for sampler in (SMOTE(), RandomOverSampler(), SMOTEUnder()):
        with pytest.raises(ValueError, match=message):
            sampler.fit(X, y, seed_weights=weights)
        with pytest.raises(ValueError, match=message):
            sampler.fit_resample(X, y, seed_weights=weights)


def test_weights_that_leave_no_seed_are_refused(overlapping):
    X, y = overlapping
    sampler = BorderlineSMOTE(random_state=0)
    sampler.fit_resample(X, y)
    weights = np.ones(len(y))
    weights[sampler.in_danger_indices[1]] = 0
    with pytest.raises(ValueError, match=r"seed_weights are 0 for all \d+ rows of class 1"):
        sampler.fit_resample(X, y, seed_weights=weights)
