"""Samplers on arrays of another library: the rows of the NumPy result, never a hidden conversion.

CuPy is played by a stand-in that refuses what a device refuses; where the real one finds a GPU, the
tests of this file run on it too.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.datasets import make_classification
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.fixes import parse_version

from sampkit.combine import SMOTEENN, SMOTETomek, SMOTEUnder
from sampkit.over_sampling import ADASYN, SMOTE, SMOTEN, SMOTENC, BorderlineSMOTE, RandomOverSampler
from sampkit.under_sampling import EditedNearestNeighbours, RandomUnderSampler, TomekLinks

SAMPLERS = [
    SMOTE(random_state=0),
    SMOTE(random_state=0, gap="feature", constraints={0: "integer", 1: (-0.5, 0.5)}),
    SMOTE(random_state=0, k_neighbors="auto", allocation="random"),
    SMOTEUnder(over=150, under=80, random_state=0),
    RandomUnderSampler(random_state=0),
    RandomOverSampler(random_state=0),
    RandomOverSampler(random_state=0, shrinkage=0.5),
    BorderlineSMOTE(random_state=0),
    ADASYN(random_state=0),
    TomekLinks(),
    EditedNearestNeighbours(),
    SMOTEENN(random_state=0),
    SMOTETomek(random_state=0),
    SMOTEN(random_state=0),
    SMOTENC([4, 1], random_state=0),
]


def a_real_device():
    try:
        import cupy

        return cupy if cupy.cuda.runtime.getDeviceCount() else None
    except Exception:  # no CuPy, no driver, no device: each has errors of its own
        return None


@pytest.fixture(params=["stand-in", "device"] if a_real_device() else ["stand-in"])
def cupy(request):
    return a_real_device() if request.param == "device" else request.getfixturevalue("fake_cupy")


def data(dtype=np.float64):
    X, y = make_classification(
        300, 6, n_informative=4, n_classes=3, weights=[0.6, 0.25], class_sep=0.6, random_state=1
    )
    return (10 * X if np.dtype(dtype).kind == "i" else X).astype(dtype), y


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("dtype", ["f8", "f4", "i4"])
def test_device_arrays_equal_numpy(cupy, sampler, dtype):
    X, y = data(dtype)
    X_res, y_res = sampler.fit_resample(X, y)
    D = cupy.asarray(X)
    X_out, y_out = sampler.fit(D, y).fit_resample(D, y)
    assert isinstance(X_out, cupy.ndarray)
    assert X_out.dtype == X_res.dtype
    assert sampler.n_features_in_ == 6
    # the noise of a smoothed bootstrap is scaled by a sum that a device may take in another order
    assert_allclose(X_out.get(), X_res, rtol=1e-6 if dtype == "f4" else 1e-12)
    assert isinstance(y_out, np.ndarray)
    assert_array_equal(y_out, y_res)
    assert_array_equal(D.get(), X)


def test_labels_on_the_device_stay_there(cupy):
    X, y = data()
    _, y_res = SMOTE(random_state=0).fit_resample(X, y)
    for rows in (X, cupy.asarray(X)):
        _, y_out = SMOTE(random_state=0).fit_resample(rows, cupy.asarray(y))
        assert isinstance(y_out, cupy.ndarray)
        assert_array_equal(y_out.get(), y_res)


def test_batches_are_those_of_fit_resample(cupy):
    X, y = data()
    sampler = SMOTE(random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    batches = list(sampler.iter_synthetic(cupy.asarray(X), cupy.asarray(y), batch=64))
    assert all(isinstance(part, cupy.ndarray) for batch in batches for part in batch)
    assert_allclose(np.concatenate([b.get() for b, _ in batches]), X_res[len(X) :], rtol=1e-12)
    assert_array_equal(np.concatenate([b.get() for _, b in batches]), y_res[len(X) :])


def test_provenance_is_on_the_host_and_carries_device_values(cupy):
    X, y = data()
    weights = np.random.default_rng(0).random(len(y))
    here, there = SMOTE(random_state=0), SMOTE(random_state=0)
    here.fit_resample(X, y, seed_weights=weights)
    there.fit_resample(cupy.asarray(X), y, seed_weights=cupy.asarray(weights))
    for a, b in zip(here.provenance_, there.provenance_, strict=True):
        assert isinstance(b, np.ndarray)
        assert_array_equal(a, b)
    carried = there.propagate(cupy.asarray(weights))
    assert isinstance(carried, cupy.ndarray)
    assert_array_equal(carried.get(), here.propagate(weights))
    groups = there.propagate(cupy.asarray(y))
    assert_array_equal(groups.get(), here.propagate(y))


def test_rows_leave_the_device_for_none_but_the_search(fake_cupy, monkeypatch):
    X, y = data()
    sizes = []
    get = fake_cupy.ndarray.get
    monkeypatch.setattr(fake_cupy.ndarray, "get", lambda a: (sizes.append(a.size), get(a))[1])
    sampler = SMOTE(random_state=0, sampling_strategy="minority", k_neighbors=5)
    sampler.fit_resample(fake_cupy.asarray(X), y)
    assert len(sizes) == 1  # the neighbours' row numbers, of one class
    assert sizes[0] <= 5 * (y == np.bincount(y).argmin()).sum()


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones(300), "Expected 2D array, got 1D"),
        (np.full((300, 2), np.nan), "NaN"),
        (np.full((300, 2), np.inf), "infinity"),
        (np.ones((300, 2), dtype=complex), "real numbers"),
        (np.ones((200, 2)), "inconsistent numbers of samples"),
    ],
)
def test_bad_device_arrays(cupy, X, message):
    with pytest.raises(ValueError, match=message):
        SMOTE().fit(cupy.asarray(X), data()[1])


def test_a_neighbour_object_gets_the_device_array(fake_cupy):
    X, y = data()
    seen = []

    class Index(NearestNeighbors):
        def fit(self, D, y=None):
            seen.append(type(D))
            return super().fit(D.get())

        def kneighbors(self, Q, return_distance=False):
            return super().kneighbors(Q.get(), return_distance=return_distance)

    sampler = SMOTE(random_state=0, k_neighbors=Index(n_neighbors=6))
    X_out, _ = sampler.fit_resample(fake_cupy.asarray(X), y)
    assert set(seen) == {fake_cupy.ndarray}
    X_res, _ = SMOTE(random_state=0).fit_resample(X, y)
    assert_allclose(X_out.get(), X_res, rtol=1e-12)


@pytest.mark.xfail(
    parse_version(scipy.__version__) < parse_version("1.14"),
    raises=ImportError,
    reason="scikit-learn dispatches on other namespaces from SciPy 1.14 on, and says so",
)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_array_api_arrays_come_back_as_they_came(sampler):
    xp = pytest.importorskip("array_api_strict")
    X, y = data()
    X_res, y_res = sampler.fit_resample(X, y)
    with config_context(array_api_dispatch=True):
        X_out, y_out = sampler.fit_resample(xp.asarray(X), xp.asarray(y))
    assert X_out.__array_namespace__() is xp
    assert y_out.__array_namespace__() is xp
    assert_array_equal(np.asarray(X_out), X_res)
    assert_array_equal(np.asarray(y_out), y_res)
