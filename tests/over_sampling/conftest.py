"""Data with known answers, and the samplers that make numeric rows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from sampkit.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE

GENERATORS = {
    "smote": SMOTE(),
    "smote-random": SMOTE(allocation="random", k_neighbors=3),
    "smote-auto": SMOTE(k_neighbors="auto"),
    "borderline-1": BorderlineSMOTE(),
    "borderline-2": BorderlineSMOTE(kind="borderline-2", k_neighbors=3, m_neighbors=5),
    "svm": SVMSMOTE(k_neighbors=3, m_neighbors=5),
    "kmeans": KMeansSMOTE(kmeans_estimator=2, cluster_balance_threshold=0.1),
    "adasyn": ADASYN(),
}


class RecordingNeighbors(BaseEstimator):
    """Brute force over all pairs; keeps the rows that it was fitted on. The metric is ignored."""

    def __init__(self, n_neighbors=6, metric="euclidean"):
        self.n_neighbors = n_neighbors
        self.metric = metric

    def fit(self, D, y=None):
        self.D_ = D.toarray() if hasattr(D, "toarray") else np.array(D)
        return self

    def distances(self, Q=None):
        """Distances of the points to the rows; None: among the rows."""
        if self.metric == "precomputed":
            return np.array(self.D_ if Q is None else Q, dtype=float)
        Q = self.D_ if Q is None else (Q.toarray() if hasattr(Q, "toarray") else np.asarray(Q))
        return np.sqrt(((Q[:, None] - self.D_[None]) ** 2).sum(axis=2))

    def kneighbors(self, Q, n_neighbors=None, return_distance=True):
        distance = self.distances(Q)
        k = n_neighbors or self.n_neighbors
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :k]
        if return_distance:
            return np.take_along_axis(distance, nearest, axis=1), nearest
        return nearest


@pytest.fixture(autouse=True, scope="module")
def one_openmp_thread():
    """k-means on a few rows is all waiting for threads, above all beside other tests."""
    with threadpool_limits(1, user_api="openmp"):
        yield


@pytest.fixture(scope="session")
def kit():
    """Names of this file for test modules, which cannot import one another."""
    return SimpleNamespace(GENERATORS=GENERATORS, RecordingNeighbors=RecordingNeighbors)


@pytest.fixture(scope="session", params=GENERATORS.values(), ids=GENERATORS.keys())
def generator(request):
    """Each sampler of numeric rows in turn; clone it."""
    return request.param


@pytest.fixture(scope="session")
def twenty():
    """The 20 points of imbalanced-learn 0.14.2's test_smote.py, 8 of class 0."""
    X = np.array(
        [
            [0.11622591, -0.0317206], [0.77481731, 0.60935141], [1.25192108, -0.22367336],
            [0.53366841, -0.30312976], [1.52091956, -0.49283504], [-0.28162401, -2.10400981],
            [0.83680821, 1.72827342], [0.3084254, 0.33299982], [0.70472253, -0.73309052],
            [0.28893132, -0.38761769], [1.15514042, 0.0129463], [0.88407872, 0.35454207],
            [1.31301027, -0.92648734], [-1.11515198, -0.93689695], [-0.18410027, -0.45194484],
            [0.9281014, 0.53085498], [-0.14374509, 0.27370049], [-0.41635887, -0.38299653],
            [0.08711622, 0.93259929], [1.70580611, -0.11219234],
        ]
    )  # fmt: skip
    return X, np.array([0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0])


@pytest.fixture(scope="session")
def overlapping():
    """400 rows of two classes that overlap, 60 of them rare; four columns without ties."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [340, 60]))
    return rng.normal(size=(400, 4)) + 1.2 * y[:, None], y
