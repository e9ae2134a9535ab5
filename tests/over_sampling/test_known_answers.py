"""Numbers that somebody else worked out: the papers' examples, a peer's ground truth."""

from __future__ import annotations

import numpy as np
import pytest

from sampkit.neighbors import knn
from sampkit.over_sampling import (
    ADASYN,
    SMOTEN,
    SMOTENC,
    BorderlineSMOTE,
    allocate_seeds,
    interpolate,
    nominal_vote,
    vdm_tables,
)


def test_interpolate_the_papers_pair():
    """Chawla et al. 2002, section 4.2: (6, 4) and its neighbour (4, 3)."""
    rows = interpolate(np.array([[6.0, 4.0], [4.0, 3.0]]), [0, 0], [1, 1], [0.25, 0.5])
    assert rows.tolist() == [[5.5, 3.75], [5.0, 3.5]]


@pytest.mark.parametrize(("n", "m", "counts"), [(10, 25, {2: 5, 3: 5}), (10, 4, {0: 6, 1: 4})])
def test_balanced_allocation_counts_by_hand(n, m, counts):
    """By hand: m // n for everybody, one more for m mod n (Chawla et al., N < 100 included)."""
    seeds = allocate_seeds(n, m, np.random.default_rng(0), "balanced")
    values, times = np.unique(np.bincount(seeds, minlength=n), return_counts=True)
    assert dict(zip(values.tolist(), times.tolist(), strict=True)) == counts
    assert (np.diff(seeds) >= 0).all()


def test_twenty_points_neighbours_and_ground_truth(twenty):
    """imbalanced-learn 0.14.2, test_smote.py, its draws: pairs 0, 3, 3, 39 and these gaps."""
    X, y = twenty
    rare = X[y == 0]
    nearest = knn(rare, 5)
    assert nearest[0].tolist() == [2, 6, 4, 1, 3]
    assert nearest[7].tolist() == [3, 1, 5, 4, 2]
    seed, column = np.divmod([0, 3, 3, 39], 5)
    gap = [0.4236548, 0.6458941, 0.4375872, 0.891773]
    rows = interpolate(rare, seed, nearest[seed, column], gap)
    truth = [
        [0.29307743, -0.14670439], [0.84976473, -0.15570176],
        [0.61319159, -0.11571668], [0.66052536, -0.28246517],
    ]  # fmt: skip
    np.testing.assert_allclose(rows, truth, rtol=1e-6)


def test_twenty_points_adasyn_shares(twenty):
    """Shares of the other class among five neighbours, counted by hand on the distance table."""
    X, y = twenty
    shares = (y[knn(X, 5, query=np.flatnonzero(y == 0))] != 0).mean(axis=1)
    assert shares.tolist() == [0.8, 0.2, 0.8, 0.4, 0.8, 0.4, 0.8, 0.2]


@pytest.mark.parametrize(
    ("m", "rows_per_seed"),
    [(4, [1, 0, 1, 0, 1, 0, 1, 0]), (100, [18, 5, 18, 9, 18, 9, 18, 5])],
)
def test_twenty_points_adasyn_allocation(twenty, m, rows_per_seed):
    """rint(share / 4.4 * m), by hand."""
    X, y = twenty
    sampler = ADASYN(sampling_strategy={0: 8 + m}, random_state=0)
    sampler.fit_resample(X, y)
    seeds = sampler.provenance_.seed[20:]
    assert np.bincount(seeds, minlength=20)[y == 0].tolist() == rows_per_seed


def test_twenty_points_borderline_counts_and_danger(twenty):
    """Of ten neighbours 5 to 9 foreign is danger (Han et al. 2005); the sixth row has 4."""
    X, y = twenty
    rare = np.flatnonzero(y == 0)
    foreign = (y[knn(X, 10, query=rare)] != 0).sum(axis=1)
    assert foreign.tolist() == [7, 5, 7, 5, 6, 4, 7, 5]
    sampler = BorderlineSMOTE(random_state=0)
    sampler.fit_resample(X, y)
    assert list(sampler.in_danger_indices) == [0]
    assert sampler.in_danger_indices[0].tolist() == np.delete(rare, 5).tolist()
    assert set(sampler.provenance_.seed[20:]) <= set(np.delete(rare, 5))


def test_smotenc_paper_example(kit):
    """Chawla et al. 2002, section 6.1, with F3 in the class: distances with Med = 1.2472191."""
    rows = ["1 2 3 A B C", "4 6 5 A D E", "3 5 6 A B K", *["0 0 0 A B C"] * 5]
    X = np.array([row.split() for row in rows], dtype=object)
    X[:, :3] = X[:, :3].astype(float)
    sampler = SMOTENC([3, 4, 5], k_neighbors=kit.RecordingNeighbors(n_neighbors=3))
    sampler.fit_resample(X, ["rare"] * 3 + ["common"] * 5)
    assert sampler.median_std_["rare"] == pytest.approx(1.2472191, abs=5e-8)
    distance = sampler.nn_k_.distances()
    assert distance[0, 1] == pytest.approx(np.sqrt(9 + 16 + 4 + 2 * 1.2472191**2), abs=1e-6)
    assert distance[0, 1:].tolist() == pytest.approx([5.6666667, 4.8534066], abs=5e-8)


def test_smoten_paper_example():
    """Chawla et al. 2002, section 6.2: A B C D E with A F C G N and H B C D N gives A B C D N."""
    rare = ["ABCDE", "AFCGN", "HBCDN"]
    X = np.array([list(row) for row in [*rare, *["ZZZZZ"] * 6]], dtype=object)
    X_res, _ = SMOTEN(k_neighbors=2, random_state=0).fit_resample(X, [1] * 3 + [0] * 6)
    assert {"".join(row) for row in X_res[9:]} == {"ABCDN"}
    codes = np.array([list(map(ord, row)) for row in rare])
    votes = nominal_vote(codes, [[0, 1, 2]], np.random.default_rng(0))
    assert bytes(votes[0].tolist()) == b"ABCDN"


def test_vdm_of_the_peers_example_in_the_two_p_embedding():
    """imbalanced-learn 0.14.2, docstring of ValueDifferenceMetric: green, red, blue."""
    codes = np.repeat([0, 1, 2], 10)[:, None]
    apple = np.repeat([True, False, True, False, True], [8, 5, 7, 9, 1])
    (table,) = vdm_tables(codes, apple, [3])
    place = 2 * table[:, 1]
    truth = [[0, 0.04, 1.96], [0.04, 0, 1.44], [1.96, 1.44, 0]]
    np.testing.assert_allclose((place[:, None] - place) ** 2, truth, atol=1e-12)
    np.testing.assert_allclose(np.abs(table[:, None] - table).sum(axis=2) ** 2, truth, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_vdm_equals_the_peers(n_classes):
    """imbalanced-learn 0.14.2, ValueDifferenceMetric with its defaults k=1, r=2."""
    metrics = pytest.importorskip("imblearn.metrics.pairwise")
    rng = np.random.default_rng(0)
    codes, y = rng.integers(4, size=(80, 3)), rng.integers(n_classes, size=80)
    tables = vdm_tables(codes, y, [4, 4, 4])
    ours = sum(
        np.abs(t[c][:, None] - t[c]).sum(axis=2) ** 2 for t, c in zip(tables, codes.T, strict=True)
    )
    theirs = metrics.ValueDifferenceMetric().fit(codes, y).pairwise(codes)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
