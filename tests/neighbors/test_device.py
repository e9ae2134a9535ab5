"""The path for CuPy arrays, run on a stand-in that refuses what a device refuses."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neighbors import NearestNeighbors

from sampkit._array import namespace, on_host, validate_device
from sampkit.neighbors import VerifiedNeighbors, _device, knn, neighbors_of


def cases() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    base = rng.standard_normal((240, 9))
    return {
        "gaussian": base,
        "float32": base.astype(np.float32),
        "few columns": base[:, :2],
        "offset": base + 1e6,
        "clusters": 1e-6 * base + 1e3 * (np.arange(240) % 2)[:, None],
        "outlier": np.vstack([base[:-1], np.full((1, 9), 1e6)]),
        "repeated": np.repeat(base[:8], 30, axis=0),
        "grid": np.rint(base),
        "constant": np.ones((40, 3)),
        "tiny": base * 1e-30,
        "huge": base * 1e250,
        "tiniest": base * 1e-300,
        "integers": np.rint(10 * base).astype(np.int64),
    }


@pytest.mark.parametrize("name", cases())
@pytest.mark.parametrize("block", [32768, 50])
def test_equals_the_host(fake_cupy, monkeypatch, name, block):
    monkeypatch.setattr(_device, "DATA_BLOCK", block)
    monkeypatch.setattr(_device, "BLOCK_BYTES", 64 * 240 * 60)
    X = cases()[name]
    distance, index = knn(fake_cupy.asarray(X), 5, return_distance=True)
    assert isinstance(index, fake_cupy.ndarray)
    assert index.dtype == np.intp
    expected, rows = knn(X, 5, return_distance=True)
    assert_array_equal(index.get(), rows)
    assert_allclose(distance.get(), expected, rtol=1e-12)


def test_rows_and_points(fake_cupy):
    X = cases()["gaussian"]
    D = fake_cupy.asarray(X)
    rows = np.array([7, 3, 3])
    for query in (rows, fake_cupy.asarray(rows), [7, 3, 3]):
        assert_array_equal(knn(D, 4, query=query).get(), knn(X, 4, query=rows))
    found = knn(D, 4, query=D[:5], exclude=[0, -1, 2, -1, 4])
    assert_array_equal(found.get(), knn(X, 4, query=X[:5], exclude=[0, -1, 2, -1, 4]))
    assert knn(D, 2, query=D[:0]).shape == (0, 2)


def test_tensor_float_32_is_not_trusted(fake_cupy, monkeypatch):
    seen = []
    make = _device.Frame
    monkeypatch.setattr(
        _device, "Frame", lambda c, r, dtype: seen.append(dtype) or make(c, r, dtype)
    )
    monkeypatch.setenv("CUPY_TF32", "1")
    knn(fake_cupy.asarray(cases()["gaussian"]), 3)
    assert seen == [np.float64]


def test_searchers(fake_cupy):
    X = cases()["gaussian"]
    D = fake_cupy.asarray(X)
    rows = np.array([2, 100, 7])
    expected = knn(X, 3, query=rows)
    for searcher in (None, VerifiedNeighbors(4), OnDevice(fake_cupy)):
        found = neighbors_of(searcher, D, rows, 3)
        assert isinstance(found, np.ndarray)
        assert_array_equal(found, expected)
    distance, index = VerifiedNeighbors(2).fit(D).kneighbors(D[:3])
    assert_array_equal(index.get()[:, 0], [0, 1, 2])
    assert_array_equal(distance.get()[:, 0], 0)


class OnDevice:
    """A searcher of the user's that wants device arrays and returns one."""

    n_neighbors = 4

    def __init__(self, cupy):
        self.cupy = cupy

    def fit(self, D):
        self.host = NearestNeighbors(n_neighbors=4).fit(D.get())

    def kneighbors(self, Q, return_distance=True):
        return self.cupy.asarray(self.host.kneighbors(Q.get(), return_distance=return_distance))


def test_refusals_of_the_stand_in(fake_cupy):
    D = fake_cupy.asarray(np.ones((3, 2)))
    for broken in (
        lambda: np.asarray(D),
        lambda: np.sqrt(D),
        lambda: np.concatenate([D, D]),
        lambda: D + np.ones((3, 2)),
        lambda: D[np.array([0])],
        lambda: fake_cupy.take(D, fake_cupy.asarray([0]), axis=0, mode="clip"),
        lambda: fake_cupy.lexsort((D[0], D[1])),
        lambda: fake_cupy.repeat(D[0], fake_cupy.asarray([1, 2])),
        lambda: D.max(initial=0),
        lambda: fake_cupy.sqrt(2.0),
    ):
        with pytest.raises(TypeError):
            broken()
    with pytest.raises(ValueError, match="stably"):
        fake_cupy.sort(D, kind="quicksort")
    for name in ("permutation", "choice", "shuffle"):
        assert not hasattr(fake_cupy.random.default_rng(0), name)


def test_points_on_a_device_for_rows_that_are_not(fake_cupy):
    with pytest.raises(ValueError, match="query must be in main memory"):
        knn(np.ones((4, 2)), 1, query=fake_cupy.ones((1, 2)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda xp, D: knn(D, 0), "k must be a whole number >= 1, got 0"),
        (lambda xp, D: knn(D, 12), "k = 12 .* only 11 of the 12"),
        (lambda xp, D: knn(D, 1, method="tree"), "method 'tree'"),
        (lambda xp, D: knn(D, 1, query=[12]), r"query .* in \[0, 12\), got 12"),
        (lambda xp, D: knn(D, 1, query=np.ones((2, 3))), "query must be on the device"),
        (lambda xp, D: knn(D, 1, query=D[:, :2]), "query must have the 3 columns of X, got 2"),
        (lambda xp, D: knn(D, 1, exclude=[0]), "exclude goes with"),
        (lambda xp, D: knn(D, 1, query=D, exclude=[0]), "one row number per point, got 1 for 12"),
        (lambda xp, D: knn(D[0], 1), "Expected 2D array, got 1D"),
        (lambda xp, D: knn(D[:0], 1), r"X has shape \(0, 3\)"),
        (lambda xp, D: knn(D.astype(xp.float64) * 1j, 1), "real numbers, got dtype complex"),
        (lambda xp, D: knn(D * np.nan, 1), "X contains NaN"),
        (lambda xp, D: knn(D, 1, query=D * np.inf), "query contains"),
    ],
)
def test_bad_input(fake_cupy, call, message):
    D = fake_cupy.asarray(np.random.default_rng(0).standard_normal((12, 3)))
    with pytest.raises(ValueError, match=message):
        call(fake_cupy, D)


def test_validate_device(fake_cupy):
    D = fake_cupy.ones((3, 2), dtype=np.float32)
    assert namespace(D) is fake_cupy
    assert namespace([1.0]) is np
    assert_array_equal(on_host(D), np.ones((3, 2)))
    assert validate_device(D) is D
    assert validate_device(D.astype(np.int8)).dtype == np.float64
    assert validate_device(D.astype(np.float16)).dtype == np.float32
    most = float(np.finfo(np.float64).max)
    big = fake_cupy.full((2, 2), most)
    assert validate_device(big) is big  # the sum overflows, the entries are finite
