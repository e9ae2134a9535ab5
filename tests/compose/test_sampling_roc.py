"""The sweep of over- and under-sampling: counts, nesting, containers, and equality with by-hand."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE as PeerSMOTE
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

import sampkit.compose
import sampkit.metrics
from sampkit.compose import sampling_roc
from sampkit.compose._sampling_roc import UNDER_LEVELS, _nested_order
from sampkit.datasets import make_imbalanced_blobs, make_imbalanced_moons, make_mixed_frame
from sampkit.over_sampling import ADASYN, SMOTE, SMOTENC, RandomOverSampler

TREE = DecisionTreeClassifier(min_samples_leaf=2, random_state=0)


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps what it was trained on; its answer is the first column's sign."""

    def __init__(self, log=None):
        self.log = log

    def __sklearn_clone__(self):
        return self

    def fit(self, X, y):
        self.log.append((X, np.asarray(y)))
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return (np.asarray(X)[:, 0] > 0).astype(int)


@pytest.fixture
def data():
    return make_imbalanced_blobs(250, weights=(0.8, 0.2), n_features=3, random_state=0)


def test_one_block_for_each_level_in_the_order_given(data):
    grid = sampling_roc(TREE, *data, over=(200, 0), under=(100, 50), cv=3, random_state=0)
    assert list(grid.columns) == [
        *("over", "under", "n_min", "n_maj", "tpr", "fpr", "tpr_std", "fpr_std")
    ]
    assert grid["over"].tolist() == [200] * 3 + [0] * 3
    assert_array_equal(grid["under"], [np.nan, 50, 100] * 2)
    assert_array_equal(grid.iloc[0, 2:], grid.iloc[3, 2:])


def test_counts_of_the_paper(data):
    # Section 4.3: 50 of the minority and 200 of the majority, at 200 % leave 25 of the majority,
    # whether or not SMOTE was applied. Here per training fold of 5: 40 and 160, so 20.
    grid = sampling_roc(TREE, *data, over=(0, 150), under=(200,), cv=5, random_state=0)
    assert grid["n_maj"].tolist() == [160, 20, 160, 20]
    assert grid["n_min"].tolist() == [40, 40, 40, 100]


def test_levels_that_remove_nothing_are_skipped(data):
    # 50 * 100 / U < 200 only from U = 25.1 on; the decision is taken once, on the whole y.
    grid = sampling_roc(TREE, *data, over=(0,), cv=5, random_state=0)
    assert grid["under"].dropna().tolist() == [u for u in UNDER_LEVELS if u > 25]
    assert UNDER_LEVELS[:3] == (10, 15, 25)
    assert UNDER_LEVELS[-2:] == (1000, 2000)


def test_points_without_resampling_equal_plain_cross_validation(data):
    X, y = data
    folds = StratifiedKFold(5)
    grid = sampling_roc(TREE, X, y, over=(0,), under=(100,), cv=folds, random_state=0)
    rates = []
    for train, test in folds.split(X, y):
        found = TREE.fit(X[train], y[train]).predict(X[test])
        rates.append([found[y[test] == 1].mean(), found[y[test] == 0].mean()])
    raw = grid.iloc[0]
    assert_allclose([raw["tpr"], raw["fpr"]], np.mean(rates, axis=0), rtol=1e-12)
    assert_allclose([raw["tpr_std"], raw["fpr_std"]], np.std(rates, axis=0), rtol=1e-12)


def test_training_sets_are_nested(data):
    X, y = data
    log = []
    fold = [next(StratifiedKFold(5).split(X, y))]
    sampling_roc(
        Recorder(log), X, y, over=(0, 100, 250), under=(50, 100, 400), cv=fold, random_state=0
    )
    assert len(log) == 1 + 3 * 3
    train = X[fold[0][0]]
    original = {tuple(row) for row in train}
    sets = [{tuple(row) for row in rows} for rows, _ in log]
    assert sets[0] == original
    for block in range(3):
        half, equal, quarter = sets[1 + 3 * block : 4 + 3 * block]
        assert quarter < equal < half
    for point in range(1, 4):
        assert sets[point] < sets[point + 3] < sets[point + 6]
        kept = sets[point] & original
        assert kept == sets[point + 3] & original == sets[point + 6] & original
    rows, labels = log[1]
    order = [int(np.flatnonzero((train == row).all(axis=1))[0]) for row in rows]
    assert order == sorted(order)
    assert_array_equal(labels, y[fold[0][0]][order])


def test_smaller_levels_use_every_seed_equally(data):
    X, y = data
    log = []
    fold = [next(StratifiedKFold(5).split(X, y))]
    sampler = SMOTE(random_state=3)
    sampling_roc(
        Recorder(log),
        X,
        y,
        over=(100, 150, 300),
        under=(100,),
        cv=fold,
        over_sampler=sampler,
        random_state=0,
    )
    train, labels = X[fold[0][0]], y[fold[0][0]]
    full = SMOTE(sampling_strategy={1: 160}, random_state=3)
    pool, _ = full.fit_resample(train, labels)
    assert_array_equal(log[3][0][-120:], pool[-120:])
    for at, size, uses in ((1, 40, {1}), (2, 60, {1, 2})):
        new = log[at][0][-size:]
        where = [int(np.flatnonzero((pool == row).all(axis=1))[0]) for row in new]
        assert where == sorted(where)
        counts = np.unique(full.provenance_.seed[where], return_counts=True)[1]
        assert counts.size == 40
        assert set(counts.tolist()) == uses


def test_result_does_not_depend_on_n_jobs(data):
    kwargs = {"over": (0, 100), "under": (50, 100), "cv": 4, "random_state": 1}
    one = sampling_roc(TREE, *data, n_jobs=1, **kwargs)
    two = sampling_roc(TREE, *data, n_jobs=2, **kwargs)
    pd.testing.assert_frame_equal(one, two)


def test_equal_seeds_equal_points_and_others_differ(data):
    kwargs = {"over": (0, 100), "under": (50, 100), "cv": 4}
    one, again, other = (sampling_roc(TREE, *data, random_state=s, **kwargs) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)


def test_strings_lists_and_sparse_give_the_same_numbers(data):
    X, y = data
    kwargs = {"over": (0, 100), "under": (50, 100), "cv": 4, "random_state": 1}
    plain = sampling_roc(TREE, X, y, **kwargs)
    named = sampling_roc(TREE, X, np.where(y == 1, "rare", "often").tolist(), **kwargs)
    pd.testing.assert_frame_equal(plain, named)
    pd.testing.assert_frame_equal(plain, sampling_roc(TREE, X.tolist(), y.tolist(), **kwargs))
    sparse = sampling_roc(TREE, sp.csr_array(X), y, **kwargs)
    assert_array_equal(sparse["n_min"], plain["n_min"])
    assert_allclose(sparse["tpr"], plain["tpr"], atol=0.1)


def test_the_classifier_sees_frames_of_the_same_dtypes():
    X, y = make_mixed_frame(200, minority=0.2, random_state=0)
    seen = []

    class Checker(DecisionTreeClassifier):
        def fit(self, frame, labels):
            seen.append(frame.dtypes)
            encoder = OneHotEncoder(handle_unknown="ignore")
            self.model_ = make_pipeline(encoder, DecisionTreeClassifier(random_state=0))
            self.model_.fit(frame, labels)
            return self

        def predict(self, frame):
            return self.model_.predict(frame)

    nominal = ["member", "grade", "city", "channel"]
    grid = sampling_roc(
        Checker(),
        X,
        y,
        over=(0, 100),
        under=(50, 100),
        cv=3,
        random_state=0,
        over_sampler=SMOTENC(nominal),
    )
    assert len(seen) == 3 * 5
    assert all(dtypes.equals(X.dtypes) for dtypes in seen)
    assert grid["n_min"].tolist()[-1] == pytest.approx(2 * grid["n_min"].iloc[1])


class OncePerLevel(BaseEstimator):
    """A sampler of somebody else's: repeats the class, says nothing about seeds."""

    calls: list = []

    def __init__(self, sampling_strategy=None):
        self.sampling_strategy = sampling_strategy

    def fit_resample(self, X, y):
        ((label, wanted),) = self.sampling_strategy.items()
        self.calls.append(wanted)
        rows = np.flatnonzero(y == label)
        more = np.resize(rows, wanted - rows.size)
        return np.vstack([X, X[more]]), np.append(y, y[more])


def test_a_sampler_without_seeds_runs_once_for_each_level(data):
    OncePerLevel.calls.clear()
    grid = sampling_roc(
        TREE, *data, over=(0, 50, 200), under=(100,), cv=2, over_sampler=OncePerLevel()
    )
    assert sorted(OncePerLevel.calls) == [37, 37, 75, 75]
    assert grid["n_min"].tolist() == [25, 25, 25, 37, 25, 75]


@pytest.mark.parametrize("sampler", [PeerSMOTE(), RandomOverSampler(), ADASYN()])
def test_other_samplers_take_the_seed_of_the_call(data, sampler):
    kwargs = {"over": (100, 200), "under": (100,), "cv": 3, "over_sampler": sampler}
    one = sampling_roc(TREE, *data, random_state=5, **kwargs)
    pd.testing.assert_frame_equal(one, sampling_roc(TREE, *data, random_state=5, **kwargs))
    assert_allclose(one["n_min"][[1, 3]], [80 / 1.2, 120 / 1.2], rtol=0.2)
    assert sampler.random_state is None


def test_pos_label_turns_the_question_round(data):
    X, y = data
    kwargs = {"over": (0,), "under": (1000,), "cv": 4, "random_state": 0}
    rare = sampling_roc(TREE, X, y, pos_label=1, **kwargs)
    often = sampling_roc(TREE, X, y, pos_label=0, **kwargs)
    pd.testing.assert_frame_equal(rare, sampling_roc(TREE, X, y, **kwargs))
    assert often["tpr"][0] == pytest.approx(1 - rare["fpr"][0])
    assert often["fpr"][0] == pytest.approx(1 - rare["tpr"][0])


def test_handed_on_lazily_by_metrics():
    assert sampkit.metrics.sampling_roc is sampkit.compose.sampling_roc
    code = "import sys, sampkit.metrics as m; print('sampkit.compose' in sys.modules, m.ROCHull)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.startswith("False")


def test_display_from_estimator(data):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    kwargs = {"over": (0, 100), "under": (50, 100), "cv": 3, "random_state": 0}
    display = sampkit.metrics.SamplingROCDisplay.from_estimator(
        TREE, *data, prevalence=0.2, **kwargs
    )
    plt.close("all")
    pd.testing.assert_frame_equal(display.frame, sampling_roc(TREE, *data, **kwargs))


@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_nested_order_is_balanced_in_every_prefix(n, m, seed, extra):
    rng = np.random.default_rng(seed)
    counts = np.full(n, m // n) + (np.arange(n) < m % n)
    if extra:
        counts[0] += 2
    order = _nested_order(np.repeat(np.arange(n), counts), rng)
    assert sorted(order) == list(range(counts.sum()))
    if not extra and m >= n:
        seeds = np.repeat(np.arange(n), counts)[order]
        for size in range(1, m + 1):
            used = np.bincount(seeds[:size], minlength=n)
            assert used.max() - used.min() <= 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"over": ()}, "over must be a sequence of percentages >= 0"),
        ({"over": (-1,)}, r"over must be a sequence of percentages >= 0, got \(-1,\)"),
        ({"over": 100}, "over must be a sequence of percentages >= 0, got 100"),
        ({"under": (0,)}, r"under must be a sequence of percentages > 0, got \(0,\)"),
        ({"under": (float("nan"),)}, "under must be a sequence of percentages > 0"),
        ({"under": ("50",)}, "under must be a sequence of percentages > 0"),
        ({"pos_label": 7}, r"pos_label must be one of \[0, 1\], got 7"),
        ({"y": np.arange(250) % 3}, "y must have two classes, got 3"),
        ({"y": np.zeros(250)}, "y must have two classes, got 1"),
        ({"y": np.zeros(9)}, "inconsistent numbers of samples"),
        ({"cv": [(np.arange(100), np.arange(0))]}, "fold 0 lacks one"),
        ({"over_sampler": TREE}, "over_sampler must have the parameter sampling_strategy"),
        ({"random_state": "x"}, "random_state must be"),
    ],
)
def test_bad_calls(data, parameters, message):
    X, y = data
    call = {"over": (0, 100), "under": (100,), "cv": 3, **parameters}
    before = X.copy()
    with pytest.raises(ValueError, match=message):
        sampling_roc(TREE, X, call.pop("y", y), **call)
    assert_array_equal(X, before)


class Shuffler(OncePerLevel):
    def fit_resample(self, X, y):
        X, y = super().fit_resample(X, y)
        return X[::-1], y[::-1]


def test_a_sampler_that_mixes_the_rows_is_refused(data):
    with pytest.raises(ValueError, match=r"must return the rows it was given.*Shuffler does not"):
        sampling_roc(TREE, *data, over=(100,), under=(100,), cv=3, over_sampler=Shuffler())


def test_an_int_makes_shuffled_folds_so_that_sorted_rows_do_no_harm() -> None:
    rng = np.random.default_rng(0)
    X = np.sort(rng.normal(size=300))[:, None]  # unshuffled folds would be stretches of the line
    y = (rng.random(300) < 0.2).astype(int)
    grid = sampling_roc(TREE, X, y, over=(0,), under=(), cv=5, random_state=0)
    folds = StratifiedKFold(5, shuffle=False)
    unshuffled = sampling_roc(TREE, X, y, over=(0,), under=(), cv=folds, random_state=0)
    assert grid.loc[0, "fpr"] != unshuffled.loc[0, "fpr"]


@pytest.mark.parametrize(
    "make", [np.random.RandomState, np.random.default_rng, np.random.SeedSequence]
)
def test_every_kind_of_random_state_serves_and_repeats(make: Any) -> None:
    X, y = make_imbalanced_moons(200, random_state=0)
    call = {"over": (0, 100), "under": (100,), "cv": 3}
    first, again = (sampling_roc(TREE, X, y, random_state=make(5), **call) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
