"""The peers' bugs of the field, each with the test that it would fail; and the laws of the draws.

Statistical tests fix their seed and state how often a right program would fail them.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, pearsonr
from sklearn.base import clone
from sklearn.datasets import make_classification

from sampkit.over_sampling import (
    SMOTE,
    SMOTENC,
    SVMSMOTE,
    BorderlineSMOTE,
    KMeansSMOTE,
    interpolate,
)


def new_part(sampler, n):
    return (part[n:] for part in sampler.provenance_)


def blobs(n_rare, n_common, n_features=3, n_rare_classes=1):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(n_rare_classes + 1), [n_common] + [n_rare] * n_rare_classes)
    return rng.normal(size=(len(y), n_features)), y


# --- gaps and choices -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gaps_are_uniform(dtype):
    """Kolmogorov-Smirnov, p > 1e-4, 20 000 gaps: fails a right program once in 10 000."""
    X, y = blobs(100, 20_100)
    sampler = SMOTE(random_state=0)
    sampler.fit_resample(X.astype(dtype), y)
    _, _, gap = new_part(sampler, len(y))
    assert len(gap) == 20_000
    assert kstest(gap, "uniform").pvalue > 1e-4


def test_gaps_per_value_are_uniform_and_independent():
    """KS as above for 20 000 values in each of two columns; |r| < 5 / sqrt(n): once in 1.7e6."""
    X, y = np.zeros((20_200, 2)), np.repeat([0, 1], [20_100, 100])
    X[20_100:] = np.arange(100)[:, None] % 2  # every pair is (0, 0), (0, 1), (1, 0) or (1, 1)
    sampler = SMOTE(gap="feature", k_neighbors=99, random_state=0)
    X_res, _ = sampler.fit_resample(X, y)
    seed, neighbor, gap = new_part(sampler, len(y))
    assert np.isnan(gap).all()
    moved = X[seed, 0] != X[neighbor, 0]
    way = (X_res[len(y) :][moved] - X[seed][moved]) / (X[neighbor] - X[seed])[moved]
    for column in way.T:
        assert kstest(column, "uniform").pvalue > 1e-4
    assert abs(pearsonr(*way.T).statistic) < 5 / np.sqrt(len(way))


def test_neighbours_are_drawn_evenly():
    """20 000 draws of five ranks: each within 5 sd (.0141) of a fifth; once in 350 000."""
    X, y = blobs(100, 20_100)
    sampler = SMOTE(random_state=0)
    sampler.fit_resample(X, y)
    seed, neighbor, _ = new_part(sampler, len(y))
    rare = X[y == 1]
    distance = ((rare[:, None] - rare) ** 2).sum(axis=2)
    rank = np.argsort(np.argsort(distance, axis=1), axis=1)  # the row itself has rank 0
    shares = np.bincount(rank[seed - 20_100, neighbor - 20_100], minlength=6)[1:] / 20_000
    assert len(shares) == 5
    np.testing.assert_allclose(shares, 0.2, atol=5 * np.sqrt(0.16 / 20_000))


# --- the traps ------------------------------------------------------------------------------------


def test_trap_1_classes_have_streams_of_their_own():
    """One stream begun anew for each class gives equal gaps; |r| < 5 / sqrt(n): once in 1.7e6."""
    X, y = blobs(100, 3100, n_rare_classes=2)
    sampler = SMOTE(random_state=0)
    sampler.fit_resample(X, y)
    _, _, gap = new_part(sampler, len(y))
    first, second = gap.reshape(2, 3000)
    assert (first != second).all()
    assert abs(pearsonr(first, second).statistic) < 5 / np.sqrt(3000)


def test_trap_1_clusters_have_streams_of_their_own():
    """As above, for two clusters of one class that get 1000 rows each."""
    rng = np.random.default_rng(0)
    cluster = rng.normal(size=(50, 2))
    X = np.vstack([cluster, cluster + 99, rng.normal(size=(2100, 2)) - 99])
    sampler = KMeansSMOTE(
        kmeans_estimator=3, cluster_balance_threshold=0.5, sampling_strategy={1: 2100},
        random_state=0,
    )  # fmt: skip
    sampler.fit_resample(X, np.repeat([1, 0], [100, 2100]))
    _, _, gap = new_part(sampler, len(X))
    first, second = gap.reshape(2, 1000)
    assert (first != second).all()
    assert abs(pearsonr(first, second).statistic) < 5 / np.sqrt(1000)


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e-30, 1e9])
def test_trap_2_no_scale_lends_a_class_levels_that_it_lacks(scale):
    """The peer's vote compared counts times Med: at 1e-9 every level of the table tied."""
    rng = np.random.default_rng(0)
    X = np.empty((180, 3), dtype=object)
    X[:, :2] = rng.normal(size=(180, 2)) * scale
    X[:, 2] = rng.permutation(np.repeat(["b", "c", "d"], 60))
    X[150:, 2] = "a"
    X_res, _ = SMOTENC([2], random_state=0).fit_resample(X, np.repeat([0, 1], [150, 30]))
    assert set(X_res[180:, 2]) == {"a"}


def test_trap_3_borderline_2_goes_at_most_half_the_way_to_another_class():
    """Uniform on (0, .5): mean .25 +- .01 is 3.1 sd at n = 2000; KS p > 1e-4. In all once in 500;
    a product of two factors has mean .125."""
    X, y = blobs(60, 6060)
    X[y == 1] += 0.5
    sampler = BorderlineSMOTE(kind="borderline-2", m_neighbors=40, random_state=0)
    sampler.fit_resample(X, y)
    seed, neighbor, gap = new_part(sampler, len(y))
    foreign = y[neighbor] != y[seed]
    assert foreign.sum() > 2000
    assert gap[foreign].mean() == pytest.approx(0.25, abs=0.01)
    assert kstest(2 * gap[foreign], "uniform").pvalue > 1e-4
    assert kstest(gap[~foreign], "uniform").pvalue > 1e-4


@pytest.mark.parametrize("wanted", [2097, 2100, 7, 1, 0])
def test_trap_4_kmeans_makes_exactly_the_rows_asked_for(wanted):
    """The peer rounds every cluster up: 2100 rows for 2097."""
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(40, 2)) * (1 + c) + 60 * c for c in range(7)])
    X = np.vstack([X, rng.normal(size=(300, 2)) - 99])
    y = np.repeat([1, 0], [280, 300])
    sampler = KMeansSMOTE(
        sampling_strategy={1: 280 + wanted}, kmeans_estimator=8, cluster_balance_threshold=0.5,
        random_state=0,
    )  # fmt: skip
    _, y_res = sampler.fit_resample(X, y)
    assert (y_res == 1).sum() == 280 + wanted
    if wanted > 100:
        assert len(np.unique(sampler.provenance_.seed[580:] // 40)) > 3  # of several clusters


@pytest.mark.parametrize("separation", [0.0, 3.0])
def test_trap_5_svm_makes_exactly_the_rows_asked_for(separation):
    """Support vectors all in danger, or all safe: the peer makes 139 of 300 rows."""
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(360, 2)), rng.normal(size=(60, 2)) + separation])
    y = np.repeat([0, 1], [360, 60])
    sampler = SVMSMOTE(random_state=0)
    _, y_res = sampler.fit_resample(X, y)
    assert (y_res == 1).sum() == 360
    gap = sampler.provenance_.gap[420:]
    assert (gap > 0).all() if separation == 0 else (gap <= 0).any()


@pytest.mark.parametrize("dtype", [np.int64, np.int16, np.uint8])
def test_trap_6_whole_columns_are_not_cut_off(dtype):
    """Mean rounding error of 6000 values within 5 sd (.289 / sqrt n = .0037); cutting gives -.5."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 100, size=(2300, 3)).astype(dtype), np.repeat([0, 1], [2150, 150])
    sampler = SMOTE(random_state=0)
    X_res, _ = sampler.fit_resample(X, y)
    assert X_res.dtype == dtype
    seed, neighbor, gap = new_part(sampler, len(y))
    exact = X[seed] + gap[:, None] * (X[neighbor].astype(float) - X[seed])
    error = X_res[2300:] - exact
    assert error.size == 6000
    assert abs(error.mean()) < 5 * np.sqrt(1 / 12 / 6000)
    assert np.abs(error).max() <= 0.5


def test_trap_8_the_row_itself_is_no_neighbour_among_duplicates(generator):
    """Every row three times: dropping the first column drops a twin and may keep the row."""
    X, y = make_classification(90, weights=[0.7], class_sep=0.7, flip_y=0, random_state=0)
    X, y = np.tile(X[:, :3], (3, 1)), np.tile(y, 3)
    sampler = clone(generator).set_params(random_state=0)
    sampler.fit_resample(X, y)
    seed, neighbor, _ = new_part(sampler, len(y))
    assert len(seed)
    assert (seed != neighbor).all()


def test_trap_11_a_tight_cluster_far_from_the_mean():
    """In float32 all its distances are noise; the rows must still lie between true neighbours."""
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(50, 8)) * 1e-6 + 1e3, rng.normal(size=(90, 8))])
    y = np.repeat([1, 0], [50, 90])
    sampler = SMOTE(random_state=0)
    sampler.fit_resample(X, y)
    seed, neighbor, _ = new_part(sampler, len(y))
    distance = ((X[:50, None] - X[None, :50]) ** 2).sum(axis=2)
    fifth = np.sort(distance, axis=1)[:, 5]
    assert (distance[seed, neighbor] <= fifth[seed]).all()


# --- indicator columns ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["csr_array", "csc_array", "csr_matrix", "csc_matrix"])
def test_shared_ones_of_sparse_rows_stay_one(generator, form, dtype):
    """(1 - g) + g = 1 to the last bit, beyond the neighbour and against it as well."""
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [150, 50]))
    X = np.hstack([np.ones((200, 2)), rng.random((200, 3)) < 0.5, rng.normal(size=(200, 3))])
    X[:, 5:] += 0.7 * y[:, None]
    given = getattr(sp, form)(X.astype(dtype))
    sampler = clone(generator).set_params(random_state=0)
    X_res, _ = sampler.fit_resample(given, y)
    assert type(X_res) is type(given)
    assert X_res.dtype == dtype
    seed, neighbor, gap = new_part(sampler, 200)
    new = X_res.toarray()[200:]
    shared = X[seed, :5] == X[neighbor, :5]
    assert (new[:, :5] == X[seed, :5])[shared].all()
    exact = X[seed] + gap[:, None] * (X[neighbor] - X[seed])
    np.testing.assert_allclose(new, exact, atol=1e-5 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("gap", [np.float64(1 / 3), np.float64(0.1)])
def test_why_gaps_are_multiples_of_a_power_of_two(gap):
    """Rounded to 2^-52 they add up to one; a gap of the user's own may miss it by an ulp."""
    import scipy.sparse as sp

    X = sp.csr_array(np.ones((2, 1)))
    rounded = np.rint(gap * 2.0**52) * 2.0**-52
    for g in (rounded, -rounded):
        assert interpolate(X, [0], [1], [g]).toarray()[0, 0] == 1.0
