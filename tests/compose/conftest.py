"""Small samplers and an estimator that remembers what it was fitted on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification


class Recorder(ClassifierMixin, BaseEstimator):
    """Predicts the first class; keeps what ``fit`` was given, and the rows to predict."""

    def fit(self, X, y, sample_weight=None, groups=None, note=None):
        self.classes_ = np.unique(y)
        self.X_, self.y_ = X, y
        self.sample_weight_, self.groups_, self.note_ = sample_weight, groups, note
        self.predicted_ = []
        return self

    def predict(self, X):
        self.predicted_.append(X)
        return np.full(len(X), self.classes_[0])


class EveryThird:
    """A user's own class: fit_resample and nothing else."""

    def fit_resample(self, X, y):
        return X[::3], y[::3]


class EveryThirdByIndex(BaseEstimator):
    """Says which rows it took, as imbalanced-learn's samplers do."""

    def fit_resample(self, X, y):
        self.sample_indices_ = np.arange(0, len(X), 3)
        return X[self.sample_indices_], y[self.sample_indices_]


class Selector(BaseEstimator):
    """Weighted selector: m rows, weights that sum to n; keeps the importances it was given."""

    def __init__(self, n_samples=100):
        self.n_samples = n_samples

    def fit(self, X, y, sample_weight=None):
        self.importance_ = sample_weight
        return self

    def fit_resample(self, X, y, sample_weight=None):
        self.fit(X, y, sample_weight)
        n = len(X)
        rows = np.random.default_rng(0).choice(n, self.n_samples, replace=False)
        self.sample_indices_ = np.sort(rows)
        self.sample_weight_ = np.full(self.n_samples, n / self.n_samples)
        return X[self.sample_indices_], y[self.sample_indices_]

    def propagate(self, values):
        return np.asarray(values)[self.sample_indices_]


@pytest.fixture
def kit():
    """The classes above, by name: test modules are not importable from one another."""
    return SimpleNamespace(
        Recorder=Recorder,
        EveryThird=EveryThird,
        EveryThirdByIndex=EveryThirdByIndex,
        Selector=Selector,
    )


@pytest.fixture(scope="session")
def data():
    """The spec's 600 rows, 539 and 61 in the classes, with positive weights."""
    X, y = make_classification(600, weights=[0.9], random_state=0)
    return X, y, np.random.default_rng(0).uniform(0.5, 2.0, len(y))


@pytest.fixture
def routing():
    """Metadata routing switched on for one test."""
    with config_context(enable_metadata_routing=True):
        yield
