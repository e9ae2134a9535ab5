"""lp sensitivities: known answers, certified bounds, what relates them to the other scores."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sampkit.coreset import (
    LpSensitivitySampler,
    _products,
    leverage_scores,
    lewis_weights,
    lp_sensitivities,
    total_lp_sensitivity,
)
from sampkit.coreset._split import split_counts, split_rows

CANCER = StandardScaler().fit_transform(load_breast_cancer().data)
DIABETES = load_diabetes().data
KNOWN = {  # section 10 of the specification: first three with a column of ones, and the total
    1: ([0.0288759009, 0.0156588205, 0.0123975445], 7.77325746),
    1.5: ([0.0733811371, 0.0338785294, 0.0243146589], 16.53806816),
    3: ([0.5057766733, 0.1893527707, 0.1094756965], 78.78645143),
    4: ([0.8216955837, 0.3944614717, 0.2238804661], 143.98050093),
    6: ([0.9868908263, 0.7983391104, 0.5622165413], 280.44513275),
}
DIABETES_TOTAL = {1: 4.28742302, 1.5: 7.13493167, 3: 22.37425292, 4: 38.94014323, 6: 82.87566986}
POWERS = [1, 1.25, 1.5, 2, 2.5, 3, 4, 8]


def tight(p):
    return 1e-8 if p == 1 else 1e-9


@pytest.mark.parametrize("p", KNOWN)
def test_known_answers_of_data(p):
    """The figures are certified to 1e-9 (p = 1: 1e-8) and given to ten digits."""
    first, total = KNOWN[p]
    low, high = lp_sensitivities(CANCER, p, fit_intercept=True, tol=tight(p), return_bounds=True)
    assert (low <= high).all()
    assert (high / low - 1 <= 1.01 * tight(p)).all()
    middle = np.sqrt(low * high)
    assert_allclose(middle[:3], first, rtol=1e-8, atol=6e-11)
    assert_allclose(middle.sum(), total, rtol=2e-9)
    found = lp_sensitivities(DIABETES, p, fit_intercept=True, tol=1e-7)
    assert_allclose(found.sum(), DIABETES_TOTAL[p], rtol=1e-7)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, 4, 6])
def test_known_answers_by_hand(p):
    options = {"tol": 1e-7}
    column = np.array([[3.0], [-1.0], [0.0], [2.0]])
    share = np.abs(column[:, 0]) ** p / (np.abs(column) ** p).sum()
    assert_allclose(lp_sensitivities(column, p, **options), share, rtol=1e-6)
    total = 2 * 5**p + 3
    rows = [[1, 2, 3], *[[5, 0, 0]] * 2, *[[1, 0, 0]] * 3]
    expected = [1, *[5**p / total] * 2, *[1 / total] * 3]
    assert_allclose(lp_sensitivities(rows, p, **options), expected, rtol=1e-6)
    assert_allclose(lp_sensitivities(np.tile(np.eye(3), (5, 1)), p, **options), 0.2, rtol=1e-6)
    triangle = [[1, 0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]]
    assert_allclose(lp_sensitivities(triangle, p, **options), 1 / (1 + 2 ** (1 - p)), rtol=1e-6)


def test_against_linear_programmes():
    """SciPy's HiGHS on min ||Ax||_1 with a.x = 1, row by row."""
    X = np.random.default_rng(0).standard_t(2, size=(60, 4))
    n, d = X.shape
    found = lp_sensitivities(X, 1, tol=1e-8, rows=np.arange(10))
    for i in range(10):
        cost = np.r_[np.zeros(d), np.ones(n)]
        sides = np.block([[X, -np.eye(n)], [-X, -np.eye(n)]])
        result = linprog(
            cost, A_ub=sides, b_ub=np.zeros(2 * n), A_eq=[np.r_[X[i], np.zeros(n)]], b_eq=[1],
            bounds=[(None, None)] * d + [(0, None)] * n,
        )  # fmt: skip
        assert_allclose(found[i], 1 / result.fun, rtol=1e-7)


@pytest.mark.parametrize("p", [1, 1.5, 3, 6])
def test_against_a_dense_scan_of_directions(p):
    """In two dimensions the maximum can be seen: 20001 directions miss it by less than 1e-5."""
    X = np.random.default_rng(1).standard_t(3, size=(40, 2))
    angle = np.linspace(0, np.pi, 20_001)
    values = np.abs(X @ np.array([np.cos(angle), np.sin(angle)])) ** p
    seen = (values / values.sum(axis=0)).max(axis=1)
    low, high = lp_sensitivities(X, p, tol=1e-6, return_bounds=True)
    assert (seen <= high * (1 + 1e-9)).all()
    assert_allclose(seen, low, rtol=2e-4)


matrices = st.builds(
    lambda n, d, seed: np.random.default_rng(seed).standard_t(3, size=(n + 2 * d, d)),
    st.integers(1, 30),
    st.integers(1, 4),
    st.integers(0, 2**32 - 1),
)


@settings(max_examples=60)
@given(X=matrices, p=st.sampled_from(POWERS))
def test_sandwich_and_order(X, p):
    """Section 1: Lewis weights, leverage scores and sensitivities between one another."""
    d = X.shape[1]
    low, high = lp_sensitivities(X, p, tol=1e-3, return_bounds=True)
    assert (low <= high).all()
    assert ((low >= 0) & (high <= 1)).all()
    tau = leverage_scores(X)
    w = lewis_weights(X, p, tol=1e-10)
    slack = 1 + 1e-6
    factor = d ** abs(p / 2 - 1)
    if p <= 2:
        assert (w / factor <= high * slack).all()
        assert (low <= w * slack).all()
        assert (low <= tau ** (p / 2) * slack).all()
    else:
        assert (w <= high * slack).all()
        assert (low <= w * factor * slack).all()
        assert (tau ** (p / 2) <= w * slack).all()
        assert (low <= len(X) ** (p / 2 - 1) * tau ** (p / 2) * slack).all()
    total = np.sqrt(low * high).sum()
    between = sorted((d ** (p / 2), d))
    assert between[0] / 1.001 <= total <= between[1] * 1.001


@settings(max_examples=30)
@given(X=matrices, p=st.sampled_from(POWERS), seed=st.integers(0, 100))
def test_invariances(X, p, seed):
    rng = np.random.default_rng(seed)
    d = X.shape[1]
    tol = 1e-5
    plain = lp_sensitivities(X, p, tol=tol)
    T = rng.normal(size=(d, d)) + 3 * np.eye(d)
    near = {"rtol": 3e-5, "atol": 1e-9}
    assert_allclose(lp_sensitivities(X @ T, p, tol=tol), plain, **near)
    counts = rng.integers(1, 4, size=len(X))
    split = lp_sensitivities(split_rows(X, counts, p), p, tol=tol)
    assert_allclose(split, np.repeat(plain / counts, counts), **near)
    weighted = lp_sensitivities(X, p, sample_weight=counts, tol=tol)
    repeated = lp_sensitivities(np.repeat(X, counts, axis=0), p, tol=tol)
    place = np.repeat(np.arange(len(X)), counts)
    assert_allclose(np.bincount(place, repeated), weighted, **near)
    more = lp_sensitivities(np.concatenate([X, rng.normal(size=(1, d))]), p, tol=tol)
    assert (more[:-1] <= plain * (1 + 3e-5)).all()


@settings(max_examples=30)
@given(X=matrices, p=st.sampled_from([2.5, 4.0]))
def test_flattening_spreads_sensitivities(X, p):
    """No copy is above the average, there are at most 2 n, and no norm has changed."""
    scores = lp_sensitivities(X, p, tol=1e-6)
    counts = split_counts(scores)
    split = split_rows(X, counts, p)
    assert len(split) <= 2 * len(X)
    x = np.arange(1.0, X.shape[1] + 1)
    assert_allclose((np.abs(split @ x) ** p).sum(), (np.abs(X @ x) ** p).sum(), rtol=1e-9)
    after = lp_sensitivities(split, p, tol=1e-6)
    assert after.max() <= scores.sum() / len(X) * (1 + 1e-5)
    # leverage of the flattened matrix, summed over copies, is one weighted pass
    place = np.repeat(np.arange(len(X)), counts.astype(int))
    summed = np.bincount(place, leverage_scores(split))
    weighted = leverage_scores(X * counts[:, None] ** (0.5 - 1 / p))
    assert_allclose(summed, weighted, rtol=1e-8)


def test_rows_are_answered_in_their_order():
    rows = [5, 0, 5, 300]
    everything = lp_sensitivities(CANCER, 3, tol=1e-6)
    assert_allclose(lp_sensitivities(CANCER, 3, rows=rows, tol=1e-6), everything[rows], rtol=1e-6)
    assert lp_sensitivities(CANCER, 3, rows=[]).shape == (0,)
    X = CANCER.copy()
    X[7] = 0
    assert lp_sensitivities(X, 1, rows=[7, 8])[0] == 0
    assert_array_equal(lp_sensitivities(np.zeros((3, 2)), 1), 0)


def test_containers_agree():
    X = CANCER[:200, :6]
    expected = lp_sensitivities(X, 3)
    da = pytest.importorskip("dask.array")
    for Y in (sp.csr_array(X), X.tolist(), da.from_array(X, chunks=(70, 6))):
        assert_allclose(lp_sensitivities(Y, 3), expected, rtol=1e-6)
    single = lp_sensitivities(X.astype(np.float32), 3)
    assert single.dtype == np.float32
    assert_allclose(single, expected, rtol=1e-2)
    few = CANCER[:12]
    assert_allclose(lp_sensitivities(few, 3), 1, rtol=1e-2)


def test_products_in_blocks_are_the_same(monkeypatch):
    expected = [lp_sensitivities(CANCER, p, tol=1e-4) for p in (1, 3)]
    monkeypatch.setattr(_products, "KEEP_BYTES", 0)
    monkeypatch.setattr(_products, "BLOCK_BYTES", 100_000)
    for p, values in zip((1, 3), expected, strict=True):
        assert_allclose(lp_sensitivities(CANCER, p, tol=1e-4), values, rtol=1e-6)


@pytest.mark.parametrize(
    ("p", "low", "high"), [(1, 0.92, 1.10), (1.5, 0.95, 1.10), (3, 0.91, 1.11), (4, 0.77, 1.21)]
)
def test_compressed(p, low, high):
    """5 to 95 % of the ratio to exact values, on data of its own; half as wide again is allowed."""
    X = np.random.default_rng(0).standard_t(5, size=(1200, 6))
    exact = lp_sensitivities(X, p, tol=1e-3)
    found = lp_sensitivities(X, p, method="compressed", random_state=0)
    ratio = np.percentile(found / exact, [5, 95])
    assert 1 - 1.5 * (1 - low) <= ratio[0]
    assert ratio[1] <= 1 + 1.5 * (high - 1)
    again = lp_sensitivities(X, p, method="compressed", random_state=0)
    assert_array_equal(again, found)


@pytest.mark.parametrize("p", [1, 3])
def test_from_lewis_weights(p):
    exact = lp_sensitivities(CANCER, p)
    found = lp_sensitivities(CANCER, p, method="lewis", random_state=0)
    assert_allclose(found.sum(), exact.sum(), rtol=0.2)
    assert (np.abs(np.log(found / exact)) < np.log(5)).mean() > 0.95


def test_auto_chooses_by_cost(monkeypatch):
    X = CANCER[:, :4]
    exact = lp_sensitivities(X, 3, method="exact")
    assert_array_equal(lp_sensitivities(X, 3), exact)
    monkeypatch.setattr("sampkit.coreset._sensitivity.EXACT_UP_TO", 1.0)
    compressed = lp_sensitivities(X, 3, method="compressed", random_state=0)
    assert_array_equal(lp_sensitivities(X, 3, random_state=0), compressed)
    assert not np.array_equal(compressed, exact)
    low, _ = lp_sensitivities(X, 3, return_bounds=True)
    assert_allclose(low, exact, rtol=1e-2)


def test_total():
    """The estimate within 5 standard errors of the exact sum: false alarm below 1e-6 a case."""
    for p in (1, 3):
        exact = lp_sensitivities(CANCER, p, tol=1e-4).sum()
        found = total_lp_sensitivity(CANCER, p, n_evaluations=150, random_state=0)
        assert abs(found.estimate - exact) < 5 * found.standard_error
        assert found.standard_error < 0.1 * exact
        every = total_lp_sensitivity(CANCER[:100], p, n_evaluations=100)
        assert_allclose(
            every.estimate, lp_sensitivities(CANCER[:100], p, tol=1e-3).sum(), rtol=1e-3
        )
        assert every.standard_error == 0
    assert_allclose(total_lp_sensitivity(CANCER, 2).estimate, 30)
    assert total_lp_sensitivity(np.zeros((900, 2)), 1).estimate == 0


def test_missed_tolerance_warns_and_returns_bounds():
    with pytest.warns(ConvergenceWarning, match="569 of 569 sensitivities for p=1"):
        low, high = lp_sensitivities(CANCER, 1, tol=1e-5, max_iter=2, return_bounds=True)
    assert (low <= high).all()
    assert (low > 0).all()
    exact = lp_sensitivities(CANCER, 1, tol=1e-7)
    assert (low <= exact * (1 + 1e-6)).all()
    assert (exact <= high * (1 + 1e-6)).all()


def test_a_device_is_not_left_in_silence(fake_cupy):
    with pytest.raises(TypeError, match="X must be in host memory"):
        lp_sensitivities(fake_cupy.asarray(CANCER), 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p": 0.5}, "p must be a finite number >= 1, got 0.5"),
        ({"p": np.inf}, "p must be a finite number >= 1, got inf"),
        ({"p": None}, "p must be a finite number >= 1, got None"),
        ({"rows": [569]}, r"rows must lie in \[0, 569\), got 569 to 569"),
        ({"rows": [-1]}, r"rows must lie in \[0, 569\), got -1"),
        ({"rows": [0.5]}, "rows must be a list of integers"),
        ({"rows": 3}, "rows must be a list of integers"),
        ({"method": "guess"}, "method must be one of 'auto', 'exact', 'compressed', 'lewis'"),
        ({"method": "lewis", "return_bounds": True}, "return_bounds must be False"),
        ({"tol": 0}, "tol must be a number > 0, got 0"),
        ({"max_iter": 0}, "max_iter must be an int >= 1, got 0"),
        ({"coreset_size": 3}, "coreset_size must be an int >= 30, got 3"),
        ({"sample_weight": -np.ones(569)}, "sample_weight must be >= 0"),
        ({"X": np.full((3, 2), np.nan)}, "NaN"),
        ({"X": np.ones(3)}, "Expected 2D array"),
        ({"random_state": "seed"}, "random_state must be"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        lp_sensitivities(**{"X": CANCER, "p": 3.0, **options})


def test_bad_input_of_the_total():
    with pytest.raises(ValueError, match="n_evaluations must be an int >= 2, got 1"):
        total_lp_sensitivity(CANCER, 1, n_evaluations=1)
    with pytest.raises(ValueError, match="p must be a finite number >= 1"):
        total_lp_sensitivity(CANCER, 0)


# --- long work ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["exact", "compressed"])
def test_the_callback_hears_of_every_batch_and_may_stop(method):
    heard = []
    call = {"p": 1.5, "method": method, "random_state": 0, "tol": 1e-6}
    whole = lp_sensitivities(CANCER, callback=lambda *at: heard.append(at), **call)
    assert len(heard) > 1
    assert [total for _, total in heard] == [len(CANCER)] * len(heard)
    assert heard[-1][0] == len(CANCER)
    stop_at = heard[0][0]
    with pytest.warns(ConvergenceWarning, match=f"Stopped after {stop_at} of {len(CANCER)} sens"):
        some = lp_sensitivities(CANCER, callback=lambda done, total: True, **call)
    assert_array_equal(some[:stop_at], whole[:stop_at])
    assert np.isnan(some[stop_at:]).all()
    left = np.flatnonzero(np.isnan(some))  # and the rest can be asked for
    assert_allclose(lp_sensitivities(CANCER, rows=left, **call), whole[left], rtol=1e-5)


def test_what_is_done_outlasts_an_interruption(monkeypatch):
    from sampkit.coreset._denominator import Denominator

    solved = Denominator._batch
    calls = []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return solved(self, *args)

    monkeypatch.setattr(Denominator, "_batch", interrupted)
    with pytest.warns(ConvergenceWarning, match="Stopped after"):
        low, high = lp_sensitivities(CANCER, 3, method="exact", return_bounds=True)
    done = np.flatnonzero(low > 0)
    assert 0 < len(done) < len(CANCER)
    assert (high[done] <= low[done] * 1.01 * (1 + 1e-9)).all()
    assert_array_equal(low[len(done) :], 0.0)
    assert_array_equal(high[len(done) :], 1.0)
    calls[:] = [1]  # nothing done yet: the interruption goes on
    with pytest.raises(KeyboardInterrupt):
        lp_sensitivities(CANCER, 3, method="exact")
    calls[:] = []
    with pytest.raises(KeyboardInterrupt):  # a fit does not go on with scores that are missing
        LpSensitivitySampler(3, 50, method="exact").fit(CANCER)
