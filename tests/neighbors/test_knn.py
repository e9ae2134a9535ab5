"""The door: known answers, forms of input and output, memory, and what is refused."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.neighbors import knn

# The rows of class 0 in the 20-point set of imbalanced-learn 0.14.2's test_smote.py.
TWENTY_POINTS_CLASS_0 = np.array(
    [
        [0.11622591, -0.0317206],
        [1.25192108, -0.22367336],
        [0.53366841, -0.30312976],
        [1.52091956, -0.49283504],
        [0.88407872, 0.35454207],
        [1.31301027, -0.92648734],
        [-0.41635887, -0.38299653],
        [1.70580611, -0.11219234],
    ]
)


@pytest.mark.parametrize("method", ["auto", "tree", "gemm", "sparse"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_twenty_points(method, dtype):
    X = TWENTY_POINTS_CLASS_0.astype(dtype)
    found = knn(sp.csr_array(X), 5) if method == "sparse" else knn(X, 5, method=method)
    assert_array_equal(found[0], [2, 6, 4, 1, 3])
    assert_array_equal(found[7], [3, 1, 5, 4, 2])


@pytest.mark.parametrize("method", ["tree", "gemm"])
def test_ties_go_to_the_lower_number(method):
    cross = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1], [0, 0]])
    assert_array_equal(knn(cross, 4, method=method)[0], [5, 1, 2, 3])
    assert_array_equal(knn(cross, 4, method=method)[5], [0, 1, 2, 3])
    assert_array_equal(
        knn(np.zeros((5, 3)), 2, method=method), [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]
    )


def test_duplicates_are_neighbours_and_the_row_itself_is_not():
    """scikit-learn's first column need not be the row itself: dropping it keeps the row."""
    X = np.repeat(np.random.default_rng(0).standard_normal((40, 8)), 30, axis=0)
    found = knn(X, 5)
    assert (found != np.arange(1200)[:, None]).all()
    assert_array_equal(X[found], np.repeat(X[:, None], 5, axis=1))
    assert_array_equal(found[0], [1, 2, 3, 4, 5])
    assert_array_equal(found[3], [0, 1, 2, 4, 5])


FORMS = {
    "list": lambda X: X.tolist(),
    "frame": pd.DataFrame,
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "read only": lambda X: _frozen(X),
    "integers": lambda X: X.astype(np.int32),
    "booleans": lambda X: X > 0,
    "float16": lambda X: X.astype(np.float16),
    "csr matrix": sp.csr_matrix,
    "csr array": sp.csr_array,
    "csc matrix": sp.csc_matrix,
    "csc array": sp.csc_array,
    "csr of int64": lambda X: sp.csr_array(X.astype(np.int64)),
    "csr with zeros": lambda X: _with_explicit_zeros(X),
    "csr with duplicates": lambda X: _with_duplicates(X),
}


def _frozen(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def _with_explicit_zeros(X):
    full = sp.csr_array(np.ones_like(X))
    full.data[:] = X.ravel()
    return full


def _with_duplicates(X):
    half = sp.coo_array(X / 2)
    data, row, col = (
        np.concatenate([part, part[::-1]]) for part in (half.data, half.row, half.col)
    )
    ends = np.argsort(row, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(X)))])
    return sp.csr_array((data[ends], col[ends], start), shape=X.shape)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("d", [3, 10])
def test_forms_of_input(form, d):
    X = np.random.default_rng(1).integers(-3, 4, size=(60, d)).astype(float)
    given_X = FORMS[form](X)
    before = given_X.copy() if hasattr(given_X, "copy") else None
    values = (X > 0).astype(float) if form == "booleans" else X
    expected = knn(values, 4, return_distance=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        distance, index = knn(given_X, 4, return_distance=True)
    assert_array_equal(index, expected[1])
    assert_array_equal(distance, expected[0])
    assert (index.dtype, distance.dtype) == (np.intp, np.float64)
    if sp.issparse(given_X):
        assert (given_X != before).nnz == 0
        assert given_X.dtype == before.dtype
        assert given_X.nnz == before.nnz
        points = given_X[:7]
        assert_array_equal(knn(given_X, 2, query=points), knn(X, 2, query=X[:7]))
        assert_array_equal(knn(given_X, 2, query=X[:7]), knn(X, 2, query=X[:7]))


def test_queries():
    X = np.random.default_rng(2).standard_normal((50, 4))
    whole = knn(X, 3)
    rows = np.array([4, 40, 4, 0], dtype=np.uint8)
    assert_array_equal(knn(X, 3, query=rows), whole[rows])
    assert_array_equal(knn(X, 3, query=[4, 40]), whole[[4, 40]])
    assert_array_equal(knn(X, 3, query=X, exclude=np.arange(50)), whole)
    assert_array_equal(knn(X, 1, query=X)[:, 0], np.arange(50))
    assert_array_equal(knn(X, 1, query=X[:2], exclude=[-1, 1])[:, 0], [0, whole[1, 0]])
    assert knn(X, 3, query=[]).shape == (0, 3)
    assert knn(X, 3, query=np.empty((0, 4))).shape == (0, 3)
    distance, index = knn(X, 3, query=[], return_distance=True)
    assert distance.shape == index.shape == (0, 3)
    assert_array_equal(knn(X, 50, query=X[:1]), [np.argsort(((X - X[0]) ** 2).sum(axis=1))])
    assert_array_equal(np.sort(knn(X, 49), axis=1)[0], np.arange(1, 50))


def test_points_far_from_the_rows(brute_force):
    X = np.random.default_rng(2).standard_normal((300, 9))
    points = X[:20] * 1e9
    for dtype in (np.float32, np.float64):
        distance, index = knn(X.astype(dtype), 3, query=points, return_distance=True)
        expected, rows = brute_force(X.astype(dtype), 3, points)
        assert_array_equal(index, rows)
        assert_allclose(distance, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["float64", "float32", "rows", "constant", "sparse", "tree"])
def test_memory_stays_within_the_budget(kind):
    """Never the (n, n) matrix: 256 MB in float32 for these 8000 rows."""
    n, d = 8000, 40
    X = np.random.default_rng(0).standard_normal((n, d))
    query = None
    if kind == "float32":
        X = X.astype(np.float32)
    elif kind == "rows":
        query = np.arange(0, n, 2)
    elif kind == "constant":
        X = np.ones((n, d))
    elif kind == "sparse":
        X = sp.random(4000, 2000, density=0.002, format="csr", random_state=0)
    elif kind == "tree":
        X = np.round(X[:, :3], 1)
    knn(X[:2000], 5)  # what imports and pools keep is not counted
    tracemalloc.start()
    knn(X, 5, query=query)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


X = np.random.default_rng(0).standard_normal((12, 3))
S = sp.csr_array(X)
BAD = [
    ({"k": 0}, "k must be a whole number >= 1, got 0"),
    ({"k": -2}, "k must be a whole number >= 1, got -2"),
    ({"k": 2.0}, r"k must be a whole number >= 1, got 2\.0"),
    ({"k": True}, "k must be a whole number >= 1, got True"),
    ({"k": "3"}, "k must be a whole number >= 1, got '3'"),
    ({"k": None}, "k must be a whole number >= 1, got None"),
    ({"k": 12}, "^Expected n_neighbors <= n_samples_fit, .* k = 12 .* only 11 of the 12 rows"),
    ({"k": 13, "query": X}, "k = 13 .* only 12 of the 12 rows"),
    ({"k": 12, "query": X[:1], "exclude": [3]}, "k = 12 .* only 11 of the 12 rows"),
    ({"X": S, "k": 12}, "k = 12 .* only 11 of the 12 rows"),
    ({"method": "ball"}, "method must be 'auto', 'tree' or 'gemm', got 'ball'"),
    ({"method": None}, "method must be 'auto', 'tree' or 'gemm', got None"),
    ({"X": S, "method": "tree"}, "method 'tree' needs dense X"),
    ({"X": X[0]}, r"X must be a matrix \(rows, columns\), got shape \(3,\)"),
    ({"X": X[None]}, r"X must be a matrix \(rows, columns\), got shape \(1, 12, 3\)"),
    ({"X": 3.0}, r"X must be a matrix \(rows, columns\), got shape \(\)"),
    ({"X": X[:0]}, r"X must have at least one row and one column, got shape \(0, 3\)"),
    ({"X": X[:, :0]}, r"X must have at least one row and one column, got shape \(12, 0\)"),
    ({"X": np.where(X > 1, np.nan, X)}, "Input X contains NaN"),
    ({"X": np.where(X > 1, np.inf, X)}, "Input X contains infinity"),
    ({"X": sp.csr_array(np.where(X > 1, np.nan, X))}, "Input X contains NaN"),
    ({"X": X * 1j}, "X must hold real numbers, got dtype complex128"),
    ({"X": S * 1j}, "X must hold real numbers, got dtype complex128"),
    ({"X": X.astype(str)}, "X must hold real numbers, got dtype <U"),
    ({"X": [["a", "b"], ["c", "d"]]}, "X must hold real numbers, got dtype <U1"),
    ({"X": np.array([["a", 1], [2, 3]], dtype=object)}, "could not convert string to float"),
    ({"query": [12]}, r"query must hold row numbers in \[0, 12\), got 12"),
    ({"query": [-1]}, r"query must hold row numbers in \[0, 12\), got -1"),
    ({"query": [0.0, 1.0]}, "query must be a 1-D array of row numbers, got float64"),
    ({"query": np.ones(12, dtype=bool)}, "query must be a 1-D array of row numbers, got bool"),
    ({"query": 3}, r"query must be a matrix \(rows, columns\), got shape \(\)"),
    ({"query": X[None]}, r"query must be a matrix \(rows, columns\), got shape \(1, 12, 3\)"),
    ({"query": X[:, :2]}, "query must have the 3 columns of X, got 2"),
    ({"query": np.empty((0, 2))}, "query must have the 3 columns of X, got 2"),
    ({"query": X * np.nan}, "Input query contains NaN"),
    ({"query": X.astype(str)}, "query must hold real numbers"),
    ({"query": S}, "query must be dense, as X is, got a sparse matrix"),
    ({"X": S, "query": S[:, :2]}, "query must have the 3 columns of X, got 2"),
    ({"exclude": [0]}, "exclude goes with a matrix of points"),
    ({"query": [0], "exclude": [0]}, "exclude goes with a matrix of points"),
    ({"query": X, "exclude": [0]}, "exclude must hold one row number per point, got 1 for 12"),
    ({"query": X[:1], "exclude": [12]}, r"exclude must hold row numbers in \[-1, 12\), got 12"),
    ({"query": X[:1], "exclude": [-2]}, r"exclude must hold row numbers in \[-1, 12\), got -2"),
    ({"query": X[:1], "exclude": [0.5]}, "exclude must be a 1-D array of row numbers, got float64"),
    ({"query": X[:1], "exclude": [[0]]}, "exclude must be a 1-D array of row numbers, got int64"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message) as raised:
        knn(**{"X": X, "k": 2} | arguments)
    assert len(str(raised.value)) < 400
