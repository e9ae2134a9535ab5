"""What a coreset is for, on data small enough for every run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression

from sampkit.coreset import (
    CoresetClassifier,
    CoresetRegressor,
    CoresetStream,
    GLMSampler,
    LeverageScoreSampler,
    LewisWeightSampler,
    LpRegressor,
    RowSpaceFactor,
    UniformRowSampler,
    inclusion_probabilities,
    leverage_scores,
    lewis_weights,
    lp_regression,
    sample_rows,
    spatial_order,
    subspace_distortion,
)

SAMPLERS = [LeverageScoreSampler, LewisWeightSampler, UniformRowSampler]


@settings(max_examples=20)
@given(st.sampled_from(SAMPLERS), st.integers(20, 200), st.integers(0, 2**20))
def test_poisson_weights(make, m, seed):
    # sum of weights within 5 sd of n (rate 6e-7 each): their variance is the sum of 1/q - 1
    X = np.random.default_rng(0).standard_t(3, size=(400, 3))
    s = make(n_samples=m, scheme="poisson", order=None, uniform_mix=0.5, random_state=seed).fit(X)
    assert (np.diff(s.sample_indices_) > 0).all()
    assert (s.sample_weight_ >= 1).all()
    q = s.inclusion_probabilities_
    assert abs(s.sample_weight_.sum() - 400) <= 5 * np.sqrt((1 / q - 1).sum())


def test_a_rare_column_is_never_lost():
    rng = np.random.default_rng(0)
    n = 100_000
    X = np.column_stack([np.ones(n), rng.standard_normal((n, 4)), np.zeros(n)])
    rare = rng.choice(n, 30, replace=False)
    X[rare, 5] = 1.0
    scores = leverage_scores(X)
    # the column's leverage sums to at least 1 - 30/n; with 20 rows for each of 6 columns
    q = inclusion_probabilities(scores, 120)
    order = spatial_order(RowSpaceFactor().partial_fit(X).whiten(X), q)
    uniform = inclusion_probabilities(np.ones(n), 120)
    kept, by_chance = 0, 0
    for seed in range(100):
        kept += np.isin(rare, sample_rows(q, order=order, random_state=seed)[0]).any()
        by_chance += np.isin(rare, sample_rows(uniform, random_state=seed)[0]).any()
    assert kept == 100
    assert by_chance < 20


@pytest.mark.parametrize(("p", "gain"), [(1.5, 1.0), (3, 0.6)])
def test_excess_of_regression(p, gain):
    # heavy tails: scores matter more as p grows, the k-d order does not hurt
    rng = np.random.default_rng(1)
    n = 20_000
    X = rng.standard_t(2.5, size=(n, 6))
    y = X @ rng.standard_normal(6) + rng.standard_t(4, size=n)
    scored = np.column_stack([np.ones(n), X, y])
    white = RowSpaceFactor().partial_fit(scored).whiten(scored)
    least = LpRegressor(p).fit(X, y).objective_
    median = {}
    for name, scores in (("uniform", np.ones(n)), ("lewis", lewis_weights(scored, p, tol=1e-2))):
        q = inclusion_probabilities(scores, 400)
        for scheme, order in (("poisson", None), ("pivotal", spatial_order(white, q))):
            excess = []
            for seed in range(9):
                rows, weight = sample_rows(q, scheme=scheme, order=order, random_state=seed)
                model = LpRegressor(p).fit(X[rows], y[rows], sample_weight=weight)
                excess.append((np.abs(y - model.predict(X)) ** p).sum() / least - 1)
            median[name, scheme] = np.median(excess)
    assert median["lewis", "poisson"] < gain * median["uniform", "poisson"]
    assert median["lewis", "pivotal"] < 1.1 * median["lewis", "poisson"]


def test_low_rank():
    # digits, centred, rank 10: ridge leverage beats uniform rows by its mean excess
    A = load_digits().data
    A = A - A.mean(axis=0)
    total = (A**2).sum()
    least = total - (np.linalg.svd(A, compute_uv=False)[:10] ** 2).sum()

    def excess(sampler):
        found = []
        for seed in range(10):
            s = sampler.set_params(random_state=seed).fit(A)
            rows = A[s.sample_indices_] * np.sqrt(s.sample_weight_)[:, None]
            V = np.linalg.svd(rows, full_matrices=False)[2][:10]
            found.append((total - ((A @ V.T) ** 2).sum()) / least - 1)
        return np.mean(found)

    ridge = excess(LeverageScoreSampler(n_samples=100, ridge="tail", rank=10, center=True))
    assert ridge < excess(UniformRowSampler(n_samples=100, scheme="poisson", order=None))
    assert ridge < 0.25


def test_meta_estimators_take_dask():
    da = pytest.importorskip("dask.array")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 3))
    y = X @ [1.0, 2.0, 3.0] + rng.standard_normal(3000)
    lazy, labels = da.from_array(X, chunks=(700, -1)), da.from_array(y, chunks=700)
    sampler = LeverageScoreSampler(n_samples=200, target="Xy", random_state=0)
    want = CoresetRegressor(LinearRegression(), sampler).fit(X, y)
    got = CoresetRegressor(LinearRegression(), sampler).fit(lazy, labels)
    np.testing.assert_array_equal(got.coreset_indices_, want.coreset_indices_)
    np.testing.assert_allclose(got.estimator_.coef_, want.estimator_.coef_)
    z = (y > 0).astype(int)
    sampler = GLMSampler(n_samples=200, random_state=0)
    want = CoresetClassifier(LogisticRegression(), sampler).fit(X, z)
    got = CoresetClassifier(LogisticRegression(), sampler).fit(lazy, da.from_array(z, chunks=700))
    np.testing.assert_allclose(got.estimator_.coef_, want.estimator_.coef_)


def test_cupy(fake_cupy):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1500, 3))
    y = X @ [1.0, 2.0, 3.0] + rng.standard_normal(1500)
    z = (y > 0).astype(int)
    device = fake_cupy.asarray
    np.testing.assert_allclose(
        lp_regression(device(X), device(y), 1.5).x, lp_regression(X, y, 1.5).x, rtol=1e-8
    )
    rows, weight = np.arange(0, 1500, 10), np.full(150, 10.0)
    for p in (2, 3):
        got = subspace_distortion(device(X), rows, weight, p, random_state=0)
        want = subspace_distortion(X, rows, weight, p, random_state=0)
        assert got.distortion == pytest.approx(want.distortion, rel=1e-8)
    np.testing.assert_array_equal(spatial_order(device(X)), spatial_order(X))
    for scores in ("lewis", "optimal"):
        s = GLMSampler(n_samples=100, scores=scores, random_state=0)
        want = s.fit(X, z).sample_indices_.copy()
        X_s, _ = s.fit_resample(device(X), device(z))
        np.testing.assert_array_equal(s.sample_indices_, want)
        assert isinstance(X_s, fake_cupy.ndarray)
    sampler = LeverageScoreSampler(n_samples=50, random_state=0)
    want = CoresetStream(sampler, buffer=400).partial_fit(X, y).finalize()
    got = CoresetStream(sampler, buffer=400).partial_fit(device(X), device(y)).finalize()
    assert isinstance(got[0], fake_cupy.ndarray)
    np.testing.assert_array_equal(got[0].get(), want[0])
    np.testing.assert_array_equal(got[2], want[2])
