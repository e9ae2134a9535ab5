"""`DiscreteChebyshevRegressor` as an estimator and as a minimiser."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sampkit.minmax import DiscreteChebyshevRegressor


@parametrize_with_checks(
    [
        DiscreteChebyshevRegressor(),
        DiscreteChebyshevRegressor(np.linspace(-2, 2, 9), intercept_levels=range(-9, 10)),
        DiscreteChebyshevRegressor(fit_intercept=False),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def data(seed=0, m=40, n=4):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((m, n))
    y = X @ rng.integers(-1, 2, n) + 3 + rng.uniform(-0.5, 0.5, m)
    return rng, X, y


def best_half_range(X, y, levels, w=None):
    """By enumeration: over all coefficients, the best intercept's largest weighted residual."""
    best = np.inf
    w = np.ones(len(y)) if w is None else w
    i, j = np.triu_indices(len(y), 1)
    for coef in itertools.product(levels, repeat=X.shape[1]):
        u = y - X @ np.array(coef)
        best = min(best, (np.abs(u[i] - u[j]) * w[i] * w[j] / (w[i] + w[j])).max())
    return best


@pytest.mark.parametrize("seed", range(3))
def test_real_intercept_equals_enumeration(seed):
    _, X, y = data(seed)
    model = DiscreteChebyshevRegressor(random_state=0).fit(X, y)
    assert model.max_residual_ == pytest.approx(best_half_range(X, y, (-1, 0, 1)), rel=1e-9)
    rest = y - X @ model.coef_
    assert model.intercept_ == pytest.approx((rest.max() + rest.min()) / 2, rel=1e-12)
    assert model.max_residual_ == pytest.approx(np.abs(y - model.predict(X)).max(), rel=1e-12)
    assert 0 < model.lower_bound_ <= model.max_residual_


def test_row_weights_equal_enumeration():
    rng, X, y = data(3)
    w = rng.uniform(0.2, 2, len(y))
    model = DiscreteChebyshevRegressor(random_state=0).fit(X, y, row_weight=w)
    assert model.max_residual_ == pytest.approx(best_half_range(X, y, (-1, 0, 1), w), rel=1e-9)
    assert model.max_residual_ == pytest.approx((w * np.abs(y - model.predict(X))).max(), rel=1e-9)
    equal = DiscreteChebyshevRegressor(random_state=0).fit(X, y, row_weight=np.full(len(y), 2.0))
    plain = DiscreteChebyshevRegressor(random_state=0).fit(X, y)
    assert_array_equal(equal.coef_, plain.coef_)
    assert equal.max_residual_ == pytest.approx(2 * plain.max_residual_)


def test_repeating_a_row_changes_no_maximum():
    _, X, y = data(4)
    once = DiscreteChebyshevRegressor(random_state=0).fit(X, y)
    twice = DiscreteChebyshevRegressor(random_state=0).fit(
        np.vstack([X, X[:5]]), np.append(y, y[:5])
    )
    assert twice.max_residual_ == pytest.approx(once.max_residual_, rel=1e-12)


def test_rounded_intercept_and_none():
    _, X, y = data(5)
    rounded = DiscreteChebyshevRegressor(intercept_levels=[0, 3, 6], random_state=0).fit(X, y)
    assert rounded.intercept_ == 3
    assert len(rounded.coef_) == 4
    none = DiscreteChebyshevRegressor(fit_intercept=False, random_state=0).fit(X, y)
    assert none.intercept_ == 0
    free = DiscreteChebyshevRegressor(random_state=0).fit(X, y)
    assert free.max_residual_ <= rounded.max_residual_ <= none.max_residual_


def test_a_planted_model_is_found():
    rng = np.random.default_rng(6)
    X = rng.standard_normal((80, 10))
    coef = rng.integers(-5, 6, 10)
    model = DiscreteChebyshevRegressor(range(-5, 6), random_state=0).fit(X, X @ coef - 7.5)
    assert_array_equal(model.coef_, coef)
    assert model.intercept_ == pytest.approx(-7.5)
    assert model.max_residual_ == pytest.approx(0, abs=1e-12)


def test_worst_error_is_below_that_of_a_rounded_least_squares_fit():
    X, y = load_diabetes(return_X_y=True)
    levels = 100.0 * np.arange(-8, 9)
    model = DiscreteChebyshevRegressor(levels, random_state=0).fit(X, y)
    ridge = Ridge(1e-6).fit(X, y)
    rounded = levels[np.abs(ridge.coef_[:, None] - levels).argmin(axis=1)]
    rest = y - X @ rounded
    assert model.max_residual_ < 0.9 * (rest.max() - rest.min()) / 2


def test_several_targets():
    rng = np.random.default_rng(7)
    X = rng.standard_normal((60, 6))
    Y = X @ rng.integers(-1, 2, (6, 3)) + [1, 2, 3] + rng.uniform(-0.1, 0.1, (60, 3))
    model = DiscreteChebyshevRegressor(random_state=0).fit(X, Y)
    assert model.coef_.shape == (3, 6)
    assert model.intercept_.shape == (3,)
    assert_allclose(np.abs(Y - model.predict(X)).max(axis=0), model.max_residual_, rtol=1e-6)
    assert model.max_residual_.max() < 0.11


def test_sparse_rows_and_large_ones(monkeypatch):
    from sampkit.minmax import _regressor

    rng, X, y = data(8)
    X[rng.random(X.shape) < 0.5] = 0
    dense = DiscreteChebyshevRegressor(random_state=0).fit(X, y)
    sparse = DiscreteChebyshevRegressor(random_state=0).fit(sp.csr_array(X), y)
    assert_array_equal(dense.coef_, sparse.coef_)
    assert_allclose(dense.predict(X), sparse.predict(sp.csr_array(X)))
    monkeypatch.setattr(_regressor, "_DENSE_ENTRIES", 0)
    kept = DiscreteChebyshevRegressor(random_state=0).fit(sp.csr_array(X), y)
    assert kept.result_.engine == "sparse"
    assert kept.max_residual_ == pytest.approx(np.abs(y - kept.predict(X)).max(), rel=1e-9)
    assert kept.max_residual_ <= 1.5 * dense.max_residual_


def test_row_weight_is_routed():
    rng, X, y = data(9)
    w = rng.uniform(0.2, 2, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = DiscreteChebyshevRegressor(random_state=0).set_fit_request(row_weight=True)
        piped = make_pipeline(StandardScaler(with_mean=False, with_std=False), model)
        piped.fit(X, y, row_weight=w)
    alone = clone(model).fit(X, y, row_weight=w)
    assert_array_equal(piped[-1].coef_, alone.coef_)
    assert not hasattr(model.fit, "sample_weight")


def test_data_frames_and_search():
    _, X, y = data(10)
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = DiscreteChebyshevRegressor(random_state=0).fit(frame, pd.Series(y))
    assert list(model.feature_names_in_) == list("abcd")
    grid = GridSearchCV(model, {"levels": [(-1, 1), (-1, 0, 1)]}, cv=2).fit(frame, y)
    assert grid.best_params_["levels"] in [(-1, 1), (-1, 0, 1)]
