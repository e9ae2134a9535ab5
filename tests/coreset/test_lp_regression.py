from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, QuantileRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from sampkit.coreset import LpRegressor, _screening, lp_regression
from sampkit.coreset._interior_point import interior_point
from sampkit.coreset._powers import powered
from sampkit.coreset._quasi_newton import quasi_newton
from sampkit.coreset._screening import screened

POWERS = [1.0, 1.1, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0]


@pytest.fixture(scope="module")
def diabetes():
    return load_diabetes(return_X_y=True)


def heavy_tailed(n, d, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, X @ rng.standard_normal(d) + rng.standard_t(2, size=n)


def loss(r, p, quantile=None, c=1.0):
    if quantile is not None:
        return np.sum(c * np.maximum(quantile * r, (quantile - 1) * r))
    return np.sum(c * np.abs(r) ** p)


# --- known answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1.2, 1.5, 2, 3, 7])
def test_two_zeros_and_a_one(p):
    # minimise 2 a^p + (1 - a)^p: a = 1 / (1 + 2^(1 / (p - 1)))
    model = LpRegressor(p).fit(np.zeros((3, 1)), [0, 0, 1])
    assert model.intercept_ == pytest.approx(1 / (1 + 2 ** (1 / (p - 1))), abs=1e-5)
    assert model.coef_.tolist() == [0.0]


def test_location():
    zero = np.zeros((10, 1))
    y = np.arange(10.0)
    assert 4 <= LpRegressor(1).fit(zero, y).intercept_ <= 5  # any median
    assert LpRegressor(10).fit(zero, y).intercept_ == pytest.approx(4.5, abs=1e-9)
    skew = np.append(np.zeros(9), 1.0)
    assert LpRegressor(2).fit(zero, skew).intercept_ == pytest.approx(0.1, abs=1e-12)
    assert LpRegressor(60).fit(zero, skew).intercept_ == pytest.approx(0.5, abs=0.02)
    assert LpRegressor(quantile=0.75).fit(zero, y).intercept_ == pytest.approx(7, abs=1e-6)


def test_least_squares(diabetes):
    X, y = diabetes
    ours, theirs = LpRegressor(2).fit(X, y), LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-10)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-10)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-10)


@pytest.mark.parametrize("quantile", [None, 0.1, 0.5, 0.9])
def test_same_objective_as_the_linear_programme(quantile, diabetes):
    X, y = diabetes
    q = quantile or 0.5
    theirs = QuantileRegressor(quantile=q, alpha=0, solver="highs").fit(X, y)
    least = loss(y - theirs.predict(X), 1, quantile)
    ours = LpRegressor(quantile=quantile).fit(X, y)
    assert ours.objective_ == pytest.approx(least, rel=1e-8)
    assert ours.objective_ == pytest.approx(loss(y - ours.predict(X), 1, quantile), rel=1e-12)
    assert 0 <= ours.duality_gap_ <= 1e-6


@pytest.mark.parametrize("p", POWERS[1:])
def test_gradient_vanishes(p, diabetes):
    X, y = diabetes
    model = LpRegressor(p).fit(X, y)
    r = y - model.predict(X)
    slope = np.sign(r) * np.abs(r) ** (p - 1)
    design = np.column_stack([np.ones(len(y)), X])
    size = np.linalg.norm(design, axis=0) * np.linalg.norm(slope)
    # near p = 1 the slope jumps at residuals of 0, of which there are as many as columns
    np.testing.assert_allclose(design.T @ slope / size, 0, atol=1e-3 if p < 1.2 else 1e-6)


# --- certificate ----------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.integers(3, 40),
    st.integers(1, 4),
    st.sampled_from([*POWERS, 1.3, 12.0, 15.0]),
    st.integers(0, 2**20),
    st.booleans(),
)
def test_bound_lies_below_every_loss(n, d, p, seed, whole):
    rng = np.random.default_rng(seed)
    X, y = heavy_tailed(n, d, seed)
    if whole:  # ties and exact fits
        X, y = np.round(X), np.round(y)
    fit = lp_regression(X, y, p)
    least = loss(y - X @ fit.x, p)
    assert fit.objective == pytest.approx(least, rel=1e-9, abs=1e-12 * loss(y, p))
    for _ in range(20):
        other = fit.x + rng.standard_normal(d) * 10.0 ** rng.uniform(-6, 1)
        assert loss(y - X @ other, p) >= fit.dual_bound * (1 - 1e-12)
    assert fit.objective - fit.dual_bound <= 1e-6 * fit.objective + 1e-11 * loss(y, p)


@pytest.mark.parametrize(("n", "d"), [(30, 10), (2000, 12)])
@pytest.mark.parametrize("quantile", [None, 0.05, 0.3])
def test_gap_of_the_interior_point(n, d, quantile):
    X, y = heavy_tailed(n, d, 1)
    model = LpRegressor(quantile=quantile).fit(X, y)
    assert 0 <= model.duality_gap_ <= 1e-6
    assert model.n_iter_ <= 20


@pytest.mark.parametrize("p", [1.02, 1.1, 1.3, 1.8, 2.5, 6.0, 10.0])
def test_gap_of_the_quasi_newton_method(p):
    X, y = heavy_tailed(1000, 8, 4)
    X[:10] *= 100  # rows of high leverage
    c = np.random.default_rng(1).pareto(2.0, len(y)) + 0.1
    fit = lp_regression(X, y, p, sample_weight=c)
    assert fit.objective - fit.dual_bound <= 1e-8 * fit.objective
    if p >= 1.1:
        assert fit.n_iter < 100


@pytest.mark.parametrize("p", [1.1, 1.3, 3.0, 8.0])
def test_newton_takes_over_where_updates_are_slow(p, monkeypatch):
    X, y = heavy_tailed(200, 6, 8)
    whole = lp_regression(X, y, p)
    monkeypatch.setattr(
        "sampkit.coreset._lp_regression.quasi_newton",
        lambda A, b, c, p, tol, max_iter: quasi_newton(A, b, c, p, tol, 2),
    )
    taken_over = lp_regression(X, y, p)
    assert taken_over.n_iter > 2
    assert taken_over.objective - taken_over.dual_bound <= 1e-8 * taken_over.objective
    assert taken_over.objective == pytest.approx(whole.objective, rel=2e-8)
    np.testing.assert_allclose(taken_over.x, whole.x, atol=1e-3 if p < 1.2 else 1e-5)


def many_rows(kind):
    rng = np.random.default_rng(3)
    n, d = 30_000, 5
    X = rng.standard_t(2, size=(n, d))
    y = X @ np.arange(d) + rng.standard_t(1.5, size=n)
    c = None
    if kind == "weights":
        c = rng.integers(0, 4, n).astype(float)
    elif kind == "ties":
        X, y = np.round(X), np.round(y)
    elif kind == "mostly exact":
        y = X @ np.arange(d) + 3 * (np.arange(n) % 7 == 0) * rng.standard_normal(n)
    elif kind == "rare columns":
        X[:, 0] = np.arange(n) < 4
    return X, y, c


@pytest.mark.parametrize("kind", ["plain", "weights", "ties", "mostly exact", "rare columns"])
@pytest.mark.parametrize("quantile", [None, 0.1])
def test_rows_in_doubt_give_the_fit_of_all(kind, quantile, monkeypatch):
    def all_rows_taken(*args):
        raise AssertionError("no rows were put aside")

    monkeypatch.setattr(_screening, "interior_point", all_rows_taken)
    X, y, c = many_rows(kind)
    A = np.linalg.qr(X if c is None else X * np.sqrt(c)[:, None])[0]
    if c is None:
        c = np.ones(len(y))
    else:
        A, y, c = A[c > 0] / np.sqrt(c[c > 0])[:, None], y[c > 0], c[c > 0]
    all_rows = interior_point(A, y, c, quantile, 1e-8, 100)
    found = screened(A, y, c, quantile, 1e-8, 100)
    assert found.converged
    assert found.objective == pytest.approx(all_rows.objective, rel=2e-7)
    assert found.objective == pytest.approx(loss(y - A @ found.x, 1, quantile, c), rel=1e-12)
    assert -1e-12 <= 1 - found.dual_bound / found.objective <= 1e-6
    again = screened(A, y, c, quantile, 1e-8, 100)
    np.testing.assert_array_equal(again.x, found.x)


def test_few_iterations_are_enough_for_a_bound():
    X, y, _ = many_rows("plain")
    A = np.linalg.qr(X)[0]
    found = screened(A, y, np.ones(len(y)), None, 1e-8, 4)
    least = interior_point(A, y, np.ones(len(y)), None, 1e-8, 100).objective
    assert not found.converged
    assert found.dual_bound <= least <= found.objective


@pytest.mark.parametrize(
    ("p", "quantile"), [(1, None), (1, 0.9), (1.05, None), (1.5, None), (2, None), (30, None)]
)
def test_a_level_of_y_far_above_its_residuals_costs_no_digits(p, quantile):
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(200), rng.standard_normal((200, 2))])
    noise = np.round(rng.standard_normal(200) * 2**20) / 2**20  # exact after 2**26 is added
    fit = lp_regression(X, 2.0**26 + noise, p, quantile=quantile)
    near = lp_regression(X, noise, p, quantile=quantile)
    assert 0 <= 1 - fit.dual_bound / fit.objective <= 1e-8
    assert fit.objective == pytest.approx(near.objective, rel=2e-8)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("quantile", [None, 0.3, 0.99])
def test_a_far_row_does_not_end_the_path_early(seed, quantile):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((30, 8))
    X[3] *= 1e4
    y = X @ rng.standard_normal(8) + 0.01 * rng.standard_normal(30)
    fit = lp_regression(X, y, 1, quantile=quantile)
    assert 0 <= 1 - fit.dual_bound / fit.objective <= 1.1e-8


@pytest.mark.parametrize("p", [2, 3, 30])
def test_residuals_of_light_rows_are_no_rounding(p):
    # minimise a^p + ratio (1 - a)^p: a / (1 - a) = ratio^(1 / (p - 1))
    ratio = 1e-9
    fit = lp_regression(np.ones((2, 1)), [0.0, 1.0], p, sample_weight=[1.0, ratio])
    far = lp_regression(np.ones((2, 1)), [2.0**26, 2.0**26 + 1], p, sample_weight=[1.0, ratio])
    part = ratio ** (1 / (p - 1))
    assert fit.x[0] == pytest.approx(part / (1 + part), rel=1e-5)
    assert far.x[0] - 2.0**26 == pytest.approx(part / (1 + part), abs=1.5e-8)
    assert far.n_iter > 0
    assert far.objective == pytest.approx(fit.objective, rel=1e-6)


@pytest.mark.parametrize("p", [1.05, 1.5, 2, 3, 30])
def test_light_rows_that_are_met_exactly_after_all(p):
    # least squares leaves the light rows what the heavy one rounds away; more columns than rows
    rng = np.random.default_rng(209951)
    X = rng.standard_normal((3, 12))
    X[1] *= 1e4
    c = [1e6, 1e-2, 1e-6]
    fit = LpRegressor(p, fit_intercept=False).fit(X, [1.0, -2.0, 3.0], c)
    assert fit.objective_ <= 1e-12**p
    assert np.abs([1.0, -2.0, 3.0] - fit.predict(X)).max() < 1e-6


def test_rows_in_doubt_that_lead_nowhere_leave_all_rows_to_decide(monkeypatch):
    X, y, _ = many_rows("mostly exact")
    X, y = X[:3000], y[:3000]
    all_rows = lp_regression(X, y, 1)
    lost = _screening.central_path(X[:9], y[:9], np.ones(9), None, np.zeros(5), 1e-8, 1, 0.0)
    monkeypatch.setattr(
        _screening, "_fit_of_doubtful", lambda *args: lost._replace(z=np.zeros(3000))
    )
    assert lp_regression(X, y, 1).objective == pytest.approx(all_rows.objective, rel=2e-8)


def test_a_loss_beyond_all_numbers_is_infinite():
    assert lp_regression(np.zeros((2, 1)), [1e20, 1.0], 30).objective == np.inf


# --- symmetries -----------------------------------------------------------------------------------


@pytest.mark.parametrize("p", POWERS)
def test_shift_scale_and_basis(p):
    X, y = heavy_tailed(120, 3, 5)
    beta = np.array([1.0, -2.0, 0.5])
    base = LpRegressor(p).fit(X, y)
    tolerance = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(
        LpRegressor(p).fit(X, y + X @ beta).coef_, base.coef_ + beta, **tolerance
    )
    scaled = LpRegressor(p).fit(X, 1e5 * y)
    np.testing.assert_allclose(scaled.coef_, 1e5 * base.coef_, **tolerance)
    T = np.array([[1.0, 0.2, 0], [0, 2.0, 1], [0, 0, 1e-3]])
    np.testing.assert_allclose(T @ LpRegressor(p).fit(X @ T, y).coef_, base.coef_, **tolerance)


@pytest.mark.parametrize("p", POWERS)
def test_weight_is_repetition(p):
    X, y = heavy_tailed(60, 4, 3)
    k = np.random.default_rng(0).integers(0, 4, 60)
    weighted = LpRegressor(p).fit(X, y, sample_weight=k)
    copies = LpRegressor(p).fit(np.repeat(X, k, axis=0), np.repeat(y, k))
    assert weighted.objective_ == pytest.approx(copies.objective_, rel=1e-10)
    np.testing.assert_allclose(weighted.coef_, copies.coef_, rtol=1e-6, atol=1e-8)
    # only proportions matter
    other = LpRegressor(p).fit(X, y, sample_weight=1e6 * k)
    np.testing.assert_allclose(other.coef_, weighted.coef_, rtol=1e-6, atol=1e-8)


# --- awkward data ---------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 1.5, 3])
def test_collinear_and_empty_columns(p, diabetes):
    X, y = diabetes
    awkward = np.column_stack([X, X[:, 0] * 100 + X[:, 1], np.zeros(len(y)), np.ones(len(y))])
    plain, model = LpRegressor(p).fit(X, y), LpRegressor(p).fit(awkward, y)
    assert model.objective_ == pytest.approx(plain.objective_, rel=1e-8)
    np.testing.assert_allclose(model.predict(awkward), plain.predict(X), rtol=1e-4)
    assert model.coef_[-2] == 0


@pytest.mark.parametrize("p", POWERS)
def test_exact_fits(p):
    X, _ = heavy_tailed(40, 3, 2)
    y = X @ [1.0, 2.0, 3.0] + 4
    model = LpRegressor(p).fit(X, y)
    np.testing.assert_allclose(model.coef_, [1, 2, 3], rtol=1e-10)
    assert model.intercept_ == pytest.approx(4)
    assert model.objective_ <= 1e-9
    assert model.duality_gap_ == 0
    assert LpRegressor(p).fit(X, np.zeros(40)).duality_gap_ == 0
    few = lp_regression(X[:2], y[:2], p)  # fewer rows than columns
    np.testing.assert_allclose(X[:2] @ few.x, y[:2], rtol=1e-9)


def test_exponents_close_to_one_do_not_warn():
    X, y = heavy_tailed(300, 3, 9)
    least = LpRegressor(1).fit(X, y).objective_
    for p in (1.0001, 1.001, 1.01, 1.05):
        assert LpRegressor(p).fit(X, y).objective_ == pytest.approx(least, rel=20 * (p - 1))


def test_huge_exponent_and_scale():
    X, y = heavy_tailed(300, 3, 9)
    a, b = LpRegressor(40).fit(X, y), LpRegressor(40).fit(X, y * 1e-200)
    np.testing.assert_allclose(b.coef_ * 1e200, a.coef_, rtol=1e-6)
    assert b.objective_ == 0
    assert np.isinf(lp_regression(X, y * 1e100, 40).objective)


def test_too_few_iterations_warn():
    X, y = heavy_tailed(300, 3, 9)
    for p in (1, 3):
        with pytest.warns(ConvergenceWarning, match="relative gap did not fall to tol=1e-08 in 1 "):
            model = LpRegressor(p, max_iter=1).fit(X, y)
        assert model.duality_gap_ > 0


# --- containers and scikit-learn ------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 3])
def test_containers(p, diabetes):
    X, y = diabetes
    want = LpRegressor(p).fit(X, y)
    frame = pd.DataFrame(X, columns=[f"f{j}" for j in range(10)])
    for container in (frame, sp.csr_array(X), np.asfortranarray(X)):
        got = LpRegressor(p).fit(container, y)
        np.testing.assert_allclose(got.coef_, want.coef_, rtol=1e-6)
        np.testing.assert_allclose(got.predict(container), want.predict(X), rtol=1e-6)
    assert LpRegressor(p).fit(frame, y).feature_names_in_.tolist() == list(frame.columns)
    single = LpRegressor(p).fit(X.astype(np.float32), y)
    assert single.coef_.dtype == single.predict(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(single.coef_, want.coef_, rtol=1e-2, atol=1)


def test_dask(diabetes):
    da = pytest.importorskip("dask.array")
    X, y = diabetes
    got = lp_regression(da.from_array(X, chunks=(100, -1)), da.from_array(y, chunks=100), 1.5)
    np.testing.assert_allclose(got.x, lp_regression(X, y, 1.5).x, rtol=1e-6)


def test_estimator_checks():
    results = check_estimator(LpRegressor(), on_fail=None, on_skip=None)
    assert [r for r in results if r["status"] != "passed"] == []


def test_grid_search_in_a_pipeline(diabetes):
    X, y = diabetes
    grid = {"lpregressor__p": [1, 1.5, 2]}
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LpRegressor()), grid, scoring="neg_mean_absolute_error"
    ).fit(X, y, lpregressor__sample_weight=np.ones(len(y)))
    assert search.best_score_ > -46


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"p": 0.5}, "p must be a finite number >= 1, got 0.5"),
        ({"p": np.inf}, "p must be a finite number >= 1, got inf"),
        ({"p": "1"}, "p must be a finite number >= 1, got '1'"),
        ({"quantile": 0.0}, "quantile must be None or a number strictly between 0 and 1, got 0.0"),
        ({"quantile": 1}, "quantile must be None or a number strictly between 0 and 1, got 1"),
        ({"quantile": 0.5, "p": 2}, "quantile must be None unless p = 1, got 0.5, p=2"),
        ({"tol": 0}, "tol must be a finite number > 0, got 0"),
        ({"max_iter": 0}, "max_iter must be an int >= 1, got 0"),
        ({"max_iter": 1.5}, "max_iter must be an int >= 1, got 1.5"),
        ({"X": np.ones((3, 0))}, "0 feature"),
        ({"X": np.ones(3)}, "Expected 2D array"),
        ({"X": [[1.0], [np.nan], [2.0]]}, "NaN"),
        ({"X": [[1.0], [np.inf], [2.0]]}, "inf"),
        ({"y": [1.0, 2.0]}, "rows, got 3 and 2"),
        ({"y": [1.0, np.nan, 2.0]}, "NaN"),
        ({"y": ["a", "b", "c"]}, "y must hold numbers"),
        ({"y": np.ones((3, 2))}, "1d array"),
        ({"sample_weight": [1.0, 1.0]}, "sample_weight must have one entry for each of the 3 rows"),
        ({"sample_weight": [1.0, -1.0, 1.0]}, "sample_weight must be >= 0, got -1.0 at row 1"),
        ({"sample_weight": [1.0, np.nan, 1.0]}, "sample_weight must be finite, got nan at row 1"),
        ({"sample_weight": [0.0, 0.0, 0.0]}, "sample_weight must not be all zero"),
    ],
)
def test_bad_input(call, message):
    given = {"X": [[1.0], [2.0], [4.0]], "y": [1.0, 2.0, 3.0], "p": 1, **call}
    X, y, p = given.pop("X"), given.pop("y"), given.pop("p")
    with pytest.raises(ValueError, match=message):
        lp_regression(X, y, p, **given)


@given(st.sampled_from([-2.0, -0.5, 0.5, 1.0, 1.5, 2.0, 3.0, 7.5, 9.0, 0.3, -0.7, 20.0]))
def test_powers(exponent):
    size = np.array([1e-3, 0.2, 1.0, 7.0])
    before = size.copy()
    np.testing.assert_allclose(powered(size, exponent), size**exponent, rtol=1e-13)
    np.testing.assert_array_equal(size, before)
    assert powered(np.array([0.0, 2.0]), 0.0).tolist() == [0.0, 1.0]
