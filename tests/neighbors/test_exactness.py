"""The answer is brute force's, on data that defeat float32, whatever the engine and its blocks."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

from sampkit.neighbors import _bounds, _gemm, _radius, _shortlist, _sparse, _tree, knn


def small_blocks(monkeypatch: pytest.MonkeyPatch, query: int = 48, data: int = 64) -> None:
    """Let 300 rows take the road of 30 000: float32, many blocks, threads, full lists."""
    monkeypatch.setattr(_gemm, "SMALL", 0)
    monkeypatch.setattr(_gemm, "QUERY_BLOCK", query)
    monkeypatch.setattr(_gemm, "DATA_BLOCK", data)
    monkeypatch.setattr(_radius, "GROUP", query // 2)
    monkeypatch.setattr(_radius, "DATA_BLOCK", data)
    monkeypatch.setattr(_shortlist, "GROUPS", 16)
    monkeypatch.setattr(_sparse, "thread_budget", lambda n_threads: 40 * 300 * query)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [1, 4, 30])
@pytest.mark.parametrize("engine", ["gemm", "gemm small", "tree", "sparse"])
def test_hard_cases(case, d, dtype, engine, make_case, brute_force, monkeypatch):
    if engine != "gemm small":
        small_blocks(monkeypatch)
    X = make_case(case, 300, d, dtype)
    given_X = sp.csr_array(X) if engine == "sparse" else X
    method = "tree" if engine == "tree" else "gemm"
    distance, index = knn(given_X, 5, return_distance=True, method=method)
    expected, rows = brute_force(X, 5)
    assert_allclose(distance, expected, rtol=1e-12)
    if engine != "sparse":  # sums over stored entries round otherwise: rows that tie may swap
        assert_array_equal(index, rows)
    found = np.sqrt(((X.astype(float)[index] - X.astype(float)[:, None]) ** 2).sum(axis=2))
    assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_hard_cases_at_full_size(case, dtype, make_case, brute_force):
    """Blocks, lists and threads as users get them; brute force for a part of the rows."""
    X = make_case(case, 5000, 12, dtype)
    distance, index = knn(X, 5, return_distance=True)
    some = np.arange(7, 5000, 61)
    expected, rows = brute_force(X, 5, X[some], some)
    assert_allclose(distance[some], expected, rtol=1e-12)
    assert_array_equal(index[some], rows)
    assert_array_equal(knn(X, 5, query=some), rows)


def test_extreme_scales(make_case, brute_force):
    base = make_case("gaussian", 200, 8)
    for exponent in (-1060, -900, 900, 1020):  # from subnormal numbers to the largest
        X = np.ldexp(base, exponent)
        expected, rows = brute_force(np.ldexp(X, -exponent), 3)
        for given_X in (X, sp.csr_array(X)):
            distance, index = knn(given_X, 3, return_distance=True)
            assert_array_equal(index, rows)
            assert_allclose(np.ldexp(distance, -exponent), expected, rtol=1e-3)


def test_float32_alone_would_fail(make_case):
    """The tight clusters are out of reach of float32 bounds: without a redo nothing is certain."""
    X = make_case("clusters", 2000, 10)
    queries = _gemm.Queries(X, None, np.arange(len(X)))
    answer = _gemm.Answer.empty(len(X), 5)
    _gemm.scan(X, queries, answer, _gemm.frame_of(X, X, np.float32), 1)
    assert not answer.certain.any()
    assert (answer.index != knn(X, 5)).mean() > 0.9


@pytest.mark.parametrize(
    ("name", "suffices"),
    [("gaussian", True), ("one wide column", False), ("repeated", True), ("grid", True)],
)
def test_a_few_queries_choose_the_dtype(name, suffices, make_case):
    X = make_case(name, 20000, 10)
    queries = _gemm.Queries(X, None, np.arange(len(X)))
    assert _gemm._float32_suffices(X, queries, 5, 1) is suffices
    assert _gemm._float32_suffices(X, queries.subset(np.arange(100)), 5, 1)


def test_ordinary_data_need_no_redo(make_case):
    X = make_case("gaussian", 3000, 30)
    queries = _gemm.Queries(X, None, np.arange(len(X)))
    answer = _gemm.Answer.empty(len(X), 5)
    _gemm.scan(X, queries, answer, _gemm.frame_of(X, X, np.float32), 1)
    assert answer.certain.mean() > 0.99


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 40, 3000])
def test_scores_are_upper_bounds(case, d, dtype, make_case):
    X = make_case(case, 40, d)
    exact = X.astype(np.longdouble)
    frame = _gemm.frame_of(X, X, dtype)
    left, square = frame.query(X)
    scores = (left @ frame.data(X).T).astype(np.longdouble)
    below = square.astype(np.longdouble)[:, None] - 2 * scores
    squared = ((exact[:, None] - exact[None, :]) ** 2).sum(axis=2) * np.longdouble(frame.scale) ** 2
    slack = 8 * (d + 8) * np.longdouble(2) ** -53 * square[:, None]
    assert (below <= squared + slack).all()
    radius = ((X[:, None] - X[None, :]) ** 2).sum(axis=2)
    for j in range(0, 40, 7):  # a row at the radius itself is never ruled out
        assert (scores[:, j] >= frame.floor(square, radius[:, j])).all()


@pytest.mark.parametrize("name", ["gaussian", "grid", "clusters", "repeated"])
def test_blocks_and_threads_do_not_matter(name, make_case, monkeypatch):
    X = make_case(name, 1500, 9)
    expected = knn(X, 4, return_distance=True)
    for query, data, threads in [(512, 1024, 1), (512, 1024, 4), (33, 70, 3), (7, 1500, 2)]:
        with monkeypatch.context() as patch, threadpool_limits(threads):
            small_blocks(patch, query, data)
            got = knn(X, 4, return_distance=True)
            assert_array_equal(got[0], expected[0])
            assert_array_equal(got[1], expected[1])
            assert_array_equal(knn(X, 4, method="tree"), expected[1])


def test_lists_that_overflow(brute_force, monkeypatch):
    """Rows sorted by nearness: every block beats all before it, and fills the lists at once."""
    small_blocks(monkeypatch, 8, 64)
    far = np.linspace(100, 1, 400)[:, None] * np.ones((1, 7))
    X = np.vstack([far, np.zeros((1, 7))])
    expected, rows = brute_force(X, 6)
    distance, index = knn(X, 6, return_distance=True)
    assert_array_equal(index, rows)
    assert_allclose(distance, expected, rtol=1e-12)


def test_equal_hashes_are_compared(brute_force, monkeypatch):
    """If all rows hashed alike the answer would only take longer."""
    small_blocks(monkeypatch)
    monkeypatch.setattr(_radius, "row_hashes", lambda X: np.zeros(X.shape[0], dtype=np.uint64))
    X = np.repeat(np.random.default_rng(0).standard_normal((10, 8)), 20, axis=0)
    assert_array_equal(knn(X, 5), brute_force(X, 5)[1])


def test_large_balls_come_in_parts(brute_force, monkeypatch):
    monkeypatch.setattr(_tree, "PART_BYTES", 2000)
    X = np.random.default_rng(0).integers(0, 4, size=(200, 2)).astype(float)
    assert_array_equal(knn(X, 30, method="tree"), brute_force(X, 30)[1])


def matrices(elements: st.SearchStrategy, max_columns: int = 8) -> st.SearchStrategy:
    shapes = st.tuples(st.integers(2, 40), st.integers(1, max_columns))
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=elements))


WHOLE = st.integers(-3, 3).map(float)
MIXED = st.one_of(
    WHOLE, st.floats(-1e6, 1e6, width=32), st.sampled_from([0.1, 0.1 + 2**-53, 1e6, 1e6 + 2**-30])
)


@given(X=matrices(MIXED), data=st.data())
def test_equals_brute_force(X, data, brute_force):
    k = data.draw(st.integers(1, len(X) - 1))
    expected, rows = brute_force(X, k)
    for method in ("tree", "gemm"):
        distance, index = knn(X, k, return_distance=True, method=method)
        assert_array_equal(index, rows)
        assert_allclose(distance, expected, rtol=1e-12)
    distance, index = knn(sp.csr_array(X), k, return_distance=True)
    assert_allclose(distance, expected, rtol=1e-9)
    assert (index != np.arange(len(X))[:, None]).all()


@given(X=matrices(WHOLE), data=st.data())
@settings(max_examples=50)
def test_invariances(X, data):
    """Whole numbers: distances are exact, so the answer itself must not change."""
    k = data.draw(st.integers(1, len(X) - 1))
    method = data.draw(st.sampled_from(["tree", "gemm"]))
    distance, index = knn(X, k, return_distance=True, method=method)
    columns = data.draw(st.permutations(range(X.shape[1])))
    shift = data.draw(st.integers(-(2**40), 2**40))
    scale = 2.0 ** data.draw(st.integers(-60, 60))
    for changed, unit in [(X[:, columns], 1.0), (X + shift, 1.0), (X * scale, scale)]:
        again, same = knn(changed, k, return_distance=True, method=method)
        assert_array_equal(same, index)
        assert_array_equal(again, distance * unit)
    order = data.draw(st.permutations(range(len(X))))
    assert_array_equal(knn(X[order], k, return_distance=True, method=method)[0], distance[order])


@given(X=matrices(MIXED), data=st.data())
@settings(max_examples=50)
def test_points_and_exclusions(X, data, brute_force):
    d = X.shape[1]
    points = data.draw(arrays(np.float64, (5, d), elements=MIXED))
    exclude = np.array(data.draw(st.lists(st.integers(-1, len(X) - 1), min_size=5, max_size=5)))
    k = data.draw(st.integers(1, len(X) - 1))
    expected, rows = brute_force(X, k, points, exclude)
    for method in ("tree", "gemm"):
        got = knn(X, k, query=points, exclude=exclude, return_distance=True, method=method)
        assert_array_equal(got[1], rows)
        assert_allclose(got[0], expected, rtol=1e-12)
        assert not (got[1] == exclude[:, None]).any()


def test_error_factor_grows_with_the_columns():
    for dtype, unit in ((np.float32, 2.0**-24), (np.float64, 2.0**-53)):
        assert _bounds.error_factor(30, dtype) >= 36 * unit
        assert _bounds.error_factor(30, dtype) < 39 * unit
