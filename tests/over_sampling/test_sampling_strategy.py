"""`sampling_strategy`: the rules of words, ratios, dicts, lists and callables, and every error."""

from __future__ import annotations

from collections import Counter, OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampkit.base import sampling_targets
from sampkit.over_sampling import SMOTE, over_percent
from sampkit.under_sampling import RandomUnderSampler, TomekLinks, under_percent

OVER, UNDER, CLEAN = "over-sampling", "under-sampling", "clean-sampling"
THREE = [1] * 50 + [2] * 100 + [3] * 25
TWO = [1] * 25 + [0] * 100


def to_the_largest(y):
    return dict.fromkeys(Counter(np.asarray(y).tolist()), 100)


@pytest.mark.parametrize(
    ("strategy", "kind", "expected"),
    [
        ("auto", OVER, {1: 50, 3: 75}),
        ("not majority", OVER, {1: 50, 3: 75}),
        ("not minority", OVER, {1: 50, 2: 0}),
        ("minority", OVER, {3: 75}),
        ("all", OVER, {1: 50, 2: 0, 3: 75}),
        ("auto", UNDER, {1: 25, 2: 25}),
        ("not minority", UNDER, {1: 25, 2: 25}),
        ("not majority", UNDER, {1: 25, 3: 25}),
        ("majority", UNDER, {2: 25}),
        ("all", UNDER, {1: 25, 2: 25, 3: 25}),
        ("auto", CLEAN, {1: 25, 2: 25}),
        ("not majority", CLEAN, {1: 25, 3: 25}),
        ("majority", CLEAN, {2: 25}),
        ("all", CLEAN, {1: 25, 2: 25, 3: 25}),
        ({3: 70, 2: 100, 1: 70}, OVER, {1: 20, 2: 0, 3: 45}),
        (OrderedDict({3: 25, 1: 30}), UNDER, {1: 30, 3: 25}),
        ({1: 0}, UNDER, {1: 0}),
        (to_the_largest, OVER, {1: 50, 2: 0, 3: 75}),
        (over_percent(200), OVER, {3: 50}),
        (under_percent(50), UNDER, {1: 50, 2: 50}),
        (under_percent(100), UNDER, {1: 25, 2: 25}),
    ],
)
def test_targets_of_three_classes(strategy, kind, expected):
    """imbalanced-learn 0.14.2 gives the same for those of these that it knows."""
    targets = sampling_targets(strategy, THREE, kind)
    assert targets == expected
    assert list(targets) == sorted(targets)


@pytest.mark.parametrize("wanted", [[3, 1], (1, 3), {1, 3}, np.array([3, 1])])
def test_a_list_names_the_classes_to_clean(wanted):
    assert set(sampling_targets(wanted, THREE, CLEAN)) == {1, 3}


@pytest.mark.parametrize(
    ("ratio", "kind", "y", "expected"),
    [
        (0.5, OVER, TWO, {1: 25}),
        (0.5, UNDER, TWO, {0: 50}),
        (1, OVER, TWO, {1: 75}),
        (1.0, UNDER, TWO, {0: 25}),
        # trap 7: int(100 * .29) is 28
        (0.29, OVER, [0] * 100 + [1] * 20, {1: 9}),
        (0.29, UNDER, [0] * 200 + [1] * 29, {0: 100}),
        (np.float32(0.5), OVER, TWO, {1: 25}),
    ],
)
def test_ratio_of_two_classes(ratio, kind, y, expected):
    assert sampling_targets(ratio, y, kind) == expected


@given(percent=st.integers(1, 100), n_maj=st.integers(1, 500))
def test_whole_percentages_are_never_a_row_short(percent, n_maj):
    """floor(percent * n_maj / 100) in whole numbers, for every percentage and count."""
    expected = percent * n_maj // 100
    y = [0] * n_maj + [1]
    if expected >= 1:
        assert sampling_targets(percent / 100, y, OVER) == {1 if n_maj > 1 else 0: expected - 1}


@pytest.mark.parametrize(
    "y",
    [
        np.repeat(["x", "why"], [30, 12]),
        np.repeat(np.array(["x", "why"], dtype=object), [30, 12]),
        np.repeat([False, True], [30, 12]),
        np.repeat([1.0, 2.0], [30, 12]),
        np.repeat(np.array([0, 1], dtype=np.uint8), [30, 12]),
    ],
    ids=lambda y: str(y.dtype),
)
def test_labels_of_any_kind(y):
    X = np.random.default_rng(0).normal(size=(42, 2))
    sampler = SMOTE(random_state=0)
    _, y_res = sampler.fit_resample(X, y)
    assert y_res.dtype == y.dtype
    assert set(Counter(y_res.tolist()).values()) == {30}
    assert sampler.sampling_strategy_ == {y[-1].item() if y.dtype != object else y[-1]: 18}


@pytest.mark.parametrize(
    ("strategy", "y", "kind", "message"),
    [
        ("auto", [1, 1, 1], OVER, "The target 'y' needs to have more than 1 class"),
        ("rnd", THREE, OVER, "When 'sampling_strategy' is a string, it needs to be one of"),
        ("majority", THREE, OVER, "'majority' cannot be used with over-sampler"),
        ("minority", THREE, UNDER, "'minority' cannot be used with under-sampler"),
        ("minority", THREE, CLEAN, "'minority' cannot be used with under-sampler"),
        ({10: 10}, THREE, OVER, "10 is/are not present in the data"),
        ({10: 10}, THREE, UNDER, "10 is/are not present in the data"),
        ([10], THREE, CLEAN, "10 is/are not present in the data"),
        ({1: -100}, THREE, UNDER, "in a class cannot be negative. .* -100 for class 1"),
        (
            {1: 45, 2: 100, 3: 70},
            THREE,
            OVER,
            (
                "should be greater or equal to the original number of samples. Originally, there "
                "is 50 samples and 45 samples are asked"
            ),
        ),
        (
            {1: 45, 2: 100, 3: 70},
            THREE,
            UNDER,
            (
                "should be less or equal to the original number of samples. Originally, there is "
                "25 samples and 70 samples are asked"
            ),
        ),
        ({1: 60.5}, THREE, OVER, "must be an integer, got 60.5 for class 1"),
        ({1: True}, THREE, UNDER, "must be an integer, got True for class 1"),
        ({1: 10}, THREE, CLEAN, "dict for cleaning methods is not supported"),
        ([1, 2], THREE, OVER, "cannot be a list for samplers"),
        ([1, 2], THREE, UNDER, "cannot be a list for samplers"),
        (0.5, THREE, OVER, "the type of target is binary"),
        (0.5, THREE, UNDER, "the type of target is binary"),
        (0.5, TWO, CLEAN, "'clean-sampling' methods do"),
        (-10, TWO, UNDER, r"it should be in the range \(0, 1\], got -10"),
        (10, TWO, OVER, r"it should be in the range \(0, 1\], got 10"),
        (0.0, TWO, OVER, r"it should be in the range \(0, 1\], got 0"),
        (float("nan"), TWO, OVER, r"it should be in the range \(0, 1\], got nan"),
        (0.1, TWO, OVER, "remove samples from the minority class while trying to generate new"),
        (0.1, TWO, UNDER, "generate new sample in the majority class while trying to remove"),
        (lambda y: 5, TWO, OVER, "callable it must return a dict class -> count, got 5"),
        (lambda y: {7: 5}, TWO, OVER, "7 is/are not present in the data"),
        (None, TWO, OVER, "sampling_strategy must be a str, a float .* got None"),
        (True, TWO, OVER, "sampling_strategy must be a str, a float .* got True"),
        ("auto", TWO, "up", "kind must be one of .* got 'up'"),
    ],
)
def test_errors_say_what_and_where(strategy, y, kind, message):
    """Texts that imbalanced-learn 0.14.2's test_validation.py matches stand as they are there."""
    with pytest.raises(ValueError, match=message) as error:
        sampling_targets(strategy, y, kind)
    assert len(str(error.value)) < 400


def test_errors_stay_short_with_a_thousand_classes():
    with pytest.raises(ValueError, match="not present") as error:
        sampling_targets({"no" * 500: 1}, [f"label {i}" for i in range(1000)], OVER)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("sampler", "strategy"),
    [
        (SMOTE(), "majority"),
        (SMOTE(), [1]),
        (SMOTE(), 1.5),
        (SMOTE(), None),
        (RandomUnderSampler(), "minority"),
        (RandomUnderSampler(), [1]),
        (TomekLinks(), "minority"),
        (TomekLinks(), 0.5),
        (TomekLinks(), {1: 10}),
    ],
    ids=str,
)
def test_samplers_refuse_what_their_kind_does_not_take(sampler, strategy):
    X = np.random.default_rng(0).normal(size=(125, 2))
    with pytest.raises(ValueError, match="'sampling_strategy' parameter of"):
        sampler.set_params(sampling_strategy=strategy).fit(X, TWO)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [({5: 10}, "not present"), ({1: 5}, "greater or equal"), (0.1, "remove samples")],
)
def test_samplers_pass_the_errors_on_at_fit(strategy, message):
    X = np.random.default_rng(0).normal(size=(125, 2))
    for method in ("fit", "fit_resample"):
        with pytest.raises(ValueError, match=message):
            getattr(SMOTE(sampling_strategy=strategy), method)(X, TWO)
