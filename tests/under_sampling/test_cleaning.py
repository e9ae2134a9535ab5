"""Edited nearest neighbours and Tomek links against their definitions, read aloud in loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.neighbors import NearestNeighbors

from sampkit.testing import imbalanced_datasets
from sampkit.under_sampling import EditedNearestNeighbours, TomekLinks

three_classes = imbalanced_datasets(counts=[(14, 25), (8, 12), (7, 10)])
STRATEGIES = ["auto", "all", "majority", "not minority", "not majority"]

# imbalanced-learn 0.14.2, test_edited_nearest_neighbours.py
POINTS = np.array(
    [
        [2.59928271, 0.93323465], [0.25738379, 0.95564169], [1.42772181, 0.526027],
        [1.92365863, 0.82718767], [-0.10903849, -0.12085181], [-0.284881, -0.62730973],
        [0.57062627, 1.19528323], [0.03394306, 0.03986753], [0.78318102, 2.59153329],
        [0.35831463, 1.33483198], [-0.14313184, -1.0412815], [0.01936241, 0.17799828],
        [-1.25020462, -0.40402054], [-0.09816301, -0.74662486], [-0.01252787, 0.34102657],
        [0.52726792, -0.38735648], [0.2821046, -0.07862747], [0.05230552, 0.09043907],
        [0.15198585, 0.12512646], [0.70524765, 0.39816382],
    ]
)  # fmt: skip
LABELS = np.array([1, 2, 1, 1, 0, 2, 2, 2, 2, 2, 2, 0, 1, 2, 2, 2, 2, 1, 2, 1])

# imbalanced-learn 0.14.2, test_tomek_links.py
LINKED = np.array(
    [
        [0.31230513, 0.1216318], [0.68481731, 0.51935141], [1.34192108, -0.13367336],
        [0.62366841, -0.21312976], [1.61091956, -0.40283504], [-0.37162401, -2.19400981],
        [0.74680821, 1.63827342], [0.2184254, 0.24299982], [0.61472253, -0.82309052],
        [0.19893132, -0.47761769], [1.06514042, -0.0770537], [0.97407872, 0.44454207],
        [1.40301027, -0.83648734], [-1.20515198, -1.02689695], [-0.27410027, -0.54194484],
        [0.8381014, 0.44085498], [-0.23374509, 0.18370049], [-0.32635887, -0.29299653],
        [-0.00288378, 0.84259929], [1.79580611, -0.02219234],
    ]
)  # fmt: skip
LINKED_LABELS = np.array([1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0])


def nearest_by_loops(X, k):
    """Row numbers, nearest first, of equally near rows the lower number; not the row itself."""
    X = X.astype(np.float64)
    found = []
    for i, row in enumerate(X):
        distance = ((X - row) ** 2).sum(axis=1)
        order = np.argsort(distance, kind="stable")
        found.append(order[order != i][:k])
    return np.array(found)


def enn_by_loops(X, y, targeted, k, kind_sel):
    kept = []
    for i, neighbors in enumerate(nearest_by_loops(X, k)):
        votes = y[neighbors]
        if y[i] not in targeted:
            kept.append(i)
        elif kind_sel == "all":
            if (votes == y[i]).all():
                kept.append(i)
        else:
            labels, counts = np.unique(votes, return_counts=True)  # labels sorted: the first wins
            if labels[counts.argmax()] == y[i]:
                kept.append(i)
    return kept


def tomek_by_loops(X, y, targeted):
    nearest = nearest_by_loops(X, 1)[:, 0]
    linked = [i for i, j in enumerate(nearest) if nearest[j] == i and y[i] != y[j]]
    return [i for i in range(len(y)) if not (i in linked and y[i] in targeted)]


@settings(max_examples=60)
@given(
    data=three_classes,
    k=st.integers(1, 6),
    kind_sel=st.sampled_from(["all", "mode"]),
    strategy=st.sampled_from(STRATEGIES),
)
def test_enn_by_definition(data, k, kind_sel, strategy):
    X, y = data
    sampler = EditedNearestNeighbours(n_neighbors=k, kind_sel=kind_sel, sampling_strategy=strategy)
    X_res, y_res = sampler.fit_resample(X, y)
    kept = enn_by_loops(X, y, list(sampler.sampling_strategy_), k, kind_sel)
    assert sampler.sample_indices_.tolist() == kept  # trap 10: in the order of the input
    assert X_res.tobytes() == X[kept].tobytes()
    assert (y_res == y[kept]).all()


@settings(max_examples=60)
@given(data=three_classes, strategy=st.sampled_from(STRATEGIES))
def test_tomek_links_by_definition(data, strategy):
    X, y = data
    sampler = TomekLinks(sampling_strategy=strategy)
    X_res, y_res = sampler.fit_resample(X, y)
    kept = tomek_by_loops(X, y, list(sampler.sampling_strategy_))
    assert sampler.sample_indices_.tolist() == kept
    assert X_res.tobytes() == X[kept].tobytes()
    assert (y_res == y[kept]).all()


@settings(max_examples=25)
@given(data=imbalanced_datasets(quirks=(), dtypes=["float64"]), order=st.randoms())
def test_neither_depends_on_the_order_of_rows_or_columns(data, order):
    X, y = data
    rows, columns = list(range(len(y))), list(range(X.shape[1]))
    order.shuffle(rows)
    order.shuffle(columns)
    for cls in (EditedNearestNeighbours, TomekLinks):
        one, other = cls(), cls()
        one.fit_resample(X, y)
        other.fit_resample(X[np.ix_(rows, columns)], y[rows])
        assert sorted(np.array(rows)[other.sample_indices_]) == one.sample_indices_.tolist()


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [
        ({}, [0, 1, 3, 4, 8, 11, 15]),
        ({"kind_sel": "mode"}, [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 13, 15, 16]),
        (
            {"kind_sel": "mode", "n_neighbors": NearestNeighbors(n_neighbors=4)},
            [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 13, 15, 16],
        ),
    ],
)
def test_the_peers_twenty_points(parameters, kept):
    """imbalanced-learn 0.14.2, test_edited_nearest_neighbours.py; there grouped by class."""
    sampler = EditedNearestNeighbours(**parameters)
    sampler.fit_resample(POINTS, LABELS)
    assert sampler.sample_indices_.tolist() == kept


def test_the_peers_links():
    """imbalanced-learn 0.14.2, test_tomek_links.py: rows 10, 14 and 15 go."""
    sampler = TomekLinks()
    sampler.fit_resample(LINKED, LINKED_LABELS)
    assert np.setdiff1d(np.arange(20), sampler.sample_indices_).tolist() == [10, 14, 15]


def test_all_is_stricter_than_mode():
    X, y = make_classification(1000, weights=[0.3], random_state=0)
    kept = []
    for kind_sel in ("all", "mode"):
        sampler = EditedNearestNeighbours(kind_sel=kind_sel)
        sampler.fit_resample(X, y)
        kept.append(set(sampler.sample_indices_))
    assert kept[0] < kept[1]


@pytest.mark.parametrize("cls", [EditedNearestNeighbours, TomekLinks])
@pytest.mark.parametrize("copies", [2, 5])
def test_twins_are_neighbours_and_the_row_itself_is_none(cls, copies):
    """Trap 8 and 12: among duplicates of one class no row is dropped, whatever column it is in."""
    X = np.repeat([[0.0, 0.0], [5.0, 5.0], [9.0, 0.0]], copies, axis=0)
    y = np.repeat([0, 1, 0], copies)
    sampler = cls(sampling_strategy="all")
    if cls is EditedNearestNeighbours:
        sampler.set_params(n_neighbors=copies - 1)
    sampler.fit_resample(X, y)
    assert len(sampler.sample_indices_) == 3 * copies


def test_twins_of_two_classes_are_a_link():
    X = np.array([[0.0], [0.0], [9.0], [9.5], [10.0]])
    sampler = TomekLinks(sampling_strategy="all")
    sampler.fit_resample(X, [0, 1, 0, 0, 1])
    assert sampler.sample_indices_.tolist() == [2, 3, 4]


@pytest.mark.parametrize("cls", [EditedNearestNeighbours, TomekLinks])
@pytest.mark.parametrize("form", [sp.csr_array, sp.csc_matrix, pd.DataFrame, np.float32])
def test_the_same_rows_of_every_container(cls, form):
    rng = np.random.default_rng(0)
    X, y = np.rint(rng.normal(size=(150, 4)) * 3), rng.integers(3, size=150)
    plain, other = cls(), cls()
    plain.fit_resample(X, y)
    X_res, _ = other.fit_resample(form(X), y)
    assert (other.sample_indices_ == plain.sample_indices_).all()
    assert type(X_res) is type(form(X))


@pytest.mark.parametrize("wanted", [[2], [2, 0], [1, 0, 2]])
def test_a_list_of_classes(wanted):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 2)), np.repeat([0, 1, 2], 30)
    for cls in (EditedNearestNeighbours, TomekLinks):
        sampler = cls(sampling_strategy=wanted)
        _, y_res = sampler.fit_resample(X, y)
        assert list(sampler.sampling_strategy_) == sorted(wanted)
        for label in (0, 1, 2):
            assert ((y_res == label).sum() < 30) == (label in wanted)


def test_a_class_may_vanish():
    X, y = np.arange(9.0)[:, None], np.array([0] * 4 + [1] + [0] * 4)
    sampler = EditedNearestNeighbours(sampling_strategy="all", n_neighbors=1)
    _, y_res = sampler.fit_resample(X, y)
    assert set(y_res) == {0}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_neighbors": 0}, "'n_neighbors' parameter of EditedNearestNeighbours must be"),
        ({"n_neighbors": 20}, "Expected n_neighbors <= n_samples_fit, but n_neighbors = 21"),
        ({"n_neighbors": NearestNeighbors(n_neighbors=1)}, "counts the row itself .* got 1"),
        ({"kind_sel": "most"}, "'kind_sel' parameter of EditedNearestNeighbours must be"),
        ({"sampling_strategy": {0: 1}}, "'sampling_strategy' parameter of Edited"),
        ({"sampling_strategy": ["a"]}, "'a' is/are not present"),
    ],
)
def test_errors(parameters, message):
    with pytest.raises(ValueError, match=message):
        EditedNearestNeighbours(**parameters).fit_resample(POINTS, LABELS)


def test_the_searcher_is_kept_and_counts_the_row_itself():
    sampler = EditedNearestNeighbours()
    sampler.fit_resample(POINTS, LABELS)
    assert sampler.nn_.n_neighbors == 4
    own = NearestNeighbors(n_neighbors=3)
    sampler.set_params(n_neighbors=own).fit_resample(POINTS, LABELS)
    assert sampler.nn_ is not own
    assert not hasattr(own, "n_samples_fit_")


def test_links_remember_the_searcher_of_one_neighbour():
    """As the peer counts: the row itself and one other."""
    sampler = TomekLinks()
    sampler.fit_resample(np.arange(6.0).reshape(-1, 1), [0, 0, 0, 0, 1, 1])
    assert sampler.nn_.n_neighbors == 2
