"""SMOTE-N: the value difference metric, the vote with the seed, sparse tables."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning
from sklearn.preprocessing import OneHotEncoder

from sampkit.over_sampling import SMOTEN, nominal_vote, vdm_tables


def fruit():
    """60 rows of three columns of strings, 20 of them rare."""
    columns = [
        ["A"] * 10 + ["B"] * 20 + ["C"] * 30,
        ["A"] * 40 + ["B"] * 20,
        ["A"] * 20 + ["B"] * 20 + ["C"] * 10 + ["D"] * 10,
    ]
    X = np.array(columns, dtype=object).T
    np.random.default_rng(0).shuffle(X)
    return X, np.repeat(np.array(["not apple", "apple"], dtype=object), [20, 40])


def vdm_by_definition(X, y, a, b):
    """Sum over columns of (sum over classes of |share - share|)^2, section 6.2 read aloud."""
    total = 0.0
    for j in range(X.shape[1]):
        u, v = y[X[:, j] == X[a, j]], y[X[:, j] == X[b, j]]
        total += sum(abs((u == c).mean() - (v == c).mean()) for c in np.unique(y)) ** 2
    return total


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), n_classes=st.integers(2, 4))
def test_neighbours_and_votes_by_definition(seed, n_classes):
    rng = np.random.default_rng(seed)
    X = rng.integers(4, size=(24 + 7 * (n_classes - 1), 3))
    y = np.repeat(np.arange(n_classes), [24] + [7] * (n_classes - 1))
    sampler = SMOTEN(k_neighbors=3, random_state=seed, sampling_strategy={1: 14})
    X_res, _ = sampler.fit_resample(X, y)
    rare = np.flatnonzero(y == 1)
    distance = np.array([[vdm_by_definition(X, y, a, b) for b in rare] for a in rare])
    np.fill_diagonal(distance, np.inf)
    assert np.isnan(sampler.provenance_.gap[len(y) :]).all()
    for i in range(len(y), len(X_res)):
        s, t, _ = (part[i] for part in sampler.provenance_)
        own = distance[np.searchsorted(rare, s)]
        third = np.sort(own)[2]
        assert own[np.searchsorted(rare, t)] <= third + 1e-9
        near = np.isclose(own, third, atol=1e-9)
        if near.sum() == 1:
            voters = [s, *rare[(own < third) | near]]  # the seed votes, unlike the peer's
            for j in range(3):
                votes = Counter(X[voters, j].tolist())
                assert votes[X_res[i, j]] == max(votes.values())


def test_the_peers_green_red_blue():
    """imbalanced-learn 0.14.2, test_smoten.py: blue goes with the rare class.

    Three of its rows are red, five blue; with the seed's vote a red row and five neighbours tie.
    """
    X = np.repeat(np.array(["green", "red", "blue"], dtype=object), [5, 10, 7])[:, None]
    y = np.repeat(["apple", "not apple", "apple", "not apple", "apple"], [5, 3, 7, 5, 2])
    X_res, y_res = SMOTEN(k_neighbors=6, random_state=0).fit_resample(X, y)
    assert len(X_res) == 22 + 6
    assert set(X_res[22:, 0]) == {"blue"}
    assert set(y_res[22:]) == {"not apple"}


def test_counts_categories_and_dtype():
    X, y = fruit()
    sampler = SMOTEN(random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    assert X_res.shape == (80, 3)
    assert X_res.dtype == object
    assert Counter(y_res) == {"apple": 40, "not apple": 40}
    assert [list(c) for c in sampler.categories_] == [list("ABC"), list("AB"), list("ABCD")]
    assert (X_res[:60] == X).all()


@pytest.mark.parametrize("form", [sp.csr_array, sp.csc_array, sp.csr_matrix, sp.csc_matrix])
def test_sparse_is_taken_with_a_warning_and_given_back(form):
    X, y = fruit()
    dense = OneHotEncoder(sparse_output=False).fit_transform(X)
    with pytest.warns(DataConversionWarning, match="is not really efficient"):
        X_res, _ = SMOTEN(random_state=0).fit_resample(form(dense), y)
    assert type(X_res) is type(form(dense))
    assert (X_res.toarray() == SMOTEN(random_state=0).fit_resample(dense, y)[0]).all()


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_is_a_level_of_its_own(missing):
    X, y = fruit()
    X[y == "not apple", 1] = missing
    X_res, _ = SMOTEN(random_state=0).fit_resample(X, y)
    assert all(v is None or v != v for v in X_res[60:, 1])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_own_searchers_find_the_same_neighbours(n_classes, kit):
    """Two classes: d columns 2p. More: the matrix of distances, with metric="precomputed"."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(50, size=(90, 3)), np.repeat(np.arange(n_classes), [60, 30, 0][:n_classes])
    if n_classes == 3:
        y = np.repeat([0, 1, 2], [50, 25, 15])
    own = SMOTEN(k_neighbors=kit.RecordingNeighbors(n_neighbors=6), random_state=0)
    rows = [s.fit_resample(X, y)[0] for s in (own, SMOTEN(random_state=0))]
    assert (rows[0] == rows[1]).all()
    d = own.nn_k_.D_
    if n_classes == 2:
        assert d.shape == (30, 3)
        assert ((d >= 0) & (d <= 2)).all()
    else:
        assert own.nn_k_.metric == "precomputed"
        np.testing.assert_allclose(d, d.T)
        assert (np.diag(d) == 0).all()


def test_votes_break_ties_evenly():
    """Four codes twice each, 8000 votes: each within 5 sd (.0242) of a quarter; 1 in 430 000."""
    codes = np.repeat([[0], [1], [2], [3]], 2, axis=0)
    votes = nominal_vote(codes, np.tile(np.arange(8), (8000, 1)), np.random.default_rng(0))
    shares = np.bincount(votes[:, 0], minlength=4) / 8000
    np.testing.assert_allclose(shares, 0.25, atol=5 * np.sqrt(0.1875 / 8000))


@given(seed=st.integers(0, 2**32 - 1), n_votes=st.integers(1, 9))
def test_a_vote_is_won_by_a_most_frequent_code(seed, n_votes):
    rng = np.random.default_rng(seed)
    codes, voters = rng.integers(4, size=(12, 3)), rng.integers(12, size=(20, n_votes))
    won = nominal_vote(codes, voters, rng)
    for row, who in zip(won, voters, strict=True):
        for j in range(3):
            counts = np.bincount(codes[who, j], minlength=4)
            assert counts[row[j]] == counts.max()


@given(seed=st.integers(0, 2**32 - 1), n_classes=st.integers(1, 4))
def test_vdm_tables_hold_class_shares(seed, n_classes):
    rng = np.random.default_rng(seed)
    codes, y = rng.integers(5, size=(30, 2)), rng.integers(n_classes, size=30)
    tables = vdm_tables(codes, y, [5, 7])
    assert [t.shape for t in tables] == [(5, len(np.unique(y))), (7, len(np.unique(y)))]
    for table, column in zip(tables, codes.T, strict=True):
        seen = np.isin(np.arange(len(table)), column)
        np.testing.assert_allclose(table.sum(axis=1), seen)
        for v in np.flatnonzero(seen):
            shares = [(y[column == v] == c).mean() for c in np.unique(y)]
            np.testing.assert_allclose(table[v], shares)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (nominal_vote, ([0, 1], [[0]], None), "codes must be"),
        (nominal_vote, ([[0], [1]], [0], None), "codes must be .* got shapes"),
        (nominal_vote, ([[0], [1]], np.empty((3, 0), int), None), "at least one vote"),
        (vdm_tables, ([[0], [1]], [0], [2]), "codes must be"),
        (vdm_tables, ([[0], [1]], [0, 1], [2, 2]), "codes must be"),
    ],
)
def test_errors(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
