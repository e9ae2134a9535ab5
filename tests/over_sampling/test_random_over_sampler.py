"""Random over-sampling: the bootstrap, and the smoothed one of ROSE."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, kstest

from sampkit.over_sampling import RandomOverSampler
from sampkit.testing import imbalanced_datasets

STRATEGIES = ["auto", "minority", "not minority", "not majority", "all"]


def table():
    """imbalanced-learn 0.14.2's test_random_over_sampler.py has 3 rows of 0 and 7 of 1 as well."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(10, 2)), np.array([1, 0, 1, 0, 1, 1, 1, 1, 0, 1])


@settings(max_examples=40)
@given(
    data=imbalanced_datasets(counts=[(10, 25), (3, 9), (1, 5)]),
    strategy=st.sampled_from(STRATEGIES),
    seed=st.integers(0, 2**32 - 1),
)
def test_counts_and_rows(data, strategy, seed):
    X, y = data
    sampler = RandomOverSampler(sampling_strategy=strategy, random_state=seed)
    X_res, y_res = sampler.fit_resample(X, y)
    rows = sampler.sample_indices_
    assert (rows[: len(y)] == np.arange(len(y))).all()
    assert X_res.tobytes() == X[rows].tobytes()
    assert (y_res == y[rows]).all()
    for label, added in sampler.sampling_strategy_.items():
        assert (y_res == label).sum() == (y == label).sum() + added
    assert sampler.shrinkage_ is None


def test_every_row_is_drawn_equally_often():
    """12 000 draws of 40 rows: chi-square beyond its 1 - 1e-6 quantile once in a million."""
    X, y = np.zeros((12_080, 1)), np.repeat([0, 1], [12_040, 40])
    sampler = RandomOverSampler(random_state=0)
    sampler.fit_resample(X, y)
    counts = np.bincount(sampler.sample_indices_[12_080:], minlength=12_080)[12_040:]
    assert counts.sum() == 12_000
    assert ((counts - 300) ** 2 / 300).sum() < chi2(39).ppf(1 - 1e-6)


@pytest.mark.parametrize(
    ("shrinkage", "expected"),
    [(0, {0: 0.0}), (0.0, {0: 0.0}), ({0: 0}, {0: 0.0}), ({0: 0, 1: 3}, {0: 0.0})],
)
def test_shrinkage_zero_gives_the_rows_of_none(shrinkage, expected):
    """Rows are drawn before the noise."""
    X, y = table()
    smoothed = RandomOverSampler(shrinkage=shrinkage, random_state=0)
    X_smooth, y_smooth = smoothed.fit_resample(X, y)
    X_plain, y_plain = RandomOverSampler(random_state=0).fit_resample(X, y)
    assert (X_smooth == X_plain).all()
    assert (y_smooth == y_plain).all()
    assert X_smooth.shape == (14, 2)
    assert smoothed.shrinkage_ == {0: 0.0}


@pytest.mark.parametrize("strategy", [{0: 3, 1: 7}, {0: 9}])
def test_shrinkage_is_listed_for_the_targeted_classes(strategy):
    sampler = RandomOverSampler(shrinkage=2, sampling_strategy=strategy, random_state=0)
    sampler.fit_resample(*table())
    assert sampler.shrinkage_ == dict.fromkeys(strategy, 2.0)


@pytest.mark.parametrize("form", [np.asarray, np.float32, sp.csr_array, pd.DataFrame])
def test_noise_is_normal_with_the_bandwidth_of_rose(form):
    """Menardi & Torelli: sd s h sigma_j, h = (4 / ((d + 2) n))^(1 / (d + 4)).

    20 000 rows of three columns. KS against the normal, p > 1e-4 in each: fails a right program
    once in 3300; sd within 5 / sqrt(2 * 60 000) = 1.4 %, correlations within 5 / sqrt(20 000):
    once in 430 000.
    """
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20_200, 3)) * [1, 10, 0.1] + [0, 5, 9], np.repeat([0, 1], [20_100, 100])
    sampler = RandomOverSampler(shrinkage=0.7, random_state=0)
    X_res, _ = sampler.fit_resample(form(X), y)
    rows = X_res.toarray() if sp.issparse(X_res) else np.asarray(X_res, dtype=float)
    noise = rows[20_200:] - X[sampler.sample_indices_[20_200:]]
    h = (4 / (5 * 20_200)) ** (1 / 7)
    sd = 0.7 * h * X[y == 1].std(axis=0)
    for column in (noise / sd).T:
        assert kstest(column, "norm").pvalue > 1e-4
    assert np.sqrt(((noise / sd) ** 2).mean()) == pytest.approx(1, abs=5 / np.sqrt(120_000))
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 5 / np.sqrt(20_000)


def test_more_shrinkage_is_more_spread():
    X, y = table()
    spread = []
    for shrinkage in (1, 5):
        sampler = RandomOverSampler(shrinkage=shrinkage, random_state=0)
        X_res, y_res = sampler.fit_resample(X, y)
        spread.append(np.linalg.det(np.cov(X_res[y_res == 0].T)))
    assert spread[0] < spread[1]


def test_noise_of_each_class_is_its_own():
    """A class without spread gets none."""
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.repeat([0, 1, 2], [40, 10, 10])
    X[y == 2] = 7.0
    X_res, y_res = RandomOverSampler(shrinkage={1: 1, 2: 50}, random_state=0).fit_resample(X, y)
    assert (X_res[y_res == 2] == 7.0).all()
    assert len(np.unique(X_res[y_res == 1], axis=0)) == 40


@pytest.mark.parametrize(
    "form",
    [np.float32, np.float64, sp.csr_array, sp.csc_matrix, pd.DataFrame,
     lambda X: np.rint(9 * X).astype(int), lambda X: (X > 0)],
    ids=["float32", "float64", "csr", "csc", "frame", "int", "bool"],
)  # fmt: skip
def test_smoothed_rows_keep_dtype_and_format(form):
    X, y = form(table()[0]), table()[1]
    X_res, _ = RandomOverSampler(shrinkage=1.0, random_state=0).fit_resample(X, y)
    assert type(X_res) is type(X)
    assert X_res.shape == (14, 2)
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_series_equal(X_res.dtypes, X.dtypes)
    else:
        assert X_res.dtype == X.dtype


def test_constraints_hold_under_noise():
    X, y = table()
    sampler = RandomOverSampler(
        shrinkage=3.0, constraints={0: (0, 0.2), 1: "integer"}, random_state=0
    )
    X_res, _ = sampler.fit_resample(X, y)
    assert (X_res[:10] == X).all()
    assert ((X_res[10:, 0] >= 0) & (X_res[10:, 0] <= 0.2)).all()
    assert (X_res[10:, 1] == np.rint(X_res[10:, 1])).all()


@pytest.mark.parametrize(
    "X",
    [
        np.array([["xxx", 1, 1.0], ["yyy", 2, 2.0], ["zzz", 3, 3.0]], dtype=object),
        [["xxx", 1], ["yyy", None], ["zzz", 3]],
        np.array([[np.nan, np.inf], [1, 2], [3, -np.inf]]),
        pd.DataFrame({"s": ["abc", "def", "xyz"], "nat": pd.to_timedelta([np.nan] * 3)}),
        pd.DataFrame({"c": pd.Categorical(list("aba"), list("cba"), ordered=True)}),
        pd.DataFrame({"t": [datetime(2020, 1, 1)] * 3, "i": pd.array([1, None, 3], dtype="Int64")}),
    ],
    ids=["objects", "list", "nan-inf", "NaT", "category", "datetime"],
)
def test_any_cells_are_copied(X):
    """imbalanced-learn issues 605 and 1055: rows are only indexed."""
    X_res, y_res = RandomOverSampler(random_state=0).fit_resample(X, pd.Series([0, 0, 1]))
    assert len(X_res) == len(y_res) == 4
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(X_res, X.iloc[[0, 1, 2, 2]].reset_index(drop=True))
        assert y_res.index.equals(X_res.index)
    elif isinstance(X, list):
        assert X_res == [*X, X[2]]
        assert X_res[2] is not X_res[3]
    else:
        assert X_res.dtype == X.dtype
        assert X_res[3].tobytes() == X[2].tobytes()


STRINGS = np.array([["xxx", 1], ["yyy", 2], ["zzz", 3]] * 4, dtype=object)[:10]


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({"shrinkage": {}}, None, "`shrinkage` should contain a shrinkage factor for each class"),
        ({"shrinkage": {1: 1}}, None, r"missing classes are: \[0\]"),
        ({"shrinkage": {0: -1}}, None, "The shrinkage factor needs to be >= 0. Got -1 for class 0"),
        ({"shrinkage": {0: "a"}}, None, "The shrinkage factor needs to be >= 0. Got 'a'"),
        ({"shrinkage": {0: np.nan}}, None, "The shrinkage factor needs to be >= 0. Got nan"),
        ({"shrinkage": -1}, None, "'shrinkage' parameter of RandomOverSampler must be"),
        ({"shrinkage": "a"}, None, "'shrinkage' parameter of RandomOverSampler must be"),
        ({"shrinkage": 1}, STRINGS, "X needs to contain only numerical"),
        ({"shrinkage": 1}, STRINGS.tolist(), "X needs to contain only numerical"),
        ({"shrinkage": 1}, pd.DataFrame(STRINGS), "X needs to contain only numerical"),
        ({"shrinkage": 1}, np.full((10, 2), np.nan), "X needs to contain only numerical .*NaN"),
    ],
)
def test_errors_at_fit_too(parameters, X, message):
    plain, y = table()
    for method in ("fit", "fit_resample"):
        with pytest.raises(ValueError, match=message) as error:
            getattr(RandomOverSampler(**parameters), method)(plain if X is None else X, y)
        assert len(str(error.value)) < 400
