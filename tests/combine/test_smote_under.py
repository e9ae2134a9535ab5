"""SMOTEUnder: the paper's two percentages, both of the rare class as it came."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from sampkit.combine import SMOTEUnder
from sampkit.over_sampling import SMOTE
from sampkit.testing import imbalanced_datasets
from sampkit.under_sampling import RandomUnderSampler, under_percent


def table(n_maj=200, n_min=50):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [n_maj, n_min]))
    return rng.normal(size=(len(y), 3)) + y[:, None], y


@pytest.mark.parametrize(
    ("over", "under", "counts"),
    [
        (200, 200, (25, 150)),  # section 4.3: 50 rare, 200 common, U = 200 leaves 25
        (0, 200, (25, 50)),  # the same 25 whatever N is
        (500, 200, (25, 300)),
        (100, 100, (50, 100)),
        (100, None, (200, 100)),
        (0, None, (200, 50)),
        (100, 10, (200, 100)),  # 500 would be left: all stay
        (50, 2000, (2, 75)),  # 2.5 rounds to even
        (29, 125, (40, 64)),  # floor(14.5)
        (100, 20_000, (0, 100)),
    ],
)
def test_counts(over, under, counts):
    _, y_res = SMOTEUnder(over=over, under=under, random_state=0).fit_resample(*table())
    assert ((y_res == 0).sum(), (y_res == 1).sum()) == counts


@settings(max_examples=40)
@given(
    data=imbalanced_datasets(counts=[(14, 30), (10, 14), (7, 9)]),
    over=st.floats(0, 500),
    under=st.one_of(st.none(), st.floats(1, 2000)),
)
def test_every_other_class_keeps_the_same_number(data, over, under):
    X, y = data
    sampler = SMOTEUnder(over=over, under=under, random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    labels, before = np.unique(y, return_counts=True)
    n_min = before.min()
    for label, n in zip(labels, before, strict=True):
        after = (y_res == label).sum()
        if label == sampler.minority_:
            assert after == n + int(np.floor(n_min * over / 100 + 1e-9))
        elif under is None:
            assert after == n
        else:
            assert after == min(round(n_min * 100 / under), n)
    seed, neighbor, gap = sampler.provenance_
    n_old = len(X_res) - ((y_res == sampler.minority_).sum() - n_min)
    assert (np.diff(seed[:n_old]) > 0).all()  # survivors in the order of the input
    assert (seed[:n_old] == neighbor[:n_old]).all()
    assert (X_res[:n_old] == X[seed[:n_old]]).all()
    assert (y[seed] == y_res).all()
    assert (gap[:n_old] == 0).all()


def test_synthetic_rows_are_those_of_smote():
    X, y = table()
    smote = SMOTE(sampling_strategy={1: 150}, random_state=4)
    X_smote, _ = smote.fit_resample(X, y)
    X_res, _ = SMOTEUnder(over=200, under=200, random_state=4).fit_resample(X, y)
    assert (X_res[-100:] == X_smote[-100:]).all()


def test_a_pipeline_of_the_two_means_something_else():
    """Its under-sampler would count the rare class after SMOTE: 75 common rows, not 25."""
    X, y = table()
    over = SMOTE(sampling_strategy={1: 150}, random_state=0).fit_resample(X, y)
    _, y_res = RandomUnderSampler(sampling_strategy={0: 75}, random_state=0).fit_resample(*over)
    assert under_percent(200)(over[1]) == {0: 75}
    assert (y_res == 0).sum() == 75


def test_the_subset_is_fair():
    """200 rows, 25 kept, 400 times: chi-square beyond its 1 - 1e-6 quantile once in a million."""
    X, y = table()
    rng = np.random.default_rng(0)
    kept = np.zeros(len(y))
    for _ in range(400):
        sampler = SMOTEUnder(over=0, under=200, random_state=rng)
        sampler.fit_resample(X, y)
        kept[sampler.provenance_.seed] += 1
    counts = kept[y == 0]
    share = 25 / 200
    assert counts.sum() == 400 * 25
    z = (counts - 400 * share) ** 2 / (400 * share * (1 - share)) * (199 / 200)
    assert z.sum() < chi2(199).ppf(1 - 1e-6)


def test_the_rare_class_may_be_named():
    X, y = table()
    y = np.array(["common", "rare"])[y]
    sampler = SMOTEUnder(over=10, under=50, minority="common", random_state=0)
    _, y_res = sampler.fit_resample(X, y)
    assert sampler.minority_ == "common"
    assert ((y_res == "common").sum(), (y_res == "rare").sum()) == (220, 50)
    with pytest.raises(ValueError, match="'scarce' is/are not present in the data"):
        SMOTEUnder(minority="scarce").fit(X, y)


@pytest.mark.parametrize("label", [0, 1, np.int64(1)])
def test_a_label_may_be_any_scalar(label):
    X, y = table()
    sampler = SMOTEUnder(minority=label, under=None, random_state=0)
    _, y_res = sampler.fit_resample(X, y)
    assert (y_res == label).sum() == 2 * (y == label).sum()


def test_frames_keep_their_dtypes_and_get_new_labels():
    X, y = table()
    frame = pd.DataFrame(X, columns=list("abc"), index=np.arange(500, 750)).astype({"a": "float32"})
    X_res, y_res = SMOTEUnder(random_state=0).fit_resample(frame, pd.Series(y, index=frame.index))
    pd.testing.assert_series_equal(X_res.dtypes, frame.dtypes)
    assert X_res.index.equals(pd.RangeIndex(150))
    assert y_res.index.equals(X_res.index)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"over": -1}, "'over' parameter of SMOTEUnder must be"),
        ({"over": np.inf}, "'over' parameter of SMOTEUnder must be"),
        ({"over": "200"}, "'over' parameter of SMOTEUnder must be"),
        ({"under": 0}, "'under' parameter of SMOTEUnder must be"),
        ({"under": -5}, "'under' parameter of SMOTEUnder must be"),
        ({"k_neighbors": 0}, "'k_neighbors' parameter of SMOTEUnder must be"),
        ({"k_neighbors": 50}, "Expected n_neighbors <= n_samples_fit, .*class 1 has 50 rows"),
    ],
)
def test_errors(parameters, message):
    with pytest.raises(ValueError, match=message):
        SMOTEUnder(**parameters).fit_resample(*table())


def test_a_percentage_near_zero_keeps_all_rows():
    _, y_res = SMOTEUnder(over=0, under=1e-320).fit_resample(*table())
    assert len(y_res) == 250


def test_one_class_is_no_problem_to_solve():
    with pytest.raises(ValueError, match="needs to have more than 1 class"):
        SMOTEUnder().fit(np.ones((5, 2)), np.zeros(5))
