from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC

from sampkit.compose import ResampledClassifier
from sampkit.compose._prior import class_shares, correct_prior
from sampkit.over_sampling import SMOTE, RandomOverSampler
from sampkit.under_sampling import RandomUnderSampler


class Histogram(ClassifierMixin, BaseEstimator):
    """Exact posterior of one discrete column: counts of each class at each value."""

    def fit(self, X, y, sample_weight=None):
        w = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        self.classes_, code = np.unique(y, return_inverse=True)
        self.counts_ = np.zeros((int(X.max()) + 1, len(self.classes_)))
        np.add.at(self.counts_, (X[:, 0].astype(int), code), w)
        return self

    def predict_proba(self, X):
        counts = self.counts_[X[:, 0].astype(int)]
        return counts / counts.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Doubles:
    """Repeats every row of the classes above 0, which leaves the class densities as they are."""

    def fit_resample(self, X, y):
        self.sample_indices_ = np.r_[np.arange(len(y)), np.flatnonzero(y > 0)]
        return X[self.sample_indices_], y[self.sample_indices_]


def test_shares():
    y = ["b", "a", "b", "c"]
    assert class_shares(y, np.array(["a", "b"])).tolist() == [0.25, 0.5]
    assert class_shares(y, np.array(["a", "b"]), [1, 2, 1, 4]).tolist() == [0.25, 0.25]
    with pytest.raises(ValueError, match="1d array"):
        class_shares(np.eye(3), np.arange(3))


def test_known_priors():
    # pi = (.9, .1), pi' = (.5, .5), p' = (.2, .8): (.18, .08) normalised = (9, 4) / 13.
    out = correct_prior(np.array([[0.2, 0.8]]), np.array([0.9, 0.1]) / 0.5)
    np.testing.assert_allclose(out, [[9 / 13, 4 / 13]], rtol=1e-15)
    assert correct_prior(np.float32([[0.2, 0.8]]), np.array([1.8, 0.2])).dtype == np.float32


@given(
    arrays(float, (4, 3), elements=st.floats(0.01, 1)),
    arrays(float, 3, elements=st.floats(0.01, 1)),
    arrays(float, 3, elements=st.floats(0.01, 1)),
)
def test_correction_is_bayes_rule(density, prior, prior_res):
    def posterior(pi):
        joint = density * pi / pi.sum()
        return joint / joint.sum(axis=1, keepdims=True)

    ratio = (prior / prior.sum()) / (prior_res / prior_res.sum())
    np.testing.assert_allclose(correct_prior(posterior(prior_res), ratio), posterior(prior))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_exact_posterior_comes_back(n_classes, weighted):
    # Repetition keeps the class densities: corrected, the posterior is that of the raw rows.
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 6, size=(300, 1)), rng.choice(n_classes, 300)
    w = {"sample_weight": rng.uniform(0.5, 2.0, 300)} if weighted else {}
    raw = Histogram().fit(X, y, **w)
    model = ResampledClassifier(Histogram(), Doubles(), prior_correction=True).fit(X, y, **w)
    np.testing.assert_allclose(model.predict_proba(X), raw.predict_proba(X), rtol=1e-12)
    chosen = np.take_along_axis(raw.predict_proba(X), model.predict(X)[:, None], axis=1)
    np.testing.assert_allclose(chosen[:, 0], raw.predict_proba(X).max(axis=1))  # ties are free
    assert model.score(X, y) == accuracy_score(y, model.predict(X))
    assert np.abs(model.estimator_.predict_proba(X) - raw.predict_proba(X)).max() > 0.05
    if not weighted:
        shares = np.bincount(y) / 300
        shares_res = np.bincount(y, np.where(y > 0, 2, 1))
        np.testing.assert_allclose(model.prior_ratio_, shares / (shares_res / shares_res.sum()))


@pytest.mark.parametrize("sampler", [SMOTE, RandomOverSampler, RandomUnderSampler])
def test_mean_probability_is_near_the_true_prior(sampler):
    X, y = make_classification(
        6000, weights=[0.95], flip_y=0, class_sep=0.7, n_informative=4, random_state=0
    )
    X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
    kwargs = {"estimator": LogisticRegression(), "sampler": sampler(random_state=0)}
    shifted = ResampledClassifier(**kwargs).fit(X, y)
    corrected = ResampledClassifier(**kwargs, prior_correction=True).fit(X, y)
    p_shifted, p = (m.predict_proba(X_test)[:, 1] for m in (shifted, corrected))
    # 1500 test rows with prior .05: the standard error of a share is .006.
    assert abs(p.mean() - y_test.mean()) < 0.018
    assert p_shifted.mean() > 0.2
    assert brier_score_loss(y_test, p) < 0.5 * brier_score_loss(y_test, p_shifted)
    np.testing.assert_array_equal(p.argsort(), p_shifted.argsort())  # two classes: same ranking


def test_everything_follows_the_corrected_probabilities(data):
    X, y, w = data
    model = ResampledClassifier(LogisticRegression(), SMOTE(random_state=0), prior_correction=True)
    proba = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(proba))
    np.testing.assert_array_equal(model.predict(X), model.classes_[proba.argmax(axis=1)])
    assert model.score(X, y, sample_weight=w) == accuracy_score(
        y, model.predict(X), sample_weight=w
    )
    np.testing.assert_array_equal(model.decision_function(X), model.estimator_.decision_function(X))
    assert not np.array_equal(model.predict(X), model.estimator_.predict(X))
    # What was fitted counts, not what the parameter says since.
    np.testing.assert_array_equal(model.set_params(prior_correction=False).predict_proba(X), proba)
    assert model.fit(X, y).prior_ratio_ is None


def test_selector_weights_count_in_the_shares(kit, data):
    # Weights that estimate the full data leave the prior alone: nothing may be corrected twice.
    X, y, _ = data

    class Thin(kit.Selector):
        def fit_resample(self, X, y, sample_weight=None):
            keep = np.sort(np.r_[np.flatnonzero(y == 0)[::7], np.flatnonzero(y == 1)])
            self.sample_indices_ = keep
            self.sample_weight_ = np.where(y[keep] == 0, 7.0, 1.0)
            return X[keep], y[keep]

    model = ResampledClassifier(LogisticRegression(), Thin(), prior_correction=True).fit(X, y)
    np.testing.assert_allclose(model.prior_ratio_, 1, rtol=0.01)  # 77 * 7 rows stand for 539


def test_zero_weight_class_stays_finite(data):
    X, y, _ = data
    model = ResampledClassifier(
        LogisticRegression(), RandomUnderSampler(random_state=0), prior_correction=True
    )
    model.fit(X, y, sample_weight=(y == 0).astype(float))
    assert np.isfinite(model.prior_ratio_).all()


def test_needs_probabilities(data):
    X, y, _ = data
    model = ResampledClassifier(LinearSVC(), SMOTE(), prior_correction=True)
    with pytest.raises(ValueError, match=r"prior_correction=True needs.*got LinearSVC"):
        model.fit(X, y)


def test_log_of_zero_is_silent():
    column = np.repeat([[0], [1]], 30, axis=0)
    model = ResampledClassifier(Histogram(), Doubles(), prior_correction=True)
    model.fit(column, column.ravel())
    assert model.predict_log_proba(np.zeros((1, 1))).tolist() == [[0.0, -np.inf]]
