from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, make_classification
from sklearn.linear_model import (
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
)
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import check_estimator

from sampkit import coreset
from sampkit.compose import ResampledClassifier, ResampledRegressor
from sampkit.coreset import (
    CoresetClassifier,
    CoresetRegressor,
    GLMSampler,
    LeverageScoreSampler,
    LewisWeightSampler,
    LpRegressor,
    UniformRowSampler,
)
from sampkit.under_sampling import RandomUnderSampler


@pytest.fixture(scope="module")
def regression():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 5))
    return X, X @ np.arange(1.0, 6.0) + 2 + rng.standard_t(3, size=4000)


@pytest.fixture(scope="module")
def classification():
    return make_classification(4000, 6, weights=[0.9], flip_y=0.05, random_state=0)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


# --- one mechanism ----------------------------------------------------------------------------


def test_handed_on_lazily():
    assert coreset.CoresetRegressor.__module__ == "sampkit.compose._coreset"
    assert coreset.CoresetClassifier.__module__ == "sampkit.compose._coreset"
    assert {"CoresetRegressor", "CoresetClassifier"} <= set(dir(coreset))
    assert issubclass(CoresetRegressor, ResampledRegressor)
    assert issubclass(CoresetClassifier, ResampledClassifier)
    assert "fit" not in vars(CoresetRegressor) | vars(CoresetClassifier)
    with pytest.raises(AttributeError, match="no attribute 'Coreset'"):
        coreset.Coreset  # noqa: B018


def test_same_as_the_resampling_meta_estimator(regression, classification):
    X, y = regression
    sampler = LewisWeightSampler(p=1.5, n_samples=300, target="Xy", random_state=3)
    ours = CoresetRegressor(LpRegressor(p=1.5), sampler).fit(X, y)
    base = ResampledRegressor(LpRegressor(p=1.5), sampler).fit(X, y)
    np.testing.assert_array_equal(ours.estimator_.coef_, base.estimator_.coef_)
    np.testing.assert_array_equal(ours.coreset_indices_, base.sampler_.sample_indices_)
    X, z = classification
    sampler = GLMSampler(n_samples=300, random_state=3)
    ours = CoresetClassifier(LogisticRegression(), sampler).fit(X, z)
    base = ResampledClassifier(LogisticRegression(), sampler).fit(X, z)
    np.testing.assert_array_equal(ours.estimator_.coef_, base.estimator_.coef_)


def test_all_rows_are_the_full_fit_bit_for_bit(regression, classification):
    X, y = regression
    for estimator in (LinearRegression(), Ridge(), LpRegressor(), LpRegressor(3)):
        full = clone(estimator).fit(X, y, sample_weight=np.ones(len(y)))
        model = CoresetRegressor(estimator, LewisWeightSampler(n_samples=1.0)).fit(X, y)
        np.testing.assert_array_equal(model.estimator_.coef_, full.coef_)
        assert model.estimator_.intercept_ == full.intercept_
        np.testing.assert_array_equal(model.coreset_indices_, np.arange(len(y)))
        np.testing.assert_array_equal(model.coreset_weight_, np.ones(len(y)))
    X, z = classification
    full = LogisticRegression().fit(X, z, sample_weight=np.ones(len(z)))
    for sampler in (GLMSampler(n_samples=len(z)), GLMSampler(n_samples=1.0, scores="optimal")):
        model = CoresetClassifier(LogisticRegression(), sampler).fit(X, z)
        np.testing.assert_array_equal(model.estimator_.coef_, full.coef_)


# --- defaults ---------------------------------------------------------------------------------


def test_defaults_stay_out_of_the_parameters(regression, classification):
    X, y = regression
    model = CoresetRegressor().fit(X, y)
    assert model.get_params() == {"estimator": None, "sampler": None}
    assert isinstance(model.estimator_, LinearRegression)
    assert isinstance(model.sampler_, LeverageScoreSampler)
    assert model.sampler_.target == "Xy"
    assert model.coreset_indices_.size == 20 * 7  # of [1, X, y]
    X, z = classification
    model = CoresetClassifier().fit(X, z)
    assert isinstance(model.estimator_, LogisticRegression)
    assert model.sampler_.target == "X"
    assert model.sampler_.stratify is True
    assert model.coreset_indices_.size == 20 * 7
    assert "prior_correction" not in model.get_params()
    large = np.concatenate([regression[0]] * 5)
    assert CoresetRegressor().fit(large, np.tile(regression[1], 5)).n_samples_resampled_ == 200
    few = CoresetRegressor().fit(X[:30], X[:30, 0])
    assert few.n_samples_resampled_ == 30


def test_outputs_of_several_columns(regression):
    X, y = regression
    Y = np.column_stack([y, X[:, 0] - y])
    model = CoresetRegressor().fit(X, Y)
    assert model.coreset_indices_.size == 20 * 8
    assert model.predict(X).shape == Y.shape
    assert model.score(X, Y) > 0.8


def test_classes_are_never_absent():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5000, 3))
    z = np.array(["a"] * 4990 + ["b"] * 7 + ["c"] * 3)
    sampler = LewisWeightSampler(n_samples=60)
    for seed in range(20):
        model = CoresetClassifier(LogisticRegression(), sampler.set_params(random_state=seed))
        model.fit(X, z)
        assert model.classes_.tolist() == ["a", "b", "c"]
        counts = pd.Series(z[model.coreset_indices_]).value_counts()
        assert (counts[["b", "c"]] >= 2).all()
    assert sampler.stratify is False  # the clone's alone is set


# --- weights ----------------------------------------------------------------------------------


def test_weights_multiply_and_reach_the_scores(regression):
    X, y = regression
    weight = np.random.default_rng(1).integers(0, 4, len(y)).astype(float)
    sampler = LeverageScoreSampler(n_samples=400, target="Xy", random_state=0)
    model = CoresetRegressor(Ridge(), sampler).fit(X, y, sample_weight=weight)
    scored = clone(sampler).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(model.coreset_indices_, scored.sample_indices_)
    rows = model.coreset_indices_
    assert (weight[rows] > 0).all()
    by_hand = Ridge().fit(X[rows], y[rows], sample_weight=scored.sample_weight_ * weight[rows])
    np.testing.assert_array_equal(model.estimator_.coef_, by_hand.coef_)
    np.testing.assert_array_equal(model.coreset_weight_, scored.sample_weight_)


def test_weights_with_routing(regression, routing):
    X, y = regression
    weight = np.random.default_rng(1).random(len(y))
    sampler = LeverageScoreSampler(n_samples=400, random_state=0)
    pipe = make_pipeline(
        StandardScaler().set_fit_request(sample_weight=False),
        Ridge().set_fit_request(sample_weight=True),
    )
    model = CoresetRegressor(pipe, sampler).fit(X, y, sample_weight=weight)
    scored = clone(sampler).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(model.coreset_indices_, scored.sample_indices_)
    rows = model.coreset_indices_
    by_hand = clone(pipe).fit(X[rows], y[rows], sample_weight=scored.sample_weight_ * weight[rows])
    np.testing.assert_allclose(model.predict(X), by_hand.predict(X))
    default = CoresetRegressor(Ridge().set_fit_request(sample_weight=True))
    default.fit(X, y, sample_weight=weight)
    assert default.sampler_.total_score_ == pytest.approx(7)


def test_weights_and_groups_through_a_search(regression, routing):
    X, y = regression
    sampler = LeverageScoreSampler(n_samples=300, random_state=0)
    model = CoresetRegressor(Ridge().set_fit_request(sample_weight=True), sampler)
    model.estimator.set_score_request(sample_weight=True)
    search = GridSearchCV(model, {"estimator__alpha": [0.1, 1e6]}, cv=GroupKFold(4))
    search.fit(X, y, sample_weight=np.ones(len(y)), groups=np.arange(len(y)) % 8)
    assert search.best_params_ == {"estimator__alpha": 0.1}


@pytest.mark.parametrize("given", [False, True])
def test_weights_are_refused_not_dropped(regression, classification, given):
    X, y = regression
    params = {"sample_weight": np.ones(len(y))} if given else {}
    with pytest.raises(
        TypeError, match="fit of the estimator KNeighborsRegressor takes no 'sample"
    ):
        CoresetRegressor(KNeighborsRegressor()).fit(X, y, **params)
    with pytest.raises(TypeError, match="fit of the estimator Pipeline takes no 'sample_weight'"):
        CoresetRegressor(make_pipeline(StandardScaler(), Ridge())).fit(X, y, **params)
    X, z = classification
    with pytest.raises(TypeError, match="KNeighborsClassifier takes no 'sample_weight'"):
        CoresetClassifier(KNeighborsClassifier()).fit(X, z, **params)


def test_samplers_without_weights(classification):
    X, z = classification
    model = CoresetClassifier(sampler=RandomUnderSampler(random_state=0))
    model.fit(X, z, sample_weight=np.arange(len(z)) + 1.0)
    assert model.coreset_indices_.size == 2 * (z == 1).sum()
    with pytest.raises(AttributeError, match="sample_weight_"):
        model.coreset_weight_  # noqa: B018


# --- penalties --------------------------------------------------------------------------------


def test_penalties_of_the_full_data_stay_right(regression, classification):
    # weights sum to about n: alpha of a mean loss and C of a sum of losses mean the same
    X, y = regression
    full = Lasso(alpha=0.5).fit(X, y)
    model = CoresetRegressor(
        Lasso(alpha=0.5), LeverageScoreSampler(n_samples=1500, target="Xy", random_state=0)
    ).fit(X, y)
    np.testing.assert_allclose(model.estimator_.coef_, full.coef_, atol=0.1)
    X, z = classification
    for C in (1e-3, 1.0):
        full = LogisticRegression(C=C).fit(X, z)
        sampler = GLMSampler(n_samples=1500, random_state=0)
        model = CoresetClassifier(LogisticRegression(C=C), sampler).fit(X, z)
        np.testing.assert_allclose(model.estimator_.coef_, full.coef_, atol=0.2)
        assert model.coreset_weight_.sum() == pytest.approx(len(z), rel=0.1)


def test_other_estimators_that_take_weights(regression):
    X, y = regression
    sampler = LewisWeightSampler(
        p=1, combine="leverage", uniform_mix=1.0, target="Xy", n_samples=800, random_state=0
    )
    full = HuberRegressor().fit(X, y)
    model = CoresetRegressor(HuberRegressor(), sampler).fit(X, y)
    np.testing.assert_allclose(model.estimator_.coef_, full.coef_, atol=0.15)
    tree = CoresetRegressor(DecisionTreeRegressor(max_depth=6), sampler).fit(X, y)
    assert tree.score(X, y) > 0.5


# --- scikit-learn -----------------------------------------------------------------------------


@pytest.mark.parametrize("model", [CoresetRegressor(), CoresetClassifier()], ids=str)
def test_estimator_checks(model):
    results = check_estimator(model, on_fail=None, on_skip=None)
    assert [r for r in results if r["status"] != "passed"] == []


def test_frames_pickle_and_search():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    sampler = LeverageScoreSampler(n_samples=200, target="Xy", random_state=0)
    model = CoresetRegressor(Ridge(alpha=0.01), sampler).fit(X, y)
    assert model.feature_names_in_.tolist() == list(X.columns)
    assert model.n_features_in_ == 10
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    grid = {"estimator__alpha": [1e-3, 1e3], "sampler": [sampler, UniformRowSampler(100), None]}
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert search.best_params_["estimator__alpha"] == 1e-3


def test_classifier_in_a_pipeline():
    X, z = load_breast_cancer(return_X_y=True)
    model = CoresetClassifier(
        LogisticRegression(C=0.1, max_iter=500), GLMSampler(n_samples=200, random_state=0)
    )
    pipe = make_pipeline(StandardScaler(), model)
    assert cross_val_score(pipe, X, z, cv=3).mean() > 0.93
    fitted = pipe.fit(X, z)[-1]
    scaled = pipe[:-1].transform(X)
    np.testing.assert_allclose(fitted.predict_proba(scaled).sum(axis=1), 1)
    assert fitted.decision_function(scaled).shape == (len(z),)
    assert fitted.predict_log_proba(scaled).max() <= 0


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (CoresetRegressor(3), ValueError, "The 'estimator' parameter of CoresetRegressor"),
        (CoresetRegressor(sampler="x"), ValueError, "The 'sampler' parameter of CoresetRegressor"),
        (CoresetRegressor(sampler=GLMSampler), TypeError, "write GLMSampler()"),
        (CoresetRegressor(sampler=UniformRowSampler(0)), ValueError, "'n_samples' parameter"),
    ],
)
def test_bad_input(model, error, message, regression):
    with pytest.raises(error, match=message):
        model.fit(*regression)


def test_missing_target(regression):
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        CoresetRegressor().fit(regression[0], None)
