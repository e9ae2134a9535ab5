from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from sampkit.coreset import feature_leverage_scores, leverage_scores


@given(st.integers(1, 60), st.integers(1, 8), st.integers(0, 2**20))
def test_row_norms_of_the_leading_singular_vectors(n, d, seed):
    X = np.random.default_rng(seed).standard_normal((n, d))
    k = seed % min(n, d) + 1
    V = np.linalg.svd(X, full_matrices=False)[2][:k]
    got = feature_leverage_scores(X, k)
    np.testing.assert_allclose(got, (V**2).sum(axis=0), atol=1e-8)
    assert got.sum() == pytest.approx(k)
    np.testing.assert_allclose(got, leverage_scores(X.T, rank=k), atol=1e-7)


def test_small_singular_values_need_the_factor():
    rng = np.random.default_rng(0)
    U = np.linalg.qr(rng.standard_normal((300, 4)))[0]
    V = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    X = U * [1.0, 1e-3, 1e-5, 1e-7] @ V.T
    for k in range(1, 5):
        want = (V[:, :k] ** 2).sum(axis=1)
        np.testing.assert_allclose(feature_leverage_scores(X, k), want, atol=1e-6)


def test_rank_deficient_and_containers():
    X = np.random.default_rng(1).standard_normal((50, 3)) @ [
        [1, 0, 1, 0],
        [0, 1, 1, 0],
        [1, 1, 2, 0],
    ]
    assert feature_leverage_scores(X, 4).sum() == pytest.approx(2)
    assert feature_leverage_scores(X, 4)[3] == 0
    want = feature_leverage_scores(X, 2)
    for other in (pd.DataFrame(X), sp.csr_array(X), X.tolist()):
        np.testing.assert_allclose(feature_leverage_scores(other, 2), want, atol=1e-10)


@pytest.mark.parametrize(
    ("X", "rank", "message"),
    [
        (np.eye(3), 0, "rank must be an int in 1..3, got 0"),
        (np.eye(3), 4, "rank must be an int in 1..3, got 4"),
        (np.eye(3), 1.5, "rank must be an int in 1..3, got 1.5"),
        (np.ones(3), 1, "Expected 2D array"),
        ([[np.nan, 1.0]], 1, "NaN"),
        (np.array([[np.inf, 1.0]]), 1, "inf"),
    ],
)
def test_bad_input(X, rank, message):
    with pytest.raises(ValueError, match=message):
        feature_leverage_scores(X, rank)
