"""Linear models of scikit-learn with coefficients of a few bits."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

from sampkit.minmax import QuantizedLinearClassifier, QuantizedLinearRegressor

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = DIGITS / 16


@pytest.mark.parametrize(
    "estimator",
    [
        QuantizedLinearRegressor(Ridge()),
        QuantizedLinearRegressor(LinearRegression(), bits=8, p=None),
        QuantizedLinearClassifier(LogisticRegression()),
        QuantizedLinearClassifier(RidgeClassifier(), bits=3, method="gptq"),
    ],
    ids=str,
)
def test_all_checks_pass(estimator):
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    assert [r for r in results if r["status"] != "passed"] == []


@pytest.mark.parametrize("p", [4, None])
@pytest.mark.parametrize("outputs", [1, 3])
def test_regressor_keeps_its_promise(p, outputs):
    X, y = load_diabetes(return_X_y=True)
    if outputs > 1:
        y = np.column_stack([y, y**0.5, X[:, 2]])
    full = Ridge(alpha=0.1).fit(X, y)
    model = QuantizedLinearRegressor(Ridge(alpha=0.1), bits=5, p=p).fit(X, y)
    change = (model.predict(X) - full.predict(X)).reshape(len(X), -1)
    np.testing.assert_allclose(np.abs(change).max(axis=0), model.max_violation_, rtol=1e-9)
    middle = (change.max(axis=0) + change.min(axis=0)) / 2 if p is None else change.mean(axis=0)
    np.testing.assert_allclose(middle, 0, atol=1e-9 * np.abs(y).max())
    assert model.coef_.shape == full.coef_.shape
    assert all(len(np.unique(row)) <= 32 for row in np.atleast_2d(model.coef_))
    assert model.score(X, y) > 0.9 * full.score(X, y)


def test_no_intercept_no_shift():
    X, y = load_diabetes(return_X_y=True)
    model = QuantizedLinearRegressor(Ridge(fit_intercept=False), bits=4).fit(X, y)
    assert model.intercept_ == 0
    change = model.predict(X) - Ridge(fit_intercept=False).fit(X, y).predict(X)
    assert np.abs(change).max() == pytest.approx(model.max_violation_[0])


@pytest.mark.parametrize("binary", [False, True])
def test_labels_flip_only_within_the_bound(binary):
    y = LABELS % 2 if binary else LABELS
    full = LogisticRegression(C=0.01).fit(DIGITS, y)
    for bits in (2, 3, 6):
        model = QuantizedLinearClassifier(LogisticRegression(C=0.01), bits=bits).fit(DIGITS, y)
        flipped = model.predict(DIGITS) != full.predict(DIGITS)
        assert flipped.mean() <= model.label_flip_bound_
        scores = full.decision_function(DIGITS)
        if binary:
            margin = 2 * np.abs(scores)
        else:
            best = np.sort(scores, axis=1)
            margin = best[:, -1] - best[:, -2]
        assert not flipped[margin > 2 * model.max_violation_.max()].any()
    assert model.score(DIGITS, y) > full.score(DIGITS, y) - 0.01
    np.testing.assert_allclose(model.predict_proba(DIGITS[:5]).sum(axis=1), 1)
    assert (model.classes_ == full.classes_).all()


def test_a_link_function_keeps_its_linear_predictor():
    X, y = load_diabetes(return_X_y=True)
    full = PoissonRegressor(alpha=0.01, max_iter=300).fit(X, y)
    model = QuantizedLinearRegressor(PoissonRegressor(alpha=0.01, max_iter=300), bits=6).fit(X, y)
    change = np.log(model.predict(X)) - np.log(full.predict(X))
    assert np.abs(change).max() == pytest.approx(model.max_violation_[0], rel=1e-6)


def test_weights_reach_the_estimator_with_and_without_routing():
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0.1, 2, len(y))
    plain = QuantizedLinearRegressor(Ridge()).fit(X, y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = Ridge().set_fit_request(sample_weight=True)
        routed = QuantizedLinearRegressor(inner).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(plain.coef_, routed.coef_)


def test_coefficients_that_cannot_be_set():
    with pytest.raises(TypeError, match="estimator must let its coef_ be set, SVC does not"):
        QuantizedLinearClassifier(SVC(kernel="linear")).fit(DIGITS[:100], LABELS[:100] % 2)


def test_methods_are_those_of_the_estimator():
    assert not hasattr(QuantizedLinearClassifier(RidgeClassifier()), "predict_proba")
    assert hasattr(QuantizedLinearClassifier(RidgeClassifier()), "decision_function")


def test_bad_bits():
    with pytest.raises(ValueError, match=r"bits must be an int in 1\.\.8, got 12"):
        QuantizedLinearRegressor(Ridge(), bits=12).fit(DIGITS, LABELS)
