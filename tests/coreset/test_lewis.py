"""Lewis weights: known answers, the iteration's speed, what the weights promise."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sampkit.coreset import leverage_scores, lewis_weights
from sampkit.coreset._split import split_rows

CANCER = StandardScaler().fit_transform(load_breast_cancer().data)
KNOWN = {  # section 10 of the specification: the first three weights with a column of ones
    1: [0.1118536597, 0.0628899804, 0.0531367161],
    1.5: [0.1388089163, 0.0644998091, 0.0483981928],
    3: [0.2088197507, 0.0677384329, 0.0332155832],
    4: [0.2422750318, 0.0697279266, 0.0246796784],
    6: [0.2856492916, 0.0743045096, 0.0129151740],
}
ITERATIONS = {  # section 3: evaluations to 1e-2, 1e-4, 1e-10 (ranges over seven data sets)
    1: [(5, 7), (9, 11), (22, 25)],
    1.5: [(4, 5), (6, 7), (13, 15)],
    3: [(5, 6), (7, 9), (16, 17)],
    3.9: [(7, 9), (11, 13), (23, 25)],
    4: [(7, 9), (11, 13), (23, 25)],
    6: [(10, 13), (17, 21), (37, 41)],
    10: [(17, 23), (29, 35), (63, 69)],
    20: [(35, 49), (59, 71), (127, 139)],
}
POWERS = [0.5, 1, 1.3, 2, 3, 4, 7]


def cauchy():
    return np.random.default_rng(0).standard_cauchy(size=(1000, 10))


def blocks():
    rng = np.random.default_rng(0)
    X = np.zeros((1200, 24))
    X[:800, :8] = rng.normal(size=(800, 8))
    X[800:, 8:] = np.tile(np.eye(16), (25, 1))
    return X


DATA = {
    "breast_cancer": lambda: np.c_[np.ones(569), CANCER],
    "digits": lambda: load_digits().data,
    "cauchy": cauchy,
    "blocks": blocks,
}


@pytest.mark.parametrize("p", KNOWN)
def test_known_answers_of_data(p):
    weights = lewis_weights(CANCER, p, fit_intercept=True, tol=1e-11)
    assert_allclose(weights[:3], KNOWN[p], atol=6e-11)
    assert_allclose(weights.sum(), 31, rtol=1e-10)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, 6])
def test_known_answers_by_hand(p):
    options = {"tol": 1e-11}
    column = np.array([[3.0], [-1.0], [0.0], [2.0]])
    assert_allclose(
        lewis_weights(column, p, **options),
        np.abs(column[:, 0]) ** p / (np.abs(column) ** p).sum(),
        rtol=1e-9,
    )
    rows = [[1, 2, 3], *[[5, 0, 0]] * 2, *[[1, 0, 0]] * 3]
    total = 2 * 5**p + 3
    expected = [1, *[5**p / total] * 2, *[1 / total] * 3]
    assert_allclose(lewis_weights(rows, p, **options), expected, rtol=1e-9)
    assert_allclose(lewis_weights(np.tile(np.eye(3), (5, 1)), p, **options), 0.2, rtol=1e-9)
    triangle = [[1, 0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]]
    assert_allclose(lewis_weights(triangle, p, **options), 2 / 3, rtol=1e-9)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("p", ITERATIONS)
def test_iterations(p, data):
    """No more than the upper end; the lower end belongs to other data."""
    X = DATA[data]()
    for tol, (_, high) in zip((1e-2, 1e-4, 1e-10), ITERATIONS[p], strict=True):
        _, info = lewis_weights(X, p, tol=tol, return_info=True)
        assert info.residual <= tol
        assert info.n_iter <= high


matrices = st.builds(
    lambda n, d, seed: np.random.default_rng(seed).standard_t(3, size=(n + 3 * d, d)),
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)


@settings(max_examples=40)
@given(X=matrices, p=st.sampled_from(POWERS))
def test_they_are_their_own_leverage_scores(X, p):
    X[0] = 0
    weights, info = lewis_weights(X, p, tol=1e-10, return_info=True)
    assert weights[0] == 0
    assert_allclose(weights.sum(), X.shape[1], rtol=1e-7)
    live = X[1:] * weights[1:, None] ** (0.5 - 1 / p)
    assert_allclose(leverage_scores(live), weights[1:], rtol=1e-6)
    squares = np.einsum("ij,jk,ik->i", X, np.linalg.inv(info.quadratic_form), X)
    assert_allclose(squares ** (p / 2), weights, rtol=1e-6, atol=1e-12)


@settings(max_examples=40)
@given(X=matrices, p=st.sampled_from(POWERS), seed=st.integers(0, 100))
def test_invariances_and_bounds(X, p, seed):
    rng = np.random.default_rng(seed)
    weights = lewis_weights(X, p, tol=1e-11)
    scores = leverage_scores(X)
    if p <= 2:
        assert (weights <= scores ** (p / 2) * (1 + 1e-6)).all()
    else:
        assert (weights >= scores ** (p / 2) * (1 - 1e-6)).all()
    T = rng.normal(size=(X.shape[1],) * 2) + 3 * np.eye(X.shape[1])
    assert_allclose(lewis_weights(X @ T, p, tol=1e-11), weights, rtol=1e-5, atol=1e-9)
    counts = rng.integers(1, 4, size=len(X))
    split = lewis_weights(split_rows(X, counts, p), p, tol=1e-11)
    assert_allclose(split, np.repeat(weights / counts, counts), rtol=1e-5, atol=1e-9)
    weighted = lewis_weights(X, p, sample_weight=counts, tol=1e-11)
    repeated = lewis_weights(np.repeat(X, counts, axis=0), p, tol=1e-11)
    place = np.repeat(np.arange(len(X)), counts)
    assert_allclose(np.bincount(place, repeated), weighted, rtol=1e-5, atol=1e-9)


def test_containers_agree():
    X = np.where(np.random.default_rng(0).random((400, 8)) < 0.5, 0, CANCER[:400, :8])
    for p in (1, 3):
        dense = lewis_weights(X, p, tol=1e-8)
        assert_allclose(lewis_weights(sp.csr_array(X), p, tol=1e-8), dense, rtol=1e-6, atol=1e-12)
        da = pytest.importorskip("dask.array")
        lazy = lewis_weights(da.from_array(X, chunks=(90, 8)), p, tol=1e-8)
        assert_allclose(lazy, dense, rtol=1e-9, atol=1e-14)
        single = lewis_weights(X.astype(np.float32), p)
        assert single.dtype == np.float32
        assert_allclose(single, dense, rtol=1e-3, atol=1e-6)


def test_cupy(fake_cupy):
    found = lewis_weights(fake_cupy.asarray(CANCER), 1.0)
    assert isinstance(found, fake_cupy.ndarray)
    assert_allclose(found.get(), lewis_weights(CANCER, 1.0), rtol=1e-6)


def test_ill_conditioned_and_deficient_rows():
    X = CANCER[:, :6]
    wide = np.c_[X, X[:, 0] + 1e-7 * X[:, 1], X[:, 2] - X[:, 3]]
    for p in (1, 4):
        expected = lewis_weights(np.c_[X, X[:, 1]], p, tol=1e-6)
        assert_allclose(lewis_weights(wide, p, tol=1e-6), expected, rtol=1e-3, atol=1e-6)
    few = CANCER[:20]
    rotation = np.linalg.svd(few, full_matrices=False)[2].T
    weights, info = lewis_weights(few, 3, return_info=True)
    assert_allclose(weights, lewis_weights(few @ rotation, 3), rtol=1e-6)
    assert info.quadratic_form.shape == (30, 30)


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_rows_whose_squares_leave_the_range(factor):
    for p in (1, 4):
        expected = lewis_weights(CANCER[:, :5], p)
        assert_allclose(lewis_weights(CANCER[:, :5] * factor, p), expected, rtol=1e-6)


def test_warm_starts():
    X = np.random.default_rng(0).standard_t(3, size=(20_000, 10))
    _, cold = lewis_weights(X, 1, return_info=True)
    _, part = lewis_weights(X[::10], 1, return_info=True)
    _, from_form = lewis_weights(X, 1, init=part.quadratic_form * 10, return_info=True)
    exact = lewis_weights(X, 1, tol=1e-8)
    _, from_weights = lewis_weights(X, 1, init=exact, return_info=True)
    assert from_form.n_iter < cold.n_iter
    assert from_weights.n_iter == 1


def test_too_few_iterations_warn():
    with pytest.warns(ConvergenceWarning, match="p=1 have not converged after 2 evaluations"):
        lewis_weights(CANCER, 1, max_iter=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p": 0}, "p must be a finite number > 0, got 0"),
        ({"p": -1}, "p must be a finite number > 0, got -1"),
        ({"p": np.inf}, "p must be a finite number > 0, got inf"),
        ({"p": "one"}, "p must be a finite number > 0, got 'one'"),
        ({"tol": 0}, "tol must be a number > 0, got 0"),
        ({"max_iter": 0}, "max_iter must be an int >= 1, got 0"),
        ({"init": np.ones(3)}, r"init must have shape \(569,\) or \(30, 30\), got \(3,\)"),
        ({"init": -np.ones(569)}, "init must hold finite numbers, as weights >= 0"),
        ({"sample_weight": -np.ones(569)}, "sample_weight must be >= 0"),
        ({"X": np.full((3, 2), np.nan)}, "NaN"),
        ({"X": np.ones(3)}, "Expected 2D array"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        lewis_weights(**{"X": CANCER, "p": 1.0, **options})
