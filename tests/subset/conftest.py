"""Estimators that note what they are given, and containers that note what is asked of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.datasets import load_digits


class Recorder(ClassifierMixin, BaseEstimator):
    """Predicts the first class; keeps every call of ``partial_fit``."""

    def __init__(self, rate=0.5, stop_after=None, random_state=None):
        self.rate = rate
        self.stop_after = stop_after
        self.random_state = random_state

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        calls = self.__dict__.setdefault("calls_", [])
        calls.append({"X": X, "y": y, "classes": classes, "weight": sample_weight})
        if len(calls) == self.stop_after:
            raise KeyboardInterrupt
        if classes is not None:
            self.classes_ = classes
        return self

    def predict(self, X):
        return np.full(np.shape(X)[0], self.classes_[0])


class MeanOfTargets(RegressorMixin, BaseEstimator):
    """Running mean of all targets seen; takes no weights."""

    def partial_fit(self, X, y):
        self.n_, self.sum_ = getattr(self, "n_", 0) + len(y), getattr(self, "sum_", 0.0) + y.sum()
        return self

    def predict(self, X):
        return np.full(len(X), self.sum_ / self.n_)


class OnlySlices:
    """What h5py and zarr have in common: a shape, a dtype, and slices of rows."""

    def __init__(self, X):
        self._rows, self.shape, self.dtype, self.asked = X, X.shape, X.dtype, []

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        assert rows.step is None
        assert rows.start >= 0
        assert rows.stop <= self.shape[0]
        self.asked.append((rows.start, rows.stop))
        return self._rows[rows]


@pytest.fixture
def kit():
    """The classes above, by name: test modules are not importable from one another."""
    return SimpleNamespace(Recorder=Recorder, MeanOfTargets=MeanOfTargets, OnlySlices=OnlySlices)


@pytest.fixture(scope="session")
def digits():
    """1347 training and 450 test rows in [0, 1], shuffled."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order] / 16, y[order]
    return X[:1347], y[:1347], X[1347:], y[1347:]


@pytest.fixture
def routing():
    """Metadata routing switched on for one test."""
    with config_context(enable_metadata_routing=True):
        yield
