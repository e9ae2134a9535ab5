from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from sampkit.coreset._inclusion import inclusion_probabilities
from sampkit.coreset._spatial_order import spatial_order


def recursive_order(X, q, mass, fold_signs=True):
    """The definition, cell by cell: the reference that the level-wise form must match."""
    X = np.array(X, dtype=np.float64)
    length = np.linalg.norm(X, axis=1)
    X /= np.where(length > 0, length, 1)[:, None]
    if fold_signs:
        X[-X.min(axis=1) > X.max(axis=1)] *= -1
    X = X.astype(np.float32).astype(np.float64)

    def split(rows):
        if rows.size <= 1 or q[rows].sum() <= mass:
            return [rows]
        w = q[rows]
        mean = w @ X[rows] / w.sum()
        variance = w @ (X[rows] - mean) ** 2
        rows = rows[np.argsort(X[rows, variance.argmax()], kind="stable")]
        middle = np.cumsum(q[rows]) - 0.5 * q[rows]
        half = 0.5 * w.sum() + 1e-12 * q.sum()  # where middles meet it they are on the left
        k = np.clip(np.searchsorted(middle, half, side="right"), 1, rows.size - 1)
        return split(rows[:k]) + split(rows[k:])

    return np.concatenate([*split(np.flatnonzero(q > 0)), np.flatnonzero(q == 0)])


@given(st.integers(1, 200), st.integers(1, 6), st.integers(0, 2**20), st.booleans())
def test_same_as_the_recursive_definition(n, d, seed, fold):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d + 1))
    q = inclusion_probabilities(rng.gamma(0.5, size=n) + 1e-9, max(n // 3, 1))
    order = spatial_order(X, q, fold_signs=fold)
    np.testing.assert_array_equal(order, recursive_order(X, q, 0.5, fold))


@given(st.integers(1, 120), st.integers(1, 5), st.integers(0, 2**20))
def test_a_permutation_whatever_the_rows(n, d, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, (n, d)).astype(float)  # many ties, and zero rows
    q = rng.integers(0, 3, n) / 2.0
    for masses in (None, q):
        np.testing.assert_array_equal(np.sort(spatial_order(X, masses)), np.arange(n))
    order = spatial_order(X, q)
    assert (q[order[: np.count_nonzero(q)]] > 0).all()


def test_length_and_sign_of_rows_do_not_matter():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 5))
    factor = 2.0 ** rng.integers(-3, 4, 300) * rng.choice([-1, 1], 300)
    np.testing.assert_array_equal(spatial_order(X), spatial_order(X * factor[:, None]))
    assert (spatial_order(X) != spatial_order(-X, fold_signs=False)).any()


def test_rows_are_turned_to_the_given_side():
    rng = np.random.default_rng(0)
    X, side = rng.standard_normal((300, 5)), rng.standard_normal(300)
    side[:9] = 0.0  # neither: left as they are
    turned = X * np.where(side < 0, -1.0, 1.0)[:, None]
    want = spatial_order(turned, fold_signs=False)
    np.testing.assert_array_equal(spatial_order(X, fold_signs=side), want)
    np.testing.assert_array_equal(spatial_order(sp.csr_array(X), fold_signs=list(side)), want)


def test_containers_and_extremes():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((100, 4)) * (rng.random((100, 4)) < 0.5)
    want = spatial_order(X)
    for other in (sp.csr_array(X), sp.csc_matrix(X), pd.DataFrame(X), np.asfortranarray(X)):
        np.testing.assert_array_equal(spatial_order(other), want)
    np.testing.assert_array_equal(spatial_order(X * 2.0**900), want)  # squares would overflow
    np.testing.assert_array_equal(spatial_order(X * 2.0**-900), want)


def test_neighbours_are_alike():
    # two-dimensional directions: consecutive angles in the order are close
    angle = np.random.default_rng(2).random(4096) * np.pi
    order = spatial_order(np.column_stack([np.cos(angle), np.sin(angle)]))
    jump = np.abs(np.diff(angle[order]))
    assert np.median(np.minimum(jump, np.pi - jump)) < 5 * np.pi / 4096


def test_blocks_do_not_change_the_order(monkeypatch):
    from sampkit.coreset import _spatial_order

    rng = np.random.default_rng(4)
    X = rng.standard_normal((500, 3))
    want = spatial_order(X)
    monkeypatch.setattr(_spatial_order, "rows_per_chunk", lambda *_: 37)
    np.testing.assert_array_equal(spatial_order(X), want)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"X": np.ones(3)}, "Expected 2D array, got 1D array instead"),
        ({"X": np.ones((0, 3))}, "Found array with 0 sample"),
        ({"X": [[1.0, np.nan], [0, 1]]}, "X must be finite"),
        ({"X": [[1.0, np.inf], [0, 1]]}, "X must be finite"),
        ({"q": [1.0]}, "q must have one entry for each of the 2 rows"),
        ({"q": [1.0, -1.0]}, "q must be finite and >= 0, got -1.0"),
        ({"q": [1.0, np.nan]}, "q must be finite and >= 0, got nan"),
        ({"fold_signs": [1.0]}, "fold_signs must have one entry for each of the 2 rows, got 1"),
        ({"fold_signs": [1.0, np.nan]}, "fold_signs must be True, False or one number per row"),
        ({"fold_signs": "yes"}, "fold_signs must be True, False or one number per row, got yes"),
        ({"mass": 0}, "mass must be a finite number > 0, got 0"),
        ({"mass": np.inf}, "mass must be a finite number > 0, got inf"),
        ({"mass": "half"}, "mass must be a finite number > 0, got 'half'"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        spatial_order(**{"X": [[1.0, 0.0], [0.0, 1.0]], **call})
