"""Generated data have the shares, dtypes and reproducibility that their docstrings promise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampkit.datasets import make_imbalanced_blobs, make_imbalanced_moons, make_mixed_frame

MAKERS = [make_imbalanced_blobs, make_imbalanced_moons, make_mixed_frame]


@pytest.mark.parametrize("make", MAKERS)
def test_equal_seeds_equal_data(make):
    first, again, other = (make(120, random_state=seed) for seed in (3, 3, 4))
    assert np.array_equal(np.asarray(first[0], dtype=object), np.asarray(again[0], dtype=object))
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize("make", MAKERS)
def test_a_generator_moves_on(make):
    rng = np.random.default_rng(0)
    assert not np.array_equal(make(120, random_state=rng)[1], make(120, random_state=rng)[1])


@given(
    st.integers(60, 500),
    st.lists(st.floats(0.1, 1), min_size=2, max_size=5),
    st.integers(1, 6),
)
def test_blob_counts_are_within_one_of_the_shares(n, weights, d):
    X, y = make_imbalanced_blobs(n, weights=weights, n_features=d, random_state=0)
    assert X.shape == (n, d)
    counts = np.bincount(y, minlength=len(weights))
    assert counts.sum() == n
    assert (np.abs(counts - n * np.array(weights) / np.sum(weights)) < 1).all()


def test_moons_without_noise_lie_on_their_circles():
    X, y = make_imbalanced_moons(100, minority=0.2, noise=0, random_state=0)
    assert np.allclose(np.hypot(*X[y == 0].T), 1)
    assert np.allclose(np.hypot(*(X[y == 1] - [1, 0.5]).T), 1)
    assert int(y.sum()) == 20


def test_mixed_frame_has_every_kind_of_column():
    X, y = make_mixed_frame(300, missing=0.1, random_state=0)
    assert [str(t) for t in X.dtypes[:6]] == [
        "float64",
        "float32",
        "int64",
        "Int64",
        "Float64",
        "bool",
    ]
    assert X["grade"].cat.ordered
    assert not X["city"].cat.ordered
    for column in ("grade", "city"):
        unused = set(X[column].cat.categories) - set(X[column].dropna())
        assert len(unused) == 1
    assert pd.api.types.is_string_dtype(X["channel"].dropna())
    missing = X.isna().sum()
    assert set(missing.index[missing > 0]) == {"city", "channel"}
    assert X.index.equals(y.index)
    assert X.index[0] == 100
    assert y.value_counts().to_dict() == {"stays": 270, "leaves": 30}


def test_mixed_frame_is_complete_by_default():
    X, _ = make_mixed_frame(100, random_state=0)
    assert not X.isna().to_numpy().any()


@pytest.mark.parametrize(
    ("make", "parameters", "message"),
    [
        (make_imbalanced_blobs, {"weights": (1.0,)}, "weights must be at least two"),
        (make_imbalanced_blobs, {"weights": (0.5, -0.1)}, "weights must be at least two"),
        (make_imbalanced_blobs, {"n_features": 0}, "n_features must be an int >= 1, got 0"),
        (make_imbalanced_blobs, {"separation": -1}, "separation must be a finite number >= 0"),
        (make_imbalanced_blobs, {"n_samples": 5}, "at least one row, got 5"),
        (make_imbalanced_moons, {"minority": 1}, r"minority must be in \(0, 1\), got 1"),
        (make_imbalanced_moons, {"noise": -0.1}, "noise must be a finite number >= 0, got -0.1"),
        (make_mixed_frame, {"minority": 0}, r"minority must be in \(0, 1\), got 0"),
        (make_mixed_frame, {"missing": 1}, r"missing must be in \[0, 1\), got 1"),
    ],
)
def test_bad_parameters(make, parameters, message):
    with pytest.raises(ValueError, match=message):
        make(**parameters)
