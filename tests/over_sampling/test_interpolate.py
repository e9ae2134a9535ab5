"""The function that makes rows between rows, in every format and dtype."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from sampkit.over_sampling import interpolate

FORMATS = [np.asarray, sp.csr_array, sp.csc_array, sp.csr_matrix, sp.csc_matrix]
DTYPES = [np.float32, np.float64, np.int32, np.int64, np.uint8]


def draws(seed, dtype=np.float64, n=12, m=30, d=5):
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((n, d)) < 0.6, rng.uniform(0, 100, (n, d)), 0).astype(dtype)
    gap = np.floor(rng.random(m) * 2**20) / 2**20
    return X, rng.integers(n, size=m), rng.integers(n, size=m), gap


def dense(X):
    return X.toarray() if sp.issparse(X) else X


@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(DTYPES), form=st.sampled_from(FORMATS))
def test_between_seed_and_neighbour_in_format_and_dtype(seed, dtype, form):
    X, first, second, gap = draws(seed, dtype)
    rows = interpolate(form(X), first, second, gap)
    assert type(rows) is type(form(X))
    assert rows.dtype == dtype
    assert rows.shape == (30, 5)
    a, b = X[first].astype(float), X[second].astype(float)
    exact = a + gap[:, None] * (b - a)
    out = dense(rows).astype(float)
    if np.dtype(dtype).kind == "f":
        tolerance = 4 * np.spacing(np.maximum(a, b).astype(dtype)).astype(float)
        assert (np.abs(out - exact) <= tolerance).all()
        assert (out >= np.minimum(a, b) - tolerance).all()
        assert (out <= np.maximum(a, b) + tolerance).all()
    else:  # rounded to the nearest, not cut off
        assert (np.abs(out - exact) <= 0.5 + 1e-9).all()


@given(seed=st.integers(0, 2**32 - 1), form=st.sampled_from(FORMATS))
def test_gap_per_value(seed, form):
    X, first, second, _ = draws(seed)
    gap = np.random.default_rng(seed).random((30, 5))
    rows = dense(interpolate(form(X), first, second, gap))
    np.testing.assert_allclose(rows, X[first] + gap * (X[second] - X[first]), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", FORMATS)
def test_ends_and_shared_values_are_exact(form, dtype):
    """Gap 0 is the seed, and what both rows share stays, bit for bit."""
    rng = np.random.default_rng(0)
    X = np.hstack([np.ones((40, 3)), rng.normal(size=(40, 3))]).astype(dtype)
    gap = np.floor(rng.random(500) * 2.0**23) * 2.0**-23
    seed, neighbor = rng.integers(40, size=(2, 500))
    rows = dense(interpolate(form(X), seed, neighbor, gap))
    assert (rows[:, :3] == 1).all()
    assert (dense(interpolate(form(X), seed, neighbor, 0 * gap)) == X[seed]).all()


def test_writes_into_out_in_blocks():
    """More rows than one block of 512 kB holds."""
    X, *_ = draws(0, d=700)
    rng = np.random.default_rng(1)
    seed, neighbor, gap = rng.integers(12, size=1000), rng.integers(12, size=1000), rng.random(1000)
    out = np.full((1000, 700), np.nan)
    assert interpolate(X, seed, neighbor, gap, out=out) is out
    assert (out == interpolate(X, seed, neighbor, gap)).all()
    integers = np.empty((1000, 700), dtype=np.int64)
    interpolate(X.astype(np.int64), seed, neighbor, gap, out=integers)
    assert (integers == interpolate(X.astype(np.int64), seed, neighbor, gap)).all()


@pytest.mark.parametrize("form", FORMATS)
def test_no_rows_at_all(form):
    X, *_ = draws(0)
    assert interpolate(form(X), [], [], []).shape == (0, 5)
    assert interpolate(form(X), [], [], np.empty((0, 5))).shape == (0, 5)


def test_input_is_left_alone():
    X, seed, neighbor, gap = draws(0)
    given = [a.copy() for a in (X, seed, neighbor, gap)]
    for array in (X, seed, neighbor, gap):
        array.setflags(write=False)
    interpolate(X, seed, neighbor, gap)
    for array, before in zip((X, seed, neighbor, gap), given, strict=True):
        assert (array == before).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [0], [0], [0.5]), "X must be two-dimensional"),
        (([[1.0], [2.0]], [0], [2], [0.5]), r"neighbor must hold row numbers in \[0, 2\), got 2"),
        (([[1.0], [2.0]], [-1], [0], [0.5]), r"seed must hold row numbers in \[0, 2\), got -1"),
        (([[1.0], [2.0]], [0.5], [0], [0.5]), "seed must be a 1-D array of row numbers"),
        (([[1.0], [2.0]], [[0]], [0], [0.5]), "seed must be a 1-D array of row numbers"),
        (([[1.0], [2.0]], [0, 1], [0], [0.5, 0.5]), "must have one entry"),
        (([[1.0], [2.0]], [0], [1], [[0.5, 0.5]]), "must have one entry"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        interpolate(*arguments)


@pytest.mark.parametrize("out", [np.empty((1, 2)), np.empty((1, 1), dtype=np.float32)])
def test_out_that_does_not_fit(out):
    with pytest.raises(ValueError, match=r"out must have shape \(1, 1\) and dtype float64"):
        interpolate(np.array([[1.0], [2.0]]), [0], [1], [0.5], out=out)
