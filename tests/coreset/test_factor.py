"""The triangular factor: chunks, merges and machines give what one pass over all rows gives."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from sampkit.coreset import RowSpaceFactor, leverage_scores

X = np.random.default_rng(0).normal(size=(500, 7)) * np.logspace(0, -4, 7)


@settings(max_examples=50)
@given(cuts=st.lists(st.integers(0, 500), max_size=12), split=st.integers(0, 12))
def test_chunks_and_merges_equal_one_pass(cuts, split):
    chunks = np.split(X, sorted(cuts))
    parts = []
    for some in (chunks[:split], chunks[split:]):
        factor = RowSpaceFactor()
        for chunk in some:
            if len(chunk):
                factor.partial_fit(chunk)
        parts.append(factor)
    merged = parts[0].merge(parts[1])
    assert merged.n_samples_seen_ == 500
    assert merged.rank_ == 7
    assert_allclose(merged.R_, RowSpaceFactor().partial_fit(X).R_, rtol=1e-9, atol=1e-12)
    assert_allclose(merged.leverage_scores(X), leverage_scores(X), rtol=1e-9)


def test_the_factor_and_what_it_whitens():
    factor = RowSpaceFactor().partial_fit(X)
    assert_array_equal(np.tril(factor.R_, -1), 0)
    assert (factor.R_.diagonal() >= 0).all()
    assert_allclose(factor.R_.T @ factor.R_, X.T @ X, rtol=1e-10, atol=1e-14)
    Z = factor.whiten(X)
    assert_allclose(Z.T @ Z, np.eye(7), atol=1e-10)
    assert_allclose(factor.whiten(sp.csr_array(X)), Z, rtol=1e-12)
    assert_allclose((Z**2).sum(axis=1), factor.leverage_scores(X), rtol=1e-12)
    assert_allclose(factor.leverage_scores(X, ridge=0.5), leverage_scores(X, ridge=0.5), rtol=1e-9)


def test_ranks_weights_and_precision():
    wide = np.c_[X, X[:, 0] - X[:, 1], np.zeros(500)]
    factor = RowSpaceFactor().partial_fit(wide)
    assert factor.rank_ == 7
    assert factor.whiten(wide).shape == (500, 7)
    assert_allclose(factor.leverage_scores(wide), leverage_scores(X), rtol=1e-7)
    few = RowSpaceFactor().partial_fit(X[:3])
    assert few.R_.shape == (7, 7)
    assert few.rank_ == 3
    assert_allclose(few.leverage_scores(X[:3]), np.ones(3), rtol=1e-9)
    counts = np.random.default_rng(1).integers(0, 3, size=500)
    weighted = RowSpaceFactor().partial_fit(X, sample_weight=counts)
    repeated = RowSpaceFactor().partial_fit(np.repeat(X, counts, axis=0))
    assert_allclose(weighted.R_, repeated.R_, rtol=1e-10, atol=1e-13)
    single = RowSpaceFactor(dtype=np.float32).partial_fit(X)
    assert single.R_.dtype == np.float32
    assert_allclose(single.R_, RowSpaceFactor().partial_fit(X).R_, rtol=1e-3, atol=1e-5)


def test_a_dask_collection_is_reduced_where_it_lies():
    da = pytest.importorskip("dask.array")
    lazy = RowSpaceFactor().partial_fit(da.from_array(X, chunks=(120, 3)))
    assert_allclose(lazy.R_, RowSpaceFactor().partial_fit(X).R_, rtol=1e-9, atol=1e-12)
    assert lazy.n_samples_seen_ == 500


def test_pickled_in_mid_stream():
    factor = RowSpaceFactor().partial_fit(X[:10])
    copy = pickle.loads(pickle.dumps(factor)).partial_fit(X[10:])
    assert_array_equal(copy.R_, factor.partial_fit(X[10:]).R_)


def test_errors():
    with pytest.raises(NotFittedError, match="has seen no rows"):
        RowSpaceFactor().R_  # noqa: B018
    with pytest.raises(ValueError, match="dtype must be float64 or float32"):
        RowSpaceFactor(dtype=int)
    factor = RowSpaceFactor().partial_fit(X)
    with pytest.raises(ValueError, match="X must have the 7 columns seen so far, got 6"):
        factor.partial_fit(X[:, :6])
    with pytest.raises(ValueError, match="X must have the 7 columns seen so far, got 6"):
        factor.merge(RowSpaceFactor().partial_fit(X[:, :6]))
    with pytest.raises(TypeError, match="other must be a RowSpaceFactor"):
        factor.merge(X)
    with pytest.raises(ValueError, match="NaN"):
        factor.partial_fit(np.full((3, 7), np.nan))
    with pytest.raises(ValueError, match="sample_weight must have one entry"):
        factor.partial_fit(X, sample_weight=[1.0])
    with pytest.raises(ValueError, match="ridge must be a number >= 0, got -1"):
        factor.leverage_scores(X, ridge=-1)
    assert factor.n_samples_seen_ == 500


@pytest.mark.parametrize(("n", "d"), [(500, 28), (20_000, 5), (100_000, 10)])
def test_rounding_in_single_precision_is_no_direction(n, d):
    rows = np.abs(np.random.default_rng(2).standard_normal((n, d))).astype(np.float32)
    small = rows.copy()
    rows[:, -1] = rows[:, :3].sum(axis=1)
    factor = RowSpaceFactor(np.float32).partial_fit(rows)
    assert factor.rank_ == d - 1
    assert factor.leverage_scores(rows).sum() == pytest.approx(d - 1, rel=1e-3)
    small[:, -1] = small[:, 0] + np.float32(3e-3) * small[:, -1]
    factor = RowSpaceFactor(np.float32).partial_fit(small)
    assert factor.rank_ == d
    assert factor.leverage_scores(small).sum() == pytest.approx(d, rel=1e-2)
