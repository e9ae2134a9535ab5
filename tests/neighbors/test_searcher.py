"""Neighbour searchers as samplers hold them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsTransformer, NearestNeighbors

from sampkit.neighbors import VerifiedNeighbors, knn, neighbors_of

D = np.random.default_rng(5).standard_normal((80, 6))
ROWS = np.array([3, 60, 3, 0])


class Answers:
    """A searcher that answers what it is told."""

    n_neighbors = 3

    def __init__(self, found):
        self.found = found
        self.fits = 0

    def fit(self, D):
        self.fits += 1

    def kneighbors(self, Q, return_distance):
        assert not return_distance
        return self.found


@pytest.mark.parametrize(
    "searcher",
    [
        None,
        VerifiedNeighbors(n_neighbors=5),
        NearestNeighbors(n_neighbors=5),
        NearestNeighbors(n_neighbors=20, algorithm="brute"),
        KNeighborsTransformer(n_neighbors=5),
    ],
)
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_neighbors_of(searcher, container):
    found = neighbors_of(searcher, container(D), ROWS, 4)
    assert found.dtype == np.intp
    assert_array_equal(found, knn(D, 4)[ROWS])


def test_the_row_itself_goes_by_its_number():
    duplicates = np.zeros((30, 2))
    found = neighbors_of(NearestNeighbors(n_neighbors=4), duplicates, np.arange(30), 3)
    assert found.shape == (30, 3)
    assert (found != np.arange(30)[:, None]).all()
    # present: it is taken out where it stands; absent: the last neighbour goes
    assert_array_equal(
        neighbors_of(Answers(np.array([[7, 3, 9], [1, 2, 4]])), D, [3, 60], 2), [[7, 9], [1, 2]]
    )


def test_fit_is_left_out_on_demand():
    searcher = Answers(np.array([[1, 2, 3]]))
    neighbors_of(searcher, D, [0], 2, fit=False)
    assert searcher.fits == 0
    neighbors_of(searcher, D, [0], 2)
    assert searcher.fits == 1


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (np.array([[3, 5]]), "Answers found only 1 other rows for some row, k = 2 are needed"),
        (np.array([[5]]), "Answers found only 1 other rows"),
        (np.array([[5, 6, -1]]), r"Answers.kneighbors must return row numbers in \[0, 80\)"),
        (np.array([[5, 6, 80]]), r"row numbers in \[0, 80\), got values from 5 to 80"),
        (np.array([[5.0, 6.0, 7.0]]), "must return row numbers of shape .*, got float64"),
        (
            np.array([5, 6, 7]),
            r"row numbers of shape \(1, n_neighbors\), got int64 of shape \(3,\)",
        ),
        (np.array([[5, 6], [7, 8]]), r"shape \(1, n_neighbors\), got int64 of shape \(2, 2\)"),
    ],
)
def test_unusable_answers(found, message):
    with pytest.raises(ValueError, match=message):
        neighbors_of(Answers(found), D, [3], 2)


def test_verified_neighbors_is_an_estimator():
    searcher = VerifiedNeighbors(n_neighbors=4)
    assert clone(searcher).get_params() == {"n_neighbors": 4}
    with pytest.raises(NotFittedError):
        searcher.kneighbors()
    neighbors_of(searcher, D, ROWS, 3)
    assert vars(searcher) == {"n_neighbors": 4}  # samplers keep no index
    searcher.fit(D)
    assert (searcher.n_samples_fit_, searcher.n_features_in_) == (80, 6)
    again = pickle.loads(pickle.dumps(searcher))
    assert_array_equal(again.kneighbors(return_distance=False), knn(D, 4))


def test_kneighbors_answers_as_scikit_learn_does():
    ours, theirs = VerifiedNeighbors(3).fit(D), NearestNeighbors(n_neighbors=3).fit(D)
    for arguments in ({}, {"X": D[:9]}, {"X": D[:9] + 0.1, "n_neighbors": 7}):
        expected = theirs.kneighbors(**arguments)
        got = ours.kneighbors(arguments.pop("X", None), **arguments)
        assert_array_equal(got[1], expected[1])
        assert_allclose(got[0], expected[0])
    assert_array_equal(ours.kneighbors(D[:2].tolist(), 1, False), [[0], [1]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.fit(D[0]), r"D must be a matrix \(n, d\), got shape \(6,\)"),
        (lambda s: s.fit(D).kneighbors([1, 2]), r"Q must be a matrix \(q, d\), got shape \(2,\)"),
        (lambda s: s.fit(D).kneighbors(D[:, :2]), "query must have the 6 columns of X, got 2"),
        (lambda s: s.fit(D).kneighbors(n_neighbors=80), "k = 80 .* only 79 of the 80"),
        (lambda s: s.set_params(n_neighbors=0).fit(D).kneighbors(), "k must be .* got 0"),
    ],
)
def test_bad_calls(call, message):
    with pytest.raises(ValueError, match=message):
        call(VerifiedNeighbors())
