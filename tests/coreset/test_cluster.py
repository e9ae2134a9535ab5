"""On a cluster of two workers: the answers of one machine."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.coreset import (
    LewisWeightSampler,
    RowSpaceFactor,
    leverage_scores,
    lewis_weights,
)

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def workers(two_workers):
    with distributed.Client(two_workers) as client:
        assert len(client.scheduler_info()["workers"]) == 2
        yield client


def test_two_workers_equal_one_machine(workers):
    rng = np.random.default_rng(0)
    X, y = rng.standard_t(3, size=(6_000, 12)), rng.normal(size=6_000)
    lazy = da.from_array(X, chunks=(1_500, 12))
    same = {"rtol": 1e-10, "atol": 1e-14}
    scores = leverage_scores(lazy, fit_intercept=True)
    assert scores.chunks == (lazy.chunks[0],)
    assert_allclose(scores.compute(), leverage_scores(X, fit_intercept=True), **same)
    ill = X * np.logspace(0, -6, 12) @ rng.normal(size=(12, 12))
    assert_allclose(
        leverage_scores(da.from_array(ill, chunks=(1_500, 12)), ridge=1e-3).compute(),
        leverage_scores(ill, ridge=1e-3),
        **same,
    )
    assert_allclose(lewis_weights(lazy, 1.0, tol=0.1), lewis_weights(X, 1.0, tol=0.1), **same)
    assert_allclose(lewis_weights(lazy, 4.0, tol=0.1), lewis_weights(X, 4.0, tol=0.1), **same)
    factor = RowSpaceFactor().partial_fit(lazy)
    assert_allclose(factor.R_, RowSpaceFactor().partial_fit(X).R_, rtol=1e-10, atol=1e-10)
    sampler = LewisWeightSampler(tol=0.1, n_samples=500, order=None, target="Xy", random_state=0)
    X_s, y_s = sampler.fit_resample(lazy, da.from_array(y, chunks=2_500))
    there = sampler.sample_indices_
    sampler.fit(X, y)
    assert_array_equal(there, sampler.sample_indices_)
    assert_array_equal(X_s.compute(), X[there])
    assert_array_equal(y_s.compute(), y[there])
