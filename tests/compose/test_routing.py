from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, get_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sampkit.compose import ResampledClassifier, ResampledRegressor
from sampkit.over_sampling import SMOTE

# --- without routing ------------------------------------------------------------------------------


def test_names_are_handed_on_as_given(kit, data):
    X, y, w = data
    inner = make_pipeline(StandardScaler(), kit.Recorder())
    model = ResampledClassifier(inner, SMOTE(random_state=0))
    model.fit(X, y, recorder__sample_weight=w)
    seen = model.estimator_[-1].sample_weight_
    np.testing.assert_array_equal(seen, model.sampler_.propagate(w))
    outer = make_pipeline(StandardScaler(), ResampledClassifier(kit.Recorder(), SMOTE()))
    outer.fit(X, y, resampledclassifier__sample_weight=w)
    np.testing.assert_array_equal(outer[-1].estimator_.sample_weight_[:600], w)


def test_prediction_parameters_reach_the_estimator():
    X = np.linspace(0, 1, 20).reshape(-1, 1)
    model = ResampledRegressor(GaussianProcessRegressor(alpha=1e-3, optimizer=None)).fit(X, X[:, 0])
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == (20,)


# --- with routing ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("routing")
def test_estimator_and_sampler_ask_for_their_own(kit, data):
    X, y, w = data
    cost = np.random.default_rng(2).uniform(1, 2, 600)
    asks = kit.Recorder().set_fit_request(sample_weight=True, groups=True)
    selector = kit.Selector(100).set_fit_request(sample_weight="cost")
    model = ResampledClassifier(asks, selector)
    model.fit(X, y, sample_weight=w, groups=np.arange(600), cost=cost)
    index = model.sampler_.sample_indices_
    np.testing.assert_array_equal(model.sampler_.importance_, cost)
    np.testing.assert_array_equal(model.estimator_.sample_weight_, 6 * w[index])
    np.testing.assert_array_equal(model.estimator_.groups_, index)


@pytest.mark.usefixtures("routing")
def test_user_weights_enter_a_weighted_selection_twice(kit, data):
    # As importance for the scores, and as a factor in the fit.
    X, y, w = data
    model = ResampledClassifier(
        kit.Recorder().set_fit_request(sample_weight=True),
        kit.Selector(100).set_fit_request(sample_weight=True),
    ).fit(X, y, sample_weight=w)
    np.testing.assert_array_equal(model.sampler_.importance_, w)
    expected = 6 * w[model.sampler_.sample_indices_]
    np.testing.assert_array_equal(model.estimator_.sample_weight_, expected)


@pytest.mark.usefixtures("routing")
def test_seed_weights_reach_smote(data):
    # Only rows with a positive weight are seeds.
    X, y, _ = data
    seeds = np.zeros(600)
    seeds[np.flatnonzero(y == 1)[:10]] = 1
    model = ResampledClassifier(
        LogisticRegression(), SMOTE(random_state=0).set_fit_request(seed_weights=True)
    ).fit(X, y, seed_weights=seeds)
    made = model.sampler_.provenance_.seed[600:]
    assert set(made) <= set(np.flatnonzero(seeds))


@pytest.mark.usefixtures("routing")
def test_selector_weights_pass_through_a_pipeline(kit, data):
    X, y, w = data
    asks = kit.Recorder().set_fit_request(sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    selector = kit.Selector(100).set_fit_request(sample_weight=False)
    model = ResampledClassifier(make_pipeline(scaler, asks), selector)
    np.testing.assert_array_equal(model.fit(X, y).estimator_[-1].sample_weight_, np.full(100, 6.0))
    expected = 6 * w[model.sampler_.sample_indices_]
    seen = model.fit(X, y, sample_weight=w).estimator_[-1].sample_weight_
    np.testing.assert_array_equal(seen, expected)
    refuses = ResampledClassifier(make_pipeline(scaler, LogisticRegression()), kit.Selector(100))
    with pytest.raises(TypeError, match="set_fit_request"):
        refuses.fit(X, y)


@pytest.mark.usefixtures("routing")
def test_users_own_sampler_has_no_requests(kit, data):
    X, y, w = data
    model = ResampledClassifier(
        LogisticRegression().set_fit_request(sample_weight=True), kit.EveryThirdByIndex()
    )
    hand = LogisticRegression().fit(X[::3], y[::3], sample_weight=w[::3])
    np.testing.assert_array_equal(model.fit(X, y, sample_weight=w).predict(X), hand.predict(X))
    assert ResampledClassifier(LogisticRegression(), kit.EveryThird()).fit(X, y).predict(X).any()


@pytest.mark.usefixtures("routing")
def test_parameters_that_nobody_requested_are_refused(data):
    X, y, w = data
    model = ResampledClassifier(LogisticRegression(), SMOTE(random_state=0))
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        model.fit(X, y, sample_weight=w)
    with pytest.raises(TypeError, match=r"unexpected argument.*colour"):
        model.fit(X, y, colour=w)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("prior_correction", [False, True])
def test_score_takes_its_weights(data, prior_correction):
    X, y, w = data
    model = ResampledClassifier(
        LogisticRegression().set_score_request(sample_weight=True),
        SMOTE(random_state=0),
        prior_correction=prior_correction,
    ).fit(X, y)
    expected = accuracy_score(y, model.predict(X), sample_weight=w)
    assert model.score(X, y, sample_weight=w) == pytest.approx(expected)
    assert expected != model.score(X, y)


def routed_model():
    """Every consumer of the weights says yes or no."""
    return make_pipeline(
        StandardScaler().set_fit_request(sample_weight=False),
        ResampledClassifier(
            LogisticRegression().set_fit_request(sample_weight=True), SMOTE(random_state=0)
        ),
    )


@pytest.mark.usefixtures("routing")
def test_grid_search_with_routed_weights_is_the_same_in_parallel(data):
    X, y, w = data
    grid = {
        "resampledclassifier__sampler": [SMOTE(random_state=0), None],
        "resampledclassifier__estimator__C": [0.1, 1.0],
    }
    scorer = get_scorer("balanced_accuracy").set_score_request(sample_weight=True)
    serial, parallel = (
        GridSearchCV(routed_model(), grid, scoring=scorer, cv=3, n_jobs=n_jobs).fit(
            X, y, sample_weight=w
        )
        for n_jobs in (1, 2)
    )
    scores = serial.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, parallel.cv_results_["mean_test_score"])
    best = serial.best_estimator_[-1]
    assert best.n_samples_resampled_ == 1078


@pytest.mark.usefixtures("routing")
def test_cross_validate_with_params(data):
    X, y, w = data
    scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
    out = cross_validate(
        routed_model(),
        X,
        y,
        params={"sample_weight": w},
        scoring=scorer,
        cv=3,
        return_estimator=True,
        return_indices=True,
    )
    for model, train in zip(out["estimator"], out["indices"]["train"], strict=True):
        assert model[-1].n_samples_resampled_ == 2 * np.bincount(y[train]).max()


# --- the three traps of the user guide: scikit-learn's rules, shown and not worked around ---------


@pytest.mark.usefixtures("routing")
def test_trap_every_other_consumer_must_answer(data):
    X, y, w = data
    silent = routed_model().set_params(standardscaler=StandardScaler())
    with pytest.raises(UnsetMetadataPassedError, match="StandardScaler"):
        silent.fit(X, y, sample_weight=w)
    routed_model().fit(X, y, sample_weight=w)


@pytest.mark.usefixtures("routing")
def test_trap_string_scorer(data):
    X, y, w = data
    with pytest.raises(UnsetMetadataPassedError, match="score"):
        cross_validate(
            routed_model(),
            X,
            y,
            params={"sample_weight": w},
            scoring="accuracy",
            error_score="raise",
        )


@pytest.mark.usefixtures("routing")
def test_trap_default_score_of_a_pipeline(data):
    X, y, w = data
    model = routed_model()
    model[-1].estimator.set_score_request(sample_weight=False)
    with pytest.raises(TypeError, match="sample_weight"):
        GridSearchCV(model, {"resampledclassifier__sampler": [None]}, error_score="raise").fit(
            X, y, sample_weight=w
        )
