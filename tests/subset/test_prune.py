"""Selections of a fixed subset: known answers, and brute force beside each fast loop."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.subset.prune import (
    ForgettingTracker,
    el2n_scores,
    grand_scores,
    herding,
    k_center_greedy,
    random_subset,
    select_top,
    uncertainty_scores,
)

LINE = np.array([[0.0], [1.0], [2.0], [3.0], [10.0]])
P = [[0.7, 0.2, 0.1]]


@st.composite
def tables(draw):
    n, d = draw(st.integers(1, 25)), draw(st.integers(1, 6))
    scale = draw(st.sampled_from([1e-20, 1.0, 1e30]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    X = rng.normal(size=(n, d)) * scale
    return X + draw(st.sampled_from([0.0, 5.0])) * scale, draw(st.integers(1, n))


# --- herding --------------------------------------------------------------------------------------


def herding_gaps(X, picked):
    """How much farther each pick was than the best of the rows that were left, step by step."""
    mean = X.mean(axis=0)
    for i, row in enumerate(picked):
        left = [other for other in range(len(X)) if other not in picked[:i]]
        assert row in left
        distance = np.linalg.norm((i + 1) * mean - X[picked[:i]].sum(axis=0) - X, axis=1)
        yield distance[row] - distance[left].min()


def test_herding_of_the_spec():
    # mu = 3.2: 3; then 6.4 - 3 = 3.4, of the others 2 is nearest
    assert herding(LINE, 3).tolist() == [3, 2, 1]


@given(tables())
def test_herding_is_the_definition(table):
    X, k = table
    picked = herding(X, k).tolist()
    assert len(picked) == k
    # distances that are equal but for rounding (always so of two rows) may go either way
    assert max(herding_gaps(X, picked)) <= 1e-12 * np.abs(X).max()


def test_herding_takes_the_nearest_and_not_the_farthest():
    # DeepCore takes the argmax: 10 first
    assert herding(LINE, 1).tolist() == [3]


def test_herding_matches_the_mean_faster_than_chance():
    X = np.random.default_rng(0).normal(size=(500, 5))
    error = np.linalg.norm(X[herding(X, 50)].mean(axis=0) - X.mean(axis=0))
    chance = np.sqrt(5 / 50)
    assert error < chance / 5


def test_equal_rows_are_taken_by_number():
    X = np.zeros((6, 3))
    assert herding(X, 6).tolist() == list(range(6))
    assert k_center_greedy(X, 5, initial=[0]).tolist() == [1, 2, 3, 4, 5]


def test_float32_is_computed_with_as_it_is():
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    # no two distances are within float32's error here
    assert herding(X, 10).tolist() == herding(X.astype(np.float64), 10).tolist()


def test_screening_decides_nothing_by_itself():
    # squared distances of about 1e-8 among rows of length 7: nothing in float32, enough in float64
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(1, 50)), 40, axis=0) + 1e-5 * rng.normal(size=(40, 50))
    X = np.vstack([X, -X + 1e-5 * rng.normal(size=X.shape)])
    assert k_center_greedy(X, 6, initial=[7]).tolist() == k_center_by_hand(X, 6, [7])
    assert max(herding_gaps(X, herding(X, 20).tolist())) < 1e-9


# --- k-center -------------------------------------------------------------------------------------


def k_center_by_hand(X, k, initial):
    picked = list(initial)
    for _ in range(k):
        gaps = np.linalg.norm(X[:, None] - X[picked][None], axis=2).min(axis=1)
        gaps[picked] = -1
        picked.append(int(np.argmax(gaps)))
    return picked[len(initial) :]


def test_k_center_of_the_spec():
    assert k_center_greedy(LINE, 2, initial=[0]).tolist() == [4, 3]


@settings(max_examples=60)
@given(tables(), st.data())
def test_k_center_is_the_definition(table, data):
    X, _ = table
    initial = data.draw(st.lists(st.integers(0, len(X) - 1), min_size=1, unique=True))
    if len(initial) == len(X):
        initial = initial[:-1]
    if initial:
        k = data.draw(st.integers(1, len(X) - len(initial)))
        assert k_center_greedy(X, k, initial).tolist() == k_center_by_hand(X, k, initial)


def test_first_center_is_random_and_the_rest_follows():
    X = np.random.default_rng(0).normal(size=(50, 3))
    firsts = set()
    for seed in range(20):
        first, *others = k_center_greedy(X, 5, random_state=seed).tolist()
        assert others == k_center_by_hand(X, 4, [first])
        firsts.add(first)
    assert len(firsts) > 5


# --- scores ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lambda: el2n_scores(P, [0]), 0.374166),
        (lambda: grand_scores(P, [0], [[1.0, 1.0, 1.0]]), 0.748331),  # ||h||^2 = 3
        (lambda: uncertainty_scores(P), -0.5),
        (lambda: uncertainty_scores(P, "margin"), -0.5),
        (lambda: uncertainty_scores(P, "entropy"), 0.801819),
        (lambda: uncertainty_scores(P, "least_confidence"), 0.3),
        (lambda: uncertainty_scores([[1.0, 0.0]], "entropy"), 0.0),
        (lambda: uncertainty_scores([[1.0]]), -1.0),
    ],
)
def test_known_scores(found, expected):
    assert found() == pytest.approx([expected], abs=1e-6)


@given(st.integers(1, 20), st.integers(2, 6), st.integers(0, 100))
def test_scores_are_their_formulas(n, c, seed):
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(c), size=(3, n))
    y, features = rng.integers(0, c, n), rng.normal(size=(3, n, 4))
    errors = np.linalg.norm(proba - np.eye(c)[y], axis=2)
    np.testing.assert_allclose(el2n_scores(proba, y), errors.mean(axis=0))
    np.testing.assert_allclose(el2n_scores(proba[0], y), errors[0])
    gradients = [
        [np.linalg.norm(np.outer(proba[m, i] - np.eye(c)[y[i]], np.append(features[m, i], 1)))
         for i in range(n)]
        for m in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(grand_scores(proba, y, features), np.mean(gradients, axis=0))
    np.testing.assert_allclose(grand_scores(proba[1], y, features[1]), gradients[1])
    top = -np.sort(-proba[0], axis=1)
    np.testing.assert_allclose(uncertainty_scores(proba[0]), top[:, 1] - top[:, 0])


def test_forgetting():
    tracker = ForgettingTracker(5)
    tracker.update([0, 1, 2, 3], [True, True, False, True])
    tracker.update([0, 1, 2, 3], [False, True, False, False])
    tracker.update([3, 0], [False, True])  # any order, any part
    tracker.update(np.array([0, 3]), np.array([False, True]))
    tracker.update([], [])
    assert tracker.scores().tolist() == [2, 0, np.inf, 1, np.inf]
    assert select_top(tracker.scores(), 3).tolist() == [2, 4, 0]


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), max_size=12))
def test_forgetting_counts_transitions(epochs):
    tracker = ForgettingTracker(4)
    for correct in epochs:
        tracker.update(np.arange(4), correct)
    for row, score in enumerate(tracker.scores()):
        seen = [correct[row] for correct in epochs]
        lost = sum(a and not b for a, b in pairwise(seen))
        assert score == (lost if any(seen) else np.inf)


# --- taking the top -------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.data())
def test_select_top(scores, data):
    k = data.draw(st.integers(1, len(scores)))
    rows = select_top(scores, k).tolist()
    assert rows == sorted(range(len(scores)), key=lambda row: (-scores[row], row))[:k]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1), st.data())
def test_select_top_in_every_class(pairs, data):
    scores, y = np.array(pairs).T
    k = data.draw(st.integers(1, len(y)))
    rows = select_top(scores, k, y)
    assert rows.size == k == np.unique(rows).size
    assert (np.diff(scores[rows]) <= 0).all()
    for label, size in zip(*np.unique(y, return_counts=True), strict=True):
        mine = rows[y[rows] == label]
        assert abs(mine.size - k * size / len(y)) < 1
        within = np.flatnonzero(y == label)
        assert mine.tolist() == within[select_top(scores[within], max(mine.size, 1))].tolist()[
            : mine.size
        ]  # fmt: skip


def test_random_subset():
    rows = random_subset(1000, 100, random_state=0)
    assert np.unique(rows).size == 100
    assert np.array_equal(rows, random_subset(1000, 100, random_state=0))
    assert not np.array_equal(rows, random_subset(1000, 100, random_state=1))


BAD = [
    (random_subset, (0, 1), "n must be an int >= 1, got 0"),
    (random_subset, (5, 6), r"k must be an int in \[1, 5\], got 6"),
    (random_subset, (5, 0), "k must be an int >= 1, got 0"),
    (herding, (LINE, 6), r"k must be an int in \[1, 5\], got 6"),
    (herding, ([1.0, 2.0], 1), r"finite matrix \(n, d\), got shape \(2,\)"),
    (herding, ([[np.nan]], 1), "finite matrix"),
    (k_center_greedy, (LINE, 5, [0]), r"k must be an int in \[1, 4\], got 5"),
    (k_center_greedy, (LINE, 1, [5]), r"initial must hold row numbers in \[0, 4\], got \[5\]"),
    (k_center_greedy, (LINE, 1, [1, 1]), "initial must not name a row twice"),
    (k_center_greedy, (LINE, 1, [0.5]), "initial must hold row numbers"),
    (uncertainty_scores, (P, "size"), r"kind must be one of \['margin'.*got 'size'"),
    (uncertainty_scores, ([[0.7, 0.7]],), "sum to 1"),
    (uncertainty_scores, ([[1.5, -0.5]],), "numbers >= 0"),
    (uncertainty_scores, ([0.5, 0.5],), r"got \(2,\)"),
    (uncertainty_scores, ([P],), r"shape \(n, n_classes\), got \(1, 1, 3\)"),
    (el2n_scores, (P, [3]), r"class numbers in \[0, 2\], got \[3\]"),
    (el2n_scores, (P, [0, 1]), "y must hold 1 class numbers"),
    (el2n_scores, (P, ["a"]), "y must hold 1 class numbers"),
    (grand_scores, (P, [0], [[1.0], [2.0]]), "features must have the shape of proba"),
    (select_top, ([1.0, np.nan], 1), "without NaN"),
    (select_top, ([1.0, 2.0], 3), r"k must be an int in \[1, 2\], got 3"),
    (select_top, ([1.0, 2.0], 1, [0]), r"y must have the shape of scores, \(2,\), got \(1,\)"),
    (ForgettingTracker, (0,), "n must be an int >= 1, got 0"),
    (ForgettingTracker(3).update, ([3], [True]), r"idx must hold row numbers in \[0, 2\]"),
    (ForgettingTracker(3).update, ([1, 1], [True, True]), "idx must not name a row twice"),
    (ForgettingTracker(3).update, ([1], [True, False]), "correct must have the shape of idx"),
]


@pytest.mark.parametrize(("call", "arguments", "message"), BAD)
def test_bad_input(call, arguments, message):
    with pytest.raises(ValueError, match=message):
        call(*arguments)
