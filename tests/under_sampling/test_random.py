"""Random under-sampling: exact counts, fair subsets, any cells, and the paper's percentages."""

from __future__ import annotations

import pickle
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from sampkit.testing import imbalanced_datasets
from sampkit.under_sampling import RandomUnderSampler, under_percent


@settings(max_examples=60)
@given(
    data=imbalanced_datasets(counts=[(10, 25), (3, 9), (1, 5)]),
    strategy=st.sampled_from(["auto", "majority", "not minority", "not majority", "all"]),
    replacement=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_counts_order_and_rows(data, strategy, replacement, seed):
    X, y = data
    sampler = RandomUnderSampler(
        sampling_strategy=strategy, replacement=replacement, random_state=seed
    )
    X_res, y_res = sampler.fit_resample(X, y)
    rows = sampler.sample_indices_
    assert (np.diff(rows) >= (0 if replacement else 1)).all()
    assert X_res.tobytes() == X[rows].tobytes()
    assert (y_res == y[rows]).all()
    for label in np.unique(y):
        expected = sampler.sampling_strategy_.get(label, (y == label).sum())
        assert (y_res == label).sum() == expected
    again = RandomUnderSampler(
        sampling_strategy=strategy, replacement=replacement, random_state=seed
    )
    again.fit_resample(X, y)
    assert (again.sample_indices_ == rows).all()


@pytest.mark.parametrize("replacement", [False, True])
def test_every_row_is_kept_equally_often(replacement):
    """10 of 60 rows, 2000 times: chi-square beyond its 1 - 1e-6 quantile once in a million."""
    X, y = np.zeros((70, 1)), np.repeat([0, 1], [60, 10])
    rng = np.random.default_rng(0)
    counts = np.zeros(70)
    for _ in range(2000):
        sampler = RandomUnderSampler(replacement=replacement, random_state=rng)
        sampler.fit_resample(X, y)
        np.add.at(counts, sampler.sample_indices_, 1)
    mean = 2000 / 6
    variance = mean * (1 - 1 / 60 if replacement else 1 - 1 / 6)
    statistic = ((counts[:60] - mean) ** 2 / variance).sum() * 59 / 60
    assert counts[:60].sum() == 20_000
    assert (counts[60:] == 2000).all()
    assert statistic < chi2(59).ppf(1 - 1e-6)


def test_replacement_draws_rows_again():
    X, y = np.arange(22)[:, None], np.repeat([0, 1], [12, 10])
    sampler = RandomUnderSampler(replacement=True, random_state=0)
    sampler.fit_resample(X, y)
    rows = sampler.sample_indices_[:10]
    assert len(np.unique(rows)) < 10
    assert sampler.sample_indices_[10:].tolist() == list(range(12, 22))


@pytest.mark.parametrize(
    "X",
    [
        np.array([["xxx", 1, 1.0], ["yyy", 2, 2.0], ["zzz", 3, 3.0]], dtype=object),
        [["xxx", 1], ["yyy", None], ["zzz", 3]],
        np.array([[np.nan, np.inf], [1, 2], [3, -np.inf]]),
        np.array([["a"], ["b"], ["c"]]),
        np.array([["2020-01-01"], ["NaT"], ["2021-01-01"]], dtype="datetime64[D]"),
        pd.DataFrame({"s": ["abc", "def", "xyz"], "nat": pd.to_timedelta([np.nan] * 3)}),
        pd.DataFrame({"i": pd.array([1, None, 3], dtype="Int64"), "t": [datetime(2020, 1, 1)] * 3}),
    ],
    ids=["objects", "list", "nan-inf", "str", "datetime", "NaT", "nullable"],
)
def test_any_cells_are_picked(X):
    """imbalanced-learn issues 605 and 1055: rows are only indexed."""
    sampler = RandomUnderSampler(random_state=0)
    X_res, y_res = sampler.fit_resample(X, np.array([0, 0, 1]))
    assert len(X_res) == len(y_res) == 2
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(X_res, X.iloc[sampler.sample_indices_])
    elif isinstance(X, list):
        assert X_res == [X[i] for i in sampler.sample_indices_]
    else:
        assert X_res.dtype == X.dtype
        assert X_res.tobytes() == X[sampler.sample_indices_].tobytes()


def test_rows_of_a_list_are_copies():
    X = [[1, 2], [3, 4], [5, 6]]
    X_res, _ = RandomUnderSampler(random_state=0).fit_resample(X, [0, 0, 1])
    X_res[0][0] = "changed"
    assert X == [[1, 2], [3, 4], [5, 6]]


def test_index_policy():
    """Labels 100 ... 129 survive in X and y, and y takes X's."""
    X = pd.DataFrame({"a": range(30)}, index=range(100, 130))
    y = pd.Series([0] * 20 + [1] * 10, name="target")
    sampler = RandomUnderSampler(random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    assert X_res.index.tolist() == (100 + sampler.sample_indices_).tolist()
    assert y_res.index.equals(X_res.index)
    assert y_res.name == "target"


# --- the paper's percentages ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percent", "left"),
    [(200, 25), (100, 50), (50, 100), (25, 200), (10, 200), (2000, 2), (125, 40), (1e-320, 200)],
)
def test_under_percent(percent, left):
    """n_min 100 / U rows of every other class, at most its own (section 4.3)."""
    strategy = under_percent(percent)
    assert strategy([0] * 200 + [1] * 50) == {0: left}
    assert strategy(["a"] * 200 + ["b"] * 50 + ["c"] * 60) == {"a": left, "c": min(left, 60)}
    assert pickle.loads(pickle.dumps(strategy)) == strategy
    y = np.repeat([0, 1], [200, 50])
    sampler = RandomUnderSampler(sampling_strategy=strategy, random_state=0)
    _, y_res = sampler.fit_resample(np.zeros((250, 1)), y)
    assert np.bincount(y_res).tolist() == [left, 50]


@pytest.mark.parametrize("percent", [0, -1, np.inf, np.nan, "100", None, True])
def test_under_percent_errors(percent):
    with pytest.raises(ValueError, match="U must be a number > 0"):
        under_percent(percent)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"replacement": "yes"}, "'replacement' parameter of RandomUnderSampler must be"),
        ({"sampling_strategy": {0: 500}}, "Originally, there is 200 samples and 500 samples"),
        ({"sampling_strategy": {0: -1}}, "cannot be negative"),
        ({"sampling_strategy": 0.1}, "generate new sample in the majority class"),
    ],
)
def test_errors(parameters, message):
    with pytest.raises(ValueError, match=message):
        RandomUnderSampler(**parameters).fit(np.zeros((250, 1)), np.repeat([0, 1], [200, 50]))
