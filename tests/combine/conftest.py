"""Every sampler of the three folders, and imbalanced-learn's bases that they stand for."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sampkit.combine import SMOTEENN, SMOTETomek, SMOTEUnder
from sampkit.over_sampling import (
    ADASYN,
    SMOTE,
    SMOTEN,
    SMOTENC,
    SVMSMOTE,
    BorderlineSMOTE,
    KMeansSMOTE,
    RandomOverSampler,
)
from sampkit.under_sampling import EditedNearestNeighbours, RandomUnderSampler, TomekLinks

EVERY = {
    "smote": SMOTE(),
    "smote-feature": SMOTE(gap="feature"),
    "smotenc": SMOTENC([0]),
    "smoten": SMOTEN(),
    "borderline-1": BorderlineSMOTE(),
    "borderline-2": BorderlineSMOTE(kind="borderline-2"),
    "svm": SVMSMOTE(),
    "kmeans": KMeansSMOTE(kmeans_estimator=3, cluster_balance_threshold=0.0),
    "adasyn": ADASYN(),
    "random-over": RandomOverSampler(),
    "smoothed": RandomOverSampler(shrinkage=0.5),
    "random-under": RandomUnderSampler(),
    "enn": EditedNearestNeighbours(),
    "tomek": TomekLinks(),
    "smote-enn": SMOTEENN(),
    "smote-tomek": SMOTETomek(),
    "smote-under": SMOTEUnder(),
}


@pytest.fixture(autouse=True, scope="module")
def one_openmp_thread():
    """k-means on a few rows is all waiting for threads, above all beside other tests."""
    with threadpool_limits(1, user_api="openmp"):
        yield


@pytest.fixture(scope="session")
def kit():
    """Names of this file for test modules, which cannot import one another."""
    return SimpleNamespace(EVERY=EVERY)


@pytest.fixture(scope="session", params=EVERY.values(), ids=EVERY.keys())
def sampler(request):
    """Each of them in turn; clone it."""
    return request.param


@pytest.fixture(scope="session")
def overlapping():
    """240 rows of two classes, 40 rare; two columns mostly 0, two without ties."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [200, 40]))
    X = rng.normal(size=(240, 4)) + 1.2 * y[:, None]
    X[:, :2] = np.where(rng.random((240, 2)) < 0.6, 0.0, np.rint(X[:, :2]))
    return X, y
