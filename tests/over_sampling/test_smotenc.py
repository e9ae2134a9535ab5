"""SMOTE-NC: the distance, the vote, the columns, and what imbalanced-learn's users rely on."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning

from sampkit.over_sampling import SMOTE, SMOTENC


def mixed(seed=0, n_rare=15, n_common=40, levels=4):
    """Object table: a number, a string, a number, an integer that is a label; and y."""
    rng = np.random.default_rng(seed)
    n = n_rare + n_common
    X = np.empty((n, 4), dtype=object)
    X[:, 0], X[:, 2] = rng.normal(size=(2, n))
    X[:, 1] = [f"level {v}" for v in rng.integers(levels, size=n)]
    X[:, 3] = rng.integers(3, size=n)
    return X, rng.permutation(np.repeat([0, 1], [n_common, n_rare]))


def by_definition(X, rows, continuous, nominal):
    """Squared distances within the rows, and Med; section 6.1 read aloud."""
    numbers = X[np.ix_(rows, continuous)].astype(float)
    med = np.median(numbers.std(axis=0))
    squared = ((numbers[:, None] - numbers) ** 2).sum(axis=2)
    for j in nominal:
        cells = X[rows, j]
        squared += med**2 * (cells[:, None] != cells)
    return squared, med


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), levels=st.sampled_from([1, 2, 4, 60]))
def test_neighbours_numbers_and_votes_by_definition(seed, levels):
    X, y = mixed(seed, levels=levels)
    rare = np.flatnonzero(y == 1)
    sampler = SMOTENC([1, 3], k_neighbors=4, random_state=seed)
    X_res, _ = sampler.fit_resample(X, y)
    squared, med = by_definition(X, rare, [0, 2], [1, 3])
    assert sampler.median_std_ == {1: pytest.approx(med)}
    np.fill_diagonal(squared, np.inf)
    for i in range(len(y), len(X_res)):
        s, t, gap = (part[i] for part in sampler.provenance_)
        distance = squared[np.searchsorted(rare, s)]
        fourth = np.sort(distance)[3]
        assert distance[np.searchsorted(rare, t)] <= fourth * (1 + 1e-9)
        for j in (0, 2):
            assert X_res[i, j] == pytest.approx(X[s, j] + gap * (X[t, j] - X[s, j]))
        if (np.isclose(distance, fourth)).sum() == 1:  # the four neighbours are no matter of taste
            voters = rare[distance <= fourth * (1 + 1e-9)]
            for j in (1, 3):
                votes = Counter(X[voters, j])
                assert votes[X_res[i, j]] == max(votes.values())


def test_many_levels_are_compared_code_by_code(kit):
    """Beyond 500 levels no one-hot columns are made; a searcher of the user's own gets them."""
    rng = np.random.default_rng(0)
    X = np.empty((700, 2), dtype=object)
    X[:, 0] = rng.normal(size=700)
    X[:, 1] = rng.integers(590, size=700) + 0.5
    y = np.repeat([1, 0], [650, 50])
    X[650:, 0] += 1
    results = [
        SMOTENC([1], sampling_strategy={0: 80, 1: 700}, k_neighbors=k, random_state=0)
        .fit_resample(X, y)[0]
        for k in (5, kit.RecordingNeighbors(n_neighbors=6))
    ]  # fmt: skip
    assert (results[0] == results[1]).all()


def test_ties_are_broken_evenly():
    """Neighbours a a b b of the seed c: 4000 votes within 5 sd (.0395) of a half; 1 in 1.7e6."""
    X = np.empty((20_010, 2), dtype=object)
    X[:, 0] = 0.0
    X[:, 1] = "c"
    X[20_005:, 0] = [1.0, 2.0, 3.0, 4.0, 5.0]
    X[20_005:, 1] = list("aabbc")
    y = np.repeat([0, 1], [20_005, 5])
    sampler = SMOTENC([1], k_neighbors=4, random_state=0)
    X_res, _ = sampler.fit_resample(X, y)
    seeds = sampler.provenance_.seed[20_010:]
    votes = Counter(X_res[20_010:, 1][seeds == 20_009])
    assert set(votes) == {"a", "b"}
    assert votes.total() == 4000
    assert votes["a"] / 4000 == pytest.approx(0.5, abs=5 * np.sqrt(0.25 / 4000))
    # the seed has no vote: a's other neighbours are a b b c
    assert set(X_res[20_010:, 1][seeds == 20_005]) == {"b"}


@pytest.mark.parametrize(
    "features", [[1, 3], (3, 1), np.array([1, 3]), [False, True, False, True], np.array([1, 1, 3])]
)
def test_columns_by_number_or_mask(features):
    X, y = mixed()
    sampler = SMOTENC(features, random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    assert sampler.categorical_features_.tolist() == [1, 3]
    assert sampler.continuous_features_.tolist() == [0, 2]
    assert X_res.dtype == object
    assert Counter(y_res.tolist()) == {0: 40, 1: 40}
    for j in (1, 3):
        assert set(X_res[:, j]) == set(X[:, j])
    assert [list(c) for c in sampler.categories_] == [sorted(set(X[:, j])) for j in (1, 3)]


@pytest.mark.parametrize("features", [["B", "C"], "auto"])
def test_columns_by_name_or_dtype(features):
    X = pd.DataFrame({"A": range(1, 11), "B": list("ab") * 5, "C": list("abcabcabca")})
    X = pd.concat([X] * 10, ignore_index=True)
    if features == "auto":
        X = X.astype({"B": "category", "C": pd.CategoricalDtype(list("cbaz"), ordered=True)})
    sampler = SMOTENC(features, random_state=0)
    X_res, y_res = sampler.fit_resample(X, np.repeat([0, 1], [70, 30]))
    assert sampler.categorical_features_.tolist() == [1, 2]
    assert sampler.continuous_features_.tolist() == [0]
    pd.testing.assert_series_equal(X_res.dtypes, X.dtypes)
    assert np.bincount(y_res).tolist() == [70, 70]
    assert sampler.feature_names_in_.tolist() == ["A", "B", "C"]


@pytest.mark.parametrize("features", [[0], [0, 2]])
@pytest.mark.parametrize("dtype", [bool, "category", "boolean", "bool[pyarrow]"])
def test_boolean_columns_stay_what_they_are(features, dtype):
    """imbalanced-learn issue 974: mixed frames are not turned into numbers at once."""
    X = pd.DataFrame(
        {
            "c": pd.Categorical(list("abbacaba" * 3)),
            "f": [0.3, 0.5, 0.1, 0.2] * 6,
            "b": pd.Series([False, False, True] * 8).astype(dtype),
        }
    )
    if dtype == "category" and 2 not in features:
        features = [*features, 2]
    y = pd.DataFrame({"out": [1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0] * 2})
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        X_res, y_res = SMOTENC(features, random_state=0).fit_resample(X, y)
    pd.testing.assert_series_equal(X_res.dtypes, X.dtypes)
    assert list(y_res.columns) == ["out"]
    assert y_res["out"].value_counts().tolist() == [16, 16]


@pytest.mark.parametrize("form", [sp.csr_array, sp.csc_array, sp.csr_matrix, sp.csc_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_equals_dense_without_stored_zeros(form, dtype):
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.integers(3, size=50), rng.normal(size=(50, 2)), rng.integers(2, size=50)]
    )
    X, y = X.astype(dtype), np.repeat([0, 1], [35, 15])
    dense, sparse = (
        SMOTENC([0, 3], random_state=0).fit_resample(given, y)[0] for given in (X, form(X))
    )
    assert type(sparse) is type(form(X))
    assert sparse.dtype == dense.dtype == dtype
    np.testing.assert_allclose(sparse.toarray(), dense, rtol=1e-5, atol=1e-6)
    assert (sparse.tocsc()[:, [0, 3]].data != 0).all()


def test_null_med_leaves_the_vote_to_the_class():
    """imbalanced-learn issue 662: two rows of class 2 and all of class 3 have equal numbers."""
    X = np.array(
        [[1, 2, 1, "A"], [2, 1, 2, "A"], [2, 1, 2, "A"], [1, 2, 3, "B"], [1, 2, 4, "C"],
         [1, 2, 5, "C"], [1, 2, 4, "C"], [1, 2, 4, "C"], [1, 2, 4, "C"]],
        dtype=object,
    )  # fmt: skip
    y = np.array(["one"] * 4 + ["two"] * 2 + ["three"] * 3, dtype=object)
    sampler = SMOTENC([3], k_neighbors=1, random_state=0)
    X_res, _ = sampler.fit_resample(X, y)
    assert X_res[9:, 3].tolist() == ["C"] * 3
    assert sampler.median_std_ == {"three": 0.0, "two": 0.0}


def test_med_is_of_the_class_that_gets_rows():
    X, _ = mixed(n_rare=30, n_common=30)
    y = np.repeat([0, 1, 2], [30, 20, 10])
    sampler = SMOTENC([1, 3], random_state=0)
    sampler.fit_resample(X, y)
    expected = {c: by_definition(X, np.flatnonzero(y == c), [0, 2], [1, 3])[1] for c in (1, 2)}
    assert sampler.median_std_ == pytest.approx(expected)


@pytest.mark.parametrize("missing", [None, np.nan, float("inf")])
def test_missing_is_a_level_of_its_own(missing):
    X, y = mixed()
    X[y == 1, 1] = missing
    X_res, _ = SMOTENC([1, 3], random_state=0).fit_resample(X, y)
    new = X_res[len(y) :, 1]
    assert len(new) == 25
    assert all(cell is missing or cell == missing or cell != cell for cell in new)


def test_nominal_cells_are_copies_not_conversions():
    X, y = mixed()
    X[:, 3] = [int(v) if i % 2 else np.int8(v) for i, v in enumerate(X[:, 3])]
    X_res, _ = SMOTENC([1, 3], random_state=0).fit_resample(X, y)
    assert {type(cell) for cell in X_res[len(y) :, 3]} <= {int, np.int8}
    numbers = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    X_res, y_res = SMOTENC([1]).fit_resample(numbers, np.repeat(np.int8([0, 1]), [28, 12]))
    assert (X_res.dtype, y_res.dtype) == (np.float32, np.int8)
    assert np.isin(X_res[:, 1], numbers[:, 1]).all()


def test_with_one_level_it_is_smote():
    """A nominal column that never differs is no distance at all."""
    rng = np.random.default_rng(0)
    X, y = np.column_stack([rng.normal(size=(60, 3)), np.ones(60)]), np.repeat([0, 1], [45, 15])
    for seed in range(3):
        mixed_rows = SMOTENC([3], random_state=seed).fit_resample(X, y)[0]
        assert (mixed_rows == SMOTE(random_state=seed).fit_resample(X, y)[0]).all()


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([0, 10], r"all features must be in \[0, 4\), got 10"),
        ([-5], r"all features must be in \[0, 4\), got -5"),
        ([0, 1, 2, 3], "not designed to work only with categorical features"),
        ([True] * 4, "not designed to work only with categorical features"),
        ([], "not designed to work only with numerical features"),
        ([False] * 4, "not designed to work only with numerical features"),
        ([True, False], "mask must have one entry for each of the 4 columns, got 2"),
        (["colour"], "categorical_features: there is no column 'colour'"),
        ("auto", r"the input data should be a pandas\.DataFrame"),
        ("all", "The 'categorical_features' parameter of SMOTENC must be"),
    ],
)
def test_column_errors_at_fit_too(features, message):
    X, y = mixed()
    for method in ("fit", "fit_resample"):
        with pytest.raises(ValueError, match=message):
            getattr(SMOTENC(features), method)(X, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X[:, :1], y), "n_features=1"),
        (lambda X, y: (np.where([[True, False, False, False]], np.nan, X), y), "contains NaN"),
        (lambda X, y: (np.where([[True, False, False, False]], "a", X), y), "could not convert"),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples: X has 55 rows, y has 54"),
        (lambda X, y: (X, np.zeros(55)), "needs to have more than 1 class"),
        (lambda X, y: (X, np.linspace(0, 1, 55)), "Unknown label type"),
        (lambda X, y: (X, np.ones((55, 3), int)), "Multilabel and multioutput targets are not"),
    ],
)
def test_table_errors_at_fit_too(change, message):
    X, y = change(*mixed())
    for method in ("fit", "fit_resample"):
        with pytest.raises(ValueError, match=message):
            getattr(SMOTENC([0] if X.shape[1] == 1 else [1, 3]), method)(X, y)


def test_fit_keeps_no_table():
    X, y = mixed(n_rare=100, n_common=400)
    fitted = vars(SMOTENC([1, 3]).fit(X, y))
    assert not [name for name, value in fitted.items() if getattr(value, "size", 0) > 10]
