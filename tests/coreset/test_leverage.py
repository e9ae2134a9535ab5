"""Leverage scores: known answers, the ladder's accuracy, invariances, every kind of storage."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.preprocessing import StandardScaler

from sampkit.coreset import leverage_scores
from sampkit.coreset._pairs import compiled, grouped_scores, pair_gram, pair_scores
from sampkit.coreset._split import split_rows

LADDER = {4: 9e-13, 6: 6e-11, 8: 7e-9, 10: 8e-7, 12: 8e-5}  # measured for the specification
SINGLE = {1: 3e-7, 2: 2e-6, 3: 1.5e-5, 4: 1e-4}


def exact(X):
    """Squared row norms of an orthonormal basis."""
    left, s, _ = np.linalg.svd(np.asarray(X, dtype=float), full_matrices=False)
    return (left[:, s > 1e-10 * s[0]] ** 2).sum(axis=1)


def conditioned(n, d, exponent, seed):
    """A matrix of condition 10^exponent (log-uniform spectrum) and its leverage scores."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.normal(size=(n, d)))
    right, _ = np.linalg.qr(rng.normal(size=(d, d)))
    return (left * np.logspace(0, -exponent, d)) @ right.T, (left**2).sum(axis=1)


matrices = st.builds(
    lambda n, d, seed, heavy: np.random.default_rng(seed).standard_t(
        2 if heavy else 30, size=(n + d, d)
    ),
    st.integers(1, 40),
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)


@pytest.mark.parametrize(
    ("X", "intercept", "scores"),
    [
        ([[1, 0], [1, 0], [0, 1]], False, [0.5, 0.5, 1]),
        ([[0], [1], [2], [3], [4]], True, [0.6, 0.3, 0.2, 0.3, 0.6]),
        ([[3], [4], [0]], False, [9 / 25, 16 / 25, 0]),
        (np.tile(np.eye(3), (4, 1)), False, np.full(12, 1 / 4)),
        ([[1, 0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]], False, [2 / 3] * 3),
        ([[1, 2, 3], *[[5, 0, 0]] * 2, *[[1, 0, 0]] * 3], False,
         [1, *[25 / 53] * 2, *[1 / 53] * 3]),
        ([[1.0, 2.0, 4.0]], False, [1]),
        (np.zeros((4, 2)), False, np.zeros(4)),
    ],
)  # fmt: skip
def test_known_answers(X, intercept, scores):
    """By hand; section 10 of the specification."""
    for method in ("auto", "qr", "svd"):
        found = leverage_scores(X, fit_intercept=intercept, method=method)
        assert_allclose(found, scores, atol=1e-12)


def test_known_answers_of_data():
    """Section 10: breast_cancer standardised and diabetes, with ones."""
    X = StandardScaler().fit_transform(load_breast_cancer().data)
    scores = leverage_scores(X, fit_intercept=True)
    assert scores.argmax() == 152
    assert_allclose(scores.max(), 0.7198664056, atol=5e-11)
    assert_allclose(scores[:3], [0.1645152009, 0.0657296523, 0.0432412473], atol=5e-11)
    scores = leverage_scores(load_diabetes().data, fit_intercept=True)
    assert scores.argmax() == 322
    assert_allclose(scores.max(), 0.1276183505, atol=5e-11)


@pytest.mark.parametrize("exponent", LADDER)
def test_ladder_is_accurate_for_every_condition(exponent):
    """Worst row of 20000 x 20, worst of three seeds, within a factor 3 of the figure."""
    errors = []
    for seed in range(3):
        X, scores = conditioned(20_000, 20, exponent, seed)
        errors.append(np.abs(leverage_scores(X) / scores - 1).max())
    assert max(errors) < 3 * LADDER[exponent]


@pytest.mark.parametrize("exponent", SINGLE)
def test_float32_keeps_what_its_rows_allow(exponent):
    X, _ = conditioned(20_000, 20, exponent, 0)
    single = X.astype(np.float32)
    scores = leverage_scores(single)
    assert scores.dtype == np.float32
    # the rows that float32 holds, scored in float64
    assert np.abs(scores / leverage_scores(single.astype(float)) - 1).max() < 3 * SINGLE[exponent]


@given(X=matrices)
def test_sum_range_basis_and_scale(X):
    scores = leverage_scores(X)
    assert_allclose(scores, exact(X), rtol=1e-8, atol=1e-12)
    assert_allclose(scores.sum(), X.shape[1], rtol=1e-9)
    assert ((scores >= 0) & (scores <= 1)).all()
    rng = np.random.default_rng(0)
    T = rng.normal(size=(X.shape[1],) * 2) + 3 * np.eye(X.shape[1])
    assert_allclose(leverage_scores(X @ T), scores, rtol=1e-6, atol=1e-9)
    for factor in (1e-200, 1e200):
        assert_allclose(leverage_scores(X * factor), scores, rtol=1e-8, atol=1e-12)


@given(X=matrices, seed=st.integers(0, 1000))
def test_a_new_row_raises_no_score(X, seed):
    row = np.random.default_rng(seed).normal(size=(1, X.shape[1]))
    more = leverage_scores(np.concatenate([X, row]))
    assert (more[:-1] <= leverage_scores(X) + 1e-9).all()


@given(X=matrices, seed=st.integers(0, 1000))
def test_splitting_divides_and_weights_repeat(X, seed):
    counts = np.random.default_rng(seed).integers(0, 4, size=len(X))
    scores = leverage_scores(X, sample_weight=counts)
    repeated = leverage_scores(np.repeat(X, counts, axis=0)) if counts.any() else np.zeros(0)
    place = np.repeat(np.arange(len(X)), counts)
    assert_allclose(np.bincount(place, repeated, minlength=len(X)), scores, rtol=1e-6, atol=1e-9)
    counts = counts + 1
    split = leverage_scores(split_rows(X, counts, 2))
    whole = np.repeat(leverage_scores(X) / counts, counts)
    assert_allclose(split, whole, rtol=1e-7, atol=1e-10)


@settings(max_examples=40)
@given(X=matrices, ridge=st.floats(1e-6, 1e3))
def test_ridge(X, ridge):
    d = X.shape[1]
    inverse = np.linalg.inv(X.T @ X + ridge * np.eye(d))
    expected = np.einsum("ij,jk,ik->i", X, inverse, X)
    for method in ("auto", "qr", "svd"):
        found = leverage_scores(X, ridge=ridge, method=method)
        assert_allclose(found, expected, rtol=1e-6, atol=1e-12)
    s = np.linalg.svd(X, compute_uv=False)
    assert_allclose(expected.sum(), (s**2 / (s**2 + ridge)).sum(), rtol=1e-6)


@settings(max_examples=40)
@given(X=matrices, k=st.integers(1, 6))
def test_rank_k_and_tail(X, k):
    k = min(k, X.shape[1])
    left, s, _ = np.linalg.svd(X, full_matrices=False)
    if k < len(s) and s[k - 1] - s[k] < 1e-3 * s[0]:
        return  # not unique
    for method in ("auto", "qr", "svd"):
        found = leverage_scores(X, rank=k, method=method)
        assert_allclose(found, (left[:, :k] ** 2).sum(axis=1), rtol=1e-6, atol=1e-9)
    tail = (s[k:] ** 2).sum() / k
    expected = left**2 @ (s**2 / (s**2 + tail))
    found = leverage_scores(X, rank=k, ridge="tail")
    assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    assert found.sum() <= 2 * k + 1e-9


def test_fewer_rows_than_columns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5, 9))
    assert_array_equal(leverage_scores(X), np.ones(5))
    X[4] = X[0]
    for Y in (X, sp.csr_array(X), sp.csc_matrix(X)):
        assert_allclose(leverage_scores(Y), [0.5, 1, 1, 1, 0.5], rtol=1e-12)
    inverse = np.linalg.inv(X.T @ X + 0.3 * np.eye(9))
    expected = np.einsum("ij,jk,ik->i", X, inverse, X)
    assert_allclose(leverage_scores(X, ridge=0.3), expected, rtol=1e-10)
    left, _, _ = np.linalg.svd(X, full_matrices=False)
    assert_allclose(leverage_scores(X, rank=2), (left[:, :2] ** 2).sum(axis=1), rtol=1e-9)


def test_collinear_and_empty_columns_drop_out():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(500, 4))
    wide = np.c_[X, X @ [1, -2, 0.5, 3], np.zeros(500), 1e-9 * X[:, 0]]
    assert_allclose(leverage_scores(wide), exact(X), rtol=1e-9)
    assert_allclose(leverage_scores(sp.csr_array(wide)), exact(X), rtol=1e-9)
    # an own tolerance overrules a condition that the Cholesky route would have passed
    near = np.c_[X[:, :2], X[:, 0] + 1e-2 * X[:, 2]]
    assert_allclose(leverage_scores(near).sum(), 3)
    assert_allclose(leverage_scores(near, rtol=0.1).sum(), 2)


@pytest.mark.parametrize("method", ["auto", "qr"])
def test_containers_and_memory_orders(method):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(600, 6)).round(1)
    whole = rng.integers(-3, 4, size=(600, 6))
    expected, weight = exact(X), rng.random(600)
    weighted = leverage_scores(X, sample_weight=weight, fit_intercept=True)
    assert_allclose(weighted, exact(np.c_[np.ones(600), X] * weight[:, None] ** 0.5), rtol=1e-9)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    read_only = X.copy()
    read_only.flags.writeable = False
    kinds = [X, np.asfortranarray(X), X[:, ::-1][:, ::-1], read_only, X.tolist(), frame,
             sp.csr_array(X), sp.csc_matrix(X), pytest.importorskip("polars").DataFrame(X),
             frame.convert_dtypes()]  # fmt: skip
    for Y in kinds:
        scores = leverage_scores(Y, method=method)
        assert type(scores) is np.ndarray
        assert scores.dtype == np.float64
        assert_allclose(scores, expected, rtol=1e-9)
        scores = leverage_scores(Y, sample_weight=weight, fit_intercept=True, method=method)
        assert_allclose(scores, weighted, rtol=1e-9)
    assert_allclose(leverage_scores(X[::3]), exact(X[::3]), rtol=1e-9)
    assert_allclose(leverage_scores(X[:, ::2]), exact(X[:, ::2]), rtol=1e-9)
    assert_allclose(leverage_scores(whole), exact(whole), rtol=1e-9)
    assert_allclose(leverage_scores(whole % 2 == 1), exact(whole % 2 == 1), rtol=1e-9)


@pytest.mark.parametrize("density", [0.03, 0.3])
def test_sparse_routes(density):
    X = sp.random_array((3000, 40), density=density, random_state=0, format="csr")
    expected = exact(X.toarray())
    assert_allclose(leverage_scores(X), expected, rtol=1e-9, atol=1e-14)
    single = leverage_scores(X.astype(np.float32))
    assert single.dtype == np.float32
    assert_allclose(single, expected, rtol=1e-4, atol=1e-7)
    # an ill-conditioned one takes rows in the basis instead of the inverse
    bad = sp.hstack([X, X[:, [0]] + 1e-5 * X[:, [1]]], format="csr")
    assert_allclose(leverage_scores(bad), leverage_scores(bad.toarray()), rtol=1e-5, atol=1e-9)


def test_pair_loops_equal_their_numpy_forms(monkeypatch):
    """numba changes the time and not a bit."""
    X = sp.random_array((2000, 30), density=0.1, random_state=0, format="csr")
    X.sort_indices()
    precision = np.linalg.inv((X.T @ X).toarray())
    pytest.importorskip("numba")
    monkeypatch.setattr("sampkit.coreset._pairs.MANY_PAIRS", 0)
    with_loops = (
        pair_gram(X.data, X.indices, X.indptr, 30),
        pair_scores(X.data, X.indices, X.indptr, precision),
    )
    assert compiled.cache_info().currsize == 1
    monkeypatch.setattr("sampkit.coreset._pairs.MANY_PAIRS", np.inf)
    assert_array_equal(pair_gram(X.data, X.indices, X.indptr, 30), with_loops[0])
    assert_array_equal(grouped_scores(X.data, X.indices, X.indptr, precision), with_loops[1])


def test_sketch():
    """32 projections: sd 0.25; the mean of 3000 ratios strays by 5 sd (about 0.025) once in 1e6."""
    X = np.random.default_rng(0).normal(size=(3000, 20)) ** 3
    ratio = leverage_scores(X, method="sketch", random_state=0) / exact(X)
    low, high = np.percentile(ratio, [1, 99])
    assert 0.5 < low < high < 2.0
    assert abs(ratio.mean() - 1) < 0.05
    finer = leverage_scores(X, method="sketch", n_components=2000, sketch_size=2500, random_state=0)
    assert np.abs(finer / exact(X) - 1).max() < 0.3
    again = leverage_scores(X, method="sketch", random_state=0)
    assert_array_equal(again / exact(X), ratio)
    ridged = leverage_scores(X, method="sketch", ridge=1e4, random_state=0, n_components=500)
    assert_allclose(ridged.sum(), leverage_scores(X, ridge=1e4).sum(), rtol=0.1)


def test_a_mapped_file_stays_out_of_memory(tmp_path):
    """A pass over 200 MB of a file, with a tenth of that resident."""
    path = tmp_path / "X.npy"
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(1_000_000, 50))
    rng = np.random.default_rng(0)
    for start in range(0, len(X), 100_000):
        X[start : start + 100_000] = rng.random((100_000, 50), dtype=np.float32)
    X.flush()
    del X
    program = f"""
import threading, time
import numpy as np
from sampkit.coreset import leverage_scores
def resident():
    with open("/proc/self/status") as status:
        return sum(int(l.split()[1]) for l in status if l.startswith(("RssAnon", "RssFile"))) / 1024
leverage_scores(np.ones((10, 2)))  # imports what is imported on first use
before, peak, done = resident(), [0.0], threading.Event()
def watch():
    while not done.is_set():
        peak[0] = max(peak[0], resident()); time.sleep(0.002)
watcher = threading.Thread(target=watch); watcher.start()
scores = leverage_scores(np.load({str(path)!r}, mmap_mode="r"), fit_intercept=True)
done.set(); watcher.join()
print(round(float(scores.astype(float).sum()), 3), peak[0] - before < 100)
"""
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["51.0", "True"], done.stdout + done.stderr[-2000:]


def test_a_column_major_map(tmp_path):
    path = tmp_path / "X.npy"
    X = np.asfortranarray(np.random.default_rng(0).normal(size=(300_000, 8)))
    np.save(path, X)
    for mapped, whole in [
        (np.load(path, mmap_mode="r"), X),
        (np.load(path, mmap_mode="r")[::-2], X[::-2]),
        (np.load(path, mmap_mode="r")[5:, 1:], X[5:, 1:]),
    ]:
        assert_allclose(leverage_scores(mapped), leverage_scores(whole), rtol=1e-11)


def test_a_private_map_keeps_what_was_written(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, np.random.default_rng(0).normal(size=(400_000, 8)))
    X = np.load(path, mmap_mode="c")
    X[:100] = 5.0
    scores = leverage_scores(X)
    assert (X[:100] == 5.0).all()
    assert_allclose(scores, leverage_scores(np.array(X)), rtol=1e-12)


@pytest.mark.parametrize("chunk", [(130, 6), (600, 2), (7, 6)])
def test_dask_arrays_block_by_block(chunk):
    da = pytest.importorskip("dask.array")
    X = np.random.default_rng(0).normal(size=(600, 6)) * np.logspace(0, -7, 6)
    X = X @ np.random.default_rng(1).normal(size=(6, 6))
    lazy = leverage_scores(da.from_array(X, chunks=chunk))
    assert isinstance(lazy, da.Array)
    assert_allclose(lazy.compute(scheduler="sync"), leverage_scores(X), rtol=1e-6)
    weight = np.arange(600.0)
    some = leverage_scores(
        da.from_array(X, chunks=chunk), sample_weight=weight, fit_intercept=True, ridge=0.1
    )
    expected = leverage_scores(X, sample_weight=weight, fit_intercept=True, ridge=0.1)
    assert_allclose(some.compute(scheduler="sync"), expected, rtol=1e-8)


def test_cupy_arrays_stay_on_the_device(fake_cupy, monkeypatch):
    X = np.random.default_rng(0).normal(size=(3000, 5))
    sizes = []
    get = fake_cupy.ndarray.get
    monkeypatch.setattr(fake_cupy.ndarray, "get", lambda a: (sizes.append(a.size), get(a))[1])
    for kw in ({}, {"ridge": 2.0}, {"rank": 2}, {"fit_intercept": True}):
        scores = leverage_scores(fake_cupy.asarray(X), **kw)
        assert isinstance(scores, fake_cupy.ndarray)
        assert_allclose(get(scores), leverage_scores(X, **kw), rtol=1e-9)
    assert max(sizes) <= len(X)  # never the rows
    bad = np.c_[X, X[:, 0] + 1e-9 * np.random.default_rng(1).normal(size=3000)]
    found = get(leverage_scores(fake_cupy.asarray(bad)))
    assert_allclose(found, leverage_scores(bad), rtol=1e-5)
    assert_allclose(found.sum(), 6)


GOOD = np.arange(12.0).reshape(6, 2) ** 2
BAD = [
    ({"X": np.ones(6)}, "Expected 2D array, got 1D"),
    ({"X": np.ones((0, 2))}, "0 sample"),
    ({"X": np.ones((2, 0))}, "0 feature"),
    ({"X": np.where(GOOD == 4, np.nan, GOOD)}, "X contains NaN"),
    ({"X": np.where(GOOD == 4, np.inf, GOOD)}, "X contains infinity"),
    ({"X": np.where(GOOD == 4, np.nan, GOOD).astype("f4")}, "X contains NaN"),
    ({"X": sp.csr_array(np.where(GOOD == 4, np.nan, GOOD))}, "X contains NaN"),
    ({"X": np.where(GOOD == 4, np.nan, GOOD), "rank": 1}, "X contains NaN"),
    ({"X": GOOD.astype(complex)}, "Complex data not supported"),
    ({"X": [["a", "b"]]}, "could not convert|numeric"),
    ({"ridge": -1.0}, r"ridge must be a number >= 0 or 'tail', got -1.0"),
    ({"ridge": np.nan}, "ridge must be a number >= 0"),
    ({"ridge": "head"}, "ridge must be a number >= 0 or 'tail', got 'head'"),
    ({"ridge": "tail"}, "rank must be given for ridge='tail'"),
    ({"rank": 0}, r"rank must be an int in 1..2, got 0"),
    ({"rank": 3}, r"rank must be an int in 1..2, got 3"),
    ({"rank": 1.5}, r"rank must be an int in 1..2, got 1.5"),
    ({"sample_weight": [1, 1]}, r"sample_weight must have one entry for each of the 6 rows"),
    ({"sample_weight": [1, 1, 1, 1, 1, -1]}, "sample_weight must be >= 0, got -1.0 at row 5"),
    ({"sample_weight": [1, 1, 1, 1, np.nan, 1]}, "sample_weight must be finite, got nan at row 4"),
    ({"sample_weight": [1, 1, 1, 1, np.inf, 1]}, "sample_weight must be finite, got inf"),
    ({"method": "magic"}, "method must be one of 'auto', 'cholesky'.*got 'magic'"),
    ({"rtol": -1}, "rtol must be None or a number"),
    ({"method": "sketch", "n_components": 0}, "n_components must be an int >= 1, got 0"),
    ({"method": "sketch", "sketch_size": 3}, "sketch_size must be an int >= 4, got 3"),
    ({"method": "sketch", "rank": 1}, "rank must be None for method='sketch'"),
    ({"X": np.ones((6, 2)), "method": "cholesky"}, "its Gram matrix is singular"),
    ({"method": "sketch", "random_state": -1}, "random_state must be"),
]


@pytest.mark.parametrize(("case", "message"), BAD)
def test_bad_input(case, message):
    case = {"X": GOOD, **case}
    before = np.array(case["X"], copy=True) if isinstance(case["X"], np.ndarray) else None
    with pytest.raises(ValueError, match=message):
        leverage_scores(**case)
    if before is not None and before.dtype.kind == "f":
        assert_array_equal(case["X"], before)
