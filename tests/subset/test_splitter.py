"""The splitter in scikit-learn's tools."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, check_cv, cross_validate

from sampkit.subset import RepeatedRandomSubset, iter_random_subsets


@given(st.integers(2, 60), st.floats(0.02, 1), st.booleans())
def test_subset_and_complement_part_the_rows(n, share, replacement):
    splitter = RepeatedRandomSubset(5, share, replacement=replacement, random_state=0)
    X = np.zeros((n, 1))
    pairs = list(splitter.split(X))
    assert len(pairs) == splitter.get_n_splits() == 5
    for (subset, rest), alone in zip(pairs, splitter.subsets(X), strict=True):
        assert np.array_equal(np.sort(np.concatenate([subset, rest])), np.arange(n))
        assert np.array_equal(subset, alone)
        assert subset.size == max(1, round(share * n))


def test_the_stream_is_that_of_the_function():
    found = RepeatedRandomSubset(9, 3, random_state=4).subsets(np.zeros((10, 1)))
    assert all(map(np.array_equal, found, iter_random_subsets(10, 3, 9, random_state=4)))


def test_stratified_by_y():
    y = np.repeat(["a", "b", "c"], [50, 30, 20])
    splitter = RepeatedRandomSubset(10, 0.1, stratify=True, random_state=0)
    for subset in splitter.subsets(np.zeros((100, 1)), y):
        assert np.unique(y[subset], return_counts=True)[1].tolist() == [5, 3, 2]


@given(st.lists(st.integers(0, 8), min_size=4, max_size=40), st.integers(1, 4), st.booleans())
def test_groups_stay_together(groups, k, replacement):
    groups = np.array(groups)
    splitter = RepeatedRandomSubset(12, k, replacement=replacement, random_state=0)
    largest = np.unique(groups, return_counts=True)[1].max()
    counts = np.zeros(len(groups), dtype=int)
    for subset, rest in splitter.split(np.zeros((len(groups), 1)), groups=groups):
        assert not set(groups[subset]) & set(groups[rest])
        assert k <= subset.size < k + largest
        counts[subset] += 1
    if not replacement:
        assert np.ptp(counts) <= 1


def test_in_a_search():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), rng.integers(0, 2, 300)
    splitter = RepeatedRandomSubset(4, 0.3, stratify=True, random_state=0)
    assert check_cv(splitter) is splitter
    assert "subset_size=0.3" in repr(splitter)
    scores = [
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=splitter)
        .fit(X, y)
        .cv_results_["mean_test_score"]
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*scores)


def test_groups_are_routed():
    rng = np.random.default_rng(0)
    X, y, groups = rng.normal(size=(60, 2)), np.arange(60) % 2, np.arange(60) // 6
    with config_context(enable_metadata_routing=True):
        out = cross_validate(
            LogisticRegression(), X, y, cv=RepeatedRandomSubset(3, 0.5, random_state=0),
            params={"groups": groups}, return_indices=True,
        )  # fmt: skip
    for train, test in zip(out["indices"]["train"], out["indices"]["test"], strict=True):
        assert not set(groups[train]) & set(groups[test])


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({"n_rounds": 0}, {}, "n_rounds must be an int >= 1, got 0"),
        ({"n_rounds": 1.5}, {}, "n_rounds must be an int >= 1, got 1.5"),
        ({"subset_size": 0.0}, {}, "subset_size must be a float"),
        ({"stratify": True}, {"y": None}, "stratify=True needs y"),
        ({"stratify": True}, {"groups": [0] * 10}, "cannot be combined with groups"),
        ({}, {"groups": [0] * 9}, "inconsistent numbers of samples"),
        ({}, {"groups": np.zeros((10, 2))}, "one group a row"),
        ({"random_state": "x"}, {}, "random_state must be"),
    ],
)
def test_bad_input(options, arguments, message):
    arguments = {"y": np.arange(10) % 2} | arguments
    with pytest.raises(ValueError, match=message):
        list(RepeatedRandomSubset(**options).split(np.zeros((10, 1)), **arguments))
