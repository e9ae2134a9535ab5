from __future__ import annotations

import pickle
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_regression
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags

from sampkit.compose import ResampledClassifier, ResampledRegressor
from sampkit.over_sampling import SMOTE, RandomOverSampler
from sampkit.under_sampling import EditedNearestNeighbours, RandomUnderSampler

# --- what the estimator sees ----------------------------------------------------------------------


def test_estimator_sees_the_resampled_rows_and_carried_weights(kit, data):
    # Known answer of the specification: 539 + 539 rows.
    X, y, w = data
    model = ResampledClassifier(kit.Recorder(), SMOTE(random_state=0)).fit(X, y, sample_weight=w)
    seen = model.estimator_
    assert model.n_samples_resampled_ == len(seen.X_) == len(seen.y_) == 1078
    np.testing.assert_array_equal(seen.X_[:600], X)
    np.testing.assert_array_equal(seen.sample_weight_[:600], w)
    assert np.all((seen.sample_weight_ >= w.min()) & (seen.sample_weight_ <= w.max()))
    np.testing.assert_array_equal(seen.sample_weight_, model.sampler_.propagate(w))


def test_every_per_row_parameter_is_carried_and_no_other(kit, data):
    X, y, w = data
    groups = np.arange(600)
    model = ResampledClassifier(kit.Recorder(), SMOTE(random_state=0))
    seen = model.fit(X, y, sample_weight=list(w), groups=groups, note="n" * 600).estimator_
    assert isinstance(seen.sample_weight_, list)
    np.testing.assert_array_equal(seen.groups_, model.sampler_.provenance_.seed)
    assert seen.note_ == "n" * 600
    note = {i: i for i in range(600)}
    assert model.fit(X, y, note=note).estimator_.note_ is note
    assert model.fit(X, y, note=[1, 2]).estimator_.note_ == [1, 2]
    assert model.fit(X, y, sample_weight=2.0).estimator_.sample_weight_ == 2.0
    series = pd.Series(w, name="w")
    carried = model.fit(X, y, sample_weight=series).estimator_.sample_weight_
    assert isinstance(carried, pd.Series)
    assert carried.name == "w"
    np.testing.assert_array_equal(carried[:600], w)


@pytest.mark.parametrize("columns", [1, 3])
def test_parameters_with_several_values_per_row(kit, data, columns):
    X, y, _ = data
    margin = np.random.default_rng(1).normal(size=(600, columns))
    model = ResampledClassifier(kit.Recorder(), RandomUnderSampler(random_state=0))
    seen = model.fit(X, y, note=margin).estimator_
    np.testing.assert_array_equal(seen.note_, margin[model.sampler_.sample_indices_])


def test_selector_weights_multiply_the_users(kit, data):
    # Known answer of the specification: selector weight 6, user weight w: 6 w[idx] is passed.
    X, y, w = data
    model = ResampledClassifier(kit.Recorder(), kit.Selector(100)).fit(X, y, sample_weight=w)
    index = model.sampler_.sample_indices_
    np.testing.assert_array_equal(model.estimator_.sample_weight_, 6 * w[index])
    assert model.sampler_.importance_ is None  # nobody asked for it
    np.testing.assert_array_equal(model.fit(X, y).estimator_.sample_weight_, np.full(100, 6.0))
    np.testing.assert_array_equal(
        model.fit(X, y, sample_weight=0.5).estimator_.sample_weight_, np.full(100, 3.0)
    )


def test_selector_weights_keep_the_regularisation(kit, data):
    # sum(w) = n: the penalised fit on the selection estimates that on all rows.  A normalised
    # weight would shrink the coefficients by orders of magnitude at this C.
    X, y, _ = data
    full = LogisticRegression(C=1e-3).fit(X, y).coef_
    part = ResampledClassifier(LogisticRegression(C=1e-3), kit.Selector(300)).fit(X, y)
    assert np.linalg.norm(part.estimator_.coef_) == pytest.approx(np.linalg.norm(full), rel=0.3)


def test_foreign_sampler_with_indices(kit, data):
    X, y, w = data
    seen = ResampledClassifier(kit.Recorder(), kit.EveryThirdByIndex()).fit(
        X, y, sample_weight=w, groups=list(range(600))
    )
    np.testing.assert_array_equal(seen.estimator_.sample_weight_, w[::3])
    assert seen.estimator_.groups_ == list(range(0, 600, 3))


def test_users_own_class_is_copied_never_fitted(kit, data):
    X, y, w = data
    own = kit.EveryThird()
    model = ResampledClassifier(kit.Recorder(), own).fit(X, y, note="free")
    assert model.n_samples_resampled_ == 200
    assert model.sampler_ is not own
    with pytest.raises(TypeError, match=r"'groups'.*EveryThird.*propagate.*sample_indices_"):
        model.fit(X, y, groups=np.arange(600))
    with pytest.raises(TypeError, match=r"'sample_weight'.*EveryThird") as caught:
        model.fit(X, y, sample_weight=w)
    assert len(str(caught.value)) < 400


def test_imbalanced_learn_samplers_work(kit, data):
    over = pytest.importorskip("imblearn.over_sampling")
    X, y, w = data
    model = ResampledClassifier(kit.Recorder(), over.SMOTE(random_state=0))
    assert model.fit(X, y).n_samples_resampled_ == 1078
    with pytest.raises(TypeError, match=r"'sample_weight'.*SMOTE"):
        model.fit(X, y, sample_weight=w)
    model = ResampledClassifier(kit.Recorder(), over.RandomOverSampler(random_state=0))
    seen = model.fit(X, y, sample_weight=w)
    index = seen.sampler_.sample_indices_
    np.testing.assert_array_equal(seen.estimator_.sample_weight_, w[index])


# --- refusals -------------------------------------------------------------------------------------


def test_weights_of_a_selector_need_an_estimator_that_takes_them(kit, data):
    X, y, _ = data
    model = ResampledClassifier(KNeighborsClassifier(), kit.Selector())
    with pytest.raises(TypeError, match="KNeighborsClassifier takes no 'sample_weight'") as caught:
        model.fit(X, y)
    assert len(str(caught.value)) < 400
    nested = ResampledClassifier(make_pipeline(LogisticRegression()), kit.Selector())
    with pytest.raises(TypeError, match="enable metadata routing"):
        nested.fit(X, y)


def test_bad_calls(kit, data):
    X, y, w = data
    fit = ResampledClassifier(LogisticRegression(), SMOTE(random_state=0)).fit
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        fit(X, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fit(X, y[:-1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fit(X, y, sample_weight=w[:-1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fit(X, y, sample_weight=np.ones(1078))  # right for the new rows, by chance
    with pytest.raises(ValueError, match="'sampler' parameter of ResampledClassifier"):
        ResampledClassifier(LogisticRegression(), sampler="smote").fit(X, y)
    with pytest.raises(ValueError, match="'estimator' parameter of ResampledRegressor"):
        ResampledRegressor(StandardScaler()).fit(X, y)
    with pytest.raises(ValueError, match="'prior_correction' parameter"):
        ResampledClassifier(LogisticRegression(), prior_correction="yes").fit(X, y)
    with pytest.raises(NotFittedError):
        ResampledClassifier(LogisticRegression()).predict(X)


def test_input_is_left_alone(data):
    X, y, w = data
    before = X.copy(), y.copy(), w.copy()
    sampler, estimator = SMOTE(random_state=0), LogisticRegression()
    ResampledClassifier(estimator, sampler).fit(X, y, sample_weight=w)
    for now, then in zip((X, y, w), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert not hasattr(sampler, "provenance_")
    assert not hasattr(estimator, "coef_")


# --- equality with the work done by hand ----------------------------------------------------------

SAMPLERS = [
    SMOTE(random_state=3),
    RandomOverSampler(random_state=3),
    RandomUnderSampler(random_state=3),
    EditedNearestNeighbours(),
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_same_as_resampling_by_hand(data, sampler):
    X, y, _ = data
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    hand = clone(tree).fit(*clone(sampler).fit_resample(X, y))
    model = ResampledClassifier(tree, sampler).fit(X, y)
    for method in ("predict", "predict_proba"):
        np.testing.assert_array_equal(getattr(model, method)(X), getattr(hand, method)(X))
    assert model.score(X, y) == hand.score(X, y)


def test_no_sampler_is_the_bare_estimator(data):
    X, y, w = data
    bare = LogisticRegression().fit(X, y, sample_weight=w)
    for correction in (False, True):
        model = ResampledClassifier(LogisticRegression(), prior_correction=correction)
        model.fit(X, y, sample_weight=w)
        for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            np.testing.assert_array_equal(getattr(model, method)(X), getattr(bare, method)(X))
        assert model.sampler_ is None
        assert model.n_samples_resampled_ == 600
        assert model.score(X, y, sample_weight=w) == bare.score(X, y, sample_weight=w)


def test_regressor(kit):
    X, y = make_regression(300, 5, noise=1.0, random_state=0)
    w = np.random.default_rng(0).uniform(0.5, 2.0, 300)
    hand = Ridge().fit(X[::3], y[::3], sample_weight=w[::3])
    model = ResampledRegressor(Ridge(), kit.EveryThirdByIndex()).fit(X, y, sample_weight=w)
    np.testing.assert_array_equal(model.predict(X), hand.predict(X))
    assert model.score(X, y) == hand.score(X, y)
    assert not hasattr(model, "predict_proba")
    np.testing.assert_array_equal(
        ResampledRegressor(Ridge()).fit(X, y).predict(X), Ridge().fit(X, y).predict(X)
    )


def test_delegation_follows_the_estimator(data):
    X, y, _ = data
    svc = ResampledClassifier(LinearSVC(), RandomUnderSampler(random_state=0))
    tree = ResampledClassifier(DecisionTreeClassifier(), RandomUnderSampler(random_state=0))
    for model in (svc, svc.fit(X, y)):
        assert hasattr(model, "decision_function")
        assert not hasattr(model, "predict_proba")
        assert not hasattr(model, "predict_log_proba")
    for model in (tree, tree.fit(X, y)):
        assert hasattr(model, "predict_proba")
        assert not hasattr(model, "decision_function")
    assert not hasattr(ResampledClassifier(tree), "classes_")


def test_classes_are_those_the_estimator_saw(kit):
    class DropsClassTwo(kit.EveryThirdByIndex):
        def fit_resample(self, X, y):
            self.sample_indices_ = np.flatnonzero(y != 2)
            return X[self.sample_indices_], y[self.sample_indices_]

    X, y = np.random.default_rng(0).normal(size=(90, 2)), np.arange(90) % 3
    model = ResampledClassifier(LogisticRegression(), DropsClassTwo(), prior_correction=True)
    np.testing.assert_array_equal(model.fit(X, y).classes_, [0, 1])
    assert model.predict_proba(X).shape == (90, 2)


def test_everything_is_done_once(kit, data, monkeypatch):
    # What the overhead target rests on: one clone of each part, one re-sampling, one fit.
    from sampkit.compose import _resampled

    X, y, _ = data
    calls = []
    real = _resampled.clone
    monkeypatch.setattr(
        _resampled, "clone", lambda obj, **kw: (calls.append(type(obj)), real(obj, **kw))[1]
    )
    for part, method in ((kit.EveryThird, "fit_resample"), (kit.Recorder, "fit")):
        inner = getattr(part, method)
        monkeypatch.setattr(
            part,
            method,
            lambda self, *args, _inner=inner, _name=method, **kw: (
                calls.append(_name),
                _inner(self, *args, **kw),
            )[1],
        )
    ResampledClassifier(kit.Recorder(), kit.EveryThird()).fit(X, y)
    assert calls == [kit.EveryThird, "fit_resample", kit.Recorder, "fit"]


# --- in scikit-learn's tools ----------------------------------------------------------------------


def test_grid_search_in_a_plain_pipeline_is_the_same_in_parallel(data):
    X, y, w = data
    model = make_pipeline(StandardScaler(), ResampledClassifier(LogisticRegression()))
    grid = {
        "resampledclassifier__sampler": [
            SMOTE(random_state=0),
            RandomUnderSampler(random_state=0),
            None,
        ],
        "resampledclassifier__estimator__C": [0.1, 1.0],
    }
    serial, parallel = (
        GridSearchCV(model, grid, scoring="balanced_accuracy", cv=3, n_jobs=n_jobs).fit(
            X, y, resampledclassifier__sample_weight=w
        )
        for n_jobs in (1, 2)
    )
    scores = serial.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, parallel.cv_results_["mean_test_score"])
    assert np.isfinite(scores).all()
    assert len(set(scores)) > 2
    nested = GridSearchCV(
        ResampledClassifier(LogisticRegression(), SMOTE(random_state=0)),
        {"sampler__k_neighbors": [1, 5]},
        cv=3,
    ).fit(X, y)
    assert np.isfinite(nested.cv_results_["mean_test_score"]).all()


def test_no_resampled_row_reaches_a_validation_fold(kit, data):
    X, y, _ = data
    out = cross_validate(
        ResampledClassifier(kit.Recorder(), SMOTE(random_state=0)),
        X,
        y,
        cv=StratifiedKFold(4, shuffle=True, random_state=0),
        scoring="accuracy",
        return_estimator=True,
        return_indices=True,
    )
    folds = zip(out["indices"]["train"], out["indices"]["test"], strict=True)
    for model, (train, test) in zip(out["estimator"], folds, strict=True):
        assert model.n_samples_resampled_ == 2 * np.bincount(y[train]).max()
        np.testing.assert_array_equal(model.estimator_.X_[: len(train)], X[train])
        (predicted,) = model.estimator_.predicted_
        np.testing.assert_array_equal(predicted, X[test])


def test_calibrated(data):
    X, y, _ = data
    model = ResampledClassifier(LogisticRegression(), SMOTE(random_state=0))
    calibrated = CalibratedClassifierCV(model, cv=3).fit(X, y)
    gap = abs(calibrated.predict_proba(X)[:, 1].mean() - y.mean())
    assert gap < 0.02 < abs(model.fit(X, y).predict_proba(X)[:, 1].mean() - y.mean())


def test_clone_and_pickle(data):
    X, y, _ = data
    model = ResampledClassifier(LogisticRegression(), SMOTE(random_state=0), prior_correction=True)
    copy = clone(model.fit(X, y))
    assert repr(copy.get_params()) == repr(model.get_params())
    assert not hasattr(copy, "estimator_")
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_html_shows_both_parts(data):
    X, y, _ = data
    model = ResampledClassifier(LogisticRegression(), SMOTE(random_state=0))
    for html in (model._repr_html_(), model.fit(X, y)._repr_html_()):
        text = re.sub(r"<[^>]+>", " ", html)
        assert all(name in text for name in ("ResampledClassifier", "LogisticRegression", "SMOTE"))


@pytest.mark.parametrize("prior_correction", [False, True])
def test_sparse_rows_and_string_labels(data, prior_correction):
    X, y, _ = data
    labels = np.array(["no", "yes"])[y]
    model = ResampledClassifier(
        LogisticRegression(), SMOTE(random_state=0), prior_correction=prior_correction
    )
    dense = model.fit(X, labels)
    assert set(dense.predict(X)) == {"no", "yes"}
    expected = dense.predict_proba(X)
    sparse = clone(model).fit(sp.csr_array(X), labels)
    np.testing.assert_allclose(sparse.predict_proba(sp.csr_array(X)), expected, atol=1e-6)
    assert get_tags(model).input_tags.sparse


def test_frames_and_their_names(data):
    X, y, _ = data
    frame = pd.DataFrame(X).add_prefix("c")
    model = ResampledClassifier(LogisticRegression(), SMOTE(random_state=0))
    assert not hasattr(model, "n_features_in_")
    model.fit(frame, pd.Series(y, name="t"))
    assert model.n_features_in_ == 20
    np.testing.assert_array_equal(model.feature_names_in_, frame.columns)
    np.testing.assert_array_equal(model.predict(frame), model.estimator_.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"c0": "x"}))
    assert not hasattr(model.fit(X, y), "feature_names_in_")  # forgotten, as they should be


def test_tags(kit):
    assert get_tags(ResampledClassifier(KNeighborsClassifier())).classifier_tags.multi_label
    bare = get_tags(ResampledClassifier(KNeighborsClassifier(metric="precomputed")))
    assert bare.input_tags.pairwise
    tags = get_tags(
        ResampledClassifier(KNeighborsClassifier(metric="precomputed"), RandomUnderSampler())
    )
    assert not tags.input_tags.pairwise
    assert not tags.classifier_tags.multi_label
    assert not tags.target_tags.multi_output
    assert tags.estimator_type == "classifier"
    tree = DecisionTreeClassifier()
    assert get_tags(ResampledClassifier(tree)).input_tags.allow_nan
    assert get_tags(ResampledClassifier(tree, RandomUnderSampler())).input_tags.allow_nan
    assert not get_tags(ResampledClassifier(tree, SMOTE())).input_tags.allow_nan
    own = get_tags(ResampledClassifier(tree, kit.EveryThird()))
    assert not own.input_tags.allow_nan
    assert not own.input_tags.sparse
    assert get_tags(ResampledRegressor(Ridge())).estimator_type == "regressor"


def test_generator_is_copied_with_its_state(data):
    # A clone deep-copies a Generator: every fold starts where the user's stream stands.
    X, y, _ = data
    model = ResampledClassifier(DecisionTreeClassifier(random_state=0), SMOTE())
    model.set_params(sampler__random_state=np.random.default_rng(7))
    first = model.fit(X, y).sampler_.provenance_.gap
    np.testing.assert_array_equal(model.fit(X, y).sampler_.provenance_.gap, first)
    assert np.isfinite(cross_val_score(model, X, y, cv=2)).all()


def test_imbalanced_learn_stays_out_and_routing_methods_stay_as_they_are():
    code = """
import sys
from sklearn.utils import _metadata_requests as requests
methods = list(requests.METHODS)
import numpy as np
from sklearn.linear_model import LogisticRegression
from sampkit.compose import ResampledClassifier
from sampkit.over_sampling import SMOTE
X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 4 == 0
ResampledClassifier(LogisticRegression(), SMOTE(random_state=0)).fit(X, y).predict(X)
assert not [name for name in sys.modules if name.startswith("imblearn")]
assert requests.METHODS == methods
"""
    subprocess.run([sys.executable, "-c", code], check=True)
